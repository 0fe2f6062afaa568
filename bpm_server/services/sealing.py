"""Sealing the audit log: behind the commands, which must not wait for each other because of it (ADR 11, 14)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from bpm_server.domain.identity import SYSTEM
from bpm_server.domain.sealing import GENESIS, Sealer
from bpm_server.services.authorization import authorize
from bpm_server.services.transaction import command, transaction
from bpm_server.store import sealing as store

if TYPE_CHECKING:
    from bpm_server.services.server import Server

ROWS = 500
"""Rows of one seal, at most."""
WAIT = timedelta(minutes=1)
"""Fewer rows wait so long for more."""
PURPOSE = "audit-seal"


@command
def seal_audit_log(server: Server) -> int:
    """Makes one seal; returns how many rows it has. One process does it at a time."""
    with transaction(server, SYSTEM) as tx:
        authorize(tx.actor, "SYSTEM", "UPDATE")
        if not store.try_lock(tx.connection):
            return 0
        rows = store.unsealed(tx.connection, ROWS)
        if not rows or (len(rows) < ROWS and min(row["at"] for row in rows) > tx.now - WAIT):
            return 0
        last = store.last_seal(tx.connection)
        number, previous = (1, GENESIS) if last is None else (last.number + 1, last.digest)
        seal = Sealer(server.secrets.key(PURPOSE)).make(number, tx.now, rows, previous)
        store.insert_seal(tx.connection, seal, [row["key"] for row in rows])
    return len(rows)

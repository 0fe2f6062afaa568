"""Node numbers: each process that makes keys holds one for a while and renews it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from bpm_server.kernel.errors import Unavailable
from bpm_server.kernel.ids import NODES
from bpm_server.store import rows
from bpm_server.store.tables.server import node_lease as t

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.engine import Connection


def take_node(connection: Connection, holder: str, now: datetime, until: datetime) -> int:
    """The lowest node that nobody holds.

    Raises:
        Unavailable: all are held.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("LOCK TABLE node_lease IN SHARE ROW EXCLUSIVE MODE"))
    held = set(connection.execute(sa.select(t.c.node).where(t.c.expires_at > now)).scalars())
    node = next((n for n in range(NODES) if n not in held), None)
    if node is None:
        message = f"Expected a free node number, but {NODES} processes hold all of them"
        raise Unavailable(message)
    rows.upsert(
        connection, t, [{"node": node, "holder": holder, "expires_at": until}], ("node",), ("holder", "expires_at")
    )
    return node


def renew_node(connection: Connection, node: int, holder: str, until: datetime) -> bool:
    """Keeps a node; False where another process has taken it."""
    query = t.update().where(t.c.node == node, t.c.holder == holder).values(expires_at=until)
    return bool(connection.execute(query).rowcount)


def release_node(connection: Connection, node: int, holder: str) -> None:
    """Gives a node back at shutdown."""
    connection.execute(t.delete().where(t.c.node == node, t.c.holder == holder))

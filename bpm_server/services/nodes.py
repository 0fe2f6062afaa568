"""The node number with which this process makes keys."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from bpm_server.domain.identity import SYSTEM
from bpm_server.services.authorization import authorize
from bpm_server.services.transaction import command, transaction
from bpm_server.store import leases as store

if TYPE_CHECKING:
    from bpm_server.services.server import Server

LEASE = timedelta(minutes=10)


@command
def take_node(server: Server, holder: str) -> int:
    """Takes a free node number for ``LEASE``.

    Raises:
        Unavailable: none is free.
    """
    with transaction(server, SYSTEM) as tx:
        authorize(tx.actor, "SYSTEM", "UPDATE")
        now = tx.moment.database_now
        return store.take_node(tx.connection, holder, now, now + LEASE)


@command
def renew_node(server: Server, node: int, holder: str) -> bool:
    """Keeps the node for another ``LEASE``; False where it is lost."""
    with transaction(server, SYSTEM) as tx:
        authorize(tx.actor, "SYSTEM", "UPDATE")
        return store.renew_node(tx.connection, node, holder, tx.moment.database_now + LEASE)


@command
def release_node(server: Server, node: int, holder: str) -> None:
    """Gives the node back."""
    with transaction(server, SYSTEM) as tx:
        authorize(tx.actor, "SYSTEM", "UPDATE")
        store.release_node(tx.connection, node, holder)

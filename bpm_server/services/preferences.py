"""What people choose for themselves: language and time zone of the pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpm_server.services.authorization import authorize
from bpm_server.services.transaction import command, transaction
from bpm_server.store import identities as store

if TYPE_CHECKING:
    from bpm_server.domain.identity import Actor
    from bpm_server.services.server import Server


@command
def set_preferences(server: Server, actor: Actor, *, language: str | None = None, time_zone: str | None = None) -> None:
    """Changes one's own profile; what is None stays.

    Raises:
        Forbidden: the caller is no person of this installation.
    """
    values = {name: value for name, value in (("language", language), ("time_zone", time_zone)) if value is not None}
    with transaction(server, actor) as tx:
        if store.find_user(tx.connection, actor.username) is None:
            authorize(actor, "USER", "UPDATE", actor.username)
            return
        store.update_user(tx.connection, actor.username, values)
        store.identity_changed(tx.connection)

"""What people choose for themselves: language and time zone of the pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpm_server.kernel.errors import Forbidden
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
        authorize_self(actor)
        if values and store.update_user(tx.connection, actor.username, values):
            store.identity_changed(tx.connection)


def authorize_self(actor: Actor) -> None:
    """Everybody may change their own profile; nobody signs in as the server itself.

    Raises:
        Forbidden: a program without a profile.
    """
    if actor.is_system:
        message = "Expected a person with a profile, but found the server itself"
        raise Forbidden(message)

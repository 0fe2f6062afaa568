"""What people choose for themselves: how pages look, in which time zone, and which mails and pushes they get."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

from bpm_server.domain import pushes
from bpm_server.domain.calendars import read_zone
from bpm_server.domain.mails import check_choices, check_hour
from bpm_server.kernel import json
from bpm_server.kernel.errors import Forbidden
from bpm_server.services.transaction import command, transaction
from bpm_server.store import identities as store
from bpm_server.store import mails
from bpm_server.store import pushes as push_store

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bpm_server.domain.appearance import Density, Theme
    from bpm_server.domain.identity import Actor
    from bpm_server.services.server import Server
    from bpm_server.services.transaction import Transaction


_CHOSEN = ("mails", "pushes")


class Changes(TypedDict, total=False):
    """What changes: what is not here stays, what is None is chosen no more.

    Attributes:
        language: A language of the pages.
        time_zone: IANA name.
        mail_hour: Of the daily mail, in that time zone.
        mails: When mails go out, by kind of notification; other kinds stay.
        pushes: Whether they go to devices, likewise.
    """

    language: str | None
    time_zone: str | None
    theme: Theme | None
    density: Density | None
    mail_hour: int | None
    mails: Mapping[str, Any] | None
    pushes: Mapping[str, Any] | None


@command
def change_settings(server: Server, actor: Actor, changes: Changes) -> None:
    """Changes one's own settings.

    Raises:
        InvalidInput: a time zone, hour, kind of mail or word that there is not.
        Forbidden: the caller is no person of this installation.
    """
    with transaction(server, actor) as tx:
        authorize_self(actor)
        values: dict[str, Any] = {name: value for name, value in changes.items() if name not in _CHOSEN}
        if (zone := changes.get("time_zone")) is not None:
            read_zone(zone)
        if (hour := changes.get("mail_hour")) is not None:
            check_hour(hour)
        if "mails" in changes:
            values["mail_choices"] = _choices(tx, changes["mails"])
        if "pushes" in changes:
            values["push_choices"] = _push_choices(tx, changes["pushes"])
        if values and store.update_user(tx.connection, actor.username, values):
            store.identity_changed(tx.connection)


def _choices(tx: Transaction, chosen: Mapping[str, Any] | None) -> str | None:
    if chosen is None:
        return None
    now = mails.read_choices(tx.connection, tx.actor.username).everything()
    return json.dumps(check_choices({**now, **chosen}))


def _push_choices(tx: Transaction, chosen: Mapping[str, Any] | None) -> str | None:
    if chosen is None:
        return None
    now = push_store.read_choices(tx.connection, tx.actor.username).everything()
    return json.dumps(pushes.check_choices({**now, **chosen}))


def authorize_self(actor: Actor) -> None:
    """Everybody may change their own profile; nobody signs in as the server itself.

    Raises:
        Forbidden: a program without a profile.
    """
    if actor.is_system:
        message = "Expected a person with a profile, but found the server itself"
        raise Forbidden(message)

"""What somebody has chosen for themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bpm_server.domain.mails import HOUR
from bpm_server.store import pushes
from bpm_server.store.mails import read_choices

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bpm_server.domain.identity import Actor
    from bpm_server.services.server import Server


@dataclass(frozen=True, slots=True)
class OwnSettings:
    """One's own settings; None: not chosen.

    Attributes:
        mail_hour: Of the daily mail: theirs, or the usual one.
        mails: When mails go out, of every kind of notification.
        address: Where mails go; None: nowhere.
        sends_mails: Whether the installation does.
        pushes: Whether they go to their devices, of every kind of notification.
        sends_pushes: Whether the installation does.
    """

    language: str | None
    time_zone: str | None
    theme: str | None
    density: str | None
    mail_hour: int
    mails: Mapping[str, str]
    address: str | None
    sends_mails: bool
    pushes: Mapping[str, bool]
    sends_pushes: bool


def own_settings(server: Server, actor: Actor) -> OwnSettings:
    """What the actor has chosen; everybody reads their own alone."""
    with server.database.read() as connection:
        choices = read_choices(connection, actor.username)
        on_devices = pushes.read_choices(connection, actor.username)
    return OwnSettings(
        language=actor.language,
        time_zone=actor.time_zone,
        theme=actor.theme,
        density=actor.density,
        mail_hour=HOUR if choices.hour is None else choices.hour,
        mails=choices.everything(),
        address=actor.email,
        sends_mails=bool(server.settings.smtp_url),
        pushes=on_devices.everything(),
        sends_pushes=bool(server.settings.push_contact),
    )

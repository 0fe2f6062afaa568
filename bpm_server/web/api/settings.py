"""``/api/settings``: what somebody has chosen for themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpm_server.domain.appearance import Density, Theme
from bpm_server.reports.settings import own_settings
from bpm_server.services.preferences import change_settings
from bpm_server.web.api.blueprint import ApiBlueprint, Call
from bpm_server.web.api.fields import Data, Flag, Number, Reply, StrictBody, Text, Word
from bpm_server.web.pages.languages import LANGUAGES

if TYPE_CHECKING:
    from bpm_server.reports.settings import OwnSettings

api = ApiBlueprint("settings", prefix="/api", tag="Settings")
PATH = "/settings"


class SettingsResult(Reply):
    """One's own settings; null: not chosen.

    By kind of notification ``mails`` says when its mails go out, ``pushes`` whether it goes to devices.
    """

    language = Text(null=True)
    time_zone = Text(null=True)
    theme = Word(Theme, null=True)
    density = Word(Density, null=True)
    mail_hour = Number()
    mails = Data()
    mail_address = Text(of="address", null=True)
    sends_mails = Flag()
    pushes = Data()
    sends_pushes = Flag()


class SettingsChange(StrictBody):
    """What changes; absent members stay, null is chosen no more. Kinds that ``mails`` or ``pushes`` leave out stay."""

    language = Word(tuple(LANGUAGES), null=True)
    time_zone = Text(longest=64, null=True)
    theme = Word(Theme, null=True)
    density = Word(Density, null=True)
    mail_hour = Number(null=True)
    mails = Data(null=True)
    pushes = Data(null=True)


@api.operation("GET", PATH, "getSettings", gives=SettingsResult)
def get_settings(call: Call) -> OwnSettings:
    """Read one's own settings."""
    return own_settings(call.server, call.actor)


@api.operation("PATCH", PATH, "changeSettings", takes=SettingsChange, status=204, body_required=True)
def patch_settings(call: Call) -> None:
    """Change one's own settings."""
    change_settings(call.server, call.actor, call.body)  # type: ignore[arg-type]

"""What somebody chooses for themselves: how pages look, in which time zone, which mails and pushes they get."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any
from zoneinfo import available_timezones

from babel import dates
from flask import Blueprint, request

from bpm_server.domain.appearance import Density, Theme
from bpm_server.domain.mails import When
from bpm_server.domain.notifications import Kind
from bpm_server.kernel.errors import InvalidInput
from bpm_server.reports.settings import own_settings
from bpm_server.services.preferences import change_settings
from bpm_server.web import access
from bpm_server.web.pages import answers, devices
from bpm_server.web.pages.calendar_feed import feed_address
from bpm_server.web.pages.languages import LANGUAGES, locale
from bpm_server.web.pages.preferences import remember
from bpm_server.web.pages.texts import gettext as _
from bpm_server.web.pages.visitor import actor, find_zone, forget, signed_in, visitor

if TYPE_CHECKING:
    from flask import Response

    from bpm_server.services.preferences import Changes

pages = Blueprint("own_settings", __name__)
HOME = "/settings"
CONTINENTS = frozenset(
    ("Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")
)


@functools.cache
def time_zones(language: str) -> list[tuple[str, str]]:
    """Names of time zones, and what people call them; names without a place are left out, though they are taken."""
    names = sorted(name for name in available_timezones() if name.partition("/")[0] in CONTINENTS)
    return [(name, dates.get_timezone_location(name, locale=locale(language))) for name in names]


def kinds() -> list[tuple[Kind, str]]:
    """Kinds of notifications, in words."""
    return [
        (Kind.TURN, _("My approval is needed")),
        (Kind.ASSIGNED, _("I have a new task")),
        (Kind.DELEGATED, _("Somebody asks for my opinion")),
        (Kind.TRANSFERRED, _("Somebody hands over to me")),
        (Kind.ADDED, _("Somebody asks me to sign as well")),
        (Kind.TAKEN_BACK, _("What I was asked is taken back")),
        (Kind.HANDOVER, _("Somebody's work is handed over to me")),
        (Kind.RETURNED, _("My request is returned")),
        (Kind.DECIDED, _("My request is decided")),
        (Kind.URGED, _("Somebody asks me to hurry, or something is due")),
        (Kind.MENTIONED, _("Somebody mentions me")),
        (Kind.COPIED, _("Somebody sends me a copy")),
    ]


@pages.get(HOME)
def home() -> Response:
    """Everything that one can choose."""
    return _page()


def _page(status: int = 200, **values: Any) -> Response:
    who, server = signed_in(), access.server()
    chosen = own_settings(server, who)
    shown = {
        "chosen": chosen,
        "zone": chosen.time_zone or "",
        "zones": time_zones(visitor().language),
        "usual_zone": server.settings.time_zone,
        "kinds": kinds(),
        "whens": ((When.AT_ONCE, _("Immediately")), (When.DAILY, _("Once a day")), (When.NEVER, _("Never"))),
        "address": feed_address(who),
        "devices": devices.own_devices(who),
        "problem": "",
    }
    return answers.html("settings.html", status, **{**shown, **values})


@pages.post(HOME)
def save() -> Response:
    """Keeps what was chosen."""
    who, form = actor(), request.form
    zone = form.get("time_zone", "").strip()
    if zone and find_zone(zone) is None:
        problem = _(
            "There is no time zone “%(name)s”. Choose one from the list, such as Asia/Shanghai.", name=zone[:60]
        )
        return _page(422, problem=problem, zone=zone)
    changes: Changes = {"time_zone": zone or None}
    if (language := form.get("language")) in LANGUAGES:
        changes["language"] = language
    if (theme := form.get("theme", "")) in set(Theme):
        changes["theme"] = Theme(theme)
    if (density := form.get("density", "")) in set(Density):
        changes["density"] = Density(density)
    if "mail_hour" in form:
        changes["mail_hour"] = _hour(form["mail_hour"])
    named: dict[str, str] = {kind: form[f"mail.{kind}"] for kind in Kind if f"mail.{kind}" in form}
    if named:
        changes["mails"] = named
    if "pushes" in form:  # a box that is not ticked sends nothing
        changes["pushes"] = {kind: f"push.{kind}" in form for kind in Kind}
    change_settings(access.server(), who, changes)
    forget()
    return remember(answers.said(answers.go_to(HOME), _("Your settings are saved.")), visitor())


def _hour(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 2:
        message = f"Expected an hour from 0 to 23, but found '{text[:20]}'"
        raise InvalidInput(message, field="mail_hour")
    return int(text)

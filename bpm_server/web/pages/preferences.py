"""Language, theme and time zone in the menu: kept in the profile of whoever is signed in, and in cookies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, request

from bpm_server.domain.appearance import Theme
from bpm_server.services.preferences import change_settings
from bpm_server.web import access
from bpm_server.web.pages import answers
from bpm_server.web.pages.cookies import is_secure
from bpm_server.web.pages.languages import LANGUAGES
from bpm_server.web.pages.visitor import LANGUAGE_COOKIE, THEME_COOKIE, ZONE_COOKIE, find_zone

if TYPE_CHECKING:
    from flask import Response

    from bpm_server.services.preferences import Changes
    from bpm_server.web.pages.visitor import Visitor

pages = Blueprint("preferences", __name__)
A_YEAR_S = 365 * 24 * 3600


@pages.post("/preferences")
def choose() -> Response:
    """Keeps what was chosen; before signing in only in cookies, which needs no token."""
    found = access.find()
    if found is not None:
        access.require()
    language, theme, zone = (request.form.get(name, "") for name in ("language", "theme", "time_zone"))
    response = answers.go_to(answers.local_path(request.form.get("next")))
    changes: Changes = {}
    if language in LANGUAGES:
        _keep(response, LANGUAGE_COOKIE, language)
        changes["language"] = language
    if theme in set(Theme):
        _keep(response, THEME_COOKIE, theme)
        changes["theme"] = Theme(theme)
    if find_zone(zone) is not None:
        _keep(response, ZONE_COOKIE, zone)
        changes["time_zone"] = zone
    if found is not None and changes:
        change_settings(access.server(), found.actor, changes)
    return response


def remember(response: Response, who: Visitor) -> Response:
    """Lets this browser look the same where nobody has signed in yet."""
    _keep(response, LANGUAGE_COOKIE, who.language)
    _keep(response, THEME_COOKIE, who.theme)
    return response


def _keep(response: Response, name: str, value: str) -> None:
    response.set_cookie(name, value, max_age=A_YEAR_S, httponly=name != ZONE_COOKIE, samesite="Lax", secure=is_secure())

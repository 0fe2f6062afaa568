"""Language, theme and time zone: kept in the profile of whoever is signed in, and in cookies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, request

from bpm_server.services.preferences import set_preferences
from bpm_server.web import access
from bpm_server.web.pages import answers
from bpm_server.web.pages.languages import LANGUAGES
from bpm_server.web.pages.signing_in import is_secure
from bpm_server.web.pages.visitor import LANGUAGE_COOKIE, THEME_COOKIE, THEMES, ZONE_COOKIE, find_zone

if TYPE_CHECKING:
    from flask import Response

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
    if language in LANGUAGES:
        _keep(response, LANGUAGE_COOKIE, language)
        if found is not None:
            set_preferences(access.server(), found.actor, language=language)
    if theme in THEMES:
        _keep(response, THEME_COOKIE, theme)
    if find_zone(zone) is not None:
        _keep(response, ZONE_COOKIE, zone)
        if found is not None:
            set_preferences(access.server(), found.actor, time_zone=zone)
    return response


def _keep(response: Response, name: str, value: str) -> None:
    response.set_cookie(name, value, max_age=A_YEAR_S, httponly=name != ZONE_COOKIE, samesite="Lax", secure=is_secure())

"""Who looks at a page: signed in or not, in which language, time zone, theme and density."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from flask import g, request

from bpm_server.domain.appearance import Density, Theme
from bpm_server.kernel.errors import BpmError, NotSignedIn
from bpm_server.web import access
from bpm_server.web.pages.languages import DEFAULT, LANGUAGES

if TYPE_CHECKING:
    from bpm_server.domain.identity import Actor

LANGUAGE_COOKIE = "bpm_language"
THEME_COOKIE = "bpm_theme"
ZONE_COOKIE = "bpm_zone"


@dataclass(frozen=True, slots=True)
class Visitor:
    """The person in front of the page; ``actor`` is None where nobody has signed in."""

    actor: Actor | None
    csrf_token: str
    language: str
    zone: ZoneInfo
    theme: str
    density: str = Density.COMFORTABLE

    def may(self, resource: str, action: str, resource_id: str | None = None) -> bool:
        """Whether to offer an act; whether it is allowed is decided by the command itself."""
        return self.actor is not None and self.actor.may(resource, action, resource_id)


def visitor() -> Visitor:
    """The visitor of the current request."""
    if "visitor" not in g:
        g.visitor = _look()
    found: Visitor = g.visitor
    return found


def forget() -> None:
    """Looks again at the next question: somebody has just signed in or changed the language."""
    for name in ("visitor", "access"):
        g.pop(name, None)


def actor() -> Actor:
    """Who is signed in; a request that changes something must carry the session's token.

    Raises:
        NotSignedIn: nobody.
        Forbidden: the token against cross-site requests is missing or wrong.
    """
    return access.require().actor


def signed_in() -> Actor:
    """Like :func:`actor`, for pages that only show something.

    Raises:
        NotSignedIn: nobody.
    """
    found = visitor().actor
    if found is None:
        message = "Expected somebody who has signed in, but found nobody"
        raise NotSignedIn(message)
    return found


def _look() -> Visitor:
    try:
        found = access.find()
    except BpmError:  # the page that says so is for nobody in particular
        found = None
    actor = None if found is None else found.actor
    cookies = request.cookies
    return Visitor(
        actor=actor,
        csrf_token=(found.csrf_token or "") if found is not None else "",
        language=_language(actor, cookies.get(LANGUAGE_COOKIE)),
        zone=_zone(actor, cookies.get(ZONE_COOKIE)),
        theme=_theme(actor, cookies.get(THEME_COOKIE)),
        density=(actor.density if actor else None) or Density.COMFORTABLE,
    )


def of_person(actor: Actor) -> Visitor:
    """Somebody for whom something is written while no browser of theirs asks."""
    settings = access.server().settings
    language = actor.language if actor.language in LANGUAGES else settings.default_language
    language = language if language in LANGUAGES else DEFAULT
    return Visitor(actor, "", language, _zone(actor, None), Theme.AUTO)


def _theme(actor: Actor | None, chosen: str | None) -> str:
    """Profile, cookie, the system's."""
    return next((one for one in (actor.theme if actor else None, chosen) if one in set(Theme)), Theme.AUTO)


def _language(actor: Actor | None, chosen: str | None) -> str:
    """Profile, cookie, what the browser asks for, the installation's own."""
    for wanted in (actor.language if actor else None, chosen):
        if wanted in LANGUAGES:
            return wanted
    tags = [tag.replace("_", "-").lower() for tag in request.accept_languages.values()]
    for tag in tags:
        for language in LANGUAGES:
            if tag.split("-")[0] == language.split("-")[0]:
                return language
    configured = access.server().settings.default_language
    return configured if configured in LANGUAGES else DEFAULT


def _zone(actor: Actor | None, chosen: str | None) -> ZoneInfo:
    for name in (actor.time_zone if actor else None, chosen, access.server().settings.time_zone):
        found = find_zone(name)
        if found is not None:
            return found
    return ZoneInfo("UTC")


def find_zone(name: Any) -> ZoneInfo | None:
    """A time zone by its IANA name; None where there is no such zone."""
    if not isinstance(name, str) or not name or len(name) > 64:
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        return None

"""Who is asking: bearer token, basic credentials, or a browser's session cookie.

Looking somebody up costs one small statement; everything else comes from the caches of ``services.identities``,
which are dropped when people or rights change.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import current_app, g, request

from bpm_server.domain.identity import ANONYMOUS, Actor
from bpm_server.kernel.errors import Forbidden, NotSignedIn
from bpm_server.services import identities
from bpm_server.web import backpressure
from bpm_server.web.parked import MEMORY

if TYPE_CHECKING:
    from flask import Flask, Request

    from bpm_server.services.server import Server

EXTENSION = "bpm_server"
SESSION_COOKIE = "bpm_session"
CSRF_HEADER = "X-CSRF-Token"
CSRF_FIELD = "csrf_token"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


@dataclass(frozen=True, slots=True)
class Access:
    """Who asks; ``csrf_token`` where a browser's session says so."""

    actor: Actor
    csrf_token: str | None = None


def use_server(app: Flask, server: Server) -> None:
    """Gives an application its server."""
    app.extensions[EXTENSION] = server


def server() -> Server:
    """The server of the application that handles this request."""
    found: Server = current_app.extensions[EXTENSION]
    return found


def identify(asking: Server, incoming: Request) -> Access | None:
    """Who sent a request; None for nobody.

    An empty ``Authorization`` header is none: Camunda's SDK sends one.

    Raises:
        NotSignedIn: the credentials are wrong.
        LimitExceeded: too many wrong passwords.
    """
    header = incoming.headers.get("Authorization", "").strip()
    if header:
        return Access(_by_header(asking, header, incoming.remote_addr or ""))
    cookie = incoming.cookies.get(SESSION_COOKIE)
    if cookie:
        found = identities.signed_in(asking, cookie)
        if found is not None:
            return Access(found.actor, found.csrf_token)
    if asking.settings.anonymous_v2 and incoming.path.startswith("/v2/") and not _is_from_elsewhere(incoming):
        return Access(ANONYMOUS)
    return None


def _is_from_elsewhere(incoming: Request) -> bool:
    """Whether a browser sends this for a page of another site, which could otherwise deploy to a designer's machine."""
    origin = incoming.headers.get("Origin")
    fetched_for = incoming.headers.get("Sec-Fetch-Site", "none")
    return fetched_for not in ("none", "same-origin") or origin not in (None, incoming.host_url.rstrip("/"))


def _by_header(asking: Server, header: str, address: str) -> Actor:
    scheme, _, rest = header.partition(" ")
    match scheme.lower():
        case "bearer":
            return identities.actor_by_token(asking, rest.strip())
        case "basic":
            username, password = _basic(rest.strip())
            return identities.actor_by_password(asking, username, password, address)
    message = "Expected a bearer token or basic credentials, but found another kind"
    raise NotSignedIn(message)


def _basic(encoded: str) -> tuple[str, str]:
    try:
        username, separator, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        separator = ""
    if not separator:
        message = "Expected basic credentials as base64 of name:password, but found something else"
        raise NotSignedIn(message)
    return username, password


def find() -> Access | None:
    """Who sent the current request; None for nobody.

    Raises:
        NotSignedIn: the credentials are wrong.
        LimitExceeded: too many wrong passwords, or too many requests.
    """
    if "access" not in g:
        g.access = identify(server(), request)
        if g.access is not None and not request.environ.get(MEMORY):  # a long poll that looks again is no new request
            backpressure.of_app().admit_actor(g.access.actor)
    found: Access | None = g.access
    return found


def require() -> Access:
    """Who sent the current request; one that changes something from a browser must carry the session's token.

    Raises:
        NotSignedIn: nobody, or wrong credentials.
        Forbidden: the token against cross-site requests is missing or wrong.
    """
    found = find()
    if found is None:
        message = "Expected credentials, but found none"
        raise NotSignedIn(message)
    if found.csrf_token is not None and request.method not in SAFE_METHODS:
        check_csrf(found.csrf_token)
    return found


def check_csrf(expected: str) -> None:
    """The request must carry the session's token, in a header or a form field.

    Raises:
        Forbidden: it does not.
    """
    given = request.headers.get(CSRF_HEADER) or request.form.get(CSRF_FIELD, "")
    if not hmac.compare_digest(given.encode(), expected.encode()):
        message = "Expected the session's token against cross-site requests, but it is missing or wrong"
        raise Forbidden(message, reason="csrf")

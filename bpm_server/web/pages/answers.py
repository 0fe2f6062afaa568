"""Replies of pages: a whole page, or the part of it that htmx asked for by its target.

Every address gives a whole page when it is opened by itself.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from flask import make_response, redirect, render_template, request

from bpm_server.web import access

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Response


def is_fragment() -> bool:
    """Whether htmx asks, and not for the whole page."""
    return request.headers.get("HX-Request") == "true" and "HX-History-Restore-Request" not in request.headers


def target() -> str:
    """Id of the element that htmx will put the reply into; empty for a whole page."""
    if not is_fragment():
        return ""
    return request.headers.get("HX-Target", "").partition("#")[2]


def html(template: str, status: int = 200, **values: Any) -> Response:
    """A rendered template."""
    return make_response(render_template(template, **values), status)


def go_to(url: str, *, status: int = 303) -> Response:
    """Sends the browser to another page, also from within a fragment."""
    if is_fragment():
        response = make_response("", 200)
        response.headers["HX-Redirect"] = url
        return response
    answer: Any = redirect(url, status)
    found: Response = answer
    return found


def add_events(response: Response, events: Mapping[str, Any]) -> Response:
    """Events for the listeners in ``app.js``; the detail of each is an object."""
    response.headers["HX-Trigger"] = json.dumps(events)  # ASCII, as headers must be
    return response


def address(path: str) -> str:
    """A path of this server as an address that can be handed on."""
    return (access.server().settings.public_url or request.host_url).rstrip("/") + path


def local_path(text: str | None) -> str:
    """A path on this server out of what a request said; ``/`` for anything else."""
    if not text or not text.startswith("/") or text.startswith(("//", "/\\")) or len(text) > 2_000:
        return "/"
    parts = urlsplit(text)
    if parts.scheme or parts.netloc or any(ord(char) < 32 for char in text):
        return "/"
    return text


def said(response: Response, text: str, tone: str = "good") -> Response:
    """A word for the next page that the browser shows."""
    value = json.dumps({"text": text, "tone": tone})
    response.set_cookie("bpm_said", quote(value), max_age=30, samesite="Lax")
    return response

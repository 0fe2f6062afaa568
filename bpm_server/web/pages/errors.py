"""Errors as pages that a person understands; callers of the APIs get problem replies (``web.problems``)."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from flask import Response, request
from werkzeug.exceptions import HTTPException

from bpm_server.kernel.errors import BpmError, NotSignedIn, TimedOut, Unavailable
from bpm_server.kernel.log import get_logger
from bpm_server.web import problems
from bpm_server.web.pages import answers, visitor
from bpm_server.web.pages.texts import gettext as _

if TYPE_CHECKING:
    from flask import Flask

log = get_logger(__name__)
MACHINES = ("/v2/", "/api/", "/engine-rest/", "/.well-known/")
RETRY_AFTER_S = 1


def register(app: Flask) -> None:
    """Takes the place of the problem replies for everything that people open in a browser."""
    app.register_error_handler(BpmError, _from_error)
    app.register_error_handler(HTTPException, _from_http)
    app.register_error_handler(Exception, _from_surprise)


def for_machines() -> bool:
    """Whether a program asks: by the path, or by what it accepts."""
    if request.path.startswith(MACHINES):
        return True
    if answers.is_fragment():
        return False
    accepted = request.accept_mimetypes
    html = accepted["text/html"]
    return html == 0 or max(accepted["application/json"], accepted["application/problem+json"]) > html


def _from_error(error: BpmError) -> Response:
    if for_machines():
        return problems.from_error(error)
    if isinstance(error, NotSignedIn):
        return to_sign_in()
    status = problems.status_of(error)
    if status >= 500 and not isinstance(error, Unavailable | TimedOut):
        return _from_surprise(error)
    response = show(status, detail=error.message, reason=str(error.details.get("reason", "")))
    if status in (429, 503):
        response.headers["Retry-After"] = str(error.details.get("retry_after", RETRY_AFTER_S))
    return response


def _from_http(error: HTTPException) -> Response:
    status = error.code or 500
    if for_machines() or error.response is not None or status < 400:
        return problems.from_http(error)
    response = show(status)
    for name, value in error.get_headers(request.environ):
        if name.lower() in ("allow", "retry-after"):
            response.headers[name] = value
    return response


def _from_surprise(error: Exception) -> Response:
    if for_machines():
        return problems.from_surprise(error)
    reference = secrets.token_hex(6)
    log.error("web.failed", reference=reference, method=request.method, path=request.path, exc_info=error)
    return show(500, reference=reference)


def to_sign_in() -> Response:
    """Nobody is signed in: first that, then back to where they were."""
    here = request.full_path.rstrip("?") if request.method == "GET" else "/"
    if answers.is_fragment():
        parts = urlsplit(request.headers.get("HX-Current-URL", "/"))
        here = parts.path + (f"?{parts.query}" if parts.query else "")
    where = answers.local_path(here)
    return answers.go_to("/sign-in" if where == "/" else f"/sign-in?next={quote(where, safe='/')}")


def show(status: int, *, detail: str = "", reason: str = "", reference: str = "") -> Response:
    """The page (or part of a page) of an error."""
    title, advice = _words(status, reason)
    template = "error/part.html" if answers.is_fragment() else "error/page.html"
    return answers.html(
        template, status, title=title, advice=advice, code=status, detail=detail, reference=reference,
        signed_in=visitor.visitor().actor is not None,
    )  # fmt: skip


def _words(status: int, reason: str) -> tuple[str, str]:
    if reason == "csrf":
        return (
            _("This page has been open for too long"),
            _("For your safety nothing was changed. Reload the page and do it again; your draft is kept."),
        )
    known = {
        400: (_("That does not work"), _("The request was incomplete or wrong. Go back and try again.")),
        403: (_("You may not see or do this"), _("If you need it for your work, ask an administrator for the right.")),
        404: (_("There is nothing here"), _("The address is wrong, or what was here is gone.")),
        405: (_("That does not work"), _("Go back and try again.")),
        409: (_("Somebody was faster"), _("Things have changed in the meantime. Look at the newest state first.")),
        413: (_("That is too large"), _("Send less, or smaller files.")),
        429: (_("Too much at once"), _("Wait a moment, then try again.")),
        503: (_("The server is busy"), _("Nothing was lost. Try again in a few seconds.")),
    }
    fallback = (
        _("Something went wrong on our side"),
        _("Nothing was changed. Try again; if it stays, tell an administrator the reference."),
    )
    return known.get(status, known[400] if 400 <= status < 500 else fallback)

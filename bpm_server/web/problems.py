"""Errors become problem details (RFC 9457). This is the only place that maps errors to status codes.

``title`` is the standard reason phrase: Camunda Modeler recognizes errors by it. The error's details become
members of the object, ``code`` tells our errors apart.
"""

from __future__ import annotations

import secrets
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

from flask import Response, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, RequestEntityTooLarge
from werkzeug.exceptions import NotFound as NoSuchPath

from bpm_server.domain.idempotency import KeyReused
from bpm_server.kernel import context, json
from bpm_server.kernel.errors import (
    BpmError,
    Conflict,
    Forbidden,
    InvalidInput,
    LimitExceeded,
    NotFound,
    NotSignedIn,
    TimedOut,
    TooLarge,
    Unavailable,
)
from bpm_server.kernel.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Flask

log = get_logger(__name__)
MIME = "application/problem+json"
STATUS: dict[type[BpmError], int] = {
    TooLarge: 413,
    KeyReused: 422,
    InvalidInput: 400,
    NotSignedIn: 401,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    LimitExceeded: 429,
    Unavailable: 503,
    TimedOut: 504,
}
CHALLENGE = 'Bearer realm="bpm-server"'
"""Basic is understood too, but not asked for: browsers would open their own window."""
RETRY_AFTER_S = 1
_RESERVED = frozenset({"type", "title", "status", "detail", "instance", "code", "requestId", "retry", "retry_after"})


def status_of(error: BpmError) -> int:
    """The status of an error of ours; 500 for one that has none."""
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)


def title_of(status: int) -> str:
    """The standard reason phrase of a status."""
    return HTTPStatus(status).phrase


def problem(status: int, detail: str, *, code: str | None = None, details: Mapping[str, Any] | None = None) -> Response:
    """A problem reply.

    Args:
        status: HTTP status.
        detail: For people: what was expected and what was found.
        code: Stable name of the kind of error.
        details: Further members.
    """
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": title_of(status),
        "status": status,
        "detail": detail,
        "instance": request.path,
    }
    if code is not None:
        body["code"] = code
    cause = context.current()
    if cause is not None:
        body["requestId"] = cause.request_id
    for name, value in (details or {}).items():
        if name not in _RESERVED:
            body[name] = json.timestamp(value) if isinstance(value, datetime) else value
    return Response(json.dumps_bytes(body), status, content_type=MIME)


def from_error(error: BpmError) -> Response:
    """An error of ours."""
    status = status_of(error)
    if status >= 500 and not isinstance(error, Unavailable | TimedOut):
        return from_surprise(error)
    response = problem(status, error.message, code=error.code, details=error.details)
    if status == 401:
        response.headers["WWW-Authenticate"] = CHALLENGE
    if status in (429, 503) or "retry_after" in error.details:
        response.headers["Retry-After"] = str(error.details.get("retry_after", RETRY_AFTER_S))
    return response


def from_http(error: HTTPException) -> Response:
    """An error that Flask or Werkzeug found: unknown path, wrong method, too large..."""
    status = error.code or 500
    if error.response is not None or status < 400:
        return cast("Response", Response.force_type(error.get_response(), request.environ))  # a redirect or the like
    detail = error.description or HTTPStatus(status).phrase
    if isinstance(error, NoSuchPath):
        detail = f"Expected a known path, but found '{request.method} {request.path}'"
    if isinstance(error, MethodNotAllowed):
        detail = f"Expected {' or '.join(sorted(error.valid_methods or ()))}, but found {request.method}"
    if isinstance(error, RequestEntityTooLarge):
        detail = f"Expected a request of at most {request.max_content_length} bytes, but found more"
    response = problem(status, detail)
    for name, value in error.get_headers(request.environ):
        if name.lower() in ("allow", "retry-after", "www-authenticate"):
            response.headers[name] = value
    return response


def from_surprise(error: Exception) -> Response:
    """Anything else is our fault: the log has the traceback, the caller a reference to it."""
    reference = secrets.token_hex(6)
    log.error("web.failed", reference=reference, method=request.method, path=request.path, exc_info=error)
    detail = "Expected to answer, but something went wrong on the server; its log has more under the reference"
    return problem(500, detail, code="internal", details={"reference": reference})


def register(app: Flask) -> None:
    """Makes every error of the application a problem reply."""
    app.register_error_handler(BpmError, from_error)
    app.register_error_handler(HTTPException, from_http)
    app.register_error_handler(Exception, from_surprise)

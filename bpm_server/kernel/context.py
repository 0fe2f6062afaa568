"""What is being done because of which request: bound to every log line, and carried along with jobs and webhooks."""

from __future__ import annotations

import re
import secrets
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import structlog

from bpm_server.kernel import tracing

if TYPE_CHECKING:
    from collections.abc import Iterator

_REQUEST_ID = re.compile(r"[A-Za-z0-9._~+/=:-]{1,128}")
_TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_SEPARATOR = " "


@dataclass(frozen=True, slots=True)
class Cause:
    """The request at the beginning.

    Attributes:
        request_id: As the client gave it, else the id of its trace, else ours.
        traceparent: Where it is in a trace (W3C Trace Context), if it is in one.
    """

    request_id: str
    traceparent: str | None = None

    def carried(self) -> str:
        """As text for a row."""
        return self.request_id + (_SEPARATOR + self.traceparent if self.traceparent else "")


_CURRENT: ContextVar[Cause | None] = ContextVar("cause", default=None)


def of_headers(request_id: str | None, traceparent: str | None) -> Cause:
    """The cause that a request's headers tell; what is not well formed counts as absent."""
    found = _TRACEPARENT.fullmatch(traceparent or "")
    parent = traceparent if found is not None else None
    if request_id is not None and _REQUEST_ID.fullmatch(request_id):
        return Cause(request_id, parent)
    return Cause(found[1] if found is not None else secrets.token_hex(16), parent)


def of_row(text: str | None) -> Cause | None:
    """The cause that a row carries."""
    if not text:
        return None
    request_id, _, traceparent = text.partition(_SEPARATOR)
    return Cause(request_id, traceparent or None)


def current() -> Cause | None:
    """What this thread is at work for."""
    return _CURRENT.get()


def carried() -> str | None:
    """The current cause as text for a row; None where there is none."""
    cause = _CURRENT.get()
    if cause is None:
        return None
    span = tracing.here()
    return cause.carried() if span is None else replace(cause, traceparent=span).carried()


def begin(cause: Cause) -> None:
    """From now on this thread works for a request; to be called once for each, as threads are used again."""
    _CURRENT.set(cause)
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=cause.request_id)


def end() -> None:
    """The request is answered."""
    _CURRENT.set(None)
    structlog.contextvars.clear_contextvars()


@contextmanager
def working_for(cause: Cause | None, **fields: Any) -> Iterator[None]:
    """The block works for an earlier request, if one is known; ``fields`` are on its log lines too."""
    token = _CURRENT.set(cause)
    if cause is not None:
        fields["request_id"] = cause.request_id
    try:
        with structlog.contextvars.bound_contextvars(**fields):
            yield
    finally:
        _CURRENT.reset(token)

"""Requests that wait without a thread: the server puts them aside and runs them again when it is worth it.

WSGI has no word for this, so it is said through the environ. The application, which has found nothing to answer yet,
calls ``environ["bpm_server.park"](seconds)``, answers anything (nobody sees it), and keeps what it was given. When that
is told to ``resume``, the seconds are over, the client has gone or the server stops, the same request runs again from
its beginning; ``environ["bpm_server.memory"]`` is a dictionary that stays with it. A request may only be parked as long
as it has changed nothing. ``environ["bpm_server.crowded"]()`` tells whether half of the connections wait so.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from bpm_server.kernel import metrics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

PARK = "bpm_server.park"
MEMORY = "bpm_server.memory"
PARKED = "bpm_server.parked"
CROWDED = "bpm_server.crowded"


class RequestParked(BaseException):
    """Leaves waitress's task before it writes a reply. Not an ``Exception``: those are answered with 500."""


class Parked:
    """A request that was put aside; it runs again once."""

    def __init__(self, until: float, run_again: Callable[[], None]) -> None:
        self.until = until
        self._run_again = run_again
        self._lock = threading.Lock()
        self._aside = False
        self._rung = False

    @property
    def is_over(self) -> bool:
        """Whether it has run again, or soon will."""
        return self._rung

    def resume(self) -> None:
        """Runs it again; from any thread, more than once does no harm."""
        with self._lock:
            first, self._rung = not self._rung, True
            now = first and self._aside
        if now:
            self._run_again()

    def put_aside(self) -> None:
        """The thread has left it: from now on it may run in another."""
        with self._lock:
            self._aside = True
            now = self._rung
        if now:
            self._run_again()


class ParkingLot:
    """The requests of one server that were put aside."""

    def __init__(self) -> None:
        self._parked: dict[Parked, Any] = {}

    def __len__(self) -> int:
        return len(self._parked)

    def enter(self, channel: Any, parked: Parked) -> None:
        """A thread has left a request."""
        self._parked[parked] = channel
        metrics.PARKED.set(len(self._parked))
        parked.put_aside()

    def leave(self, parked: Parked) -> None:
        """It runs again."""
        self._parked.pop(parked, None)
        metrics.PARKED.set(len(self._parked))

    def look(self, *, stopping: bool) -> None:
        """Resumes those whose time is over, and those whose client has gone."""
        now = time.monotonic()
        for parked, channel in list(self._parked.items()):
            if stopping or parked.until <= now or not channel.connected:
                parked.resume()


def parkable(app: WSGIApplication) -> WSGIApplication:
    """An application whose requests may park."""

    def run(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        result = app(environ, start_response)
        if PARKED in environ:
            close = getattr(result, "close", None)
            if close is not None:
                close()
            raise RequestParked
        return result

    return run

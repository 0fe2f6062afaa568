"""Requests that wait for something to happen: long polls and awaited completions.

Long polls, which have changed nothing yet, give their thread back and run again when there may be something
(``web.parked``). Those that have done something hold their thread: at most half of the threads may wait so.
Commits of this process wake them, and those of others where a broker tells of them; without one, what others commit is
found by looking every quarter of a second, and every second for those without a thread.
"""

from __future__ import annotations

import secrets
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from flask import Response, current_app, request
from werkzeug.exceptions import HTTPException

from bpm_server.services import idempotency
from bpm_server.web.parked import CROWDED, MEMORY, PARK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flask import Flask

    from bpm_server.services.server import Server
    from bpm_server.web.parked import Parked

T = TypeVar("T")
EXTENSION = "bpm_server.parking"
LOOK_AGAIN_S = 0.25
LOOK_AGAIN_PARKED_S = 1.0
UNTIL = "until"
HEARD = "heard"


class Parking:
    """The places of one server process, and the bell that wakes who waits there."""

    def __init__(self, server: Server) -> None:
        self._places = threading.BoundedSemaphore(max(server.settings.threads // 2, 1))
        self._bell = threading.Condition()
        self._rung: dict[str, int] = {}
        self._parked: list[tuple[tuple[str, ...], Parked]] = []
        self._name = secrets.token_hex(4)
        server.wake.listeners.append(self.ring)

    def ring(self, topics: frozenset[str]) -> None:
        """Something of these topics was committed."""
        with self._bell:
            for topic in topics:
                self._rung[topic] = self._rung.get(topic, 0) + 1
            self._bell.notify_all()
            woken = [parked for wanted, parked in self._parked if not topics.isdisjoint(wanted)]
            if woken:
                self._parked = [one for one in self._parked if topics.isdisjoint(one[0])]
        for parked in woken:
            parked.resume()

    @contextmanager
    def place(self) -> Iterator[bool]:
        """Takes a place as long as the block runs; False where none is free."""
        taken = self._places.acquire(blocking=False)
        try:
            yield taken
        finally:
            if taken:
                self._places.release()

    def is_crowded(self) -> bool:
        """Whether so many requests are put aside that live pages have to look by themselves: half of what fits."""
        crowded = request.environ.get(CROWDED)
        return crowded is not None and bool(crowded())

    def rings(self, topics: tuple[str, ...]) -> str:
        """A mark of how often somebody has rung so far, which only this process understands."""
        return f"{self._name}.{self._heard(topics)}"

    def rings_since_first(self, topics: tuple[str, ...], known: str = "") -> Callable[[], bool]:
        """Tells whether somebody has rung since the current request ran for the first time.

        Args:
            topics: Of the wake-ups.
            known: Since this mark of :meth:`rings` instead, where it is one of this process.
        """
        name, _dot, number = known.partition(".")
        heard = int(number) if name == self._name and number.isdecimal() else self._heard(topics)
        first: int = request.environ.get(MEMORY, {}).setdefault(HEARD, heard)
        return lambda: self._heard(topics) != first

    def poll(
        self,
        topics: tuple[str, ...],
        look: Callable[[], T | None],
        seconds: float,
        look_again: float = LOOK_AGAIN_PARKED_S,
    ) -> T | None:
        """Looks until there is something, at most for so long, without holding a thread meanwhile.

        The request runs again from its beginning for every look, so it must have changed nothing. Arguments as in
        :meth:`wait`; ``look_again``: seconds after which it looks although nobody has rung.
        """
        park = request.environ.get(PARK)
        if park is None:  # another server than ours, or a test's client
            with self.place() as taken:
                return self.wait(topics, look, seconds if taken else 0)
        until = request.environ[MEMORY].setdefault(UNTIL, time.monotonic() + seconds)
        seen = self._heard(topics)
        found = look()
        left = until - time.monotonic()
        if found is not None or left <= 0 or _is_over():
            return found
        parked = park(min(left, look_again))
        with self._bell:
            self._parked = [one for one in self._parked if not one[1].is_over]
            self._parked.append((topics, parked))
            missed = self._heard(topics) != seen
        if missed:
            parked.resume()
        raise HTTPException(response=Response(status=204))  # nobody sees it

    def wait(self, topics: tuple[str, ...], look: Callable[[], T | None], seconds: float) -> T | None:
        """Looks until there is something, at most for so long. To be called in a :meth:`place`.

        Args:
            topics: Of the wake-ups after which it is worth looking.
            look: Gives None as long as there is nothing.
            seconds: How long to wait; None is the result then, and where the server stops or the client has gone.
        """
        end = time.monotonic() + seconds
        idempotency.settle(seconds)
        while True:
            seen = self._heard(topics)
            found = look()
            left = end - time.monotonic()
            if found is not None or left <= 0 or _is_over():
                return found
            with self._bell:
                self._bell.wait_for(lambda: self._heard(topics) != seen, min(left, LOOK_AGAIN_S))  # noqa: B023

    def _heard(self, topics: tuple[str, ...]) -> int:
        return sum(self._rung.get(topic, 0) for topic in topics)


def use_parking(app: Flask, server: Server) -> None:
    """Gives an application its places."""
    app.extensions[EXTENSION] = Parking(server)


def of(app: Flask) -> Parking:
    """The places of an application."""
    found: Parking = app.extensions[EXTENSION]
    return found


def of_app() -> Parking:
    """The places of the application that handles this request."""
    return of(current_app)


def _is_over() -> bool:
    """Whether the server stops or the client has gone; ``web.serving`` answers both."""
    for question in ("bpm_server.stopping", "waitress.client_disconnected"):
        ask = request.environ.get(question)
        if ask is not None and ask():
            return True
    return False

"""The worker inside a server process: threads for the engine, tidying, mails and pushes, several for calls outside.

A wake-up after each commit makes it look at once; without one it looks when the next piece is due, and every few
seconds for what other processes left.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Protocol

from bpm_server.kernel import metrics
from bpm_server.kernel.errors import Unavailable
from bpm_server.kernel.log import get_logger
from bpm_server.worker import rounds
from bpm_server.worker.dispatch import PAUSE_AFTER_ERROR_S, Dispatcher

if TYPE_CHECKING:
    from bpm_server.services.server import Server

log = get_logger(__name__)
OUTSIDE = "outside"
MAILS = "mails"
PUSHES = "pushes"
LANES: dict[str, tuple[str, ...]] = {
    "engine": ("signals", "messages", "safe-points", "timers", "alarms", "clocks", "batch-operations"),
    "tidying": ("documents", "replies", "drafts", "audit-log", "history", "notifications"),
    MAILS: ("mails",),
    PUSHES: ("pushes",),
    OUTSIDE: ("jobs", "deliveries"),
}
LOOK_AGAIN_S = 5.0


def lanes_of(topics: frozenset[str]) -> list[str]:
    """The lanes that have something to do after commits with these topics."""
    return [lane for lane, mine in LANES.items() if topics & frozenset(mine) or (lane == "engine" and "jobs" in topics)]


class Sender(Protocol):
    """Has a lane of its own where an installation sends such things: a ``Mailer``, a ``Pusher``."""

    def round(self) -> int:
        """Sends some; returns how much was done."""
        ...


class EmbeddedWorker:
    """Runs the lanes until it is stopped."""

    def __init__(
        self,
        server: Server,
        *,
        mailer: Sender | None = None,
        pusher: Sender | None = None,
        look_again_s: float = LOOK_AGAIN_S,
    ) -> None:
        self._server = server
        self._senders = {lane: sender for lane, sender in ((MAILS, mailer), (PUSHES, pusher)) if sender is not None}
        self._look_again_s = look_again_s
        self._stop = threading.Event()
        others = {OUTSIDE, MAILS, PUSHES} - set(self._senders)
        own = {lane: topics for lane, topics in LANES.items() if lane not in others}
        self._bells = {lane: threading.Event() for lane in own}
        self._threads = [
            threading.Thread(target=self._run, args=(lane, topics), name=f"worker-{lane}", daemon=True)
            for lane, topics in own.items()
        ]
        self._dispatcher = Dispatcher(server, look_again_s=look_again_s)

    def start(self) -> None:
        """Starts the threads; from now on commits of this process wake them."""
        self._server.wake.listeners.append(self.wake)
        for thread in self._threads:
            thread.start()
        self._dispatcher.start()

    def wake(self, topics: frozenset[str]) -> None:
        """There is work of these kinds."""
        for lane in lanes_of(topics):
            if lane == OUTSIDE:
                self._dispatcher.heard(topics)
            else:
                self.ring(lane)

    def ring(self, lane: str) -> None:
        """There may be work for this lane."""
        if lane == OUTSIDE:
            self._dispatcher.ring()
        elif lane in self._bells:
            self._bells[lane].set()

    def take_no_more(self) -> None:
        """Begins to stop: what is being done goes on, nothing more is taken. Does not wait."""
        if not self._stop.is_set():
            log.info("worker.stopping")
        self._stop.set()
        if self.wake in self._server.wake.listeners:
            self._server.wake.listeners.remove(self.wake)
        for bell in self._bells.values():
            bell.set()
        self._dispatcher.take_no_more()

    def stop(self, timeout_s: float | None = None) -> bool:
        """Takes nothing more and finishes what is being done, for at most ``BPM_STOP_SECONDS``.

        What outside work is not finished then is given back. Returns whether everything was finished.
        """
        left_s = float(self._server.settings.stop_seconds) if timeout_s is None else timeout_s
        end = time.monotonic() + left_s
        self.take_no_more()
        finished = self._dispatcher.stop(left_s)
        for thread in self._threads:
            if thread.is_alive():
                thread.join(max(end - time.monotonic(), 0.1))
        return finished and not any(thread.is_alive() for thread in self._threads)

    def _run(self, lane: str, topics: tuple[str, ...]) -> None:
        bell = self._bells[lane]
        while not self._stop.is_set():
            bell.clear()
            bell.wait(self._round(lane, topics))

    def _round(self, lane: str, topics: tuple[str, ...]) -> float:
        """Works until nothing is due; returns how long to wait for more."""
        try:
            if (sender := self._senders.get(lane)) is not None:
                while not self._stop.is_set() and sender.round():
                    pass
            else:
                rounds.run_until_idle(self._server, topics=topics, go_on=lambda: not self._stop.is_set())
            return rounds.wait_s(self._server, topics, self._look_again_s)
        except Unavailable as error:
            log.warning("worker.database_busy", lane=lane, reason=error.message)
        except Exception:
            metrics.WORK_FAILED.labels("round").inc()
            log.exception("worker.round_failed", lane=lane)
        return PAUSE_AFTER_ERROR_S

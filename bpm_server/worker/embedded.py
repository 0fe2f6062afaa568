"""The worker inside a server process: a thread for the engine's own work, another for calls to the outside.

A wake-up after each commit makes it look at once; without one it looks when the next piece is due, and every few
seconds for what other processes left.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from bpm_server.kernel import metrics
from bpm_server.kernel.errors import Unavailable
from bpm_server.kernel.log import get_logger
from bpm_server.worker import rounds

if TYPE_CHECKING:
    from bpm_server.services.server import Server

log = get_logger(__name__)
LANES: dict[str, tuple[str, ...]] = {
    "engine": ("signals", "messages", "safe-points", "timers", "batch-operations", "audit-log"),
    "outside": ("jobs", "deliveries", "documents", "replies"),
}
LOOK_AGAIN_S = 5.0
PAUSE_AFTER_ERROR_S = 2.0


def lanes_of(topics: frozenset[str]) -> list[str]:
    """The lanes that have something to do after commits with these topics."""
    return [lane for lane, mine in LANES.items() if topics & frozenset(mine) or (lane == "engine" and "jobs" in topics)]


class EmbeddedWorker:
    """Runs the lanes until it is stopped."""

    def __init__(self, server: Server, *, look_again_s: float = LOOK_AGAIN_S) -> None:
        self._server = server
        self._look_again_s = look_again_s
        self._stop = threading.Event()
        self._bells = {lane: threading.Event() for lane in LANES}
        self._threads = [
            threading.Thread(target=self._run, args=(lane, topics), name=f"worker-{lane}", daemon=True)
            for lane, topics in LANES.items()
        ]

    def start(self) -> None:
        """Starts the threads; from now on commits of this process wake them."""
        self._server.wake.listeners.append(self.wake)
        for thread in self._threads:
            thread.start()

    def wake(self, topics: frozenset[str]) -> None:
        """There is work of these kinds."""
        for lane in lanes_of(topics):
            self.ring(lane)

    def ring(self, lane: str) -> None:
        """There may be work for this lane."""
        self._bells[lane].set()

    def stop(self, timeout_s: float = 30.0) -> None:
        """Finishes what is being done; leases that are held beyond the time are given back by their end."""
        self._stop.set()
        if self.wake in self._server.wake.listeners:
            self._server.wake.listeners.remove(self.wake)
        for bell in self._bells.values():
            bell.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(timeout_s)

    def _run(self, lane: str, topics: tuple[str, ...]) -> None:
        bell = self._bells[lane]
        while not self._stop.is_set():
            bell.clear()
            bell.wait(self._round(lane, topics))

    def _round(self, lane: str, topics: tuple[str, ...]) -> float:
        """Works until nothing is due; returns how long to wait for more."""
        try:
            rounds.run_until_idle(self._server, topics=topics, go_on=lambda: not self._stop.is_set())
            return rounds.wait_s(self._server, topics, self._look_again_s)
        except Unavailable as error:
            log.warning("worker.database_busy", lane=lane, reason=error.message)
        except Exception:
            metrics.WORK_FAILED.labels("round").inc()
            log.exception("worker.round_failed", lane=lane)
        return PAUSE_AFTER_ERROR_S

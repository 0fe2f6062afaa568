"""Telling other processes, after a commit, that there is work: off the request's thread, behind a circuit breaker.

Topics of many commits become one message. While the broker cannot be reached nothing is kept: workers sweep.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from bpm_server.domain.channels import JOBS
from bpm_server.kernel import metrics
from bpm_server.kernel.log import get_logger
from bpm_server.worker.broker import BELL, CONNECT_S, EXPIRES_S, UNREACHABLE, WAKE_UP, make_app, queue_of
from bpm_server.worker.embedded import lanes_of

if TYPE_CHECKING:
    from bpm_server.services.server import Server

log = get_logger(__name__)
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0


class Breaker:
    """Whether it is worth trying: after a failure not for a while, longer after each further one."""

    def __init__(self) -> None:
        self._failures = 0
        self._closed_from = 0.0

    def allows(self, now: float) -> bool:
        """Whether to try at this moment (seconds of any steady clock)."""
        return now >= self._closed_from

    def failed(self, now: float) -> float:
        """Notes a failure; returns the pause in seconds."""
        pause: float = min(FIRST_PAUSE_S * 2**self._failures, LONGEST_PAUSE_S)
        self._failures += 1
        self._closed_from = now + pause
        return pause

    def succeeded(self) -> bool:
        """Notes a success; True if it ends a time of failures."""
        mended = self._failures > 0
        self._failures = 0
        return mended


class Publisher:
    """The thread that publishes what commits of this process caused."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._app = make_app(server.settings)
        self._topics: set[str] = set()
        self._bell = threading.Condition()
        self._stopping = False
        self._breaker = Breaker()
        self._thread = threading.Thread(target=self._run, name="wake-ups", daemon=True)

    def start(self) -> None:
        """From now on commits of this process are published."""
        self._server.wake.listeners.append(self.wake)
        self._thread.start()

    def wake(self, topics: frozenset[str]) -> None:
        """Something of these topics was committed; never waits for the broker."""
        told = {topic for topic in topics if not topic.startswith(JOBS)}
        with self._bell:
            self._topics |= told
            self._bell.notify()

    def stop(self) -> None:
        """What is still to be said is dropped: workers look again by themselves."""
        if self.wake in self._server.wake.listeners:
            self._server.wake.listeners.remove(self.wake)
        with self._bell:
            self._stopping = True
            self._bell.notify()
        self._thread.join(CONNECT_S + 3)

    def _run(self) -> None:
        connection: Any = None
        while True:
            with self._bell:
                self._bell.wait_for(lambda: self._topics or self._stopping)
                if self._stopping:
                    break
                topics, self._topics = frozenset(self._topics), set()
            if not self._breaker.allows(time.monotonic()):
                continue
            try:
                connection = connection or self._connect()
                self._publish(connection, topics)
            except UNREACHABLE as error:
                self._failed(error)
                _close(connection)
                connection = None
            else:
                metrics.BROKER_REACHABLE.set(1)
                if self._breaker.succeeded():
                    log.info("broker.back")
        _close(connection)

    def _connect(self) -> Any:
        connection = self._app.connection_for_write()
        connection.ensure_connection(max_retries=0, timeout=CONNECT_S)
        return connection

    def _publish(self, connection: Any, topics: frozenset[str]) -> None:
        with self._app.amqp.Producer(connection) as producer:
            for lane in lanes_of(topics):
                queue = queue_of(lane)
                self._app.send_task(
                    WAKE_UP + lane, producer=producer, queue=queue, expires=EXPIRES_S, retry=False, ignore_result=True
                )
            producer.publish(
                sorted(topics), exchange=BELL, routing_key="", serializer="json", declare=[BELL], expiration=EXPIRES_S
            )

    def _failed(self, error: Exception) -> None:
        pause = self._breaker.failed(time.monotonic())
        metrics.BROKER_REACHABLE.set(0)
        log.warning("broker.unreachable", pause_s=pause, reason=f"{type(error).__name__}: {error}")


def _close(connection: Any) -> None:
    if connection is not None:
        connection.release()

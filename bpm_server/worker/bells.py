"""Hearing what other processes commit: rings whoever waits in this one (long polls, live pages)."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from kombu import Connection, Consumer, Queue

from bpm_server.kernel.log import get_logger
from bpm_server.worker.broker import BELL, CONNECT_S, UNREACHABLE
from bpm_server.worker.wakeups import LONGEST_PAUSE_S, Breaker

if TYPE_CHECKING:
    from collections.abc import Callable

log = get_logger(__name__)
HEARTBEAT_S = 20


class BellListener:
    """A thread that calls ``ring`` with the topics of every process's commits."""

    def __init__(self, broker_url: str, ring: Callable[[frozenset[str]], None]) -> None:
        self._url = broker_url
        self._ring = ring
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="bells", daemon=True)

    def start(self) -> None:
        """Begins to listen; goes on trying while the broker is away."""
        self._thread.start()

    def stop(self) -> None:
        """Ends it."""
        self._stop.set()
        self._thread.join(CONNECT_S + 3)

    def _run(self) -> None:
        breaker = Breaker()
        while not self._stop.is_set():
            try:
                self._listen(breaker)
            except UNREACHABLE as error:
                pause = breaker.failed(0)
                log.warning("bells.silent", pause_s=pause, reason=f"{type(error).__name__}: {error}")
                self._stop.wait(min(pause, LONGEST_PAUSE_S))

    def _listen(self, breaker: Breaker) -> None:
        with Connection(self._url, connect_timeout=CONNECT_S, heartbeat=HEARTBEAT_S) as connection:
            queue = Queue(
                "", BELL, exclusive=True, auto_delete=True, durable=False, queue_arguments={"x-max-length": 1_000}
            )
            with Consumer(connection, [queue], callbacks=[self._heard], no_ack=True, accept=["json"]):
                breaker.succeeded()
                while not self._stop.is_set():
                    try:
                        connection.drain_events(timeout=1.0)
                    except TimeoutError:
                        connection.heartbeat_check()

    def _heard(self, body: Any, _message: Any) -> None:
        if isinstance(body, list):
            self._ring(frozenset(str(topic) for topic in body))

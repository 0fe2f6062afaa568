"""Wake-ups over a broker: what a process says when its connection breaks. With a real broker: ``tests/chaos``."""

from __future__ import annotations

import queue
from typing import TYPE_CHECKING, Any

from bpm_server.worker import wakeups

if TYPE_CHECKING:
    import pytest

    from tests.support.product import Product

PATIENCE_S = 30
JOBS = frozenset({"jobs"})


def test_a_connection_that_breaks_is_replaced(bpm_sqlite: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wakeups, "FIRST_PAUSE_S", 0.0)
    publisher = wakeups.Publisher(bpm_sqlite.with_settings(broker_url="memory://").server)
    publish = publisher._publish
    broken: queue.Queue[Any] = queue.Queue()
    working: queue.Queue[Any] = queue.Queue()
    breaks = iter([True, False])

    def break_once(connection: Any, topics: frozenset[str]) -> None:
        if next(breaks):
            broken.put(connection)
            raise ConnectionResetError
        publish(connection, topics)
        working.put(connection)

    monkeypatch.setattr(publisher, "_publish", break_once)
    publisher.start()
    publisher.wake(JOBS)
    first = broken.get(timeout=PATIENCE_S)
    publisher.wake(JOBS)
    assert working.get(timeout=PATIENCE_S) is not first
    publisher.stop()
    assert not publisher._thread.is_alive()

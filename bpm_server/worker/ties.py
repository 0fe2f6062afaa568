"""The ties of a web process to the broker: its commits are published, those of others ring here."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bpm_server.services.server import Server


@contextlib.contextmanager
def tied(server: Server, ring: Callable[[frozenset[str]], None]) -> Iterator[None]:
    """Tied as long as the block runs; nothing happens in an installation without a broker."""
    if not server.settings.broker_url:
        yield
        return
    from bpm_server.worker.bells import BellListener  # noqa: PLC0415 - Celery only where there is a broker
    from bpm_server.worker.wakeups import Publisher  # noqa: PLC0415

    publisher, listener = Publisher(server), BellListener(server.settings.broker_url, ring)
    publisher.start()
    listener.start()
    try:
        yield
    finally:
        listener.stop()
        publisher.stop()

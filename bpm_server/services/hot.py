"""Live instances kept in memory, so that a step need not load what the last one left."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from bpm_server.kernel import metrics

if TYPE_CHECKING:
    from bpm_server.engine import Instance

_HIT, _MISS = metrics.HOT.labels("hit"), metrics.HOT.labels("miss")


class HotInstances:
    """Least recently used first out. An entry is taken out while a command works on it.

    A command holds the instance's row lock and knows the row's version: an entry of another version is stale
    and dropped. A command that fails simply does not give its entry back.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._entries: OrderedDict[int, tuple[int, Instance]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, key: int, version: int) -> Instance | None:
        """Removes and returns the instance, if it is of this version."""
        with self._lock:
            entry = self._entries.pop(key, None)
        hit = entry is not None and entry[0] == version
        (_HIT if hit else _MISS).inc()
        return entry[1] if entry is not None and hit else None

    def holds(self, key: int, version: int) -> bool:
        """Whether :meth:`take` would return it now."""
        with self._lock:
            entry = self._entries.get(key)
        return entry is not None and entry[0] == version

    def put(self, key: int, version: int, instance: Instance) -> None:
        """Gives an instance back after its commit."""
        with self._lock:
            existing = self._entries.get(key)
            if existing is not None and existing[0] > version:
                return
            self._entries[key] = (version, instance)
            self._entries.move_to_end(key)
            while len(self._entries) > self._capacity:
                self._entries.popitem(last=False)

    def clear(self) -> None:
        """Forgets everything (tests, and after a restore)."""
        with self._lock:
            self._entries.clear()

    def __len__(self) -> int:
        return len(self._entries)

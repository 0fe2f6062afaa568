"""Rates: token buckets in the memory of one process."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_BUCKETS = 10_000


class TokenBuckets:
    """A bucket for each name: it holds ``burst`` tokens and gains ``per_second``; each act takes one.

    The names that acted longest ago are forgotten first: their buckets are full again anyway.
    """

    def __init__(self, per_second: float, burst: float, monotonic: Callable[[], float]) -> None:
        self._per_second = per_second
        self._burst = max(burst, 1.0)
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, name: str, per_second: float | None = None, burst: float | None = None) -> float:
        """Takes a token; 0, or the seconds until there is one. A name may have a rate and a burst of its own."""
        gained = self._per_second if per_second is None else per_second
        most = self._burst if burst is None else max(burst, 1.0)
        if gained <= 0:
            return 0.0
        with self._lock:
            now = self._monotonic()
            tokens, at = self._buckets.get(name, (most, now))
            tokens = min(tokens + (now - at) * gained, most)
            missing = 1.0 - tokens
            self._buckets[name] = (tokens if missing > 0 else tokens - 1.0, now)
            self._buckets.move_to_end(name)
            if len(self._buckets) > MOST_BUCKETS:
                self._buckets.popitem(last=False)
        return missing / gained if missing > 0 else 0.0

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

    def take(self, name: str) -> float:
        """Takes a token; 0, or the seconds until there is one."""
        if self._per_second <= 0:
            return 0.0
        with self._lock:
            now = self._monotonic()
            tokens, at = self._buckets.get(name, (self._burst, now))
            tokens = min(tokens + (now - at) * self._per_second, self._burst)
            missing = 1.0 - tokens
            self._buckets[name] = (tokens if missing > 0 else tokens - 1.0, now)
            self._buckets.move_to_end(name)
            if len(self._buckets) > MOST_BUCKETS:
                self._buckets.popitem(last=False)
        return missing / self._per_second if missing > 0 else 0.0

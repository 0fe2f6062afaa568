"""Keys: 63-bit integers that grow with time and never collide between processes.

41 bits of milliseconds since 2025-01-01, 10 bits of node (leased from the database), 12 bits of sequence.
In JSON they are decimal strings, because JavaScript numbers end at 2**53.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bpm_server.kernel.clock import Clock

EPOCH_MS = 1_735_689_600_000
"""2025-01-01T00:00:00Z in milliseconds since 1970."""
NODES = 1 << 10
_SEQUENCE_BITS = 12
_SEQUENCE_MASK = (1 << _SEQUENCE_BITS) - 1


class KeySource:
    """Hands out keys of one node. Safe for threads; a clock that goes back does not make keys repeat."""

    def __init__(self, clock: Clock, node: int | None = None) -> None:
        self._node: int | None = None
        self._clock = clock
        self._lock = threading.Lock()
        self._last = 0
        if node is not None:
            self.use_node(node)

    def use_node(self, node: int) -> None:
        """Sets the node number, leased from the database."""
        if not 0 <= node < NODES:
            message = f"Expected a node between 0 and {NODES - 1}, but found {node}"
            raise ValueError(message)
        self._node = node << _SEQUENCE_BITS

    def __call__(self) -> int:
        """The next key."""
        if self._node is None:
            message = "Expected a leased node number before the first key, but there is none"
            raise RuntimeError(message)
        with self._lock:
            elapsed = int(self._clock.now().timestamp() * 1000) - EPOCH_MS
            tick = max(elapsed << _SEQUENCE_BITS, self._last + 1)
            self._last = tick
        return ((tick & ~_SEQUENCE_MASK) << 10) | self._node | (tick & _SEQUENCE_MASK)

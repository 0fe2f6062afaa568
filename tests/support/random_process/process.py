"""A whole random process in the Camunda 8 dialect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.support.random_process.events import EVENTS, Events
from tests.support.random_process.structure import STRUCTURE, Structure

if TYPE_CHECKING:
    from collections.abc import Callable

LEAVES = ("user", "service", "script", "task", "timer", "message", "receive", "signal", "conditional")


class Blocks(Structure, Events):
    """Every kind of block."""

    def whole(self, depth: int) -> Blocks:
        """Blocks between a start and an end event."""
        process = self.process
        first, last = self.block(process, depth)
        process.start("start")
        process.end("end")
        process.path("start", first)
        process.path(last, "end")
        return self


def random_process(draw: Callable[[Any], Any], depth: int = 3, *, calls: bool = False) -> Blocks:
    """A process, with called ones beside it where ``calls`` says so."""
    return Blocks(draw, LEAVES, STRUCTURE + EVENTS, calls).whole(depth)

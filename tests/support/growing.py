"""Processes that grow by items, turns, blocks, elements. Benchmarks time them, tests count what they write."""

from __future__ import annotations

from tests.support.bpmn_builder import Process, multi_instance

BLOCKS = 10
ELEMENTS = 300


def items() -> bytes:
    """A user task for each item, a second one behind."""
    p = Process("items")
    marker = multi_instance("=items", "item", output=("results", "=answer"))
    p.path(p.start(), p.user("vote", marker), p.user("after"), p.end())
    return p.xml()


def blocks() -> bytes:
    """Parallel blocks in a row; each splits in two and joins again before a user task."""
    p = Process("blocks")
    last = p.start()
    for n in range(BLOCKS):
        fork, join = p.add("parallelGateway", f"fork{n}"), p.add("parallelGateway", f"join{n}")
        p.flow(last, fork)
        for side in "ab":
            p.path(fork, p.script(f"{side}{n}", "=1", f"{side}{n}"), join)
        last = join
    p.path(last, p.user("after"), p.end())
    return p.xml()


def loop() -> bytes:
    """A user task that is done again until nobody asks for more."""
    p = Process("loop")
    p.start()
    p.add("exclusiveGateway", "again")
    p.user("turn")
    p.add("exclusiveGateway", "enough", default="done")
    p.path("s", "again", "turn", "enough")
    p.flow("enough", "again", "=more")
    p.flow("enough", p.end(), id="done")
    return p.xml()


def large(elements: int = ELEMENTS, number: int = 1) -> bytes:
    """A file of so many elements: user tasks and gateways in a row; another process for each number."""
    p = Process(f"large{number}")
    last = p.start()
    for n in range((elements - 2) // 2):
        task, gateway = p.user(f"task{n}"), p.add("exclusiveGateway", f"gateway{n}")
        p.path(last, task, gateway)
        last = gateway
    p.path(last, p.end())
    return p.xml()

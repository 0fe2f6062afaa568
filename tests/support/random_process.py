"""Random processes that end when everything in them is done, and random paths through them.

A process is a tree of blocks; every block has one way in and one way out, so that what is drawn is sound. The
choices come from Hypothesis (``draw``), so that a failure shrinks to a small process and a short path.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from bpm_server.domain import commands as c
from tests.support.bpmn_builder import Process, Scope, event, extensions, io, multi_instance, timer

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.engine_world import World

LEAVES = ("user", "service", "script", "task", "timer", "message", "receive")
NESTED = (
    "sequence", "exclusive", "parallel", "inclusive", "sub", "loop", "event-gateway", "boundary-timer",
    "boundary-message", "boundary-error", "non-interrupting", "multi-sequential", "multi-parallel", "multi-until",
    "event-sub-process", "terminate", "error-end", "escalation", "compensation", "link",
)  # fmt: skip


@dataclass
class Drawing:
    """The process being drawn."""

    draw: Callable[[Any], Any]
    process: Process = field(default_factory=Process)
    count: int = 0
    used: set[str] = field(default_factory=set)

    def id(self, kind: str) -> str:
        self.count += 1
        return f"{kind}{self.count}"

    def pick(self, *choices: Any) -> Any:
        return self.draw(st.sampled_from(choices))

    # Every block function adds elements to a scope and returns (first id, last id).

    def block(self, scope: Scope, depth: int) -> tuple[str, str]:
        kind = self.pick(*(LEAVES if depth <= 0 else (*LEAVES[:3], *NESTED)))
        self.used.add(kind)
        method = getattr(self, kind.replace("-", "_"))
        return method(scope, depth) if kind in NESTED else (method(scope),) * 2

    def user(self, scope: Scope, extra: str = "") -> str:
        return scope.user(self.id("U"), extra, self._mapping())

    def _mapping(self) -> str:
        choice = self.pick("none", "none", "input", "output", "both")
        inputs = {"local": "=n + 1"} if choice in ("input", "both") else None
        outputs = {"kept": "=n"} if choice in ("output", "both") else None
        return io(inputs, outputs)

    def service(self, scope: Scope, extra: str = "") -> str:
        return scope.service(self.id("W"), "work", extra)

    def script(self, scope: Scope) -> str:
        return scope.script(self.id("C"), "=n + 1", "n")

    def task(self, scope: Scope) -> str:
        return scope.add("task", self.id("T"))

    def timer(self, scope: Scope) -> str:
        return scope.add("intermediateCatchEvent", self.id("M"), timer("Duration", "PT1H"))

    def _message(self) -> str:
        name = self.id("message")
        return self.process.message(f"ref_{name}", name, '="key"')

    def message(self, scope: Scope) -> str:
        return scope.add("intermediateCatchEvent", self.id("R"), event("message", messageRef=self._message()))

    def receive(self, scope: Scope) -> str:
        return scope.add("receiveTask", self.id("R"), messageRef=self._message())

    # --- structure --------------------------------------------------------------------------------------

    def sequence(self, scope: Scope, depth: int) -> tuple[str, str]:
        first, last = self.block(scope, depth - 1)
        for _ in range(self.draw(st.integers(1, 2))):
            following, end = self.block(scope, depth - 1)
            scope.flow(last, following)
            last = end
        return first, last

    def _split(self, scope: Scope, depth: int, tag: str) -> tuple[str, str]:
        split, join = self.id("G"), self.id("G")
        branches = self.draw(st.integers(2, 3))
        flows = []
        for number in range(branches):
            first, last = self.block(scope, depth - 1)
            condition = None
            if tag == "exclusiveGateway" and number:
                condition = f"=modulo(n, {number + 1}) = 0"
            if tag == "inclusiveGateway" and number:
                condition = f"=modulo(n, {number + 1}) < 1"
            flows.append((first, last, condition))
        default = f"f_{split}_{flows[0][0]}" if tag != "parallelGateway" else None
        scope.add(tag, split, **({"default": default} if default else {}))
        scope.add(tag, join)
        for first, last, condition in flows:
            scope.flow(split, first, condition)
            scope.flow(last, join)
        return split, join

    def exclusive(self, scope: Scope, depth: int) -> tuple[str, str]:
        return self._split(scope, depth, "exclusiveGateway")

    def parallel(self, scope: Scope, depth: int) -> tuple[str, str]:
        return self._split(scope, depth, "parallelGateway")

    def inclusive(self, scope: Scope, depth: int) -> tuple[str, str]:
        return self._split(scope, depth, "inclusiveGateway")

    def loop(self, scope: Scope, depth: int) -> tuple[str, str]:
        counter, entry, leave = self.id("turns"), self.id("G"), self.id("G")
        first, last = self.block(scope, depth - 1)
        count = scope.script(self.id("C"), f"=if {counter} = null then 1 else {counter} + 1", counter)
        scope.add("exclusiveGateway", entry)
        again = f"f_{leave}_{entry}"
        scope.add("exclusiveGateway", leave, default=again)
        out = scope.add("task", self.id("T"))
        scope.path(entry, first)
        scope.path(last, count, leave)
        scope.flow(leave, entry)
        scope.flow(leave, out, f"={counter} >= 2")
        return entry, out

    def event_gateway(self, scope: Scope, depth: int) -> tuple[str, str]:
        gateway, join = scope.add("eventBasedGateway", self.id("E")), scope.add("exclusiveGateway", self.id("G"))
        for catch in (self.timer(scope), self.message(scope)):
            first, last = self.block(scope, depth - 1)
            scope.path(gateway, catch, first)
            scope.path(last, join)
        return gateway, join

    def _inner(self, depth: int) -> Scope:
        inner = Scope()
        start, end = inner.start(self.id("S")), inner.end(self.id("X"))
        first, last = self.block(inner, depth - 1)
        inner.path(start, first)
        inner.path(last, end)
        return inner

    def sub(self, scope: Scope, depth: int, extra: str = "") -> tuple[str, str]:
        key = self.id("P")
        scope.sub(key, self._inner(depth), extra)
        return key, key

    # --- events -----------------------------------------------------------------------------------------

    def _boundary(self, scope: Scope, depth: int, definition: str, *, interrupting: bool = True) -> tuple[str, str]:
        host, _ = self.sub(scope, depth) if self.pick(True, False) else (self.user(scope),) * 2
        key = scope.boundary(self.id("B"), host, definition, interrupting=interrupting)
        first, last = self.block(scope, depth - 2)
        scope.path(key, first)
        if not interrupting:
            scope.path(last, scope.end(self.id("X")))
            return host, host
        join = scope.add("exclusiveGateway", self.id("G"))
        scope.path(host, join)
        scope.path(last, join)
        return host, join

    def boundary_timer(self, scope: Scope, depth: int) -> tuple[str, str]:
        return self._boundary(scope, depth, timer("Duration", "PT2H"))

    def boundary_message(self, scope: Scope, depth: int) -> tuple[str, str]:
        return self._boundary(scope, depth, event("message", messageRef=self._message()))

    def non_interrupting(self, scope: Scope, depth: int) -> tuple[str, str]:
        cycle = self.pick("R2/PT1H", "R1/PT3H")
        return self._boundary(scope, depth, timer("Cycle", cycle), interrupting=False)

    def boundary_error(self, scope: Scope, depth: int) -> tuple[str, str]:
        error = self.process.error(self.id("error"), self.id("code"))
        host = self.service(scope)
        key = scope.boundary(self.id("B"), host, event("error", errorRef=error))
        first, last = self.block(scope, depth - 2)
        join = scope.add("exclusiveGateway", self.id("G"))
        scope.path(key, first)
        scope.path(host, join)
        scope.path(last, join)
        return host, join

    def error_end(self, scope: Scope, depth: int) -> tuple[str, str]:
        """A sub-process that may end with an error its boundary catches."""
        code = self.id("code")
        error = self.process.error(self.id("error"), code)
        inner, key = Scope(), self.id("P")
        start, choice, good, bad = (self.id(kind) for kind in "SGXX")
        inner.start(start)
        first, last = self.block(inner, depth - 1)
        inner.add("exclusiveGateway", choice, default=f"f_{choice}_{good}")
        inner.end(good)
        inner.end(bad, event("error", errorRef=error))
        inner.path(start, first)
        inner.path(last, choice)
        inner.flow(choice, good)
        inner.flow(choice, bad, "=modulo(n, 2) = 1")
        scope.sub(key, inner)
        caught = scope.boundary(self.id("B"), key, event("error", errorRef=error))
        join = scope.add("exclusiveGateway", self.id("G"))
        scope.path(key, join)
        scope.path(caught, join)
        return key, join

    def escalation(self, scope: Scope, depth: int) -> tuple[str, str]:
        """A sub-process that escalates and goes on."""
        reference = self.process.escalation(self.id("escalation"), self.id("code"))
        inner, key = Scope(), self.id("P")
        start, end = inner.start(self.id("S")), inner.end(self.id("X"))
        throw = inner.add("intermediateThrowEvent", self.id("H"), event("escalation", escalationRef=reference))
        first, last = self.block(inner, depth - 1)
        inner.path(start, throw, first)
        inner.path(last, end)
        scope.sub(key, inner)
        interrupting = self.pick(True, False)
        caught = scope.boundary(
            self.id("B"), key, event("escalation", escalationRef=reference), interrupting=interrupting
        )
        after, _ = self.block(scope, 0)
        scope.path(caught, after)
        join = scope.add("exclusiveGateway", self.id("G"))
        scope.path(key, join)
        scope.path(after, join if interrupting else scope.end(self.id("X")))
        return key, join

    def event_sub_process(self, scope: Scope, depth: int) -> tuple[str, str]:
        key, inner, handler = self.id("P"), self._inner(depth), Scope()
        interrupting = self.pick("true", "false")
        definition = self.pick(timer("Duration", "PT90M"), event("message", messageRef=self._message()))
        start, end = handler.start(self.id("S"), definition, isInterrupting=interrupting), handler.end(self.id("X"))
        first, last = self.block(handler, depth - 2)
        handler.path(start, first)
        handler.path(last, end)
        inner.sub(self.id("Q"), handler, by_event=True)
        scope.sub(key, inner)
        return key, key

    def terminate(self, scope: Scope, depth: int) -> tuple[str, str]:
        """Two branches in a sub-process; the first to end terminates the other."""
        inner, key = Scope(), self.id("P")
        start, split = inner.start(self.id("S")), inner.add("parallelGateway", self.id("G"))
        inner.path(start, split)
        for _ in range(2):
            first, last = self.block(inner, depth - 2)
            inner.path(split, first)
            inner.path(last, inner.end(self.id("X"), event("terminate")))
        scope.sub(key, inner)
        return key, key

    def compensation(self, scope: Scope, depth: int) -> tuple[str, str]:
        """An activity with a handler, something between, and a throw that undoes it."""
        host, handler = self.user(scope), self.id("U")
        scope.add("userTask", handler, extensions("<zeebe:userTask/>"), isForCompensation="true")
        boundary = scope.boundary(self.id("B"), host, event("compensate"))
        scope.add("association", self.id("A"), sourceRef=boundary, targetRef=handler)
        first, last = self.block(scope, depth - 2)
        throw = scope.add("intermediateThrowEvent", self.id("H"), event("compensate"))
        scope.path(host, first)
        scope.path(last, throw)
        return host, throw

    def link(self, scope: Scope, depth: int) -> tuple[str, str]:
        name = self.id("link")
        throw = scope.add("intermediateThrowEvent", self.id("L"), event("link", name=name))
        catch = scope.add("intermediateCatchEvent", self.id("L"), event("link", name=name))
        first, last = self.block(scope, depth - 1)
        scope.path(catch, first)
        return throw, last

    # --- multi-instance ---------------------------------------------------------------------------------

    def _multi(self, scope: Scope, depth: int, *, sequential: bool, until: str | None = None) -> tuple[str, str]:
        marker = multi_instance(
            "=items", "item", sequential=sequential, output=(self.id("results"), "=n + 1"), until=until
        )
        if self.pick(True, False):
            return self.sub(scope, depth, marker)
        return (self.user(scope, marker),) * 2

    def multi_sequential(self, scope: Scope, depth: int) -> tuple[str, str]:
        return self._multi(scope, depth, sequential=True)

    def multi_parallel(self, scope: Scope, depth: int) -> tuple[str, str]:
        return self._multi(scope, depth, sequential=False)

    def multi_until(self, scope: Scope, depth: int) -> tuple[str, str]:
        return self._multi(scope, depth, sequential=self.pick(True, False), until="=numberOfCompletedInstances >= 2")


def random_process(draw: Callable[[Any], Any], depth: int = 3) -> Drawing:
    """A process of blocks between a start and an end event."""
    drawing = Drawing(draw)
    process = drawing.process
    first, last = drawing.block(process, depth)
    process.start("start")
    process.end("end")
    process.path("start", first)
    process.path(last, "end")
    return drawing


def actions(world: World) -> list[c.Command]:
    """Everything that could happen next, in a stable order."""
    found: list[c.Command] = [c.CompleteTask(key, {"n": key % 7}, task.chunk) for key, task in world.tasks.items()]
    for job in world.jobs.values():
        found.append(c.CompleteJob(job.element_key, {"n": job.key % 5}, job.chunk))
    for wait in world.waits.values():
        found.append(c.TriggerEvent(wait.element_key, wait.event_id, {"n": wait.key % 3}, wait.chunk))
    for clock in world.timers.values():
        found.append(c.FireTimer(clock.element_key, clock.event_id, clock.due_at, clock.repetitions, clock.chunk))
    for catch in _errors(world):
        found.append(catch)
    return found


def _errors(world: World) -> list[c.Command]:
    """BPMN errors that a boundary event would catch."""
    found: list[c.Command] = []
    for job in world.jobs.values():
        token = world.instance.tasks.get(job.element_key)
        for catch in () if token is None else token.task_spec.throw_catches:
            code = catch.event.code.value if catch.event.code is not None else "any"
            found.append(c.ThrowError(job.element_key, code, None, {}, job.chunk))
    return found

"""Blocks of gateways, sub-processes, loops and multi-instance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st

from tests.support.bpmn_builder import Scope, event, extensions, multi_instance
from tests.support.random_process.drawing import Drawing

if TYPE_CHECKING:
    from collections.abc import Sequence

STRUCTURE = (
    "sequence", "exclusive", "parallel", "inclusive", "sub", "loop", "event-gateway", "multi-sequential",
    "multi-parallel", "multi-until", "ad-hoc", "terminate", "link",
)  # fmt: skip


class Structure(Drawing):
    """How tokens walk, split and meet."""

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
            chosen = bool(number) and tag != "parallelGateway"
            flows.append((first, last, self.divides(number + 1) if chosen else None))
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

    def sub(self, scope: Scope, depth: int, body: str = "") -> tuple[str, str]:
        return (self.enclose(scope, self.around(depth), body),) * 2

    def terminate(self, scope: Scope, depth: int) -> tuple[str, str]:
        """Two branches in a sub-process; the first to end terminates the other."""
        inner = Scope()
        start, split = inner.start(self.id("S")), inner.add("parallelGateway", self.id("G"))
        inner.path(start, split)
        for _ in range(2):
            first, last = self.block(inner, depth - 2)
            inner.path(split, first)
            inner.path(last, inner.end(self.id("X"), event("terminate")))
        return (self.enclose(scope, inner),) * 2

    def link(self, scope: Scope, depth: int) -> tuple[str, str]:
        name = self.id("link")
        throw = scope.add("intermediateThrowEvent", self.id("L"), event("link", name=name))
        catch = scope.add("intermediateCatchEvent", self.id("L"), event("link", name=name))
        first, last = self.block(scope, depth - 1)
        scope.path(catch, first)
        return throw, last

    def ad_hoc(self, scope: Scope, depth: int) -> tuple[str, str]:
        """Activates some of what is inside by a collection of element ids."""
        inner = Scope()
        activities = [self._activity(inner, depth) for _ in range(self.draw(st.integers(1, 3)))]
        active = ", ".join(f'"{key}"' for key in activities)
        attributes = f"activeElementsCollection='=[{active}]'"
        if self.pick(True, False):
            attributes += f' outputCollection="{self.id("results")}" outputElement="=n"'
        condition = self.pick("", "<bpmn:completionCondition>=true</bpmn:completionCondition>")
        key = self.id("P")
        scope.add(
            "adHocSubProcess", key, extensions(f"<zeebe:adHoc {attributes}/>") + "".join(inner.elements) + condition
        )
        return key, key

    def _activity(self, inner: Scope, depth: int) -> str:
        kind = self.pick("user", "service", "sub")
        if kind == "sub":
            return self.sub(inner, depth - 1)[0]
        first: str = getattr(self, kind)(inner)
        return first

    # --- multi-instance ---------------------------------------------------------------------------------

    def marker(self, *, sequential: bool, until: str | None) -> str:
        return multi_instance(
            "=items", "item", sequential=sequential, output=(self.id("results"), "=n + 1"), until=until
        )

    def _multi(self, scope: Scope, depth: int, *, sequential: bool, until: str | None = None) -> tuple[str, str]:
        marker = self.marker(sequential=sequential, until=until)
        if self.pick(True, False):
            return self.sub(scope, depth, marker)
        return (self.user(scope, marker),) * 2

    def multi_sequential(self, scope: Scope, depth: int) -> tuple[str, str]:
        return self._multi(scope, depth, sequential=True)

    def multi_parallel(self, scope: Scope, depth: int) -> tuple[str, str]:
        return self._multi(scope, depth, sequential=False)

    def multi_until(self, scope: Scope, depth: int) -> tuple[str, str]:
        return self._multi(scope, depth, sequential=self.pick(True, False), until="=numberOfCompletedInstances >= 2")


def join(scope: Scope, key: str, lasts: Sequence[str]) -> str:
    """An exclusive gateway where several ways meet."""
    scope.add("exclusiveGateway", key)
    for last in lasts:
        scope.path(last, key)
    return key

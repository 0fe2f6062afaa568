"""Blocks of events: at boundaries, in event sub-processes, thrown and caught, and undone again."""

from __future__ import annotations

from tests.support.bpmn_builder import Scope, event, extensions, timer
from tests.support.random_process.drawing import Drawing
from tests.support.random_process.structure import join

EVENTS = (
    "boundary", "boundary-error", "non-interrupting", "event-sub-process", "error-end", "escalation", "signals",
    "compensation", "transaction",
)  # fmt: skip


class Events(Drawing):
    """What happens beside the flow."""

    # --- at a boundary ----------------------------------------------------------------------------------

    def _host(self, scope: Scope, depth: int) -> str:
        return self.enclose(scope, self.around(depth)) if self.pick(True, False) else self.user(scope)

    def boundary(self, scope: Scope, depth: int) -> tuple[str, str]:
        return self._caught(scope, depth, self._host(scope, depth), self.trigger())

    def _caught(
        self, scope: Scope, depth: int, host: str, definition: str, *, interrupting: bool = True
    ) -> tuple[str, str]:
        """A host with a boundary event and a block behind that."""
        key = scope.boundary(self.id("B"), host, definition, interrupting=interrupting)
        first, last = self.block(scope, depth - 2)
        scope.path(key, first)
        if not interrupting:
            scope.path(last, scope.end(self.id("X")))
            return host, host
        return host, join(scope, self.id("G"), (host, last))

    def non_interrupting(self, scope: Scope, depth: int) -> tuple[str, str]:
        cycle = timer("Cycle", self.pick("R2/PT1H", "R1/PT3H"))
        definition = cycle if self.pick(True, False) else self.trigger()
        return self._caught(scope, depth, self._host(scope, depth), definition, interrupting=False)

    def boundary_error(self, scope: Scope, depth: int) -> tuple[str, str]:
        """An error that a worker may report."""
        return self._caught(scope, depth, self.service(scope), self._error())

    def _error(self) -> str:
        code = self.id("code")
        self.codes.append(code)
        return event("error", errorRef=self.process.error(self.id("error"), code))

    # --- thrown inside ----------------------------------------------------------------------------------

    def _may_end_with(self, depth: int, definition: str, *, undoable: bool = False) -> Scope:
        """A scope that ends in one of two ways."""
        inner = Scope()
        start, choice, good, bad = (self.id(kind) for kind in "SGXX")
        inner.start(start)
        done = [self._undoable(inner)] if undoable else []
        first, last = self.block(inner, depth - 1)
        inner.add("exclusiveGateway", choice, default=f"f_{choice}_{good}")
        inner.end(good)
        inner.end(bad, definition)
        inner.path(start, *done, first)
        inner.path(last, choice)
        inner.flow(choice, good)
        inner.flow(choice, bad, self.divides(2))
        return inner

    def error_end(self, scope: Scope, depth: int) -> tuple[str, str]:
        """Something that may end with an error its boundary catches."""
        definition = self._error()
        return self._caught(scope, depth, self.enclose(scope, self._may_end_with(depth, definition)), definition)

    def escalation(self, scope: Scope, depth: int) -> tuple[str, str]:
        """Something that escalates and goes on."""
        definition = self._escalation()
        host = self.enclose(scope, self._escalating(depth, definition))
        return self._caught(scope, depth, host, definition, interrupting=self.pick(True, False))

    def _escalation(self) -> str:
        reference = self.process.escalation(self.id("escalation"), self.id("code"))
        return event("escalation", escalationRef=reference)

    def _escalating(self, depth: int, definition: str) -> Scope:
        inner = Scope()
        start, end = inner.start(self.id("S")), inner.end(self.id("X"))
        throw = inner.add("intermediateThrowEvent", self.id("H"), definition)
        first, last = self.block(inner, depth - 1)
        inner.path(start, throw, first)
        inner.path(last, end)
        return inner

    def signals(self, scope: Scope, depth: int) -> tuple[str, str]:
        """One branch waits for the signal that the other throws."""
        split, meet = scope.add("parallelGateway", self.id("G")), scope.add("parallelGateway", self.id("G"))
        definition = event("signal", signalRef=self.new_signal())
        catch = scope.add("intermediateCatchEvent", self.id("R"), definition)
        first, last = self.block(scope, depth - 2)
        throw = scope.add("intermediateThrowEvent", self.id("H"), definition)
        scope.path(split, catch, meet)
        scope.path(split, first)
        scope.path(last, throw, meet)
        return split, meet

    # --- event sub-processes ----------------------------------------------------------------------------

    def event_sub_process(self, scope: Scope, depth: int) -> tuple[str, str]:
        kind = self.pick("trigger", "trigger", "error", "escalation")
        interrupting = self.pick(True, False) or kind == "error"
        if kind == "error":
            definition = self._error()
            inner = self._may_end_with(depth, definition)
        elif kind == "escalation":
            definition = self._escalation()
            inner = self._escalating(depth, definition)
        else:
            definition, inner = self.trigger(), self.around(depth)
        handler = self._handler(depth, definition, interrupting=interrupting)
        if self.pick(True, False):
            nested = self._handler(depth - 1, self.trigger(), interrupting=self.pick(True, False))
            handler.sub(self.id("Q"), nested, by_event=True)
        inner.sub(self.id("Q"), handler, by_event=True)
        return (self.enclose(scope, inner),) * 2

    def _handler(self, depth: int, definition: str, *, interrupting: bool) -> Scope:
        handler = Scope()
        start = handler.start(self.id("S"), definition, isInterrupting=str(interrupting).lower())
        end = handler.end(self.id("X"))
        first, last = self.block(handler, depth - 2)
        handler.path(start, first)
        handler.path(last, end)
        return handler

    # --- undoing ----------------------------------------------------------------------------------------

    def _undoable(self, scope: Scope) -> str:
        """An activity with a handler."""
        host, handler = self.user(scope), self.id("U")
        scope.add("userTask", handler, extensions(self.handler_extension()), isForCompensation="true")
        boundary = scope.boundary(self.id("B"), host, event("compensate"))
        scope.add("association", self.id("A"), sourceRef=boundary, targetRef=handler)
        return host

    def handler_extension(self) -> str:
        return "<zeebe:userTask/>"

    def compensation(self, scope: Scope, depth: int) -> tuple[str, str]:
        """Something done, something between, and a throw that undoes it."""
        host = self._undoable(scope)
        first, last = self.block(scope, depth - 2)
        throw = scope.add("intermediateThrowEvent", self.id("H"), event("compensate"))
        scope.path(host, first)
        scope.path(last, throw)
        return host, throw

    def transaction(self, scope: Scope, depth: int) -> tuple[str, str]:
        """A transaction that may be cancelled: what was done inside is undone."""
        inner, key = self._may_end_with(depth, event("cancel"), undoable=True), self.id("P")
        scope.add("transaction", key, "".join(inner.elements))
        return self._caught(scope, depth, key, event("cancel"))

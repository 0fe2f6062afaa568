"""What all blocks share: choices, ids, and elements that take part in no structure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from tests.support.bpmn_builder import Process, Scope, event, extensions, io, timer

if TYPE_CHECKING:
    from collections.abc import Callable

LISTENERS = (
    '<zeebe:executionListeners><zeebe:executionListener eventType="start" type="before"/>'
    '<zeebe:executionListener eventType="end" type="after"/></zeebe:executionListeners>'
)


@dataclass
class Drawing:
    """The process being drawn.

    Every leaf adds an element to a scope and returns its id; every nested block returns its first and its last.

    Attributes:
        leaves: Kinds of blocks of one element.
        nested: Kinds of blocks with others inside.
        calls: What is enclosed may become a called process instead of a sub-process.
        flags: Variables whose truth conditional events wait for.
        codes: Error codes that somebody catches.
        messages: Names of messages that wait for a receiver where they are kept.
    """

    draw: Callable[[Any], Any]
    leaves: tuple[str, ...]
    nested: tuple[str, ...]
    calls: bool = False
    process: Process = field(default_factory=Process)
    count: int = 0
    used: set[str] = field(default_factory=set)
    flags: list[str] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)

    def id(self, kind: str) -> str:
        self.count += 1
        return f"{kind}{self.count}"

    def pick(self, *choices: Any) -> Any:
        return self.draw(st.sampled_from(choices))

    def block(self, scope: Scope, depth: int) -> tuple[str, str]:
        kind = self.pick(*(self.leaves if depth <= 0 else (*self.leaves[:3], *self.nested)))
        self.used.add(kind)
        method = getattr(self, kind.replace("-", "_"))
        return method(scope, depth) if kind in self.nested else (method(scope),) * 2

    @property
    def variables(self) -> dict[str, Any]:
        """What an instance starts with."""
        return {"n": 1, "items": ["a", "b", "c"]}

    # --- expressions of the dialect ---------------------------------------------------------------------

    def divides(self, number: int) -> str:
        """True where ``n`` is a multiple of this number."""
        return f"=modulo(n, {number}) = 0"

    def is_true(self, flag: str) -> str:
        return f"={flag} = true"

    # --- leaves -----------------------------------------------------------------------------------------

    def user(self, scope: Scope, extra: str = "") -> str:
        return scope.user(self.id("U"), extra, self._mapping() + self._listeners())

    def _mapping(self) -> str:
        choice = self.pick("none", "none", "input", "output", "both")
        inputs = {"local": "=n + 1"} if choice in ("input", "both") else None
        outputs = {"kept": "=n"} if choice in ("output", "both") else None
        return io(inputs, outputs)

    def _listeners(self) -> str:
        return self.pick("", "", "", LISTENERS)

    def service(self, scope: Scope, extra: str = "") -> str:
        return scope.service(self.id("W"), "work", extra, self._listeners())

    def script(self, scope: Scope) -> str:
        return scope.script(self.id("C"), "=n + 1", "n")

    def task(self, scope: Scope) -> str:
        return scope.add("task", self.id("T"))

    def timer(self, scope: Scope) -> str:
        return scope.add("intermediateCatchEvent", self.id("M"), timer("Duration", "PT1H"))

    def new_message(self) -> str:
        name = self.id("message")
        self.messages.append(name)
        return self.process.message(f"ref_{name}", name, '="key"')

    def message(self, scope: Scope) -> str:
        return scope.add("intermediateCatchEvent", self.id("R"), event("message", messageRef=self.new_message()))

    def receive(self, scope: Scope) -> str:
        return scope.add("receiveTask", self.id("R"), messageRef=self.new_message())

    def new_signal(self) -> str:
        name = self.id("signal")
        return self.process.signal(f"ref_{name}", name)

    def signal(self, scope: Scope) -> str:
        return scope.add("intermediateCatchEvent", self.id("R"), event("signal", signalRef=self.new_signal()))

    def condition(self) -> str:
        """The definition of an event that waits for a new flag."""
        flag = self.id("flag")
        self.flags.append(flag)
        return event(
            "conditional",
            f'<bpmn:condition xsi:type="bpmn:tFormalExpression">{self.is_true(flag)}</bpmn:condition>',
        )

    def conditional(self, scope: Scope) -> str:
        return scope.add("intermediateCatchEvent", self.id("V"), self.condition())

    def trigger(self) -> str:
        """The definition of something that may happen, or not, while something else waits."""
        kind = self.pick("timer", "message", "signal", "conditional")
        if kind == "timer":
            return timer("Duration", self.pick("PT90M", "PT2H"))
        if kind == "message":
            return event("message", messageRef=self.new_message())
        if kind == "signal":
            return event("signal", signalRef=self.new_signal())
        return self.condition()

    # --- enclosing --------------------------------------------------------------------------------------

    def enclose(self, scope: Scope, inner: Scope, body: str = "") -> str:
        """A sub-process, or a call of a process with this content."""
        key = self.id("P")
        if not self.calls or not self.pick(False, True):
            return scope.sub(key, inner, extensions(self._listeners()) + body)
        called = self.process.another(self.id("called"))
        called.elements = inner.elements
        some = self.pick(False, True)
        mapping = io({"n": "=n", "items": "=items"}, {"n": "=n"}) if some else ""
        passed = f'propagateAllParentVariables="{str(not some).lower()}" propagateAllChildVariables="false"'
        element = f'<zeebe:calledElement processId="{called.id}" {passed if some else ""}/>'
        return scope.add("callActivity", key, extensions(element, mapping, self._listeners()) + body)

    def around(self, depth: int) -> Scope:
        """A scope with a block inside."""
        inner = Scope()
        start, end = inner.start(self.id("S")), inner.end(self.id("X"))
        first, last = self.block(inner, depth - 1)
        inner.path(start, first)
        inner.path(last, end)
        return inner

"""Random processes within what SpiffWorkflow's own BPMN runtime runs right, in its words and in ours.

Left out is what it does otherwise or not at all: loops, implicit ends and splits, inclusive gateways, events at
boundaries, multi-instance (see ADR 1), and plain tasks, which somebody must complete there. Every script and answer
has a variable of its own, because it copies variables into parallel branches.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.support.bpmn_builder import Scope, timer
from tests.support.random_process.structure import Structure

if TYPE_CHECKING:
    from collections.abc import Callable

LEAVES = ("user", "script", "timer", "message")
NESTED = ("sequence", "exclusive", "parallel", "sub")


@dataclass
class Plain(Structure):
    """Our words.

    Attributes:
        questions: The user tasks whose answers the gateways being drawn look at, innermost last.
    """

    questions: list[str] = field(default_factory=list)

    def user(self, scope: Scope, extra: str = "") -> str:
        return scope.user(self.id("U"), extra)

    def script(self, scope: Scope) -> str:
        key = self.id("C")
        return scope.script(key, "=n + 1", key)

    def enclose(self, scope: Scope, inner: Scope, body: str = "") -> str:
        return scope.sub(self.id("P"), inner, body)

    def exclusive(self, scope: Scope, depth: int) -> tuple[str, str]:
        question = self.user(scope)
        self.questions.append(question)
        first, last = super().exclusive(scope, depth)
        self.questions.pop()
        scope.flow(question, first)
        return question, last

    def divides(self, number: int) -> str:
        return f"=modulo({self.questions[-1]}, {number}) = 0"

    def whole(self) -> Plain:
        first, last = self.block(self.process, 3)
        self.process.path(self.process.start("start"), first)
        self.process.path(last, self.process.end("end"))
        return self


class Stock(Plain):
    """SpiffWorkflow's words: expressions are Python."""

    def user(self, scope: Scope, extra: str = "") -> str:
        return scope.add("userTask", self.id("U"), extra)

    def script(self, scope: Scope) -> str:
        key = self.id("C")
        return scope.add("scriptTask", key, f"<bpmn:script>{key} = n + 1</bpmn:script>")

    def timer(self, scope: Scope) -> str:
        return scope.add("intermediateCatchEvent", self.id("M"), timer("Duration", '"PT1H"'))

    def new_message(self) -> str:
        name = self.id("message")
        return self.process.message(f"ref_{name}", name)

    def divides(self, number: int) -> str:
        return f"{self.questions[-1]} % {number} == 0"


def in_both_words(draw: Callable[[Any], Any]) -> tuple[Plain, Stock]:
    """One process, drawn once."""
    choices: list[Any] = []

    def remember(strategy: Any) -> Any:
        choices.append(draw(strategy))
        return choices[-1]

    ours = Plain(remember, LEAVES, NESTED).whole()
    again = iter(choices)
    stock = Stock(lambda _: next(again), LEAVES, NESTED)
    stock.whole()
    return ours, stock

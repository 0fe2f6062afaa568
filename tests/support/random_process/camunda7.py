"""A random process in the Camunda 7 dialect: JUEL, external tasks, and safe points at every activity."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.support.bpmn_builder import Camunda7Process, Scope
from tests.support.random_process.events import EVENTS
from tests.support.random_process.process import LEAVES, Blocks
from tests.support.random_process.structure import STRUCTURE

if TYPE_CHECKING:
    from collections.abc import Callable

# What counts in FEEL, or collects outputs, is left to the other dialect.
WITHOUT = frozenset({"loop", "ad-hoc", "multi-until"})
NESTED = tuple(kind for kind in STRUCTURE + EVENTS if kind not in WITHOUT)
EXTERNAL = {"camunda:type": "external", "camunda:topic": "work"}


class Camunda7Blocks(Blocks):
    """The same blocks in the other dialect."""

    @property
    def variables(self) -> dict[str, Any]:
        # A variable that is not there is an error in JUEL.
        return {**super().variables, **dict.fromkeys(self.flags, False)}

    def _safe_points(self) -> dict[str, str]:
        before, after = self.pick(False, False, True), self.pick(False, False, True)
        return {"camunda:asyncBefore": str(before).lower(), "camunda:asyncAfter": str(after).lower()}

    def divides(self, number: int) -> str:
        return f"${{n % {number} == 0}}"

    def is_true(self, flag: str) -> str:
        return f"${{{flag}}}"

    def user(self, scope: Scope, extra: str = "") -> str:
        return scope.add("userTask", self.id("U"), extra, **self._safe_points())

    def service(self, scope: Scope, extra: str = "") -> str:
        return scope.add("serviceTask", self.id("W"), extra, **EXTERNAL, **self._safe_points())

    def script(self, scope: Scope) -> str:
        body = "<bpmn:script>${n + 1}</bpmn:script>"
        attributes = {"scriptFormat": "juel", "camunda:resultVariable": "n", **self._safe_points()}
        return scope.add("scriptTask", self.id("C"), body, **attributes)

    def task(self, scope: Scope) -> str:
        return scope.add("task", self.id("T"), **self._safe_points())

    def new_message(self) -> str:
        name = self.id("message")
        return self.process.message(f"ref_{name}", name)

    def marker(self, *, sequential: bool, until: str | None) -> str:
        del until
        return (
            f'<bpmn:multiInstanceLoopCharacteristics isSequential="{str(sequential).lower()}" '
            'camunda:collection="items" camunda:elementVariable="item"/>'
        )

    def handler_extension(self) -> str:
        return ""

    def enclose(self, scope: Scope, inner: Scope, body: str = "") -> str:
        return scope.add("subProcess", self.id("P"), body + "".join(inner.elements), **self._safe_points())


def random_camunda7_process(draw: Callable[[Any], Any], depth: int = 3) -> Camunda7Blocks:
    """A process without called ones."""
    blocks = Camunda7Blocks(draw, LEAVES, NESTED, process=Camunda7Process())
    blocks.whole(depth)
    return blocks

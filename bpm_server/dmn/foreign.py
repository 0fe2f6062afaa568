"""Texts in the expression language of Camunda 7, inside the trees of FEEL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpm_server import juel
from bpm_server.feel import nodes
from bpm_server.feel.errors import Place, Source

if TYPE_CHECKING:
    from bpm_server.feel.evaluation import Run
    from bpm_server.feel.values import Value


def juel_value(text: str, owner: str) -> nodes.Node:
    """The tree of a JUEL expression.

    Raises:
        JuelSyntaxError: outside the supported subset.
    """
    expression = juel.compile(text, bare=True)
    place = _place(text, owner)

    def apply(run: Run, _place: Place, variables: Any, _inputs: object, _parts: object) -> Value:
        return _evaluated(expression, run, place, variables)

    return nodes.Embedded((), (), apply)


def juel_test(text: str, owner: str, cell_names: frozenset[str]) -> nodes.Node:
    """The tree of a JUEL condition in a cell; it matches where it is true.

    Args:
        text: The condition.
        owner: What it belongs to.
        cell_names: Names under which it reads the tested value.

    Raises:
        JuelSyntaxError: outside the supported subset.
    """
    expression = juel.compile(text, bare=True)
    place = _place(text, owner)

    def apply(run: Run, _place: Place, variables: Any, inputs: list[Value], _parts: object) -> Value:
        scope = _CellScope(variables, dict.fromkeys(cell_names, inputs[0]))
        return _evaluated(expression, run, place, scope) is True

    return nodes.UnaryTests((nodes.Embedded((nodes.Name("?"),), (), apply),))


def _place(text: str, owner: str) -> Place:
    return Place(Source(text, owner), 0, len(text))


def _evaluated(expression: juel.Expression, run: Run, place: Place, variables: Any) -> Value:
    result = expression.evaluate(variables, now=run.now)
    for diagnostic in result.diagnostics:
        run.fail(place, diagnostic.kind, "{}", diagnostic.message)
    return result.value


class _CellScope:
    """Variables, with the tested value of a cell among them."""

    __slots__ = ("_cell", "_variables")

    def __init__(self, variables: Any, cell: dict[str, Value]) -> None:
        self._variables = variables
        self._cell = cell

    def get(self, name: str, default: Any) -> Any:
        """The tested value or a variable."""
        return self._cell[name] if name in self._cell else self._variables.get(name, default)

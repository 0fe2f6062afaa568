"""FEEL in forms: expressions, and the conditions that hide fields or make them read-only.

A text is an expression where it begins with ``=``. Comparisons, ``and``, ``or``, ``not`` and ``if`` around the rest
are done as the form viewer does them (see ``forms.comparing``); all else is ``bpm_server.feel``.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from bpm_server import feel
from bpm_server.domain.forms import comparing
from bpm_server.feel import nodes
from bpm_server.feel.builtins import LIBRARIES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from typing import Protocol

    class Variables(Protocol):
        """Where names are looked up."""

        def get(self, name: str, default: Any, /) -> Any:
            """The value of a variable, or the default where there is none."""
            ...

    Evaluate = Callable[[Variables, datetime], Any]

BUDGET: Final = feel.Budget(steps=200_000, size=100_000, depth=100, diagnostics=0)
"""What one expression may spend; what people send must not keep the server busy."""
MAX_PARENTHESES: Final = 20
_COSTLY: Final = (nodes.For, nodes.Quantified, nodes.Filter, nodes.Call, nodes.Function)


def is_expression(value: object) -> bool:
    """Whether a property of a form is an expression rather than a value."""
    return isinstance(value, str) and value.startswith("=")


@dataclass(frozen=True, slots=True)
class FormExpression:
    """A compiled expression.

    Attributes:
        text: Without the ``=``.
        names: Variables that it may read.
        run: Evaluates it with variables at a time; never raises.
        unknown: Functions that the viewer does not know: there, and so here, calls of them are null.
    """

    text: str
    names: frozenset[str]
    run: Evaluate
    unknown: tuple[str, ...] = ()


@lru_cache(maxsize=4096)
def read_expression(text: str) -> FormExpression:
    """Compiles what follows the ``=``.

    Raises:
        FeelSyntaxError: not an expression.
    """
    whole = feel.compile(text)
    return FormExpression(text, whole.names, _build(whole.tree, text), _unknown(whole.tree))


@dataclass(frozen=True, slots=True)
class Condition:
    """Unary tests of nothing: what ``conditional.hide`` and ``readonly`` hold.

    A test passes where it is true or null (null equals the missing input), or a list with null in it.
    """

    text: str
    names: frozenset[str]
    tests: tuple[Evaluate, ...]
    negated: bool = False
    unknown: tuple[str, ...] = ()

    def holds(self, variables: Variables, now: datetime) -> bool:
        """Whether the field is hidden, or read-only."""
        return self.negated is not any(_passes(test(variables, now)) for test in self.tests)


def _passes(value: Any) -> bool:
    if value is None or value is True:
        return True
    return type(value) is list and any(item is None for item in value)


@lru_cache(maxsize=4096)
def read_condition(text: str) -> Condition:
    """Compiles what follows the ``=``.

    Raises:
        FeelSyntaxError: neither an expression nor unary tests.
    """
    whole = feel.compile(text, kind="unary")
    tree = whole.tree
    if not isinstance(tree, nodes.UnaryTests):
        return Condition(text, frozenset(), (lambda _variables, _now: True,))
    tests = tuple(_build(test, text) for test in tree.tests)
    return Condition(text, whole.names, tests, tree.negated, _unknown(tree))


# ---------------------------------------------------------------------- building


def _build(node: nodes.Node, text: str) -> Evaluate:
    match node:
        case nodes.Comparison(operator=sign):
            return _comparison(sign, _build(node.left, text), _build(node.right, text))
        case nodes.Logic():
            return _logic(node.operator == "or", tuple(_build(operand, text) for operand in node.operands))
        case nodes.If():
            branches = tuple((_build(test, text), _build(then, text)) for test, then in node.branches)
            return _choice(branches, _build(node.otherwise, text))
        case nodes.Between():
            return _between(_build(node.value, text), _build(node.low, text), _build(node.high, text))
        case nodes.In():
            return _membership(_build(node.value, text), tuple(_test(test, text) for test in node.tests))
        case nodes.Call(function=nodes.Name(name="not"), arguments=(operand,), names=None):
            return _negation(_build(operand, text))
        case nodes.Test():
            return lambda _variables, _now: False
        case nodes.Null():
            return lambda _variables, _now: None
        case nodes.Boolean() | nodes.Number() | nodes.String():
            value = node.value
            return lambda _variables, _now: value
    return _leaf(text[node.start : node.end], node)


def _leaf(text: str, node: nodes.Node) -> Evaluate:
    """A part that FEEL evaluates by itself."""
    expression = _compiled(text, node)
    if expression is None:
        return lambda _variables, _now: None
    if any(isinstance(part, _COSTLY) for part in _walk(node)):
        return lambda variables, now: expression.evaluate(variables, now=now, budget=BUDGET).value
    return lambda variables, now: expression(variables, now=now)


def _compiled(text: str, node: nodes.Node) -> feel.Expression | None:
    """The part alone; a parenthesis that opens it may stand before its first node, so before ``text``."""
    for missing in range(MAX_PARENTHESES):
        whole = "(" * missing + text
        try:
            expression = feel.compile(whole)
            if expression.tree == node:
                return feel.compile(whole, dialect="dmn") if _unknown(node) else expression
        except feel.FeelSyntaxError:
            continue
    return None


def _comparison(sign: str, left: Evaluate, right: Evaluate) -> Evaluate:
    if sign == "=":
        return lambda variables, now: comparing.same(left(variables, now), right(variables, now))
    if sign == "!=":
        return lambda variables, now: comparing.different(left(variables, now), right(variables, now))
    return lambda variables, now: comparing.ordered(sign, left(variables, now), right(variables, now))


def _logic(decisive: bool, operands: tuple[Evaluate, ...]) -> Evaluate:
    """``decisive`` is true for "or", false for "and"."""
    opposite = not decisive

    def run(variables: Variables, now: datetime) -> bool | None:
        result: bool | None = opposite
        for operand in operands:
            value = operand(variables, now)
            if value is decisive:
                return not opposite
            if value is not opposite:
                result = None
        return result

    return run


def _negation(operand: Evaluate) -> Evaluate:
    def run(variables: Variables, now: datetime) -> bool | None:
        value = operand(variables, now)
        return None if value is not True and value is not False else value is False

    return run


def _choice(branches: tuple[tuple[Evaluate, Evaluate], ...], otherwise: Evaluate) -> Evaluate:
    """The viewer takes every value but null and false for true."""

    def run(variables: Variables, now: datetime) -> Any:
        for test, then in branches:
            value = test(variables, now)
            if value is not None and value is not False:
                return then(variables, now)
        return otherwise(variables, now)

    return run


def _between(value: Evaluate, low: Evaluate, high: Evaluate) -> Evaluate:
    return lambda variables, now: comparing.between(value(variables, now), low(variables, now), high(variables, now))


def _membership(value: Evaluate, tests: tuple[Callable[[Any, Variables, datetime], bool | None], ...]) -> Evaluate:
    def run(variables: Variables, now: datetime) -> bool | None:
        found = value(variables, now)
        results = [test(found, variables, now) for test in tests]
        return None if None in results and len(results) == 1 else True in results

    return run


def _test(node: nodes.Node, text: str) -> Callable[[Any, Variables, datetime], bool | None]:
    if isinstance(node, nodes.Interval):
        low, high = _build(node.low, text), _build(node.high, text)
        ends = {"low_included": node.low_included, "high_included": node.high_included}
        return lambda value, variables, now: comparing.within(value, low(variables, now), high(variables, now), **ends)
    if isinstance(node, nodes.Test):
        sign, endpoint = node.operator, _build(node.endpoint, text)
        if sign in ("=", "!="):
            return lambda value, variables, now: comparing.same(value, endpoint(variables, now)) is (sign == "=")
        return lambda value, variables, now: comparing.ordered(sign, value, endpoint(variables, now)) is True
    part = _build(node, text)

    def run(value: Any, variables: Variables, now: datetime) -> bool | None:
        test = part(variables, now)
        return None if test is None else comparing.member(value, test)

    return run


# ---------------------------------------------------------------------- looking at trees


def _walk(node: nodes.Node) -> Iterator[nodes.Node]:
    yield node
    for field in dataclasses.fields(node):
        yield from _walk_value(getattr(node, field.name))


def _walk_value(value: Any) -> Iterator[nodes.Node]:
    if isinstance(value, nodes.Node):
        yield from _walk(value)
    elif isinstance(value, tuple):
        for item in value:
            yield from _walk_value(item)


def _unknown(tree: nodes.Node) -> tuple[str, ...]:
    """Functions that are called but are neither built-ins of the standard nor defined in the text itself."""
    called, defined = set(), set(LIBRARIES["dmn"])
    for node in _walk(tree):
        if isinstance(node, nodes.Call) and isinstance(node.function, nodes.Name):
            called.add(node.function.name)
        elif isinstance(node, nodes.Context):
            defined.update(name for name, _ in node.entries)
        elif isinstance(node, nodes.Function):
            defined.update(name for name, _ in node.parameters)
    return tuple(sorted(called - defined))

"""A second FEEL, as plain as can be: a walk over the tree, the way the tables of the standard read.

It knows no budgets, no diagnostics and few built-ins, and shares no code with the compiled form beyond the
syntax tree and the classes of values. What it computes, the compiled form has to compute.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import (
    ROUND_HALF_EVEN,
    Context,
    Decimal,
    DecimalException,
    DivisionByZero,
    InvalidOperation,
    Overflow,
    Underflow,
)
from typing import TYPE_CHECKING, Any

from bpm_server.feel import nodes
from bpm_server.feel.values import Range

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CONTEXT = Context(
    prec=34,
    rounding=ROUND_HALF_EVEN,
    Emin=-6143,
    Emax=6144,
    clamp=1,
    traps=[DivisionByZero, InvalidOperation, Overflow, Underflow],
)
ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


@dataclass(frozen=True)
class Closure:
    """A function value."""

    parameters: tuple[str, ...]
    body: nodes.Node
    scope: dict[str, Any]


def evaluate(node: nodes.Node, scope: dict[str, Any]) -> Any:
    """The value of a tree."""
    return globals()[f"_{type(node).__name__.lower()}"](node, scope)


# ---------------------------------------------------------------------- literals and names


def _null(_node: nodes.Null, _scope: dict[str, Any]) -> None:
    return None


def _boolean(node: nodes.Boolean, _scope: dict[str, Any]) -> bool:
    return node.value


def _number(node: nodes.Number, _scope: dict[str, Any]) -> Decimal:
    return Decimal(node.value)


def _string(node: nodes.String, _scope: dict[str, Any]) -> str:
    return node.value


def _name(node: nodes.Name, scope: dict[str, Any]) -> Any:
    return scope.get(node.name)


# ---------------------------------------------------------------------- operators


def kind(value: Any) -> str:
    """Values of one kind can be compared."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, Decimal)):
        return "number"
    return type(value).__name__


def _negation(node: nodes.Negation, scope: dict[str, Any]) -> Any:
    value = evaluate(node.operand, scope)
    return Decimal(value).copy_negate() if kind(value) == "number" else None


def _arithmetic(node: nodes.Arithmetic, scope: dict[str, Any]) -> Any:
    left, right = evaluate(node.left, scope), evaluate(node.right, scope)
    if node.operator == "+" and kind(left) == kind(right) == "str":
        return left + right
    if kind(left) != "number" or kind(right) != "number":
        return None
    left, right = Decimal(left), Decimal(right)
    try:
        match node.operator:
            case "+":
                return CONTEXT.add(left, right)
            case "-":
                return CONTEXT.subtract(left, right)
            case "*":
                return CONTEXT.multiply(left, right)
            case "/":
                return CONTEXT.divide(left, right)
            case "**":
                return Decimal(1) if right == 0 else CONTEXT.power(left, right)
    except DecimalException:
        return None


def equal(left: Any, right: Any) -> bool | None:
    """``=``"""
    if left is None or right is None:
        return left is None and right is None
    if kind(left) != kind(right):
        return None
    if isinstance(left, list):
        return len(left) == len(right) and all(equal(a, b) is True for a, b in zip(left, right, strict=True))
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(equal(left[key], right[key]) is True for key in left)
    if isinstance(left, Closure):
        return left is right
    if isinstance(left, Range):
        ends = equal(left.low, right.low) is True and equal(left.high, right.high) is True
        return ends and (left.operator, left.low_included, left.high_included) == (
            right.operator,
            right.low_included,
            right.high_included,
        )
    return bool(left == right)


def ordered(operator: str, left: Any, right: Any) -> bool | None:
    """``<`` and the like"""
    if kind(left) != kind(right) or kind(left) not in {"number", "str"}:
        return None
    return ORDER[operator](left, right)


def compared(operator: str, left: Any, right: Any) -> bool | None:
    """Any comparison."""
    if operator in ORDER:
        return ordered(operator, left, right)
    result = equal(left, right)
    return result if operator == "=" or result is None else not result


def _comparison(node: nodes.Comparison, scope: dict[str, Any]) -> bool | None:
    return compared(node.operator, evaluate(node.left, scope), evaluate(node.right, scope))


def conjunction(values: list[Any]) -> bool | None:
    """``and`` of three-valued logic"""
    if False in [value for value in values if isinstance(value, bool)]:
        return False
    return True if all(value is True for value in values) else None


def disjunction(values: list[Any]) -> bool | None:
    """``or`` of three-valued logic"""
    if True in [value for value in values if isinstance(value, bool)]:
        return True
    return False if all(value is False for value in values) else None


def _logic(node: nodes.Logic, scope: dict[str, Any]) -> bool | None:
    values = [evaluate(operand, scope) for operand in node.operands]
    return conjunction(values) if node.operator == "and" else disjunction(values)


def _between(node: nodes.Between, scope: dict[str, Any]) -> bool | None:
    value, low, high = (evaluate(each, scope) for each in (node.value, node.low, node.high))
    return conjunction([ordered(">=", value, low), ordered("<=", value, high)])


def _if(node: nodes.If, scope: dict[str, Any]) -> Any:
    for condition, then in node.branches:
        if evaluate(condition, scope) is True:
            return evaluate(then, scope)
    return evaluate(node.otherwise, scope)


# ---------------------------------------------------------------------- ranges and tests


def _interval(node: nodes.Interval, scope: dict[str, Any]) -> Range | None:
    low, high = evaluate(node.low, scope), evaluate(node.high, scope)
    if low is not None and high is not None and ordered("<=", low, high) is not True:
        return None
    return Range(low, high, node.low_included, node.high_included)


def within(value: Any, range_: Range) -> bool | None:
    """Whether a range has a value."""
    if range_.low is None or range_.high is None:
        return None
    above = ordered(">=" if range_.low_included else ">", value, range_.low)
    return conjunction([above, ordered("<=" if range_.high_included else "<", value, range_.high)])


def _in(node: nodes.In, scope: dict[str, Any]) -> bool | None:
    value = evaluate(node.value, scope)
    return disjunction([passes(test, value, {**scope, "?": value}) for test in node.tests])


def passes(test: nodes.Node, value: Any, scope: dict[str, Any]) -> bool | None:
    """Whether a value passes a positive unary test."""
    if isinstance(test, nodes.Test):
        return compared(test.operator, value, evaluate(test.endpoint, scope))
    return is_or_holds(value, evaluate(test, scope))


def is_or_holds(value: Any, expected: Any) -> bool | None:
    """A value that is equal, a range or list that holds the value."""
    if isinstance(expected, Range) and not isinstance(value, Range):
        return within(value, expected)
    if isinstance(expected, list):
        among = any(is_or_holds(value, each) is True for each in expected if not isinstance(each, list))
        return among or any(equal(value, each) is True for each in [expected, *expected])
    return equal(value, expected)


# ---------------------------------------------------------------------- lists and contexts


def _listof(node: nodes.ListOf, scope: dict[str, Any]) -> list[Any]:
    return [evaluate(item, scope) for item in node.items]


def _context(node: nodes.Context, scope: dict[str, Any]) -> dict[str, Any]:
    entries: dict[str, Any] = {}
    for key, value in node.entries:
        entries[key] = evaluate(value, {**scope, **entries})
    return entries


def _path(node: nodes.Path, scope: dict[str, Any]) -> Any:
    return at_path(evaluate(node.value, scope), node.name)


def at_path(value: Any, name: str) -> Any:
    """``value.name``"""
    if isinstance(value, list):
        return [at_path(item, name) for item in value]
    return value.get(name) if isinstance(value, dict) else None


def _filter(node: nodes.Filter, scope: dict[str, Any]) -> Any:
    value = evaluate(node.value, scope)
    if value is None:
        return None
    items = value if isinstance(value, list) else [value]
    kept = []
    for number, item in enumerate(items or [None]):
        inner = {**scope, "item": item, **(item if isinstance(item, dict) else {})}
        result = evaluate(node.condition, inner)
        if number == 0 and kind(result) == "number":
            return _at(items, Decimal(result))
        if not items:
            return []
        if result is True:
            kept.append(item)
        elif result is not False and result is not None:
            return None
    return kept


def _at(items: list[Any], index: Decimal) -> Any:
    if index != index.to_integral_value() or index == 0 or abs(index) > len(items):
        return None
    return items[int(index) - 1 if index > 0 else int(index)]


# ---------------------------------------------------------------------- loops and functions


class _NoLoop(Exception):
    """Something that cannot be gone through."""


def _turns(iterators: tuple[tuple[str, nodes.Node], ...], scope: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if not iterators:
        yield {}
        return
    (name, domain), *rest = iterators
    for item in _domain(domain, scope):
        for inner in _turns(tuple(rest), {**scope, name: item}):
            yield {name: item, **inner}


def _domain(domain: nodes.Node, scope: dict[str, Any]) -> list[Any]:
    if isinstance(domain, nodes.Span):
        low, high = evaluate(domain.low, scope), evaluate(domain.high, scope)
        if not (_is_whole(low) and _is_whole(high)):
            raise _NoLoop
        step = 1 if low <= high else -1
        return [Decimal(each) for each in range(int(low), int(high) + step, step)]
    found = evaluate(domain, scope)
    if isinstance(found, Range):
        if not (_is_whole(found.low) and _is_whole(found.high)):
            raise _NoLoop
        turns = [Decimal(each) for each in range(int(found.low), int(found.high) + 1)]
        return turns[0 if found.low_included else 1 : len(turns) - (0 if found.high_included else 1)]
    if not isinstance(found, list):
        raise _NoLoop
    return found


def _is_whole(value: Any) -> bool:
    return kind(value) == "number" and Decimal(value) == Decimal(value).to_integral_value()


def _for(node: nodes.For, scope: dict[str, Any]) -> list[Any] | None:
    results: list[Any] = []
    try:
        for turn in _turns(node.iterators, scope):
            results.append(evaluate(node.body, {**scope, "partial": list(results), **turn}))
    except _NoLoop:
        return None
    return results


def _quantified(node: nodes.Quantified, scope: dict[str, Any]) -> bool | None:
    decisive = node.quantifier == "some"
    unsure = False
    try:
        for turn in _turns(node.iterators, scope):
            result = evaluate(node.condition, {**scope, **turn})
            if result is decisive:
                return decisive
            unsure = unsure or not isinstance(result, bool)
    except _NoLoop:
        return None
    return None if unsure else not decisive


def _function(node: nodes.Function, scope: dict[str, Any]) -> Closure:
    return Closure(tuple(name for name, _ in node.parameters), node.body, scope)


def _call(node: nodes.Call, scope: dict[str, Any]) -> Any:
    function = evaluate(node.function, scope)
    arguments = [evaluate(argument, scope) for argument in node.arguments]
    if not isinstance(function, Closure) or len(arguments) != len(function.parameters):
        return None
    return evaluate(function.body, {**function.scope, **dict(zip(function.parameters, arguments, strict=True))})

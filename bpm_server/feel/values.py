"""FEEL values as Python objects.

null, boolean, string, list and context are ``None``, ``bool``, ``str``, ``list`` and ``dict``; numbers are
``int`` or ``Decimal``; the rest are the classes of :mod:`bpm_server.feel.temporal.values` and of this module.
Values are never changed once they are made.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from bpm_server.feel import numbers, types
from bpm_server.feel.temporal.values import Date, DateTime, DaysDuration, MonthsDuration, Time

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bpm_server.feel.nodes import ComparisonOperator

Value = Any
"""Any of the values above; checked at run time, as FEEL is."""


@dataclass(frozen=True, slots=True)
class Range:
    """``[low..high]`` or a test such as ``< high``.

    Attributes:
        operator: What it was written with, where it is a test: its other end is undefined, not null.
    """

    low: Value
    high: Value
    low_included: bool
    high_included: bool
    operator: ComparisonOperator | None = None

    @classmethod
    def from_test(cls, operator: ComparisonOperator, endpoint: Value) -> Range:
        """The range of ``< endpoint`` and its kin."""
        match operator:
            case "<" | "<=":
                return cls(None, endpoint, False, operator == "<=", operator)
            case ">" | ">=":
                return cls(endpoint, None, operator == ">=", False, operator)
            case _:
                return cls(endpoint, endpoint, operator == "=", operator == "=", operator)

    def __str__(self) -> str:
        if self.operator is not None:
            return f"{self.operator}{as_text(self.high if self.low is None else self.low, nested=True)}"
        opening, closing = "[" if self.low_included else "(", "]" if self.high_included else ")"
        return f"{opening}{as_text(self.low, nested=True)}..{as_text(self.high, nested=True)}{closing}"


@dataclass(frozen=True, slots=True)
class FeelFunction:
    """Any function value: of an expression, built in, or of a model.

    Attributes:
        types: Declared types of the parameters; None is any.
    """

    name: str
    parameters: tuple[str, ...]
    types: tuple[types.Type | None, ...]

    def __str__(self) -> str:
        return f"{self.name or 'function'}({', '.join(self.parameters)})"


@dataclass(frozen=True, slots=True, eq=False)
class UserFunction(FeelFunction):
    """``function(a, b) ...``, a business knowledge model or a decision service.

    Attributes:
        body: Called with the running evaluation and the arguments.
        returns: Type of the result, as far as it can be told from the body.
    """

    body: Callable[..., Value]
    returns: types.Type = types.ANY


@dataclass(frozen=True, slots=True, eq=False)
class ExternalFunction(FeelFunction):
    """A function in Java or PMML, which is never called: each invocation is null with a diagnostic."""


def kind_of(value: Value) -> str:
    """What a value is, in the words of FEEL, for messages."""
    name = _KINDS.get(type(value))
    if name is None:
        return "function" if isinstance(value, FeelFunction) else type(value).__name__
    return name


_KINDS: dict[type, str] = {
    type(None): "null",
    bool: "boolean",
    int: "number",
    Decimal: "number",
    str: "string",
    list: "list",
    dict: "context",
    Date: "date",
    Time: "time",
    DateTime: "date and time",
    DaysDuration: "days and time duration",
    MonthsDuration: "years and months duration",
    Range: "range",
}
"""Kinds by class; two values can be compared only if theirs are equal."""


def described(value: Value) -> str:
    """A value for messages: its kind and the beginning of its text."""
    if value is None:
        return "null"
    if isinstance(value, (list, dict)):
        return f"a {kind_of(value)} of {len(value)}"
    if isinstance(value, str):
        text = value if len(value) <= 40 else value[:37] + "..."
        return f'the string "{text}"'
    if isinstance(value, FeelFunction):
        return f"the function {value}"
    text = as_text(value)
    return f"the {kind_of(value)} {text if len(text) <= 60 else text[:57] + '...'}"


DurationStyle = Literal["dmn", "camunda8"]


def as_text(value: Value, *, nested: bool = False, style: DurationStyle = "dmn") -> str:
    """A value as ``string()`` gives it.

    Args:
        value: Any value.
        nested: Strings stand in quotes, as they do inside lists and contexts.
        style: How durations of zero are written: PT0S and P0M, or P0D and P0Y.
    """
    if value is None:
        return "null"
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return _quoted(value) if nested else value
        case int() | Decimal():
            return numbers.as_text(value)
        case list():
            return f"[{', '.join(as_text(item, nested=True, style=style) for item in value)}]"
        case dict():
            return f"{{{_entries_text(value, style)}}}"
        case DaysDuration(0) if style == "camunda8":
            return "P0D"
        case MonthsDuration(0) if style == "camunda8":
            return "P0Y"
    return str(value)


def _entries_text(value: dict[str, Value], style: DurationStyle) -> str:
    separator = ":" if style == "camunda8" else ": "
    return ", ".join(f"{key}{separator}{as_text(item, nested=True, style=style)}" for key, item in value.items())


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def type_of(value: Value) -> types.Type:
    """The type of a value (10.3.2.9, Table 43).

    Where it cannot be told what a function returns, it counts as null, which conforms to all types.
    """
    simple = _TYPES.get(type(value))
    if simple is not None:
        return simple
    match value:
        case list():
            return types.ListType(_item_type([type_of(item) for item in value]))
        case dict():
            return types.ContextType(tuple((key, type_of(item)) for key, item in value.items()))
        case Range():
            return types.RangeType(type_of(value.high if value.low is None else value.low))
        case FeelFunction():
            parameters = tuple(type_ or types.ANY for type_ in value.types)
            returns = value.returns if isinstance(value, UserFunction) else types.ANY
            return types.FunctionType(parameters, types.NULL if returns == types.ANY else returns)
    return types.ANY


_TYPES: dict[type, types.Type] = {
    type(None): types.NULL,
    bool: types.BOOLEAN,
    int: types.NUMBER,
    Decimal: types.NUMBER,
    str: types.STRING,
    Date: types.DATE,
    Time: types.TIME,
    DateTime: types.DATE_AND_TIME,
    DaysDuration: types.DAYS,
    MonthsDuration: types.MONTHS,
}


def _item_type(found: Sequence[types.Type]) -> types.Type:
    known = [type_ for type_ in found if type_ != types.NULL]
    if not known:
        return types.NULL
    first = known[0]
    return first if all(type_ == first for type_ in known) else types.ANY


def is_instance(value: Value, type_: types.Type) -> bool:
    """Whether a value that is not null is of a type; null parts of lists and contexts are of any."""
    if value is None:
        return type_ == types.NULL
    if isinstance(type_, types.Simple):
        return type_ is types.ANY or _TYPES.get(type(value)) is type_ or type_ == types.ANY
    match type_:
        case types.ListType(item):
            return isinstance(value, list) and (item is types.ANY or all(_fits(part, item) for part in value))
        case types.ContextType():
            return isinstance(value, dict) and all(
                name in value and _fits(value[name], entry) for name, entry in type_.entries
            )
        case types.RangeType(point):
            return isinstance(value, Range) and all(_fits(end, point) for end in (value.low, value.high))
        case types.FunctionType():
            return isinstance(value, FeelFunction) and types.conforms(type_of(value), type_)
    return False


def classes_of(type_: types.Type) -> frozenset[type]:
    """Python classes all of whose values are of a type; empty where the values have to be looked at."""
    if type_ == types.LIST:
        return frozenset({list})
    if type_ == types.CONTEXT:
        return frozenset({dict})
    if type_ == types.RANGE:
        return frozenset({Range})
    return frozenset(class_ for class_, each in _TYPES.items() if each == type_)


def _fits(value: Value, type_: types.Type) -> bool:
    return value is None or is_instance(value, type_)


def coerced(value: Value, type_: types.Type) -> tuple[bool, Value]:
    """A value after the implicit conversions to a type, and whether it then conforms (10.3.2.9.4)."""
    if value is None or type_ == types.ANY or is_instance(value, type_):
        return True, value
    if isinstance(type_, types.ListType) and not isinstance(value, list):
        fits, item = _converted(value, type_.item)
        return fits, [item] if fits else None
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return _converted(value, type_)


def _converted(value: Value, type_: types.Type) -> tuple[bool, Value]:
    if value is not None and is_instance(value, type_):
        return True, value
    if type_ == types.DATE_AND_TIME and isinstance(value, Date):
        return True, DateTime(value, Time(0, 0, 0, 0, 0))
    return False, None

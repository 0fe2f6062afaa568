"""FEEL types and how they relate (DMN 1.5, 10.3.2.9)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SimpleName = Literal[
    "Any",
    "Null",
    "number",
    "string",
    "boolean",
    "date",
    "time",
    "date and time",
    "days and time duration",
    "years and months duration",
]


@dataclass(frozen=True, slots=True)
class Type:
    """Any type."""


@dataclass(frozen=True, slots=True)
class Simple(Type):
    """A type without parameters."""

    name: SimpleName

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class ListType(Type):
    """``list<T>``"""

    item: Type

    def __str__(self) -> str:
        return f"list<{self.item}>"


@dataclass(frozen=True, slots=True)
class RangeType(Type):
    """``range<T>``"""

    point: Type

    def __str__(self) -> str:
        return f"range<{self.point}>"


@dataclass(frozen=True, slots=True)
class ContextType(Type):
    """``context<a: T>``; without entries every context conforms."""

    entries: tuple[tuple[str, Type], ...] = ()

    def entry(self, name: str) -> Type | None:
        """The type of an entry, where the context has one of that name."""
        return next((type_ for key, type_ in self.entries if key == name), None)

    def __str__(self) -> str:
        if not self.entries:
            return "context"
        return f"context<{', '.join(f'{name}: {type_}' for name, type_ in self.entries)}>"


@dataclass(frozen=True, slots=True)
class FunctionType(Type):
    """``function<T> -> U``; without parameter types every function conforms."""

    parameters: tuple[Type, ...] | None = None
    result: Type = Simple("Any")

    def __str__(self) -> str:
        if self.parameters is None:
            return "function"
        return f"function<{', '.join(map(str, self.parameters))}> -> {self.result}"


ANY = Simple("Any")
NULL = Simple("Null")
NUMBER = Simple("number")
STRING = Simple("string")
BOOLEAN = Simple("boolean")
DATE = Simple("date")
TIME = Simple("time")
DATE_AND_TIME = Simple("date and time")
DAYS = Simple("days and time duration")
MONTHS = Simple("years and months duration")
LIST = ListType(ANY)
CONTEXT = ContextType()
FUNCTION = FunctionType()
RANGE = RangeType(ANY)

SIMPLE_TYPES: dict[str, Type] = {
    "Any": ANY,
    "any": ANY,
    "Null": NULL,
    "number": NUMBER,
    "string": STRING,
    "boolean": BOOLEAN,
    "date": DATE,
    "time": TIME,
    "date and time": DATE_AND_TIME,
    "dateTime": DATE_AND_TIME,
    "days and time duration": DAYS,
    "dayTimeDuration": DAYS,
    "years and months duration": MONTHS,
    "yearMonthDuration": MONTHS,
}
"""Names of types without parameters, those of DMN 1.1 and 1.2 files included."""


def conforms(type_: Type, to: Type) -> bool:
    """Whether each value of ``type_`` may stand where ``to`` is expected."""
    if to == ANY or type_ in (NULL, to):
        return True
    match type_, to:
        case ListType(item), ListType(expected):
            return conforms(item, expected)
        case RangeType(point), RangeType(expected):
            return conforms(point, expected)
        case ContextType(), ContextType():
            return all(
                (entry := type_.entry(name)) is not None and conforms(entry, expected) for name, expected in to.entries
            )
        case FunctionType(), FunctionType():
            return _function_conforms(type_, to)
    return False


def _function_conforms(type_: FunctionType, to: FunctionType) -> bool:
    if to.parameters is None:
        return True
    if type_.parameters is None or len(type_.parameters) != len(to.parameters):
        return False
    contravariant = all(conforms(expected, own) for own, expected in zip(type_.parameters, to.parameters, strict=True))
    return contravariant and conforms(type_.result, to.result)

"""What a search asks for, in our own words: conditions, order, and which page.

The faces translate into these; ``reports.search`` makes SQL of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Generic, Literal, TypeVar

from bpm_server.kernel.errors import InvalidInput

R = TypeVar("R")

DEFAULT_LIMIT = 100
MAX_LIMIT = 10_000
MAX_TOTAL = 10_000
"""Matches are counted up to here; beyond, a total is a lower bound."""

Operator = Literal["eq", "neq", "exists", "in", "not_in", "like", "gt", "gte", "lt", "lte"]


class Kind(StrEnum):
    """What values of a field are, and so which operators make sense."""

    KEY = "key"
    TEXT = "text"
    NUMBER = "number"
    MOMENT = "moment"
    FLAG = "flag"
    TAGS = "tags"
    VARIABLES = "variables"
    SEALED = "sealed"
    """Personal data that is stored encrypted: equal or not, but neither patterns nor an order."""


_COMPARE: frozenset[str] = frozenset({"eq", "neq", "exists", "in", "not_in"})
_ORDERED = _COMPARE | {"gt", "gte", "lt", "lte"}
OPERATORS: dict[Kind, frozenset[str]] = {
    Kind.KEY: _COMPARE,
    Kind.TEXT: _COMPARE | {"like"},
    Kind.NUMBER: _ORDERED,
    Kind.MOMENT: _ORDERED,
    Kind.FLAG: frozenset({"eq"}),
    Kind.TAGS: frozenset({"eq"}),
    Kind.VARIABLES: frozenset({"eq"}),
    Kind.SEALED: _COMPARE,
}


@dataclass(frozen=True, slots=True)
class Condition:
    """One test of one field.

    Attributes:
        value: For ``in`` and ``not_in`` a tuple; for ``exists`` whether there must be a value; for ``like`` a
            pattern with ``*`` and ``?``; for variables a :class:`VariableTest`.
    """

    field: str
    operator: Operator
    value: Any


@dataclass(frozen=True, slots=True)
class VariableTest:
    """A process variable must have such a value. ``value`` is JSON text."""

    name: str
    operator: Operator
    value: Any


@dataclass(frozen=True, slots=True)
class Order:
    """A field to sort by; what has no value comes last."""

    field: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class PageOf:
    """Which page: so many from an offset, after a cursor, or before one."""

    limit: int = DEFAULT_LIMIT
    offset: int = 0
    after: str | None = None
    before: str | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= MAX_LIMIT:
            message = f"Expected a page of 1 to {MAX_LIMIT} items, but found {self.limit}"
            raise InvalidInput(message, field="page.limit")
        if self.offset < 0:
            message = f"Expected a page from 0 on, but found {self.offset}"
            raise InvalidInput(message, field="page.from")
        if (self.after is not None) + (self.before is not None) + bool(self.offset) > 1:
            message = "Expected one of from, after and before, but found several"
            raise InvalidInput(message, field="page")


@dataclass(frozen=True, slots=True)
class Query:
    """A search: all conditions and, where there are any, one of the alternatives must hold."""

    conditions: tuple[Condition, ...] = ()
    any_of: tuple[tuple[Condition, ...], ...] = ()
    order: tuple[Order, ...] = ()
    page: PageOf = PageOf()

    def also(self, *conditions: Condition) -> Query:
        """The same with more conditions."""
        return replace(self, conditions=(*self.conditions, *conditions))


@dataclass(frozen=True, slots=True)
class Page(Generic[R]):
    """A page of rows.

    Attributes:
        total: How many rows match; a lower bound where ``more_than_total``.
        start: Cursor of the first row, None for an empty page.
        end: Cursor of the last row.
    """

    items: list[R]
    total: int
    more_than_total: bool = False
    start: str | None = None
    end: str | None = None

"""Stable order, and cursors: a cursor holds the sort values of a row.

So the next page is found by an index, and rows that come or go in between neither repeat nor hide others.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server.kernel import json
from bpm_server.kernel.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bpm_server.reports.query import Query

Where = sa.ColumnElement[bool]
Term = tuple[sa.ColumnElement[Any], bool]
"""A column and whether it falls. The last term of an order is a unique key, which always has a value."""
LONGEST = 8_192
MAX_KEY = 2**63 - 1


def ordering(order: Sequence[Term], *, backward: bool, filled: bool = False) -> list[sa.ColumnElement[Any]]:
    """What to sort by; rows without a value come last in either direction of the column.

    ``filled``: all rows have a value of the first column.
    """
    terms: list[sa.ColumnElement[Any]] = []
    for number, (column, descending) in enumerate(order):
        term: Any = column.desc() if descending != backward else column.asc()
        if _nullable(column) and (number or not filled):
            term = term.nulls_first() if backward else term.nulls_last()
        terms.append(term)
    return terms


@dataclass(frozen=True, slots=True)
class Range:
    """Rows of a page that one index may give in order: which of them, and by what they are sorted."""

    where: Where
    order_by: tuple[sa.ColumnElement[Any], ...]


def ranges(order: Sequence[Term], values: list[Any] | None, *, backward: bool) -> list[Range]:
    """The ranges that a page is read from, one after the other.

    Where the first sort value may be missing there are two: rows that have one, and those that have none, which come
    last. In one statement no index gives them in this order.

    Args:
        order: By what.
        values: Of the row that the page follows (or comes before); None for a first page.
        backward: Whether the page comes before that row; its rows are read backwards, too.
    """
    (first, _), rest = order[0], order[1:]
    if not _nullable(first):
        where = sa.true() if values is None else beyond(order, values, backward=backward)
        return [Range(where, tuple(ordering(order, backward=backward)))]
    known: list[Where] = [first.is_not(None)]
    missing: list[Where] = [first.is_(None)]
    found = [(known, order), (missing, rest)]
    if values is not None and values[0] is not None:
        known.append(beyond(order, values, backward=backward, filled=True))
        found = found[:1] if backward else found
    elif values is not None:
        missing.append(beyond(rest, values[1:], backward=backward))
        found = found if backward else found[1:]
    return [
        Range(sa.and_(*wheres), tuple(ordering(terms, backward=backward, filled=wheres is known)))
        for wheres, terms in (reversed(found) if backward else found)
    ]


def may_be_missing(order: Sequence[Term]) -> bool:
    """Whether rows may have no first sort value."""
    return _nullable(order[0][0])


def _nullable(column: sa.ColumnElement[Any]) -> bool:
    return bool(getattr(column, "nullable", True)) and not getattr(column, "primary_key", False)


def beyond(order: Sequence[Term], values: list[Any], *, backward: bool, filled: bool = False) -> Where:
    """Rows after (or before) the one with these sort values. ``filled`` as in :func:`ordering`."""
    alternatives: list[Where] = []
    same: list[Where] = []
    bound = sa.true()
    for number, ((column, descending), value) in enumerate(zip(order, values, strict=True)):
        nullable = _nullable(column) and (number > 0 or not filled)
        if not number and not nullable and value is not None:  # says nothing new, but an index can begin there
            bound = column >= value if descending == backward else column <= value
        further = _further(column, value, nullable=nullable, descending=descending, backward=backward)
        if further is not None:
            alternatives.append(sa.and_(*same, further))
        same.append(column.is_(None) if value is None else column == value)
    return sa.and_(bound, sa.or_(sa.false(), *alternatives))


def _further(
    column: sa.ColumnElement[Any], value: Any, *, nullable: bool, descending: bool, backward: bool
) -> Where | None:
    if value is None:
        return column.is_not(None) if backward else None
    further: Where = column > value if descending == backward else column < value
    return sa.or_(further, column.is_(None)) if nullable and not backward else further


def _signature(query: Query) -> str:
    return ",".join(f"{'-' if one.descending else ''}{one.field}" for one in query.order)


def make_cursor(query: Query, values: Sequence[Any]) -> str:
    """The cursor of a row with these sort values."""
    plain = [value.isoformat() if isinstance(value, datetime) else value for value in values]
    return base64.b64encode(json.dumps_bytes([_signature(query), *plain])).decode()


def read_cursor(text: str, query: Query, order: Sequence[Term]) -> list[Any]:
    """The sort values of the row behind a cursor; it comes from outside and may hold anything.

    Raises:
        InvalidInput: not a cursor, or one of another order.
    """
    try:
        return _sort_values(text, query, order)
    except (binascii.Error, TypeError, ValueError, OverflowError, InvalidInput) as error:
        message = "Expected a cursor of this search in this order, but found another text"
        raise InvalidInput(message, field="page.after" if query.page.before is None else "page.before") from error


def _sort_values(text: str, query: Query, order: Sequence[Term]) -> list[Any]:
    found = json.loads(base64.b64decode(text[:LONGEST], validate=True))
    if not isinstance(found, list) or len(found) != len(order) + 1 or found[0] != _signature(query):
        message = "another order"
        raise ValueError(message)
    if found[-1] is None:
        message = "a row without its unique key"
        raise ValueError(message)
    return [_sort_value(column, value) for (column, _), value in zip(order, found[1:], strict=True)]


def _sort_value(column: sa.ColumnElement[Any], value: Any) -> Any:
    """A value as the column compares it.

    Raises:
        ValueError: the column cannot hold it; TypeError and OverflowError as well.
    """
    if value is None:
        return None
    wanted: type[Any] = column.type.python_type if not isinstance(column.type, sa.types.TypeDecorator) else datetime
    if wanted is datetime:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    elif isinstance(value, bool) or wanted is bool:
        if type(value) is wanted:
            return value
    elif isinstance(value, int):
        if wanted is int and abs(value) <= MAX_KEY:
            return value
    elif isinstance(value, wanted) and "\0" not in value:
        return value
    message = "a value of another kind"
    raise ValueError(message)

"""Single conditions of searches as SQL, alike on both databases."""

from __future__ import annotations

from datetime import timedelta
from operator import ge, gt, le, lt
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server.kernel import json
from bpm_server.kernel.errors import InvalidInput
from bpm_server.reports.query import Kind
from bpm_server.store.tables.instances import variable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from bpm_server.reports.query import VariableTest

Where = sa.ColumnElement[bool]
MILLISECOND = timedelta(milliseconds=1)
_ORDER: dict[str, Callable[[Any, Any], Where]] = {"gt": gt, "gte": ge, "lt": lt, "lte": le}


def compare(column: sa.ColumnElement[Any], kind: Kind, operator: str, value: Any, dialect: str) -> Where:
    """A test of a column as SQL. ``neq`` and ``not_in`` hold where there is no value."""
    if kind is Kind.MOMENT and operator not in ("exists", "in", "not_in"):
        return _compare_moments(column, operator, value)
    found: Where
    match operator:
        case "eq":
            found = column == value
            return found
        case "neq":
            return column.is_distinct_from(value)
        case "exists":
            return column.is_not(None) if value else column.is_(None)
        case "in":
            return _any_moment(column, value) if kind is Kind.MOMENT else column.in_(value)
        case "not_in":
            found = _any_moment(column, value) if kind is Kind.MOMENT else column.in_(value)
            return sa.or_(column.is_(None), ~found)
        case "like":
            return like(column, value, dialect)
        case _:
            found = _ORDER[operator](column, value)
            return found


def _compare_moments(column: sa.ColumnElement[Any], operator: str, value: datetime) -> Where:
    """Moments are shown with milliseconds: so they are compared."""
    begin = value.replace(microsecond=value.microsecond // 1000 * 1000)
    end = begin + MILLISECOND
    match operator:
        case "eq":
            return sa.and_(column >= begin, column < end)
        case "neq":
            return sa.or_(column.is_(None), column < begin, column >= end)
        case "gt":
            return column >= end
        case "gte":
            return column >= begin
        case "lt":
            return column < begin
        case _:
            return column < end


def _any_moment(column: sa.ColumnElement[Any], values: Sequence[datetime]) -> Where:
    return sa.or_(sa.false(), *[_compare_moments(column, "eq", value) for value in values])


def like(column: sa.ColumnElement[Any], pattern: str, dialect: str) -> Where:
    r"""``*`` any text, ``?`` one character, ``\`` takes their meaning away; upper and lower case differ."""
    parts: list[str] = []
    escaped = False
    for char in pattern:
        if escaped or char not in "*?\\":
            parts.append(_literal(char, dialect))
            escaped = False
        elif char == "\\":
            escaped = True
        else:
            parts.append({"*": "*" if dialect == "sqlite" else "%", "?": "?" if dialect == "sqlite" else "_"}[char])
    if escaped:
        parts.append(_literal("\\", dialect))
    text = "".join(parts)
    if dialect == "sqlite":
        matched: Where = column.op("GLOB", is_comparison=True)(text)  # LIKE ignores case there
        return matched
    return column.like(text, escape="\\")


def _literal(char: str, dialect: str) -> str:
    if dialect == "sqlite":
        return f"[{char}]" if char in "*?[" else char
    return f"\\{char}" if char in "%_\\" else char


# --- process variables and tags -------------------------------------------------------------------------


def compare_json(column: sa.ColumnElement[str], operator: str, value: Any, dialect: str) -> Where:
    """A test of a column that holds JSON text; values are brought into the form in which we store them."""
    if operator in ("eq", "neq"):
        value = _stored(value)
    elif operator in ("in", "not_in"):
        value = tuple(_stored(one) for one in value)
    return compare(column, Kind.TEXT, operator, value, dialect)


def _stored(text: str) -> str:
    try:
        return json.dumps(json.loads(text))
    except InvalidInput:
        return text


def has_variable(scope_key: sa.ColumnElement[int], test: VariableTest, dialect: str) -> Where:
    """A scope holds a variable with such a value."""
    t = variable
    wheres = [t.c.scope_key == scope_key, t.c.name == test.name]
    if test.operator == "exists":
        found = sa.exists().where(*wheres)
        return found if test.value else ~found
    return sa.exists().where(*wheres, compare_json(t.c.value, test.operator, test.value, dialect))


def has_tag(tags: sa.ColumnElement[str | None], tag: str) -> Where:
    """A JSON list of texts contains one; tags are plain words, so their text between quotes is enough."""
    return sa.func.coalesce(tags, "").contains(json.dumps(tag), autoescape=True)

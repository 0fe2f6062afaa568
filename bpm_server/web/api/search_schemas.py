"""What the OpenAPI document says about searches; made from their tables."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from flask import request

from bpm_server.reports.query import OPERATORS, Kind
from bpm_server.web.api.fields import Body, Flag, Many, Number, One, Reply, Text
from bpm_server.web.api.searching import WIRE_OPERATORS, Filter, read_page

if TYPE_CHECKING:
    from bpm_server.reports.query import Page, PageOf
    from bpm_server.web.api.searching import SearchTable


class PageRequest(Body):
    """Which page: ``from`` and ``limit``, or ``after``, or ``before`` a cursor."""

    offset = Number(data_key="from", least=0, metadata={"default": 0})
    limit = Number(least=1, most=10_000, metadata={"default": 100})
    after = Text()
    before = Text()


class PageReply(Reply):
    """Where a page lies. ``totalItems`` is a lower bound where there are more."""

    total_items = Number()
    has_more_total_items = Flag()
    start_cursor = Text(null=True)
    end_cursor = Text(null=True)


@functools.cache
def page_shape(item: type[Reply]) -> type[Reply]:
    """The reply of a search for such items."""
    members: dict[str, Any] = {"items": Many(item), "page": One(PageReply), "__doc__": f"A page of {item.__name__}."}
    return type(f"{item.__name__}Page", (Reply,), members)


PAGE_PARAMETERS: list[dict[str, Any]] = [
    {"in": "query", "name": "limit", "schema": {"type": "integer", "minimum": 1, "maximum": 10_000, "default": 100}},
    {"in": "query", "name": "after", "schema": {"type": "string"}, "description": "Cursor of the page before."},
    {"in": "query", "name": "before", "schema": {"type": "string"}, "description": "Cursor of the page after."},
]
"""Of lists that are read with GET."""


def read_page_parameters() -> PageOf:
    """Which page the query string of the current request wants.

    Raises:
        InvalidInput: names the parameter that is wrong.
    """
    found: dict[str, Any] = {name: request.args[name] for name in ("after", "before") if name in request.args}
    if "limit" in request.args:
        text = request.args["limit"]
        found["limit"] = int(text) if text.isdecimal() and len(text) < 10 else text
    return read_page(found)


def page_values(page: Page[Any]) -> dict[str, Any]:
    """A page for the writer of :func:`page_shape`."""
    return {
        "items": page.items,
        "page": {
            "total_items": page.total,
            "has_more_total_items": page.more_than_total,
            "start_cursor": page.start,
            "end_cursor": page.end,
        },
    }


_JSON_TYPES: dict[Kind, dict[str, Any]] = {
    Kind.KEY: {"type": "string", "pattern": "^[0-9]{1,19}$"},
    Kind.TEXT: {"type": "string"},
    Kind.NUMBER: {"type": "integer", "format": "int32"},
    Kind.MOMENT: {"type": "string", "format": "date-time"},
    Kind.FLAG: {"type": "boolean"},
    Kind.SEALED: {"type": "string"},
}


def query_schema(table: SearchTable) -> dict[str, Any]:
    """The JSON schema of a search's body."""
    members = {name: _member_schema(table, known) for name, known in sorted(table.filters.items())}
    members["tenantId"] = _condition_schema(Kind.TEXT, ())
    if table.alternatives:
        members["$or"] = {"type": "array", "items": {"type": "object", "properties": dict(members)}}
    sortable = sorted({*table.sorts, *table.more_sorts})
    sort = {
        "type": "object",
        "required": ["field"],
        "properties": {
            "field": {"type": "string", "enum": sortable},
            "order": {"type": "string", "enum": ["ASC", "DESC"], "default": "ASC"},
        },
    }
    return {
        "type": "object",
        "properties": {
            "filter": {"type": "object", "properties": members, "additionalProperties": False},
            "sort": {"type": "array", "maxItems": 10, "items": sort},
            "page": {"$ref": "#/components/schemas/PageRequest"},
        },
    }


def _member_schema(table: SearchTable, known: str | Filter) -> dict[str, Any]:
    wanted = Filter(known) if isinstance(known, str) else known
    kind = table.search.fields[wanted.field].kind
    if kind is Kind.TAGS:
        return {"type": "array", "items": {"type": "string"}}
    if kind is Kind.VARIABLES:
        members = {"name": {"type": "string"}, "value": _condition_schema(Kind.TEXT, ())}
        tested = {"type": "object", "required": ["name", "value"], "properties": members}
        return {"type": "array", "items": tested}
    return _condition_schema(kind, wanted.words)


def _condition_schema(kind: Kind, words: tuple[str, ...]) -> dict[str, Any]:
    plain = {**_JSON_TYPES[kind], **({"enum": list(words)} if words else {})}
    if kind is Kind.FLAG:
        return plain
    allowed = OPERATORS[kind] | ({"like"} if words else set())
    operators: dict[str, Any] = {}
    for wire, ours in WIRE_OPERATORS.items():
        if ours in allowed:
            operators[wire] = plain
            if ours == "exists":
                operators[wire] = {"type": "boolean"}
            elif ours in ("in", "not_in"):
                operators[wire] = {"type": "array", "items": plain}
            elif ours == "like":
                operators[wire] = {"type": "string"}
    return {"oneOf": [plain, {"type": "object", "properties": operators, "additionalProperties": False}]}

"""Camunda 7's lists: filters from the query string (GET) or from a body (POST), sorting, paging, counting.

A filter that we do not know is refused: to ignore it would show more than was asked for.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flask import request

from bpm_server.kernel import json
from bpm_server.kernel.errors import InvalidInput, NotFound
from bpm_server.reports.query import MAX_LIMIT, Condition, Order, PageOf, Query, VariableTest
from bpm_server.reports.sight import EVERYTHING
from bpm_server.web.api.blueprint import Call, read_json
from bpm_server.web.api.fields import Value, read_text, shown
from bpm_server.web.engine_rest.values import read_definition_key, read_key, read_moment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from sqlalchemy import ColumnElement

    from bpm_server.reports.query import Operator, Page
    from bpm_server.reports.search import Search
    from bpm_server.web.engine_rest.blueprint import EngineBlueprint

PAGING = ("firstResult", "maxResults", "sortBy", "sortOrder", "sorting")
OURS = ("withoutTenantId", "active")
"""Filters that everything here satisfies: there is one tenant, and lists are of what is open."""
_OPERATORS: dict[Any, Operator] = {"eq": "eq", "neq": "neq"}


class Refused(Value):
    """A member that would change what a request means and that we do not support: better said than lost."""

    def read(self, value: Any) -> None:
        if value not in ("", [], {}, False):
            message = f"Expected no value, as this is not supported, but found {shown(value)}"
            raise InvalidInput(message)


# --- values of filters ----------------------------------------------------------------------------------


def text(value: Any) -> str:
    """Text as it is."""
    return read_text(value)


def pattern(value: Any) -> str:
    r"""Camunda 7's pattern (``%`` any text, ``_`` one character) as ours (``*``, ``?``)."""
    escaped = "".join(f"\\{char}" if char in "*?\\" else char for char in read_text(value))
    return escaped.replace("%", "*").replace("_", "?")


def key(value: Any) -> int:
    """A key from an id."""
    return read_key(text(value), "thing")


def definition(value: Any) -> int:
    """The key of a process definition."""
    return read_definition_key(text(value))


def number(value: Any) -> int:
    """A whole number; text in query strings."""
    if isinstance(value, str) and value.lstrip("-").isdigit() and len(value) <= 10:
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**31:
        return value
    message = f"Expected a whole number, but found {shown(value)}"
    raise InvalidInput(message)


def when(value: Any) -> datetime:
    """A moment."""
    return read_moment(value)


def flag(value: Any) -> bool:
    """True or false; text in query strings."""
    found = {"true": True, "false": False}.get(value.lower()) if isinstance(value, str) else value
    if isinstance(found, bool):
        return found
    message = f"Expected true or false, but found {shown(value)}"
    raise InvalidInput(message)


def many(read: Callable[[Any], Any]) -> Callable[[Any], tuple[Any, ...]]:
    """A list of values; in query strings with commas between."""

    def read_all(value: Any) -> tuple[Any, ...]:
        values = value.split(",") if isinstance(value, str) else value
        if not isinstance(values, list):
            message = f"Expected a list, but found {shown(value)}"
            raise InvalidInput(message)
        return tuple(read(one) for one in values)

    return read_all


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter: our field, how it is compared, and how its value is read.

    Attributes:
        when: Filters that are switched on by ``true`` alone: the value that is compared then.
    """

    field: str
    operator: Operator = "eq"
    read: Callable[[Any], Any] = text
    when: Any = ...

    def conditions(self, value: Any) -> list[Condition]:
        """What must hold."""
        if self.when is not Ellipsis:
            return [Condition(self.field, self.operator, self.when)] if flag(value) else []
        return [Condition(self.field, self.operator, self.read(value))]


@dataclass(frozen=True, slots=True)
class Switch:
    """A filter that says how others are meant."""

    @staticmethod
    def conditions(value: Any) -> list[Condition]:
        """None of its own."""
        flag(value)
        return []


@dataclass(frozen=True, slots=True)
class VariableFilter:
    """Tests of variables: ``[{"name", "operator", "value"}]``, or ``name_eq_value`` in a query string."""

    field: str

    def conditions(self, value: Any) -> list[Condition]:
        """What must hold."""
        tests = value.split(",") if isinstance(value, str) else value
        if not isinstance(tests, list):
            message = f"Expected a list of name, operator and value, but found {shown(value)}"
            raise InvalidInput(message)
        return [Condition(self.field, "eq", self._test(one)) for one in tests]

    @staticmethod
    def _test(found: Any) -> VariableTest:
        if isinstance(found, str):
            name, _, rest = found.partition("_")
            how, _, value = rest.partition("_")
            found = {"name": name, "operator": how, "value": value}
        operator = _OPERATORS.get(found.get("operator")) if isinstance(found, dict) else None
        if operator is None or not isinstance(found.get("name"), str):
            message = (
                f"Expected a test of a variable with name, operator (eq or neq) and value, but found {shown(found)}"
            )
            raise InvalidInput(message)
        return VariableTest(text(found["name"]), operator, json.dumps(found.get("value")))


# --- lists ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Listing:
    """A list of Camunda 7's.

    Attributes:
        write: A row as an object.
        filters: By name.
        sorts: Our field by Camunda 7's name.
        always: Conditions that every row of this list satisfies.
        narrowed: The same in SQL.
        more: Further conditions and alternatives from all filters together.
    """

    search: Search[Any]
    write: Callable[[Any], dict[str, Any]]
    filters: Mapping[str, Filter | VariableFilter | Switch]
    sorts: Mapping[str, str] = field(default_factory=dict)
    always: tuple[Condition, ...] = ()
    narrowed: tuple[ColumnElement[bool], ...] = ()
    more: Callable[[Call, dict[str, Any], Query], Query] | None = None

    def find(self, call: Call) -> list[dict[str, Any]]:
        """The objects that a request asks for."""
        asked = _asked()
        if asked.get("maxResults") is not None and number(asked["maxResults"]) == 0:
            self._query(call, {**asked, "maxResults": 1})
            return []
        return [self.write(row) for row in self._page(call, self._query(call, asked)).items]

    def get(self, call: Call, key: int, what: str) -> dict[str, Any]:
        """One object.

        Args:
            call: Who asks.
            key: Its key.
            what: Its name in messages.

        Raises:
            NotFound: there is none, or none of this list.
            Forbidden: the actor may not see it.
        """
        with call.server.database.read() as connection:
            row = self.search.get(connection, call.actor, key)
            query = Query((Condition("key", "eq", key), *self.always), page=PageOf(1))
            if not self.search.page(connection, EVERYTHING, query, *self.narrowed).items:
                message = f"Expected to find {what} '{key}', but there is none that is open"
                raise NotFound(message)
        return self.write(row)

    def count(self, call: Call) -> dict[str, int]:
        """How many there are, counted up to 10,000."""
        asked = {name: value for name, value in _asked().items() if name not in PAGING}
        return {"count": self._page(call, self._query(call, {**asked, "maxResults": 1})).total}

    def _page(self, call: Call, query: Query) -> Page[Any]:
        with call.server.database.read() as connection:
            return self.search.page(connection, call.actor, query, *self.narrowed)

    def _query(self, call: Call, asked: dict[str, Any]) -> Query:
        conditions = list(self.always)
        for name, value in asked.items():
            if value is None or name in PAGING or name in OURS:
                continue
            known = self.filters.get(name)
            if known is None:
                message = f"Expected one of {', '.join(sorted(self.filters))}, but found '{name[:60]}'"
                raise InvalidInput(message, field=name[:60])
            conditions += known.conditions(value)
        wanted = MAX_LIMIT if asked.get("maxResults") is None else number(asked["maxResults"])
        page = PageOf(min(wanted, MAX_LIMIT), number(asked.get("firstResult") or 0))
        query = Query(tuple(conditions), order=self._order(asked), page=page)
        return query if self.more is None else self.more(call, asked, query)

    def _order(self, asked: dict[str, Any]) -> tuple[Order, ...]:
        found = asked.get("sorting")
        if found is None:
            found = [asked] if asked.get("sortBy") is not None else []
        if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
            message = f"Expected sorting as a list of sortBy and sortOrder, but found {shown(found)}"
            raise InvalidInput(message, field="sorting")
        return tuple(self._term(one) for one in found)

    def _term(self, one: dict[str, Any]) -> Order:
        by, order = one.get("sortBy"), one.get("sortOrder")
        if not isinstance(by, str) or by not in self.sorts or order not in ("asc", "desc"):
            names = ", ".join(sorted(self.sorts))
            message = f"Expected sortBy as one of {names} with sortOrder asc or desc, but found {shown([by, order])}"
            raise InvalidInput(message, field="sortBy")
        return Order(self.sorts[by], order == "desc")


def add(api: EngineBlueprint, path: str, listing: Listing) -> None:
    """Adds a list and its count, each for GET and POST."""
    for method in ("GET", "POST"):
        api.operation(method, path)(_named(f"find_{path[1:]}", listing.find))
        api.operation(method, f"{path}/count")(_named(f"count_{path[1:]}", listing.count))


def _named(name: str, view: Callable[[Call], Any]) -> Callable[[Call], Any]:
    def run(call: Call) -> Any:
        return view(call)

    run.__name__ = name.replace("-", "_")
    return run


def _asked() -> dict[str, Any]:
    """Members of the query string and of the body, which counts more.

    Raises:
        InvalidInput: the body is no JSON object.
    """
    found: dict[str, Any] = dict(request.args.items())
    if request.method == "POST":
        body = read_json()
        if body is not None and not isinstance(body, dict):
            message = f"Expected a JSON object, but found {shown(body)}"
            raise InvalidInput(message)
        found.update(body or {})
    return found

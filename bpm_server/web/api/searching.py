"""``POST .../search``: the contract's body becomes a query of ``reports``, its page a reply.

A search is a table: which members of the filter are which field, and by what one can sort.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from bpm_server.kernel.errors import InvalidInput
from bpm_server.reports.query import OPERATORS, Condition, Kind, Order, PageOf, Query, VariableTest
from bpm_server.web.api.fields import Flag, Number, Word, read_key, read_moment, read_text, shown, writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from bpm_server.reports.query import Operator, Page
    from bpm_server.reports.search import Search
    from bpm_server.web.api.fields import Reply

TENANT = "<default>"
MAX_VALUES = 1_000
MAX_ALTERNATIVES = 100
WIRE_OPERATORS: dict[str, Operator] = {
    "$eq": "eq",
    "$neq": "neq",
    "$exists": "exists",
    "$in": "in",
    "$notIn": "not_in",
    "$like": "like",
    "$gt": "gt",
    "$gte": "gte",
    "$lt": "lt",
    "$lte": "lte",
}


@dataclass(frozen=True, slots=True)
class Filter:
    """A member of a filter: our field, and the words that it may have where they are few.

    Attributes:
        ours: Our words for each of the contract's, where they differ.
    """

    field: str
    words: tuple[str, ...] = ()
    ours: Mapping[str, tuple[str, ...]] | None = None

    def translated(self, conditions: list[Condition]) -> list[Condition]:
        """Conditions in our words."""
        return conditions if self.ours is None else [self._translate(one, self.ours) for one in conditions]

    def _translate(self, one: Condition, ours: Mapping[str, tuple[str, ...]]) -> Condition:
        if one.operator == "exists":
            return one
        words: Iterable[str] = one.value if one.operator in ("in", "not_in") else (one.value,)
        if one.operator == "like":
            words = [word for word in self.words if fnmatchcase(word, one.value)]
        values = tuple(value for word in words for value in ours[word])
        return Condition(one.field, "not_in" if one.operator in ("neq", "not_in") else "in", values)


@dataclass(frozen=True)
class SearchTable:
    """One search of the contract.

    Attributes:
        filters: Our field (or :class:`Filter`) by the filter's member.
        sorts: Members that one can sort by; they are filters too, unless they map here.
        alternatives: Whether the filter may have ``$or``.
        refused: Members that we know but cannot filter by, with the reason.
        unsorted: Members that we know but cannot sort by, with the reason.
    """

    search: Search[Any]
    item: type[Reply]
    filters: Mapping[str, str | Filter]
    sorts: tuple[str, ...] = ()
    more_sorts: Mapping[str, str] = field(default_factory=dict)
    alternatives: bool = False
    refused: Mapping[str, str] = field(default_factory=dict)
    unsorted: Mapping[str, str] = field(default_factory=dict)

    def query(self, body: Any) -> Query:
        """The query behind a request's body.

        Raises:
            InvalidInput: names the member that is wrong.
        """
        if body is None:
            return Query()
        if not isinstance(body, dict):
            message = f"Expected an object with filter, sort and page, but found {shown(body)}"
            raise InvalidInput(message)
        conditions, any_of = self._filter(body.get("filter"), "filter")
        return Query(conditions, any_of, self._order(body.get("sort")), read_page(body.get("page")))

    # --- filter -----------------------------------------------------------------------------------------

    def _filter(self, found: Any, path: str) -> tuple[tuple[Condition, ...], tuple[tuple[Condition, ...], ...]]:
        if found is None:
            return (), ()
        if not isinstance(found, dict):
            message = f"Expected {path} as an object, but found {shown(found)}"
            raise InvalidInput(message, field=path)
        any_of: tuple[tuple[Condition, ...], ...] = ()
        conditions: list[Condition] = []
        for name, value in found.items():
            if value is None:
                continue
            if name == "$or" and self.alternatives and path == "filter":
                any_of = self._alternatives(value)
            elif name == "tenantId":
                conditions += _values("tenant", Kind.TEXT, value, f"{path}.{name}", ())
            else:
                conditions += self._member(name, value, f"{path}.{name}")
        return tuple(conditions), any_of

    def _alternatives(self, value: Any) -> tuple[tuple[Condition, ...], ...]:
        if not isinstance(value, list) or len(value) > MAX_ALTERNATIVES:
            message = f"Expected filter.$or as a list of at most {MAX_ALTERNATIVES} filters, but found {shown(value)}"
            raise InvalidInput(message, field="filter.$or")
        return tuple(self._filter(one, f"filter.$or.{n}")[0] for n, one in enumerate(value))

    def _member(self, name: str, value: Any, path: str) -> list[Condition]:
        known = self.filters.get(name)
        if known is None:
            reason = self.refused.get(name)
            if reason is not None:
                message = f"Expected a supported filter, but found '{name}', which is not: {reason}"
            else:
                message = f"Expected one of {', '.join(sorted(self.filters))} in {path}, but found '{name[:60]}'"
            raise InvalidInput(message, field=path[:200])
        wanted = Filter(known) if isinstance(known, str) else known
        kind = self.search.fields[wanted.field].kind
        if kind is Kind.VARIABLES:
            return _variables(wanted.field, value, path)
        if kind is Kind.TAGS:
            return [Condition(wanted.field, "eq", tag) for tag in _texts(value, path)]
        return wanted.translated(_values(wanted.field, kind, value, path, wanted.words))

    # --- sort -------------------------------------------------------------------------------------------

    def _order(self, found: Any) -> tuple[Order, ...]:
        known = (*self.sorts, *self.more_sorts, "tenantId")
        return tuple(
            Order(self._sorted_by(name), descending)
            for name, descending in read_sort(found, known, self.unsorted)
            if name != "tenantId"  # there is one tenant
        )

    def _sorted_by(self, name: str) -> str:
        found = self.more_sorts.get(name) or self.filters[name]
        return found if isinstance(found, str) else found.field

    # --- reply ------------------------------------------------------------------------------------------

    def reply(self, page: Page[Any]) -> dict[str, Any]:
        """The contract's page."""
        return page_json(page, writer(self.item))


def page_json(page: Page[Any], write: Callable[[Any], Any]) -> dict[str, Any]:
    """The contract's page of rows that ``write`` turns into objects."""
    return {
        "items": [write(row) for row in page.items],
        "page": {
            "totalItems": page.total,
            "hasMoreTotalItems": page.more_than_total,
            "startCursor": page.start,
            "endCursor": page.end,
        },
    }


def read_page(found: Any) -> PageOf:
    """Which page a request wants.

    Raises:
        InvalidInput: names the member that is wrong.
    """
    if found is None:
        return PageOf()
    if not isinstance(found, dict):
        message = f"Expected page as an object, but found {shown(found)}"
        raise InvalidInput(message, field="page")
    values: dict[str, Any] = {}
    for wire, ours in (("limit", "limit"), ("from", "offset")):
        value = found.get(wire)
        if value is not None:
            if not isinstance(value, int) or isinstance(value, bool) or abs(value) > 2**31:
                message = f"Expected page.{wire} as a whole number, but found {shown(value)}"
                raise InvalidInput(message, field=f"page.{wire}")
            values[ours] = value
    for name in ("after", "before"):
        value = found.get(name)
        if value is not None:
            if not isinstance(value, str):
                message = f"Expected page.{name} as a cursor, but found {shown(value)}"
                raise InvalidInput(message, field=f"page.{name}")
            values[name] = value
    return PageOf(**values)


def read_sort(found: Any, known: tuple[str, ...], refused: Mapping[str, str] | None = None) -> list[tuple[str, bool]]:
    """Fields to sort by, and whether each falls.

    Args:
        found: The member ``sort`` of a body.
        known: What one can sort by.
        refused: What else there is, with the reason why it has no order.

    Raises:
        InvalidInput: names the member that is wrong.
    """
    if found is None:
        return []
    if not isinstance(found, list) or len(found) > 10:
        message = f"Expected sort as a list of at most 10 fields, but found {shown(found)}"
        raise InvalidInput(message, field="sort")
    return [_read_sort(one, f"sort.{n}", known, refused or {}) for n, one in enumerate(found)]


def _read_sort(one: Any, path: str, known: tuple[str, ...], refused: Mapping[str, str]) -> tuple[str, bool]:
    if not isinstance(one, dict):
        message = f"Expected {path} as an object with field and order, but found {shown(one)}"
        raise InvalidInput(message, field=path)
    name, order = one.get("field"), one.get("order")
    if not isinstance(name, str) or name not in known:
        reason = f": {refused[name]}" if isinstance(name, str) and name in refused else ""
        message = f"Expected one of {', '.join(sorted(known))} in {path}.field, but found {shown(name)}{reason}"
        raise InvalidInput(message, field=f"{path}.field")
    if order is None:
        return name, False
    if not isinstance(order, str) or order.upper() not in ("ASC", "DESC"):
        message = f"Expected ASC or DESC in {path}.order, but found {shown(order)}"
        raise InvalidInput(message, field=f"{path}.order")
    return name, order.upper() == "DESC"


# --- values of conditions -------------------------------------------------------------------------------


def _values(name: str, kind: Kind, value: Any, path: str, words: tuple[str, ...]) -> list[Condition]:
    """A scalar, or an object of operators."""
    if not isinstance(value, dict):
        return [Condition(name, "eq", _value(kind, value, path, words))]
    if kind is Kind.FLAG:
        message = f"Expected true or false in {path}, but found {shown(value)}"
        raise InvalidInput(message, field=path)
    return [
        Condition(name, operator, operand)
        for operator, operand in _operators(kind, value, path, words)
        if operator is not None
    ]


def _operators(kind: Kind, value: dict[str, Any], path: str, words: tuple[str, ...]) -> list[tuple[Operator, Any]]:
    found: list[tuple[Operator, Any]] = []
    for wire, operand in value.items():
        operator = WIRE_OPERATORS.get(wire)
        allowed = OPERATORS[kind] | ({"like"} if words else set())
        if operator is None or operator not in allowed:
            known = ", ".join(w for w, ours in WIRE_OPERATORS.items() if ours in allowed)
            message = f"Expected one of {known} in {path}, but found '{wire[:40]}'"
            raise InvalidInput(message, field=path)
        if operand is not None:
            found.append((operator, _operand(operator, kind, operand, f"{path}.{wire}", words)))
    return found


def _operand(operator: Operator, kind: Kind, operand: Any, path: str, words: tuple[str, ...]) -> Any:
    if operator == "exists":
        return _value(Kind.FLAG, operand, path, ())
    if operator in ("in", "not_in"):
        if not isinstance(operand, list) or len(operand) > MAX_VALUES:
            message = f"Expected a list of at most {MAX_VALUES} values in {path}, but found {shown(operand)}"
            raise InvalidInput(message, field=path)
        return tuple(_value(kind, one, path, words) for one in operand)
    return _value(kind, operand, path, () if operator == "like" else words)


def _value(kind: Kind, value: Any, path: str, words: tuple[str, ...]) -> Any:
    try:
        if words:
            return Word(words).read(value)
        return _READERS[kind](value)
    except InvalidInput as error:
        message = f"{error.message} in {path}"
        raise InvalidInput(message, field=path) from error


_READERS: dict[Kind, Callable[[Any], Any]] = {
    Kind.KEY: read_key,
    Kind.TEXT: lambda value: read_text(value, 32_768),
    Kind.NUMBER: Number().read,
    Kind.MOMENT: read_moment,
    Kind.FLAG: Flag().read,
    Kind.SEALED: lambda value: read_text(value, 32_768),
}


def _texts(value: Any, path: str) -> list[str]:
    if not isinstance(value, list) or len(value) > MAX_VALUES:
        message = f"Expected a list of texts in {path}, but found {shown(value)}"
        raise InvalidInput(message, field=path)
    return [_value(Kind.TEXT, one, path, ()) for one in value]


def _variables(name: str, value: Any, path: str) -> list[Condition]:
    if not isinstance(value, list) or len(value) > MAX_ALTERNATIVES:
        message = f"Expected a list of objects with name and value in {path}, but found {shown(value)}"
        raise InvalidInput(message, field=path)
    found: list[Condition] = []
    for n, one in enumerate(value):
        where = f"{path}.{n}"
        if not isinstance(one, dict) or "value" not in one:
            message = f"Expected an object with name and value in {where}, but found {shown(one)}"
            raise InvalidInput(message, field=where)
        variable = _value(Kind.TEXT, one.get("name"), f"{where}.name", ())
        tested = one["value"]
        operands: list[tuple[Operator, Any]] = (
            _operators(Kind.TEXT, tested, f"{where}.value", ())
            if isinstance(tested, dict)
            else [("eq", _value(Kind.TEXT, tested, f"{where}.value", ()))]
        )
        found += [Condition(name, "eq", VariableTest(variable, operator, operand)) for operator, operand in operands]
    return found

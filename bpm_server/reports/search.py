"""Searches as SQL: conditions, stable order, and pages by offset or by cursor."""

from __future__ import annotations

import functools
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import sqlalchemy as sa
from sqlalchemy.sql import visitors

from bpm_server.kernel.errors import Forbidden, NotFound
from bpm_server.reports.conditions import compare
from bpm_server.reports.cursors import make_cursor, may_be_missing, ordering, ranges, read_cursor
from bpm_server.reports.query import MAX_TOTAL, Condition, Kind, Order, Page, Query

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy.engine import Connection, Row

    from bpm_server.domain.identity import Actor
    from bpm_server.reports.cursors import Term

R = TypeVar("R")
Where = sa.ColumnElement[bool]
MAX_SHAPES = 200
CHOSEN = "chosen"
_PLAIN = frozenset({Kind.KEY, Kind.TEXT, Kind.NUMBER})


@dataclass(frozen=True, slots=True)
class Field:
    """A field that a search can filter and sort by.

    Attributes:
        column: What it is in SQL; None where only ``where`` can test it.
        where: Tests it in another way than by the column, given the condition and the dialect.
    """

    kind: Kind
    column: sa.ColumnElement[Any] | None = None
    where: Callable[[Condition, str], Where] | None = None


@functools.cache
def _chosen_rows(table: sa.Table) -> sa.TableClause:
    return sa.table(CHOSEN, *[sa.column(column.name, column.type) for column in table.columns])


def _of_the_tenant(condition: Condition, dialect: str) -> Where:
    return compare(sa.literal_column("'<default>'", sa.Text), Kind.TEXT, condition.operator, condition.value, dialect)


TENANT = Field(Kind.TEXT, where=_of_the_tenant)
"""Everything belongs to the one tenant there is; clients filter by it nevertheless."""


class Search(Generic[R]):
    """One kind of thing that can be searched."""

    def __init__(
        self,
        what: str,
        row: type[R],
        *,
        source: sa.FromClause,
        key: sa.ColumnElement[Any],
        columns: Mapping[str, sa.ColumnElement[Any]],
        fields_: Mapping[str, Field],
        sight: Callable[[Actor], Where | None],
        permission: tuple[str, str],
        convert: Mapping[str, Callable[[Any], Any]] | None = None,
        ties: Sequence[sa.ColumnElement[Any]] = (),
        alone: sa.Table | None = None,
    ) -> None:
        """Describes the search.

        Args:
            what: Its name in messages.
            row: Frozen dataclass of a result; its fields name the ``columns``.
            source: Tables, joined.
            key: Unique column.
            columns: By field of the row.
            fields_: What can be filtered and sorted by.
            sight: What an actor may see; None for everything.
            permission: The right that shows all of them: resource and action.
            convert: Applied to a column's value, by field of the row.
            ties: Last sort criteria, unique together; as a rule the key.
            alone: The table whose rows these are, where every row of it has exactly one of each that ``source`` joins:
                then they are counted without the others.
        """
        names = [one.name for one in fields(row)]  # type: ignore[arg-type]
        self.what = what
        self.fields = {"tenant": TENANT, **fields_}
        self._row: Callable[..., R] = row
        self._source = source
        self._alone = alone
        self._chosen = self._of_chosen(source)
        self._key = key
        self._ties: list[Term] = [(column, False) for column in ties or (key,)]
        self._sight = sight
        self._permission = permission
        self._columns = [columns[name].label(name) for name in names]
        self._chosen_columns = [self._of_chosen(column) for column in self._columns]
        self._convert = [(names.index(name), change) for name, change in (convert or {}).items()]
        self._plain: dict[tuple[tuple[str, ...], tuple[Order, ...]], sa.Select[Any]] = {}
        self._by_key = sa.select(*self._columns).select_from(source).where(key == sa.bindparam("b_key"))

    # --- one --------------------------------------------------------------------------------------------

    def get(self, connection: Connection, actor: Actor, key: Any) -> R:
        """One row by key.

        Raises:
            NotFound: there is none.
            Forbidden: the actor may not see it.
        """
        row = connection.execute(self._by_key, {"b_key": key}).one_or_none()
        if row is None:
            message = f"Expected to find {self.what} '{key}', but there is none"
            raise NotFound(message)
        seen = self._sight(actor)
        if seen is not None:
            mine = sa.select(sa.literal(1)).select_from(self._source).where(self._key == key, seen)
            if connection.execute(mine).first() is None:
                raise forbidden(actor, self.what, key, self._permission)
        return self._make(row)

    def _make(self, row: Row[Any]) -> R:
        width = len(self._columns)
        if not self._convert and len(row) == width:
            return self._row(*row)
        values = list(row[:width])
        for index, change in self._convert:
            if values[index] is not None:
                values[index] = change(values[index])
        return self._row(*values)

    # --- many -------------------------------------------------------------------------------------------

    def page(self, connection: Connection, actor: Actor, query: Query, *narrowed: Where) -> Page[R]:
        """The page of a query: what matches, what the actor may see, and ``narrowed``.

        Raises:
            InvalidInput: a cursor of another search.
        """
        seen = self._sight(actor)
        if seen is None and not narrowed and self._is_plain(query):
            return self._plain_page(connection, query)
        wheres = [*narrowed, *self._wheres(query, connection.dialect.name)]
        if seen is not None:
            wheres.append(seen)
        order = self._order(query)
        wanted = query.page
        if wanted.offset:
            order_by = ordering(order, backward=False)
            statement = self._select(order, wheres, order_by, wanted.limit, wanted.offset)
            return self._page(connection, query, connection.execute(statement).all(), wheres)
        backward = wanted.before is not None
        cursor = wanted.before if backward else wanted.after
        values = None if cursor is None else read_cursor(cursor, query, order)
        found: list[Row[Any]] = []
        for part in ranges(order, values, backward=backward):
            if len(found) < wanted.limit:
                one = self._select(order, [*wheres, part.where], part.order_by, wanted.limit - len(found))
                found += connection.execute(one).all()
        return self._page(connection, query, found[::-1] if backward else found, wheres)

    def _select(
        self,
        order: list[Term],
        wheres: Sequence[Where],
        order_by: Sequence[sa.ColumnElement[Any]],
        limit: Any,
        offset: int = 0,
    ) -> sa.Select[Any]:
        """The first rows that match; chosen, where that is possible, before anything is joined to them."""
        columns = [column for column, _ in order]
        if self._alone is None or not self._is_alone(sa.select(self._key, *columns).where(*wheres)):
            statement = sa.select(*self._columns, *columns).select_from(self._source).where(*wheres)
            statement = statement.order_by(*order_by).limit(limit)
            return statement.offset(offset) if offset else statement
        first = sa.select(self._alone).where(*wheres).order_by(*order_by).limit(limit)
        chosen = (first.offset(offset) if offset else first).cte(CHOSEN)
        statement = sa.select(*self._chosen_columns, *[self._of_chosen(column) for column in columns])
        statement = statement.select_from(self._chosen).add_cte(chosen)
        return statement.order_by(*[self._of_chosen(term) for term in order_by])

    def _of_chosen(self, whole: Any) -> Any:
        """The same of the chosen rows."""

        def replaced(element: Any, **_: Any) -> Any:
            if isinstance(element, sa.Column) and element.table is self._alone:
                return _chosen_rows(element.table).c[element.name]
            return _chosen_rows(element) if element is self._alone else None

        return visitors.replacement_traverse(whole, {}, replaced)

    def _is_alone(self, statement: sa.Select[Any]) -> bool:
        return self._alone is not None and all(one is self._alone for one in statement.get_final_froms())

    # --- the common case: equalities on the first page --------------------------------------------------

    def _is_plain(self, query: Query) -> bool:
        page = query.page
        return (
            not query.any_of
            and page.after is None
            and page.before is None
            and not page.offset
            and not may_be_missing(self._order(query))
            and all(one.operator == "eq" and self._is_column(one.field) for one in query.conditions)
        )

    def _is_column(self, name: str) -> bool:
        known = self.fields[name]
        return known.column is not None and known.where is None and known.kind in _PLAIN

    def _plain_page(self, connection: Connection, query: Query) -> Page[R]:
        """Like :meth:`page`; the statement is built once for each combination of fields."""
        shape = (tuple(one.field for one in query.conditions), query.order)
        statement = self._plain.get(shape)
        if statement is None:
            statement = self._plain_statement(query)
            if len(self._plain) < MAX_SHAPES:
                self._plain[shape] = statement
        values = {f"b_{number}": one.value for number, one in enumerate(query.conditions)}
        rows = connection.execute(statement, {**values, "b_limit": query.page.limit}).all()
        wheres = [] if len(rows) < query.page.limit else self._wheres(query, connection.dialect.name)
        return self._page(connection, query, rows, wheres)

    def _plain_statement(self, query: Query) -> sa.Select[Any]:
        order = self._order(query)
        columns = [self.fields[one.field].column for one in query.conditions]
        wheres = [
            column == sa.bindparam(f"b_{number}", type_=column.type)
            for number, column in enumerate(columns)
            if column is not None
        ]
        limit = sa.bindparam("b_limit", type_=sa.Integer)
        return self._select(order, wheres, ordering(order, backward=False), limit)

    def _page(self, connection: Connection, query: Query, rows: Sequence[Row[Any]], wheres: list[Where]) -> Page[R]:
        wanted, width = query.page, len(self._columns)
        by_offset = wanted.after is None and wanted.before is None
        if by_offset and len(rows) < wanted.limit and (rows or not wanted.offset):
            total = wanted.offset + len(rows)
        else:
            total = self._count(connection, wheres)
        items = [self._make(row) for row in rows]
        start, end = [make_cursor(query, row[width:]) for row in (rows[0], rows[-1])] if rows else (None, None)
        return Page(items, min(total, MAX_TOTAL), total > MAX_TOTAL, start, end)

    def keys(self, actor: Actor, query: Query, dialect: str, *narrowed: Where) -> sa.Select[Any]:
        """A sub-query of the keys that match and that the actor may see, for further reports."""
        seen = self._sight(actor)
        wheres = [*narrowed, *self._wheres(query, dialect), *([] if seen is None else [seen])]
        return sa.select(self._key).select_from(self._source).where(*wheres)

    def _count(self, connection: Connection, wheres: Sequence[Where]) -> int:
        """How many rows match, counted a little beyond ``MAX_TOTAL``.

        PostgreSQL would expect matches everywhere and read the table from its beginning, where the oldest are, to find
        the newest: asked for them in order, it takes an index.
        """
        matching = sa.select(sa.literal(1)).where(*wheres)
        source = self._alone if self._alone is not None and self._is_alone(matching) else self._source
        if connection.dialect.name == "postgresql":
            matching = matching.order_by(self._key)
        inner = matching.select_from(source).limit(MAX_TOTAL + 1).subquery()
        return connection.execute(sa.select(sa.func.count()).select_from(inner)).scalar_one()

    def _wheres(self, query: Query, dialect: str) -> list[Where]:
        found = [self._where(condition, dialect) for condition in query.conditions]
        if query.any_of:
            groups = [sa.and_(sa.true(), *[self._where(c, dialect) for c in group]) for group in query.any_of]
            found.append(sa.or_(*groups))
        return found

    def _where(self, condition: Condition, dialect: str) -> Where:
        known = self.fields[condition.field]
        if known.where is not None:
            return known.where(condition, dialect)
        assert known.column is not None  # noqa: S101
        return compare(known.column, known.kind, condition.operator, condition.value, dialect)

    def _order(self, query: Query) -> list[Term]:
        order: list[Term] = []
        for wanted in query.order:
            column = self.fields[wanted.field].column
            assert column is not None  # noqa: S101
            order.append((column, wanted.descending))
            if len(self._ties) == 1 and column is self._key:
                return order
        return [*order, *self._ties]


def forbidden(actor: Actor, what: str, key: Any, permission: tuple[str, str]) -> Forbidden:
    """The error of somebody who may not see a thing."""
    needed = ":".join(permission)
    message = f"Expected '{actor.username}' to have the permission {needed} for {what} '{key}', but it is missing"
    return Forbidden(message, permission=needed)

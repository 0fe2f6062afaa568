"""Reading and writing rows on the hot path: statements that are compiled once per dialect (see ``store.wire``)."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from bpm_server.store.wire import wire_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy.engine import Connection
    from sqlalchemy.sql.elements import ClauseElement

    from bpm_server.store.wire import Compiled

Values = dict[str, Any]
ZERO = sa.literal_column("0", sa.Integer)
"""In a statement that goes straight to the driver numbers are no parameters; on SQLite a limit wants its offset."""
BLOCK = 32
"""Rows that one insert takes where there are many, on PostgreSQL."""


class _Statement:
    """Compiled when a dialect first needs it.

    Args of the constructor:
        make: Gives the statement for a dialect's name; its parameters are ``bindparam`` or column names.
    """

    def __init__(self, make: Callable[[str], ClauseElement]) -> None:
        self._make = make
        self._compiled: dict[str, Compiled] = {}

    def compiled(self, connection: Connection) -> Compiled:
        """For the dialect of a connection."""
        dialect = connection.dialect.name
        found = self._compiled.get(dialect)
        if found is None:
            found = self._compiled[dialect] = wire_of(connection).compile(self._make(dialect))
        return found


class Prepared(_Statement):
    """A statement without rows to return (insert, update, delete)."""

    def run(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Runs once for each row, in one round trip or in that of what follows; nothing happens for no rows.

        Raises:
            Exception: the driver's own, here or at the latest with the commit; ``Database`` translates it.
        """
        if rows:
            compiled = self.compiled(connection)
            names = compiled.names
            wire_of(connection).write(compiled, [[row[name] for name in names] for row in rows])


class Query(_Statement):
    """A query whose columns are integers, texts, truth values, moments and bytes."""

    def all(self, connection: Connection, **values: Any) -> list[tuple[Any, ...]]:
        """Its rows.

        Raises:
            Exception: the driver's own; ``Database`` translates it.
        """
        compiled = self.compiled(connection)
        found: list[tuple[Any, ...]] = wire_of(connection).read(compiled, [values[name] for name in compiled.names])
        return found

    def first(self, connection: Connection, **values: Any) -> tuple[Any, ...] | None:
        """Its only row, or the first; None where there is none."""
        found = self.all(connection, **values)
        return found[0] if found else None


class _Inserting:
    """Inserts or upserts of one table: row by row, and in blocks where there are many on PostgreSQL."""

    def __init__(self, table: sa.Table, keys: tuple[str, ...] = (), updates: tuple[str, ...] = ()) -> None:
        self._columns = [column.name for column in table.columns]
        self._row = Prepared(lambda dialect: _inserting(dialect, table, 1, keys, updates))
        self._block = Prepared(lambda dialect: _inserting(dialect, table, BLOCK, keys, updates))
        self._places = [_placed(name, place) for place in range(BLOCK) for name in self._columns]
        self._take = itemgetter(*self._columns)

    def run(self, connection: Connection, rows: Sequence[Values]) -> None:
        """Each row names every column."""
        whole = len(rows) - len(rows) % BLOCK if connection.dialect.name == "postgresql" else 0
        blocks = []
        for start in range(0, whole, BLOCK):
            values = [value for row in rows[start : start + BLOCK] for value in self._take(row)]
            blocks.append(dict(zip(self._places, values, strict=True)))
        self._block.run(connection, blocks)
        self._row.run(connection, rows[whole:])


def _placed(name: str, place: int) -> str:
    return f"{name}__{place}"


def _inserting(
    dialect: str, table: sa.Table, count: int, keys: tuple[str, ...], updates: tuple[str, ...]
) -> ClauseElement:
    plain: Any = (sqlite if dialect == "sqlite" else postgresql).insert(table)
    if count > 1:
        plain = plain.values(
            [
                {column.name: sa.bindparam(_placed(column.name, place), type_=column.type) for column in table.columns}
                for place in range(count)
            ]
        )
    if keys and not updates:
        plain = plain.on_conflict_do_nothing(index_elements=list(keys))
    elif keys:
        new_values = {name: plain.excluded[name] for name in updates}
        others = sa.or_(*[table.c[name].is_distinct_from(new_values[name]) for name in updates])
        plain = plain.on_conflict_do_update(index_elements=list(keys), set_=new_values, where=others)
    statement: ClauseElement = plain
    return statement


_INSERTS: dict[str, _Inserting] = {}
_UPSERTS: dict[tuple[str, tuple[str, ...]], _Inserting] = {}


def insert(connection: Connection, table: sa.Table, values: Sequence[Values]) -> None:
    """Inserts rows; each names every column."""
    if values:
        inserting = _INSERTS.get(table.name)
        if inserting is None:
            inserting = _INSERTS[table.name] = _Inserting(table)
        inserting.run(connection, values)


def upsert(
    connection: Connection,
    table: sa.Table,
    values: Sequence[Values],
    keys: tuple[str, ...],
    updates: tuple[str, ...],
) -> None:
    """Inserts rows; where the unique ``keys`` exist, the columns ``updates`` get the new values, if they differ."""
    if values:
        inserting = _UPSERTS.get((table.name, updates))
        if inserting is None:
            inserting = _UPSERTS[table.name, updates] = _Inserting(table, keys, updates)
        inserting.run(connection, values)

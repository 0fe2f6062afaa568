"""Writing rows: statements that are compiled once and then go straight to the driver.

SQLAlchemy builds every statement and describes every column; on the hot path its own work at each execution
(cache keys, result metadata, events) costs several times what the driver does. A ``Prepared`` statement keeps the
compiled text and the converters of its parameters per dialect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy.dialects import postgresql, sqlite

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import sqlalchemy as sa
    from sqlalchemy.engine import Connection, Dialect
    from sqlalchemy.sql.elements import ClauseElement

Values = dict[str, Any]
NOT_BEGUN = "Expected a transaction that has begun, but a prepared statement was its first"


class Prepared:
    """A statement without rows to return (insert, update, delete), compiled once per dialect.

    Args of the constructor:
        make: Gives the statement for a dialect's name; its parameters are ``bindparam`` or column names.
    """

    def __init__(self, make: Callable[[str], ClauseElement]) -> None:
        self._make = make
        self._compiled: dict[str, tuple[str, tuple[tuple[str, Any], ...], bool]] = {}

    def run(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Executes once per row, in one round trip where the driver can; nothing happens for no rows.

        The transaction must have begun: the statement goes past SQLAlchemy, whose events do not see it.

        Raises:
            Exception: the driver's own; ``Database`` translates it.
        """
        if not rows:
            return
        compiled = self._compiled.get(connection.dialect.name)
        if compiled is None:
            compiled = self._compile(connection.dialect)
        text, binds, positional = compiled
        values: list[Any]
        if positional:
            values = [
                tuple([row[name] if convert is None else convert(row[name]) for name, convert in binds]) for row in rows
            ]
        else:
            values = [
                {name: row[name] if convert is None else convert(row[name]) for name, convert in binds} for row in rows
            ]
        if not connection.in_transaction():
            raise AssertionError(NOT_BEGUN)
        cursor = connection.connection.cursor()
        try:
            if len(values) > 1 and not _in_pipeline(connection):
                cursor.executemany(text, values)
            else:
                for one in values:
                    cursor.execute(text, one)
        finally:
            cursor.close()

    def _compile(self, dialect: Dialect) -> tuple[str, tuple[tuple[str, Any], ...], bool]:
        compiled: Any = self._make(dialect.name).compile(dialect=dialect)
        names = compiled.positiontup if compiled.positional else list(compiled.binds)
        converters = {
            name: compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect) for name in compiled.binds
        }
        result = (str(compiled), tuple((name, converters[name]) for name in names), bool(compiled.positional))
        self._compiled[dialect.name] = result
        return result


def _in_pipeline(connection: Connection) -> bool:
    """Whether this is inside ``Database.committing``; psycopg's ``executemany`` waits there, at worst for ever."""
    driver: Any = connection.connection.driver_connection
    return connection.dialect.name == "postgresql" and bool(driver.pgconn.pipeline_status)


_INSERTS: dict[str, Prepared] = {}
_UPSERTS: dict[tuple[str, tuple[str, ...]], Prepared] = {}


def insert(connection: Connection, table: sa.Table, values: Sequence[Values]) -> None:
    """Inserts rows; each names every column."""
    if values:
        prepared = _INSERTS.get(table.name)
        if prepared is None:
            prepared = _INSERTS[table.name] = Prepared(lambda _: table.insert())
        prepared.run(connection, values)


def upsert(
    connection: Connection,
    table: sa.Table,
    values: Sequence[Values],
    keys: tuple[str, ...],
    updates: tuple[str, ...],
) -> None:
    """Inserts rows; where the unique ``keys`` exist, the columns ``updates`` get the new values."""
    if values:
        prepared = _UPSERTS.get((table.name, updates))
        if prepared is None:
            prepared = _UPSERTS[table.name, updates] = Prepared(lambda name: _upsert(name, table, keys, updates))
        prepared.run(connection, values)


def _upsert(dialect: str, table: sa.Table, keys: tuple[str, ...], updates: tuple[str, ...]) -> ClauseElement:
    plain = (sqlite if dialect == "sqlite" else postgresql).insert(table)
    new_values = {name: plain.excluded[name] for name in updates}
    statement: ClauseElement = plain.on_conflict_do_update(index_elements=list(keys), set_=new_values)
    return statement

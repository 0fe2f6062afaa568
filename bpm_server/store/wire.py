"""Statements on their way to the driver: compiled once, sent with little else (ADR 17).

SQLAlchemy keeps the pool, the transactions and all statements that are not on the hot path. What runs in every
command goes past it: its own work at each execution (cache keys, result metadata, events) costs several times what
the driver does, and what psycopg's cursor does costs three times what libpq does.

On PostgreSQL what returns no rows is kept until a reply is needed: until the next query, the next statement of
SQLAlchemy's on the same connection, or the commit, which goes out with it in the same round trip.
"""

from __future__ import annotations

import itertools
import select
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from bpm_server.store.types import UtcDateTime

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Sequence

    import psycopg
    from psycopg.pq.abc import PGconn, PGresult
    from sqlalchemy.engine import Connection, Dialect
    from sqlalchemy.sql.elements import ClauseElement

Values = list[Any]
UNKNOWN_STATEMENT = "26000"
"""PostgreSQL's code where a prepared statement has gone: psycopg drops all of them after ALTER and DROP."""
_POSTGRES_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Compiled:
    """A statement in one dialect.

    Attributes:
        text: As the driver takes it.
        names: Of the parameters, in the order of their places.
        encode: For each parameter what turns its value into the driver's, None where it is the same.
        decode: The same for each column that comes back.
        formats: 1 for parameters in PostgreSQL's binary format, else 0.
        name: Under which PostgreSQL keeps it prepared; empty: not at all.
    """

    text: str
    names: tuple[str, ...]
    encode: tuple[Callable[[Any], Any] | None, ...]
    decode: tuple[Callable[[Any], Any] | None, ...]
    formats: tuple[int, ...]
    name: bytes


class Wire(Protocol):
    """One connection of the driver's."""

    def compile(self, statement: ClauseElement) -> Compiled:
        """The statement in the driver's words."""

    def write(self, compiled: Compiled, rows: Sequence[Values]) -> None:
        """Runs a statement that returns nothing, once for each row of parameters."""

    def read(self, compiled: Compiled, values: Values) -> list[tuple[Any, ...]]:
        """The rows of a query."""

    def flush(self) -> None:
        """Sends what was kept, if anything was, and waits until it has been done."""

    def forgo_sync(self) -> None:
        """A crash of the machine may lose the transaction that begins now, as long as no later one was synced."""


def wire_of(connection: Connection) -> Any:
    """The :class:`Wire` of a connection that ``Database`` gave."""
    return connection.info["wire"]


class SqliteWire:
    """SQLite: a call each; the driver keeps compiled statements itself."""

    __slots__ = ("_driver",)

    def __init__(self, driver: sqlite3.Connection) -> None:
        self._driver = driver

    @staticmethod
    def compile(statement: ClauseElement) -> Compiled:
        """With question marks, in the converters of SQLAlchemy's own types."""
        return _compiled(statement, _SQLITE, _sqlite_encoder, _sqlite_decoder)

    def write(self, compiled: Compiled, rows: Sequence[Values]) -> None:
        """One call for all rows."""
        places = [(place, encode) for place, encode in enumerate(compiled.encode) if encode is not None]
        for row in rows:
            for place, encode in places:
                row[place] = encode(row[place])
        if len(rows) == 1:
            self._driver.execute(compiled.text, rows[0])
        else:
            self._driver.executemany(compiled.text, rows)

    def flush(self) -> None:
        """Nothing is ever kept."""

    def forgo_sync(self) -> None:
        """Before BEGIN; for all that follow, until ``insist_on_sync``."""
        self._driver.execute("PRAGMA synchronous = NORMAL")

    def insist_on_sync(self) -> None:
        """After the end of such a transaction."""
        self._driver.execute("PRAGMA synchronous = FULL")

    def read(self, compiled: Compiled, values: Values) -> list[tuple[Any, ...]]:
        """All rows."""
        values = [
            value if encode is None else encode(value) for encode, value in zip(compiled.encode, values, strict=True)
        ]
        found = self._driver.execute(compiled.text, values).fetchall()
        if not any(compiled.decode):
            return found
        return [
            tuple(
                [value if decode is None else decode(value) for decode, value in zip(compiled.decode, row, strict=True)]
            )
            for row in found
        ]


@dataclass(slots=True)
class PostgresWire:
    """PostgreSQL: prepared statements of libpq in its pipeline mode."""

    driver: psycopg.Connection
    _known: set[bytes] = field(default_factory=set)
    _kept: list[tuple[Compiled, list[bytes | None]]] = field(default_factory=list)

    @staticmethod
    def compile(statement: ClauseElement) -> Compiled:
        """With numbered parameters; text, moments and bytes travel in PostgreSQL's binary format."""
        return _compiled(statement, _POSTGRESQL, _postgresql_encoder, _postgresql_decoder)

    def write(self, compiled: Compiled, rows: Sequence[Values]) -> None:
        """Keeps them for the next exchange."""
        encode = compiled.encode
        for row in rows:
            self._kept.append(
                (compiled, [None if value is None else one(value) for one, value in zip(encode, row, strict=True)])  # type: ignore[misc]  # none is None here
            )

    def read(self, compiled: Compiled, values: Values) -> list[tuple[Any, ...]]:
        """All rows, after what was kept."""
        self.write(compiled, [values])
        found = self._exchange()
        columns = list(enumerate(compiled.decode))
        return [
            tuple(
                [
                    None if (value := found.get_value(row, place)) is None else decode(value)  # type: ignore[misc]  # as above
                    for place, decode in columns
                ]
            )
            for row in range(found.ntuples)
        ]

    def flush(self) -> None:
        """Sends what was kept, and waits until it has been done."""
        if self._kept:
            self._exchange()

    def forgo_sync(self) -> None:
        """For this transaction."""
        self._kept.append((_UNSYNCED, []))

    def finish(self) -> None:
        """Commits, with what was kept, in one exchange."""
        if self._kept or self.driver.pgconn.transaction_status:
            self._kept.append((_COMMIT, []))
            if self._exchange().command_status != b"COMMIT":
                from psycopg.errors import InFailedSqlTransaction  # noqa: PLC0415  # SQLite needs no psycopg

                message = "Expected to commit, but an earlier statement of the transaction had failed"
                raise InFailedSqlTransaction(message)

    def undo(self) -> None:
        """Rolls back. (psycopg's own rollback also drops prepared statements.)"""
        self._kept.clear()
        if self.driver.pgconn.transaction_status:
            self._kept.append((_ROLLBACK, []))
            self._exchange()

    def is_at_rest(self) -> bool:
        """Whether nothing is open here, and nothing broke."""
        pgconn = self.driver.pgconn
        return not (self.driver.closed or pgconn.pipeline_status or pgconn.transaction_status)

    def has_hung_up(self) -> bool:
        """Whether the server has ended a connection at rest: it says nothing on its own but that."""
        poll = select.poll()
        poll.register(self.driver.pgconn.socket, select.POLLIN)
        return bool(poll.poll(0))

    def _exchange(self) -> PGresult:
        """Sends everything kept; the last statement's result.

        Raises:
            psycopg.Error: what the first statement that failed says; those behind it have not run.
        """
        kept, self._kept = self._kept, []
        pgconn = self.driver.pgconn
        if not self.driver.autocommit and not pgconn.transaction_status:
            kept.insert(0, (_BEGIN, []))
        new = {one.name: one for one, _ in kept if one.name and one.name not in self._known}
        pgconn.enter_pipeline_mode()
        for name, one in new.items():
            pgconn.send_prepare(name, one.text.encode())
        for one, values in kept:
            if one.name:
                pgconn.send_query_prepared(one.name, values, one.formats, 1)
            else:
                pgconn.send_query_params(one.text.encode(), None)
        pgconn.pipeline_sync()
        results = list(_results(pgconn))
        pgconn.exit_pipeline_mode()
        failed = next((result for result in results if result.status == _FATAL), None)
        error = None if failed is None else _error(failed)
        if error is not None and error.sqlstate == UNKNOWN_STATEMENT:
            self._known.clear()
        self._known.update(name for name, result in zip(new, results, strict=False) if result.status == _DONE)
        if error is not None:
            raise error
        return results[-1]


def _error(result: PGresult) -> psycopg.Error:
    from psycopg.errors import error_from_result  # noqa: PLC0415  # SQLite needs no psycopg

    return error_from_result(result)


def _results(pgconn: PGconn) -> Iterable[PGresult]:
    """What comes back for all that was sent, without the end of each; other threads run meanwhile."""
    poll = select.poll()
    poll.register(pgconn.socket, select.POLLIN | select.POLLOUT)
    while pgconn.flush():  # the other side may wait for us to read before it reads on
        poll.poll()
        pgconn.consume_input()
    poll.modify(pgconn.socket, select.POLLIN)
    while True:
        while pgconn.is_busy():
            poll.poll()
            pgconn.consume_input()
        result = pgconn.get_result()
        if result is None:
            continue
        if result.status == _SYNC:
            return
        yield result


_DONE, _FATAL, _SYNC = 1, 7, 10
"""``PGRES_COMMAND_OK``, ``PGRES_FATAL_ERROR`` and ``PGRES_PIPELINE_SYNC`` of libpq."""


def _compiled(
    statement: ClauseElement,
    dialect: Dialect,
    encoder: Callable[[sa.types.TypeEngine[Any]], Callable[[Any], Any] | None],
    decoder: Callable[[sa.types.TypeEngine[Any]], Callable[[Any], Any] | None],
) -> Compiled:
    compiled: Any = statement.compile(dialect=dialect)
    names = tuple(compiled.positiontup or ())
    types = [compiled.binds[name].type for name in names]
    columns = statement.selected_columns if isinstance(statement, sa.Select) else ()
    return Compiled(
        str(compiled),
        names,
        tuple(encoder(one) for one in types),
        tuple(decoder(column.type) for column in columns),
        tuple(int(not isinstance(one, sa.Integer | sa.Boolean)) for one in types),
        b"bpm_%d" % next(_NUMBERS),
    )


def _sqlite_encoder(kind: sa.types.TypeEngine[Any]) -> Callable[[Any], Any] | None:
    return kind.dialect_impl(_SQLITE).bind_processor(_SQLITE)


def _sqlite_decoder(kind: sa.types.TypeEngine[Any]) -> Callable[[Any], Any] | None:
    return kind.dialect_impl(_SQLITE).result_processor(_SQLITE, None)


def _postgresql_encoder(kind: sa.types.TypeEngine[Any]) -> Callable[[Any], bytes]:
    return _of_kind(kind, 0)


def _postgresql_decoder(kind: sa.types.TypeEngine[Any]) -> Callable[[bytes], Any]:
    return _of_kind(kind, 1)


def _of_kind(kind: sa.types.TypeEngine[Any], direction: int) -> Callable[[Any], Any]:
    for known, pair in _POSTGRESQL_CODES:
        if isinstance(kind, known):
            return pair[direction]
    message = f"Expected a column of a type that goes straight to PostgreSQL, but found {kind!r}: use SQLAlchemy here"
    raise TypeError(message)


def _encode_moment(moment: datetime) -> bytes:
    return ((moment - _POSTGRES_EPOCH) // _MICROSECOND).to_bytes(8, "big", signed=True)


def _decode_moment(value: bytes) -> datetime:
    return _POSTGRES_EPOCH + timedelta(microseconds=int.from_bytes(value, "big", signed=True))


_MICROSECOND = timedelta(microseconds=1)
_POSTGRESQL_CODES: tuple[tuple[Any, tuple[Callable[[Any], bytes], Callable[[bytes], Any]]], ...] = (
    (sa.Boolean, (lambda value: b"t" if value else b"f", lambda value: value != b"\0")),
    (sa.Integer, (lambda value: b"%d" % value, lambda value: int.from_bytes(value, "big", signed=True))),
    (UtcDateTime, (_encode_moment, _decode_moment)),
    (sa.String, (str.encode, bytes.decode)),
    (sa.LargeBinary, (bytes, bytes)),
)
_NUMBERS = itertools.count(1)
_SQLITE = sqlite.dialect()
_POSTGRESQL: Dialect = postgresql.psycopg.dialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]
_BEGIN, _COMMIT, _ROLLBACK, _UNSYNCED = (
    Compiled(text, (), (), (), (), b"")
    for text in ("BEGIN", "COMMIT", "ROLLBACK", "SET LOCAL synchronous_commit TO off")
)

"""What a command reads first: both clocks and the versions that caches compare, in one statement."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from bpm_server.store.tables.server import server_state as t
from bpm_server.store.types import from_text

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from bpm_server.store.database import Database

_COLUMNS = (
    "clock_offset_us, clock_pinned_at, identity_version, definition_version, cluster_variable_version "
    "FROM server_state WHERE id = 1"
)
_NOW = {
    "sqlite": "SELECT strftime('%Y-%m-%dT%H:%M:%fZ', 'now')",
    "postgresql": "SELECT clock_timestamp()",
}
_QUERIES = {dialect: f"{now}, {_COLUMNS}" for dialect, now in _NOW.items()}


@dataclass(frozen=True, slots=True)
class Moment:
    """When a command happens.

    Attributes:
        now: Engine time: due times, history, expressions.
        database_now: The database's own clock: leases.
    """

    now: datetime
    database_now: datetime
    identity_version: int
    definition_version: int
    cluster_variable_version: int


def read_moment(connection: Connection) -> Moment:
    """Reads the shared row."""
    return _read(connection.exec_driver_sql(_QUERIES[connection.dialect.name]).one())


def read_database_now(connection: Connection) -> datetime:
    """The database's own clock; works on tables of any revision."""
    return _moment(connection.exec_driver_sql(_NOW[connection.dialect.name]).scalar_one())


def look_moment(database: Database) -> Moment:
    """Reads the shared row, outside of any transaction."""
    return _read(database.look(_QUERIES["sqlite" if database.is_sqlite else "postgresql"]))


def _read(row: Any) -> Moment:
    found, offset_us, pinned, *versions = row
    database_now = _moment(found)
    now = database_now + timedelta(microseconds=offset_us) if pinned is None else _moment(pinned)
    return Moment(now, database_now, *versions)


def _moment(found: str | datetime) -> datetime:
    return from_text(found) if isinstance(found, str) else found.astimezone(UTC)


def bump(connection: Connection, column: str) -> None:
    """Tells all processes that something cached has changed (``identity_version`` or ``definition_version``)."""
    connection.execute(t.update().where(t.c.id == 1).values({column: t.c[column] + 1}))


def pin_clock(connection: Connection, moment: datetime | None) -> None:
    """Lets engine time stand still at ``moment``; None lets it run with the database again."""
    connection.execute(t.update().where(t.c.id == 1).values(clock_pinned_at=moment, clock_offset_us=0))

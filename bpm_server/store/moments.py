"""What a command reads first: both clocks and the versions that caches compare, in one statement."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from bpm_server.store import rows
from bpm_server.store.tables.server import server_state as t
from bpm_server.store.types import UtcDateTime

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from bpm_server.store.database import Database

_CLOCK = {"sqlite": "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')", "postgresql": "clock_timestamp()"}
_MOMENT = rows.Query(
    lambda dialect: sa.select(
        sa.literal_column(_CLOCK[dialect], UtcDateTime()),
        t.c.clock_offset_us,
        t.c.clock_pinned_at,
        t.c.identity_version,
        t.c.definition_version,
        t.c.cluster_variable_version,
        t.c.calendar_version,
        t.c.keeps_large_values,
    ).where(t.c.id == sa.literal_column("1"))
)
_NOW = rows.Query(lambda dialect: sa.select(sa.literal_column(_CLOCK[dialect], UtcDateTime())))


@dataclass(frozen=True, slots=True)
class Moment:
    """When a command happens.

    Attributes:
        now: Engine time: due times, history, expressions.
        database_now: The database's own clock: leases.
        keeps_large_values: See ``store.tables.server``.
    """

    now: datetime
    database_now: datetime
    identity_version: int
    definition_version: int
    cluster_variable_version: int
    calendar_version: int
    keeps_large_values: bool


def read_moment(connection: Connection) -> Moment:
    """Reads the shared row."""
    ((database_now, offset_us, pinned, *versions),) = _MOMENT.all(connection)
    now = database_now + timedelta(microseconds=offset_us) if pinned is None else pinned
    return Moment(now, database_now, *versions)


def read_database_now(connection: Connection) -> datetime:
    """The database's own clock; works on tables of any revision."""
    ((now,),) = _NOW.all(connection)
    found: datetime = now
    return found


def look_moment(database: Database) -> Moment:
    """Reads the shared row, outside of any command."""
    with database.read() as connection:
        return read_moment(connection)


def bump(connection: Connection, column: str) -> None:
    """Tells all processes that something cached has changed (``identity_version``, for instance)."""
    connection.execute(t.update().where(t.c.id == 1).values({column: t.c[column] + 1}))


def pin_clock(connection: Connection, moment: datetime | None) -> None:
    """Lets engine time stand still at ``moment``; None lets it run with the database again."""
    connection.execute(t.update().where(t.c.id == 1).values(clock_pinned_at=moment, clock_offset_us=0))

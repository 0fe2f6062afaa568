"""Timers that are due."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server.store import rows
from bpm_server.store.tables.jobs import TIMER_RUNS, timer

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.engine import Connection, Row


def due_timers(connection: Connection, now: datetime, limit: int) -> list[Row[Any]]:
    """Timers that should have fired, earliest first."""
    query = sa.select(*timer.columns).where(timer.c.due_at <= now, TIMER_RUNS)
    query = query.order_by(timer.c.due_at, timer.c.key).limit(limit)
    return list(connection.execute(query))


def read_timer(connection: Connection, key: int, *, lock: bool = False) -> Row[Any] | None:
    """A timer, if it still runs."""
    query = sa.select(*timer.columns).where(timer.c.key == key)
    if lock:
        query = query.with_for_update()
    return connection.execute(query).one_or_none()


def delete_timer(connection: Connection, key: int) -> bool:
    """Removes a timer; False if another worker was faster."""
    return bool(connection.execute(timer.delete().where(timer.c.key == key)).rowcount)


def insert_timer(connection: Connection, values: dict[str, Any]) -> None:
    """Schedules a timer of a start event."""
    rows.insert(connection, timer, [values])


def postpone(connection: Connection, key: int, due_at: datetime) -> None:
    """Firing failed: try again later."""
    connection.execute(timer.update().where(timer.c.key == key).values(due_at=due_at, failures=timer.c.failures + 1))


def next_due(connection: Connection) -> datetime | None:
    """Engine time at which the next timer is due."""
    found: datetime | None = connection.execute(sa.select(sa.func.min(timer.c.due_at)).where(TIMER_RUNS)).scalar()
    return found

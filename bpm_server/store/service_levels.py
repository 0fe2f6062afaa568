"""Reading and writing the clocks of service levels.

The row of a clock is changed under the lock of its task's instance; setting clocks anew, which many instances have at
once, waits for no lock: it takes only rows of clocks and tasks that nobody holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server.domain import sla
from bpm_server.kernel import json
from bpm_server.store import rows
from bpm_server.store.candidates import follow_due_dates
from bpm_server.store.tables.approvals import approval
from bpm_server.store.tables.calendars import business_calendar
from bpm_server.store.tables.service_levels import sla_clock as t
from bpm_server.store.tables.tasks import user_task

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from bpm_server.domain.calendars import Calendar
    from bpm_server.domain.sla import SlaClock

_MICROSECOND = timedelta(microseconds=1)
OPEN = sa.text("sla_clock.ended_at IS NULL")
RINGS = sa.text("sla_clock.alarm_at IS NOT NULL")
"""In the words of the indexes."""


@dataclass(slots=True)
class ClockRow:
    """The row of a clock; see ``store.tables.service_levels.SlaClock``."""

    task_key: int
    instance_key: int
    calendar_id: str
    revision: int
    clock: SlaClock
    due_at: datetime | None = None
    alarm_at: datetime | None = None
    rung: timedelta | None = None
    failures: int = 0
    ended_at: datetime | None = None

    def set_by(self, calendar: Calendar, revision: int) -> None:
        """Works out when it is due and what it says next."""
        alarm = sla.next_alarm(self.clock, calendar, self.rung)
        self.due_at = sla.due_at(self.clock, calendar)
        self.alarm_at = None if alarm is None else alarm.at
        self.revision = revision

    def values(self) -> dict[str, Any]:
        """The columns."""
        return {
            **{name: getattr(self, name) for name in self.__slots__},
            "clock": json.dumps(sla.as_json(self.clock)),
            "rung": None if self.rung is None else self.rung // _MICROSECOND,
        }


CHANGING = ("revision", "clock", "due_at", "alarm_at", "rung", "failures", "ended_at")


def _row(found: Any) -> ClockRow:
    values = {name: found._mapping[name] for name in ClockRow.__slots__}
    values["clock"] = sla.from_json(json.loads(values["clock"]))
    values["rung"] = None if values["rung"] is None else values["rung"] * _MICROSECOND
    return ClockRow(**values)


def find_clock(connection: Connection, task_key: int) -> ClockRow | None:
    """The clock of a task; None where it has none."""
    found = connection.execute(sa.select(t).where(t.c.task_key == task_key)).first()
    return None if found is None else _row(found)


def lock_clock(connection: Connection, task_key: int) -> ClockRow | None:
    """Like :func:`find_clock`, locked."""
    found = connection.execute(sa.select(t).where(t.c.task_key == task_key).with_for_update()).first()
    return None if found is None else _row(found)


def lock_clocks(connection: Connection, instance_key: int, task_key: int | None = None) -> list[tuple[ClockRow, bool]]:
    """Clocks of an instance that have not ended, or of one task of it; and whether its request is being corrected."""
    correcting = sa.func.coalesce(approval.c.is_correcting, sa.false())
    query = sa.select(*t.columns, correcting.label("correcting"))
    query = query.outerjoin_from(t, approval, approval.c.task_key == t.c.task_key)
    query = query.where(t.c.instance_key == instance_key, OPEN)
    if task_key is not None:
        query = query.where(t.c.task_key == task_key)
    found = connection.execute(query.order_by(t.c.task_key).with_for_update(of=t))
    return [(_row(one), bool(one.correcting)) for one in found]


def lock_outdated(connection: Connection, limit: int) -> list[ClockRow]:
    """Some clocks whose calendar has changed since they were set, without those that somebody works on."""
    query = (
        sa.select(*t.columns)
        .join_from(business_calendar, t, t.c.calendar_id == business_calendar.c.calendar_id)
        .join(user_task, user_task.c.key == t.c.task_key)
        .where(OPEN, t.c.revision < business_calendar.c.revision)
        .order_by(t.c.calendar_id, t.c.revision, t.c.task_key)
        .limit(limit)
        .with_for_update(of=[t, user_task], skip_locked=True)
    )
    return [_row(found) for found in connection.execute(query)]


def insert_clock(connection: Connection, row: ClockRow) -> None:
    """Adds the clock of a task."""
    rows.insert(connection, t, [row.values()])


def update_clocks(connection: Connection, changed: Iterable[ClockRow]) -> None:
    """Writes what can change of clocks."""
    rows.upsert(connection, t, [row.values() for row in changed], ("task_key",), CHANGING)


def move_due_dates(connection: Connection, moved: Sequence[tuple[int, datetime | None, datetime | None]]) -> None:
    """Due dates of tasks follow their clocks, unless somebody has given another: task, date before, date now."""
    before = sa.bindparam("b_before", type_=user_task.c.due_date.type)
    mine = sa.and_(user_task.c.key == sa.bindparam("b_key"), user_task.c.due_date.is_not_distinct_from(before))
    now = sa.bindparam("b_now", type_=user_task.c.due_date.type)
    changed = [one for one in moved if one[1] != one[2]]
    if changed:
        values = [{"b_key": key, "b_before": old, "b_now": new} for key, old, new in changed]
        connection.execute(user_task.update().where(mine).values(due_date=now), values)
        follow_due_dates(connection, [key for key, _, _ in changed])


_STOP = rows.Prepared(
    lambda _: (
        t.update()
        .where(t.c.task_key == sa.bindparam("b_key"), t.c.ended_at.is_(None))
        .values(ended_at=sa.bindparam("b_at"), alarm_at=sa.null())
    )
)


def stop_clocks(connection: Connection, task_keys: Sequence[int], at: datetime) -> None:
    """What these clocks measure is done."""
    _STOP.run(connection, [{"b_key": key, "b_at": at} for key in task_keys])


def due_alarms(connection: Connection, now: datetime, limit: int) -> list[int]:
    """Tasks whose clocks should have said something by now, earliest first."""
    query = sa.select(t.c.task_key).where(t.c.alarm_at <= now, RINGS)
    return list(connection.execute(query.order_by(t.c.alarm_at, t.c.task_key).limit(limit)).scalars())


def next_due(connection: Connection) -> datetime | None:
    """Engine time at which the next clock says something."""
    found: datetime | None = connection.execute(sa.select(sa.func.min(t.c.alarm_at)).where(RINGS)).scalar()
    return found


def postpone(connection: Connection, task_key: int, at: datetime, failures: int) -> None:
    """The next alarm comes later."""
    connection.execute(t.update().where(t.c.task_key == task_key).values(alarm_at=at, failures=failures))


def is_used(connection: Connection, calendar_id: str) -> bool:
    """Whether the clock of an open task runs on a calendar."""
    query = sa.select(t.c.task_key).join_from(t, user_task, user_task.c.key == t.c.task_key)
    query = query.where(t.c.calendar_id == calendar_id, OPEN, user_task.c.ended_at.is_(None))
    return connection.execute(query.limit(1)).first() is not None


def count_open(connection: Connection, calendar_id: str, most: int) -> int:
    """How many clocks that have not ended run on a calendar, counted up to ``most``."""
    found = sa.select(t.c.task_key).where(t.c.calendar_id == calendar_id, OPEN).limit(most).subquery()
    return connection.execute(sa.select(sa.func.count()).select_from(found)).scalar_one()

"""Reading and writing business calendars."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server.domain.calendars import Calendar, DayKind, Span, SpecialDay
from bpm_server.kernel import json
from bpm_server.store import rows
from bpm_server.store.moments import bump, read_moment
from bpm_server.store.tables.calendars import business_calendar as t
from bpm_server.store.tables.calendars import calendar_day as d

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.engine import Connection, Row


def find_calendar(connection: Connection, calendar_id: str) -> Calendar | None:
    """A calendar with its days; None where there is none."""
    found = find_revision(connection, calendar_id)
    return None if found is None else found[0]


def find_revision(connection: Connection, calendar_id: str, *, lock: bool = False) -> tuple[Calendar, int] | None:
    """A calendar with its days, and the ``calendar_version`` of its last change."""
    query = sa.select(*t.columns).where(t.c.calendar_id == calendar_id)
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        return None
    days = connection.execute(sa.select(*d.columns).where(d.c.calendar_id == calendar_id).order_by(d.c.day))
    return _calendar(row, list(days)), row.revision


def read_calendars(connection: Connection) -> dict[str, tuple[Calendar, int]]:
    """All calendars by id, each with the ``calendar_version`` of its last change."""
    days: dict[str, list[Row[Any]]] = {}
    for day in connection.execute(sa.select(*d.columns).order_by(d.c.day)):
        days.setdefault(day.calendar_id, []).append(day)
    found = connection.execute(sa.select(*t.columns).order_by(t.c.calendar_id))
    return {row.calendar_id: (_calendar(row, days.get(row.calendar_id, ())), row.revision) for row in found}


def _calendar(row: Row[Any], days: Sequence[Row[Any]]) -> Calendar:
    week = tuple(_spans(hours) for hours in json.loads(row.week))
    special = {one.day: one for one in map(_day, days)}
    return Calendar(row.calendar_id, row.name, row.time_zone, week, special, row.name_en)


def save_calendar(connection: Connection, calendar: Calendar) -> None:
    """Adds a calendar, or makes the one of its id like this."""
    bump(connection, "calendar_version")
    values = {
        "calendar_id": calendar.calendar_id,
        "name": calendar.name,
        "name_en": calendar.name_en,
        "time_zone": calendar.time_zone,
        "week": json.dumps([[str(span) for span in spans] for spans in calendar.week]),
        "revision": read_moment(connection).calendar_version,
    }
    rows.upsert(connection, t, [values], ("calendar_id",), ("name", "name_en", "time_zone", "week", "revision"))
    connection.execute(d.delete().where(d.c.calendar_id == calendar.calendar_id))
    rows.insert(connection, d, [_values(calendar.calendar_id, one) for one in calendar.days.values()])


def delete_calendar(connection: Connection, calendar_id: str) -> None:
    """Removes a calendar with its days."""
    bump(connection, "calendar_version")
    connection.execute(d.delete().where(d.c.calendar_id == calendar_id))
    connection.execute(t.delete().where(t.c.calendar_id == calendar_id))


def _values(calendar_id: str, one: SpecialDay) -> dict[str, Any]:
    return {
        "calendar_id": calendar_id,
        "day": one.day.isoformat(),
        "kind": str(one.kind),
        "name": one.name,
        "hours": None if one.spans is None else json.dumps([str(span) for span in one.spans]),
    }


def _day(row: Row[Any]) -> SpecialDay:
    spans = None if row.hours is None else _spans(json.loads(row.hours))
    return SpecialDay(date.fromisoformat(row.day), DayKind(row.kind), row.name, spans)


def _spans(texts: Sequence[str]) -> tuple[Span, ...]:
    return tuple(map(Span.parse, texts))

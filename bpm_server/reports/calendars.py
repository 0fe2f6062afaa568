"""Business calendars: searching them, reading one, and counting on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bpm_server.kernel.errors import NotFound
from bpm_server.reports import sight
from bpm_server.reports.query import Kind
from bpm_server.reports.search import Field, Search
from bpm_server.store import calendars as store
from bpm_server.store.service_levels import count_open
from bpm_server.store.tables.calendars import business_calendar as t

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from bpm_server.domain.calendars import Calendar
    from bpm_server.domain.identity import Actor
    from bpm_server.services.server import Server

MOST_CLOCKS = 10_000


@dataclass(frozen=True, slots=True)
class CalendarLine:
    """A calendar in lists."""

    calendar_id: str
    name: str
    name_en: str | None
    time_zone: str


SEARCH = Search(
    "calendar",
    CalendarLine,
    source=t,
    key=t.c.calendar_id,
    columns={name: t.c[name] for name in CalendarLine.__slots__},
    fields_={name: Field(Kind.TEXT, t.c[name]) for name in CalendarLine.__slots__},
    sight=lambda actor: sight.by_permission(actor, "CALENDAR", "READ", t.c.calendar_id),
    permission=("CALENDAR", "READ"),
)


def calendar(connection: Connection, actor: Actor, calendar_id: str) -> Calendar:
    """A calendar with its hours and days.

    Raises:
        NotFound: there is none.
        Forbidden: the actor may not see it.
    """
    return calendar_now(connection, actor, calendar_id)[0]


def calendar_now(connection: Connection, actor: Actor, calendar_id: str) -> tuple[Calendar, int]:
    """A calendar, and its revision, by which whoever changes it says what they have seen.

    Raises:
        NotFound: there is none.
        Forbidden: the actor may not see it.
    """
    SEARCH.get(connection, actor, calendar_id)
    found = store.find_revision(connection, calendar_id)
    if found is None:  # removed in between
        message = f"Expected to find calendar '{calendar_id}', but there is none"
        raise NotFound(message)
    return found


def open_clocks(server: Server, calendar_id: str) -> int:
    """How many clocks of open tasks run on a calendar, counted up to ``MOST_CLOCKS``."""
    with server.database.read() as connection:
        return count_open(connection, calendar_id, MOST_CLOCKS)

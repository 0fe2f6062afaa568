"""``/api/calendars``: office hours, holidays and make-up days, and what is due by them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpm_server.domain.calendar_file import calendar_values, make_calendar, read_day
from bpm_server.domain.calendars import MOST_DAYS, WEEKDAYS, DayKind, add_working_time, next_opening
from bpm_server.domain.sla import read_working_time
from bpm_server.reports import calendars as report
from bpm_server.services import calendars
from bpm_server.web.api.blueprint import ApiBlueprint, Call
from bpm_server.web.api.departments import NAME
from bpm_server.web.api.fields import Body, Many, Moment, Names, Number, One, Reply, StrictBody, Text, Word
from bpm_server.web.api.searching import SearchTable

if TYPE_CHECKING:
    from bpm_server.domain.calendars import SpecialDay

api = ApiBlueprint("calendars", prefix="/api", tag="Calendar")


class Week(StrictBody):
    """Hours such as ``09:00-12:00``, by weekday."""

    monday = Names(most=48, load_default=())
    tuesday = Names(most=48, load_default=())
    wednesday = Names(most=48, load_default=())
    thursday = Names(most=48, load_default=())
    friday = Names(most=48, load_default=())
    saturday = Names(most=48, load_default=())
    sunday = Names(most=48, load_default=())


class Day(StrictBody):
    """A holiday or make-up day; without hours a make-up day has those of the first weekday that has any."""

    day = Text(longest=10, required=True)
    kind = Word(DayKind, required=True)
    name = Text(longest=NAME, null=True, load_default=None)
    hours = Names(most=48, null=True, load_default=None)


class CalendarBody(StrictBody):
    """A calendar."""

    name = Text(longest=NAME, required=True)
    name_en = Text(longest=NAME, null=True, load_default=None)
    time_zone = Text(longest=64, required=True)
    week = One(Week, required=True)
    days = Many(Day, load_default=())


class Days(StrictBody):
    """Holidays and make-up days."""

    days = Many(Day, required=True)


class WeekResult(Reply):
    """Hours by weekday."""

    monday = Names()
    tuesday = Names()
    wednesday = Names()
    thursday = Names()
    friday = Names()
    saturday = Names()
    sunday = Names()


class DayResult(Reply):
    """A holiday or make-up day."""

    day = Text()
    kind = Word(DayKind)
    name = Text(null=True)
    hours = Names(null=True)


class CalendarLine(Reply):
    """A calendar in lists."""

    calendar_id = Text()
    name = Text()
    name_en = Text(null=True)
    time_zone = Text()


class CalendarResult(CalendarLine):
    """A calendar with its hours and days."""

    week = One(WeekResult)
    days = Many(DayResult)


class Changed(Reply):
    """How many days are otherwise now."""

    changed = Number(least=0, most=MOST_DAYS)


class Question(Body):
    """From when, how much working time (ISO 8601, such as ``PT16H``)."""

    start = Moment(required=True)
    duration = Text(longest=64, required=True)


class Due(Reply):
    """When so much working time is over; ``opensAt``: when the office is open first from the start on."""

    due_at = Moment()
    opens_at = Moment()


_FILTERS = {"calendarId": "calendar_id", "name": "name", "nameEn": "name_en", "timeZone": "time_zone"}
SEARCH = SearchTable(report.SEARCH, CalendarLine, _FILTERS, sorts=tuple(_FILTERS))
api.search("/calendars/search", "searchCalendars", SEARCH)


@api.operation("GET", "/calendars/{calendarId}", "getCalendar", gives=CalendarResult)
def get_calendar(call: Call, calendar_id: str) -> dict[str, Any]:
    """Read a calendar."""
    with call.server.database.read() as connection:
        return calendar_values(report.calendar(connection, call.actor, calendar_id))


@api.operation(
    "PUT", "/calendars/{calendarId}", "saveCalendar", takes=CalendarBody, gives=CalendarResult, body_required=True
)
def save_calendar(call: Call, calendar_id: str) -> dict[str, Any]:
    """Add a calendar, or make it like this, days included."""
    body = call.body
    week = {day: body["week"][day] for day in WEEKDAYS}
    names = body["name"], body["time_zone"]
    made = make_calendar(calendar_id, *names, week, _days(body["days"]), body["name_en"])
    calendars.save_calendar(call.server, call.actor, made)
    return calendar_values(made)


def _days(items: list[dict[str, Any]]) -> list[SpecialDay]:
    return [read_day(one["day"], one["kind"], one["name"], one["hours"]) for one in items]


@api.operation(
    "POST", "/calendars/{calendarId}/days", "saveCalendarDays", takes=Days, gives=Changed, body_required=True
)
def save_days(call: Call, calendar_id: str) -> dict[str, int]:
    """Add holidays and make-up days, or change those there are; others stay."""
    return {"changed": calendars.save_days(call.server, call.actor, calendar_id, _days(call.body["days"]))}


@api.operation("DELETE", "/calendars/{calendarId}", "deleteCalendar", status=204)
def delete_calendar(call: Call, calendar_id: str) -> None:
    """Remove a calendar with its days."""
    calendars.delete_calendar(call.server, call.actor, calendar_id)


@api.operation(
    "POST",
    "/calendars/{calendarId}/due-date",
    "countWorkingTime",
    takes=Question,
    gives=Due,
    body_required=True,
    counts_once=False,
)
def count_working_time(call: Call, calendar_id: str) -> dict[str, Any]:
    """Say when so much working time is over."""
    duration = read_working_time(call.body["duration"])
    with call.server.database.read() as connection:
        found = report.calendar(connection, call.actor, calendar_id)
    start = call.body["start"]
    return {"due_at": add_working_time(found, start, duration), "opens_at": next_opening(found, start)}

"""Business calendars: their list, and the page of each with its year, its hours, and what is due by it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from flask import Blueprint, request

from bpm_server.domain.calendars import WEEKDAYS, DayKind, read_zone
from bpm_server.kernel.errors import InvalidInput
from bpm_server.reports import calendars as report
from bpm_server.reports.query import Order, PageOf, Query
from bpm_server.services.authorization import authorize
from bpm_server.web import access
from bpm_server.web.pages import answers, calendar_years
from bpm_server.web.pages.formats import now
from bpm_server.web.pages.texts import gettext as _
from bpm_server.web.pages.texts import ngettext
from bpm_server.web.pages.typed import hours_typed, moment_typed
from bpm_server.web.pages.visitor import signed_in, visitor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Response

    from bpm_server.domain.calendars import Calendar

pages = Blueprint("office-calendars", __name__)
HOME = "/calendars"
RESOURCE = "CALENDAR"
PAGE = 50


@dataclass(frozen=True, slots=True)
class GivenDays:
    """The form that makes days special, as it was filled in."""

    first: str = ""
    last: str = ""
    kind: str = DayKind.HOLIDAY
    day_name: str = ""
    day_hours: str = ""


@pages.get(HOME)
def home() -> Response:
    """Every calendar."""
    return list_page(200)


def list_page(status: int, **more: Any) -> Response:
    """The list, also with what was wrong with a file."""
    who = signed_in()
    authorize(who, RESOURCE, "READ")
    query = Query(order=(Order("calendar_id"),), page=PageOf(PAGE, after=request.args.get("after") or None))
    with access.server().database.read() as connection:
        found = report.SEARCH.page(connection, who, query)
    values: dict[str, Any] = {
        "calendars": [(one, shown_name(one)) for one in found.items],
        "more": found.end if len(found.items) == PAGE else None,
        "may_add": who.may(RESOURCE, "CREATE"),
        "problems": {},
        "findings": [],
    }
    return answers.html("calendars/list.html", status, **{**values, **more})


def shown_name(one: Any) -> str:
    """The name of a calendar in the visitor's language."""
    if not visitor().language.startswith("zh") and one.name_en:
        return str(one.name_en)
    return str(one.name)


@pages.get(f"{HOME}/<calendar_id>")
def show(calendar_id: str) -> Response:
    """A calendar; or only the answer to what is due by it."""
    return calendar_page(calendar_id, 200)


def calendar_page(calendar_id: str, status: int, problems: Mapping[str, str] | None = None, **more: Any) -> Response:
    """The page of a calendar as it is now, also with what was wrong with a form that was sent.

    Raises:
        NotFound: there is none.
        Forbidden: the visitor may not see it.
    """
    who, server = signed_in(), access.server()
    with server.database.read() as connection:
        found, revision = report.calendar_now(connection, who, calendar_id)
    refused = dict(problems or {})
    asked = _asked(found, refused)
    if answers.target() == "due":
        return answers.html("calendars/due.html", 422 if refused else status, problems=refused, **asked)
    today = now().astimezone(read_zone(found.time_zone)).date()
    given, year = more.pop("given", None) or _day_chosen(found), _year(today)
    values = {
        "calendar": found,
        "name": shown_name(found),
        "revision": revision,
        "year": year,
        "today": today,
        "months": calendar_years.months(found, year),
        "special": calendar_years.runs(found, year),
        "weekdays": calendar_years.short_weekdays(),
        "week": list(zip(WEEKDAYS, calendar_years.weekday_names(), found.week, strict=True)),
        "hours_text": calendar_years.hours_text,
        "day_text": calendar_years.day_text,
        "told": calendar_years.told,
        "clocks": report.open_clocks(server, calendar_id),
        "may_change": who.may(RESOURCE, "UPDATE", calendar_id),
        "given": given,
        "given_hours": hours_of(found),
        "is_stale": False,
        "findings": [],
        "problems": refused,
        **asked,
    }
    return answers.html("calendars/one.html", 422 if refused and status == 200 else status, **{**values, **more})


def hours_of(calendar: Calendar) -> dict[str, str]:
    """The form of names and hours as the calendar fills it in."""
    hours = {day: calendar_years.hours_text(spans) for day, spans in zip(WEEKDAYS, calendar.week, strict=True)}
    return {"name": calendar.name, "name_en": calendar.name_en or "", "time_zone": calendar.time_zone, **hours}


def _year(today: date) -> int:
    year = request.args.get("year", today.year, int)
    return year if calendar_years.FIRST_YEAR <= year <= calendar_years.LAST_YEAR else today.year


def _day_chosen(calendar: Calendar) -> GivenDays:
    """The form for the day that was chosen in the year."""
    try:
        day = date.fromisoformat(request.args.get("day", ""))
    except ValueError:
        return GivenDays()
    special = calendar.days.get(day)
    if special is None:
        return GivenDays(day.isoformat(), kind=DayKind.HOLIDAY if calendar.hours(day) else DayKind.WORKDAY)
    hours = calendar_years.hours_text(special.spans or ())
    return GivenDays(day.isoformat(), "", special.kind, special.name or "", hours)


def _asked(calendar: Calendar, problems: dict[str, str]) -> dict[str, Any]:
    """What is due, where somebody asks; what cannot be read goes to ``problems``."""
    zone = read_zone(calendar.time_zone)
    start, hours = request.args.get("start", ""), request.args.get("hours", "")
    due = None
    if start or hours:
        try:
            due = calendar_years.count(calendar, moment_typed(start, zone, "start"), hours_typed(hours, "hours"))
        except InvalidInput as error:
            texts = {
                "start": _("Type a date and a time."),
                "hours": _("Type hours such as 16 or 1.5."),
            }
            field = str(error.details.get("field", "hours"))
            problems[field] = texts[field] if "field" in error.details else _("It does not end within 50 years.")
    return {"due": due, "start": start or now().astimezone(zone).strftime("%Y-%m-%dT%H:%M"), "hours": hours}


def saved(calendar_id: str, address: str) -> Response:
    """Back to the page, saying how many clocks the change sets anew."""
    clocks = report.open_clocks(access.server(), calendar_id)
    said = _("Saved.")
    if clocks:
        said = ngettext(
            "Saved. The clock of %(num)s open task is set anew.",
            "Saved. The clocks of %(num)s open tasks are set anew.",
            clocks,
        )
    return answers.said(answers.go_to(address), said)

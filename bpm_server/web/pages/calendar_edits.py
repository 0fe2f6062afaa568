"""Changing a business calendar on its page: special days, names, time zone and hours.

Every form carries the revision that its page has shown. Whoever saves after somebody else sees the newest state and
what they have typed, and decides again.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote

from flask import Blueprint, request

from bpm_server.domain.calendars import WEEKDAYS, DayKind, Span, SpecialDay, check_calendar, check_spans
from bpm_server.kernel.errors import InvalidInput, StaleVersion
from bpm_server.reports import calendars as report
from bpm_server.services import calendars
from bpm_server.services.authorization import authorize
from bpm_server.web import access
from bpm_server.web.pages.office_calendars import HOME, RESOURCE, GivenDays, calendar_page, hours_of, saved
from bpm_server.web.pages.texts import gettext as _
from bpm_server.web.pages.visitor import actor

if TYPE_CHECKING:
    from flask import Response

    from bpm_server.domain.calendars import Calendar

pages = Blueprint("calendar-edits", __name__)
ORDINARY = "none"
"""The kind of a day that is to be like its weekday again."""
LONGEST_NAME = 256
MOST_AT_ONCE = 366


def revision_seen() -> int:
    """The revision that the form was made from.

    Raises:
        InvalidInput: the form has none.
    """
    text = request.form.get("revision", "")
    if text.removeprefix("-").isdecimal() and text.isascii() and len(text) < 19:
        return int(text)
    message = f"Expected the revision that was seen, but found '{text[:30]}'"
    raise InvalidInput(message, field="revision")


def address_of(calendar_id: str, year: int | None = None) -> str:
    """The page of a calendar."""
    return f"{HOME}/{quote(calendar_id, safe='')}" + (f"?year={year}" if year else "")


@pages.post(f"{HOME}/<calendar_id>/days")
def change_days(calendar_id: str) -> Response:
    """Makes some days holidays or make-up days, or like their weekday again."""
    who, form = actor(), request.form
    authorize(who, RESOURCE, "UPDATE", calendar_id)
    names = ("first", "last", "kind", "day_name", "day_hours")
    given = GivenDays(*[form.get(name, "").strip() for name in names])
    try:
        days = _days(given)
        special = [] if given.kind == ORDINARY else [_special(day, given) for day in days]
        without = days if given.kind == ORDINARY else ()
        calendars.save_days(
            access.server(), who, calendar_id, special, without=frozenset(without), expected=revision_seen()
        )
    except StaleVersion:
        return calendar_page(calendar_id, 409, given=given, is_stale=True)
    except InvalidInput as error:
        return calendar_page(calendar_id, 422, _problem(error), given=given)
    return saved(calendar_id, address_of(calendar_id, days[0].year))


def _days(given: GivenDays) -> list[date]:
    first = _date(given.first, "first")
    last = _date(given.last, "last") if given.last else first
    if not 0 <= (last - first).days < MOST_AT_ONCE:
        message = f"Expected 1 to {MOST_AT_ONCE} days, but found {first} to {last}"
        raise InvalidInput(message, field="last")
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _date(text: str, field: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        message = f"Expected a day such as 2026-10-01, but found '{text[:60]}'"
        raise InvalidInput(message, field=field) from error


def _special(day: date, given: GivenDays) -> SpecialDay:
    if given.kind not in tuple(DayKind):
        message = f"Expected one of {', '.join(DayKind)}, but found '{given.kind[:60]}'"
        raise InvalidInput(message, field="kind")
    if len(given.day_name) > LONGEST_NAME:
        message = f"Expected at most {LONGEST_NAME} characters, but found {len(given.day_name)}"
        raise InvalidInput(message, field="day_name")
    kind = DayKind(given.kind)
    spans = _spans(given.day_hours, "day_hours") if kind is DayKind.WORKDAY else ()
    return SpecialDay(day, kind, given.day_name or None, spans or None)


def _spans(text: str, field: str) -> tuple[Span, ...]:
    try:
        spans = tuple(map(Span.parse, text.split()))
        check_spans(spans, field)
    except InvalidInput as error:
        raise InvalidInput(error.message, field=field) from error
    return spans


@pages.post(f"{HOME}/<calendar_id>/hours")
def change_hours(calendar_id: str) -> Response:
    """Changes names, time zone and the hours of weekdays."""
    who, server, form = actor(), access.server(), request.form
    authorize(who, RESOURCE, "UPDATE", calendar_id)
    with server.database.read() as connection:
        before, _revision = report.calendar_now(connection, who, calendar_id)
    given = {name: form.get(name, "").strip() for name in hours_of(before)}
    try:
        calendars.save_calendar(server, who, _changed(before, given), expected=revision_seen())
    except StaleVersion:
        return calendar_page(calendar_id, 409, given_hours=given, is_stale=True)
    except InvalidInput as error:
        return calendar_page(calendar_id, 422, _problem(error), given_hours=given)
    return saved(calendar_id, address_of(calendar_id))


def _changed(before: Calendar, given: dict[str, str]) -> Calendar:
    for field in ("name", "name_en"):
        if not (field == "name_en" or given[field]) or len(given[field]) > LONGEST_NAME:
            message = f"Expected a name of 1 to {LONGEST_NAME} characters, but found {len(given[field])}"
            raise InvalidInput(message, field=field)
    return check_calendar(
        replace(
            before,
            name=given["name"],
            name_en=given["name_en"] or None,
            time_zone=given["time_zone"],
            week=tuple(_spans(given[day], day) for day in WEEKDAYS),
        )
    )


def _problem(error: InvalidInput) -> dict[str, str]:
    """What is wrong, at its field."""
    field = {"timeZone": "time_zone", "week": "monday", "days": "first"}.get(
        str(error.details.get("field", "")), str(error.details.get("field", ""))
    )
    hours = _("Type hours such as 09:00-12:00 13:00-18:00, in order and apart.")
    name = _("Type a name of at most %(most)s characters.", most=LONGEST_NAME)
    texts = {
        "first": _("Type a day."),
        "last": _("Type a day that is not before the first, at most %(most)s days later.", most=MOST_AT_ONCE - 1),
        "kind": _("Choose what the days are."),
        "time_zone": _("There is no such time zone. Type one such as Asia/Shanghai."),
        **dict.fromkeys(("day_hours", *WEEKDAYS), hours),
        **dict.fromkeys(("name", "name_en", "day_name"), name),
    }
    if error.details.get("field") == "week":
        return {field: _("At least one weekday must have hours.")}
    if error.details.get("field") == "days":
        return {field: _("That would be too many special days.")}
    return {field: texts.get(field, error.message)}

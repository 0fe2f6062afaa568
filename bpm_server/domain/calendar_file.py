"""Calendars as people write them: a JSON file of a whole calendar, a table of holidays and make-up days."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Any

import msgspec

from bpm_server.domain.calendars import (
    WEEKDAYS,
    Calendar,
    DayKind,
    Span,
    SpecialDay,
    check_calendar,
    check_special_day,
)
from bpm_server.domain.lines import read_lines
from bpm_server.kernel.errors import InvalidInput
from bpm_server.kernel.findings import Finding, RefusedFile, refuse_errors

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bpm_server.domain.lines import Line

COLUMNS = ("day", "kind", "name", "hours")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


class _Day(msgspec.Struct, forbid_unknown_fields=True):
    day: str
    kind: str
    name: str | None = None
    hours: list[str] | None = None


class _Calendar(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    calendar_id: str
    name: str
    time_zone: str
    week: dict[str, list[str]]
    days: list[_Day] = []
    name_en: str | None = None
    source: str | None = None
    """Where the days are from; for readers of the file."""


def read_calendar(data: bytes, file: str) -> Calendar:
    """The calendar of a JSON file.

    Raises:
        RefusedFile: it is not such a file; says where.
    """
    try:
        found = msgspec.json.decode(data, type=_Calendar)
        days = [read_day(one.day, one.kind, one.name, one.hours) for one in found.days]
        return make_calendar(found.calendar_id, found.name, found.time_zone, found.week, days, found.name_en)
    except (msgspec.DecodeError, UnicodeDecodeError, InvalidInput) as error:
        message = error.message if isinstance(error, InvalidInput) else f"Expected a calendar, but found: {error}"
        raise RefusedFile(message, [Finding("error", "calendar", message, file=file)]) from error


def make_calendar(
    calendar_id: str,
    name: str,
    time_zone: str,
    week: Mapping[str, Sequence[str]],
    days: Iterable[SpecialDay],
    name_en: str | None = None,
) -> Calendar:
    """A calendar from texts: hours such as ``09:00-12:00`` by weekday; those that are missing have none.

    Raises:
        InvalidInput: an unknown weekday, a day twice, or what cannot be counted on.
    """
    unknown = [one for one in week if one not in WEEKDAYS]
    if unknown:
        message = f"Expected weekdays among {', '.join(WEEKDAYS)}, but found '{unknown[0][:60]}'"
        raise InvalidInput(message, field="week")
    hours = tuple(tuple(map(Span.parse, week.get(one, ()))) for one in WEEKDAYS)
    special: dict[date, SpecialDay] = {}
    for one in days:
        if one.day in special:
            message = f"Expected every day once, but found {one.day} twice"
            raise InvalidInput(message, field="days")
        special[one.day] = one
    return check_calendar(Calendar(calendar_id, name, time_zone, hours, special, name_en))


def read_day(day: str, kind: str, name: str | None, hours: Sequence[str] | None) -> SpecialDay:
    """A holiday or make-up day from texts.

    Raises:
        InvalidInput: one of them cannot be.
    """
    if kind not in tuple(DayKind):
        message = f"Expected one of {', '.join(DayKind)}, but found '{kind[:60]}'"
        raise InvalidInput(message, field="kind")
    spans = tuple(map(Span.parse, hours)) if hours else None
    special = SpecialDay(_date(day), DayKind(kind), name or None, spans)
    check_special_day(special)
    return special


def _date(text: str) -> date:
    try:
        if _DAY.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    message = f"Expected a day such as 2026-10-01, but found '{text[:60]}'"
    raise InvalidInput(message, field="day")


def read_days(data: bytes, file: str) -> list[SpecialDay]:
    """The days of a table with the columns ``day, kind, name, hours``; CSV or Excel.

    Raises:
        RefusedFile: each finding names line and column.
    """
    findings: list[Finding] = []
    found: dict[date, SpecialDay] = {}
    for line in read_lines(data, file, COLUMNS, COLUMNS[:2]):
        special = _read_line(line, file, findings)
        if special is not None and special.day in found:
            message = f"Expected every day once, but found {special.day} twice"
            findings.append(Finding("error", "calendar-day", message, element="day", line=line.number, file=file))
        elif special is not None:
            found[special.day] = special
    refuse_errors(file, findings)
    return list(found.values())


def _read_line(line: Line, file: str, findings: list[Finding]) -> SpecialDay | None:
    try:
        return read_day(line["day"], line["kind"], line["name"], line["hours"].split())
    except InvalidInput as error:
        element = str(error.details.get("field", "hours"))
        findings.append(Finding("error", "calendar-day", error.message, element=element, line=line.number, file=file))
        return None


def calendar_values(calendar: Calendar) -> dict[str, Any]:
    """A calendar as the texts of :func:`make_calendar`."""
    return {
        "calendar_id": calendar.calendar_id,
        "name": calendar.name,
        "name_en": calendar.name_en,
        "time_zone": calendar.time_zone,
        "week": {day: [str(span) for span in spans] for day, spans in zip(WEEKDAYS, calendar.week, strict=True)},
        "days": [
            {
                "day": one.day.isoformat(),
                "kind": str(one.kind),
                "name": one.name,
                "hours": None if one.spans is None else [str(span) for span in one.spans],
            }
            for _, one in sorted(calendar.days.items())
        ],
    }

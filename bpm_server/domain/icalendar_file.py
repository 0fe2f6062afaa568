"""Holidays of an iCalendar file, as calendar programs export and governments publish them (RFC 5545).

Every event of whole days is a holiday; where its name says that it is worked (班, as in 补班 and 上班), a make-up day.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, TypeGuard

from icalendar import Calendar as ICalendar

from bpm_server.domain.calendars import MOST_DAYS, DayKind, SpecialDay
from bpm_server.kernel.findings import Finding, RefusedFile, refuse_errors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icalendar import Component

WORKED = "班"
LONGEST_NAME = 256


def read_icalendar(data: bytes, file: str) -> list[SpecialDay]:
    """The days of all events; a day that several have is what the last of them says.

    Raises:
        RefusedFile: not such a file, or events that repeat or are not of whole days; each is named.
    """
    try:
        parsed = ICalendar.from_ical(data)
    except (ValueError, IndexError, KeyError) as error:
        message = f"Expected an iCalendar file, but found: {error}"
        raise RefusedFile(message, [Finding("error", "icalendar", message, file=file)]) from error
    findings: list[Finding] = []
    found: dict[date, SpecialDay] = {}
    for event in parsed.walk("VEVENT"):
        for one in _days(event, file, findings):
            found[one.day] = one
    refuse_errors(file, findings)
    return [found[day] for day in sorted(found)]


def _days(event: Component, file: str, findings: list[Finding]) -> Iterator[SpecialDay]:
    name = str(event.get("SUMMARY", "")).strip()[:LONGEST_NAME]
    problem = None
    first = last = date.min
    if "RRULE" in event or "RDATE" in event:
        problem = "an event that does not repeat"
    else:
        begin, end = (getattr(event.get(part), "dt", None) for part in ("DTSTART", "DTEND"))
        if not _is_day(begin) or not (end is None or _is_day(end)):
            problem = "an event of whole days"
        else:
            first = begin
            last = first if end is None else max(end - timedelta(days=1), first)  # the end does not belong to it
            if last - first > timedelta(days=MOST_DAYS):
                problem = f"an event of at most {MOST_DAYS} days"
    if problem is not None:
        message = f"Expected {problem}, but found '{name[:60]}'"
        findings.append(Finding("error", "icalendar", message, name=name, file=file))
        return
    kind = DayKind.WORKDAY if WORKED in name else DayKind.HOLIDAY
    for offset in range((last - first).days + 1):
        yield SpecialDay(first + timedelta(days=offset), kind, name or None)


def _is_day(value: object) -> TypeGuard[date]:
    return isinstance(value, date) and not isinstance(value, datetime)

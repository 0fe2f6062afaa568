"""Strings to temporal values: XML Schema forms, with ``@zone`` in place of an offset (DMN 1.5, 10.3.4.1)."""

from __future__ import annotations

import re

from bpm_server.feel.temporal import calendar, zones
from bpm_server.feel.temporal.values import (
    MAX_OFFSET,
    NANOS_PER_SECOND,
    Date,
    DateTime,
    DaysDuration,
    MonthsDuration,
    Temporal,
    Time,
)

_DATE = re.compile(r"(-?)([1-9][0-9]{4,8}|[0-9]{4})-([0-9]{2})-([0-9]{2})\Z")
_TIME = re.compile(
    r"T?([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?"
    r"(?:([Zz])|([+-])([0-9]{2}):([0-9]{2})(?::([0-9]{2}))?)?(?:@([^\[\]]+)|\[([^\[\]]+)\])?\Z"
)
_MONTHS = re.compile(r"(-?)P(?:([0-9]+)Y)?(?:([0-9]+)M)?\Z")
_DAYS = re.compile(r"(-?)P(?:([0-9]+)D)?(?:T(?:([0-9]+)H)?(?:([0-9]+)M)?(?:([0-9]+)(?:\.([0-9]*))?S)?)?\Z")
_MAX_LENGTH = 200


def parse_date(text: str) -> Date | None:
    """``2026-01-31``, ``-0044-03-15``."""
    match = _DATE.match(text) if len(text) <= _MAX_LENGTH else None
    if match is None:
        return None
    sign, year, month, day = match.groups()
    return make_date(-int(year) if sign else int(year), int(month), int(day))


def make_date(year: int, month: int, day: int) -> Date | None:
    """The date of these numbers, where there is one."""
    if abs(year) > 999_999_999 or not calendar.is_day(year, month, day):
        return None
    return Date(year, month, day)


def parse_time(text: str) -> Time | None:
    """``12:30:00``, ``T12:30:00.5Z``, ``12:30:00+02:00``, ``12:30:00@Europe/Berlin``; 24:00:00 is midnight."""
    parsed = _parse_clock(text, both=False)
    return parsed[0] if parsed else None


def parse_date_time(text: str) -> DateTime | None:
    """A date, or a date and a time with ``T`` between them.

    An offset followed by a zone in brackets (Java's form) is read as the zone.
    """
    day_text, separator, clock_text = text.partition("T")
    day = parse_date(day_text)
    if day is None:
        return None
    if not separator:
        return DateTime(day, Time(0, 0, 0))
    parsed = _parse_clock(clock_text, both=True) if not clock_text.startswith("T") else None
    if parsed is None:
        return None
    time, end_of_day = parsed
    if end_of_day:
        try:
            day = Date.from_day_number(day.day_number + 1)
        except OverflowError:
            return None
    return DateTime(day, time)


def _parse_clock(text: str, *, both: bool) -> tuple[Time, bool] | None:
    """The time, and whether it was written as 24:00:00."""
    match = _TIME.match(text) if len(text) <= _MAX_LENGTH else None
    if match is None:
        return None
    hour, minute, second, fraction, utc, sign, offset_hours, offset_minutes, offset_seconds = match.groups()[:9]
    zone, bracketed = match.groups()[9:]
    numbers = int(hour), int(minute), int(second)
    nano = int((fraction or "0")[:9].ljust(9, "0"))
    end_of_day = numbers == (24, 0, 0) and nano == 0
    if end_of_day:
        numbers = 0, 0, 0
    if numbers[0] > 23 or numbers[1] > 59 or numbers[2] > 59:
        return None
    offset = 0 if utc else None
    if sign:
        offset = _offset(sign, offset_hours, offset_minutes, offset_seconds)
        if offset is None:
            return None
    zone = zone or bracketed
    if zone is not None:
        if offset is not None and not (both and bracketed):
            return None
        if zones.find_zone(zone) is None:
            return None
        offset = None
    return Time(*numbers, nano, offset, zone), end_of_day


def _offset(sign: str, hours: str, minutes: str, seconds: str | None) -> int | None:
    if int(minutes) > 59 or int(seconds or 0) > 59:
        return None
    total = int(hours) * 3600 + int(minutes) * 60 + int(seconds or 0)
    if total > MAX_OFFSET:
        return None
    return -total if sign == "-" else total


def parse_duration(text: str) -> MonthsDuration | DaysDuration | None:
    """``P1Y2M`` or ``P1DT2H``; the two kinds do not mix."""
    if len(text) > _MAX_LENGTH or text.endswith("T"):
        return None
    if match := _MONTHS.match(text):
        sign, years, months = match.groups()
        if years is None and months is None:
            return None
        total = int(years or 0) * 12 + int(months or 0)
        return MonthsDuration(-total if sign else total)
    match = _DAYS.match(text)
    if match is None:
        return None
    sign, days, hours, minutes, seconds, fraction = match.groups()
    total = ((int(days or 0) * 24 + int(hours or 0)) * 60 + int(minutes or 0)) * 60 + int(seconds or 0)
    nanos = total * NANOS_PER_SECOND + int((fraction or "0")[:9].ljust(9, "0"))
    return DaysDuration(-nanos if sign else nanos)


def parse_at_literal(text: str) -> Temporal | None:
    """Whatever of the above the text is (rule 65)."""
    if text.startswith(("P", "-P")):
        return parse_duration(text)
    if ":" not in text:
        return parse_date(text)
    if "T" in text[1:].partition("@")[0]:
        return parse_date_time(text)
    return parse_time(text)

"""Dates and times of forms: what exists, and the text in which a field keeps it.

Source: form-js documentation, "Datetime field"; ISO 8601.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

Subtype = Literal["date", "time", "datetime"]
Format = Literal["utc_offset", "utc_normalized", "no_timezone"]

FIRST_DAY: Final = date(1900, 1, 1)
"""The viewer's calendar begins here."""

_DAY = r"(?:\+00)?(\d{4})-(\d\d)-(\d\d)"
_CLOCK = r"(\d\d):(\d\d)(?::\d\d(?:\.\d{1,9})?)?"
_OFFSET = r"(Z|[+-]\d\d:?\d\d)?"
_DATE = re.compile(_DAY, re.ASCII)
_TIME = re.compile(_CLOCK + _OFFSET, re.ASCII)
_MOMENT = re.compile(f"{_DAY}T{_CLOCK}{_OFFSET}", re.ASCII)
_LOOSE_TIME = re.compile(
    r"(\d{1,2})(?::(\d{1,2})(?::\d{1,2}(?:\.\d{1,9})?)?)?(?: ?[AaPp][Mm])?(Z|[+-]\d{1,2}(?::?\d\d)?)?", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Moment:
    """A date, a time of day or both; the offset from UTC in minutes where the text has one."""

    day: date | None
    clock: time | None
    offset: int | None = None


def zone_of(name: str) -> ZoneInfo:
    """A time zone by name; UTC where there is none of that name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


def parse(text: str, subtype: Subtype) -> Moment | None:
    """Reads what a field of this kind submits; None where no such date or time exists."""
    if len(text) > 64:
        return None
    pattern = {"date": _DATE, "time": _TIME, "datetime": _MOMENT}[subtype]
    found = pattern.fullmatch(text)
    if found is None:
        return None
    try:
        return _moment(found.groups(), subtype)
    except (ValueError, OverflowError):
        return None


def _moment(parts: tuple[str | None, ...], subtype: Subtype) -> Moment:
    numbers = [int(part) for part in parts if part is not None and part.isdecimal()]
    offset = _minutes(parts[-1]) if subtype != "date" else None
    if subtype == "date":
        return Moment(date(*numbers), None)
    if subtype == "time":
        return Moment(None, time(numbers[0], numbers[1]), offset)
    year, month, day, hour, minute = numbers
    if (hour, minute) == (24, 0):
        return Moment(date(year, month, day) + timedelta(days=1), time(0, 0), offset)
    return Moment(date(year, month, day), time(hour, minute), offset)


def _minutes(text: str | None) -> int | None:
    if text is None:
        return None
    if text == "Z":
        return 0
    hours, _, minutes = text[1:].partition(":")
    if not minutes:
        hours, minutes = hours[:2], hours[2:] or "0"
    total = int(hours) * 60 + int(minutes)
    if int(minutes) > 59 or total > 14 * 60:
        raise ValueError
    return -total if text[0] == "-" else total


def parse_loosely(text: str, subtype: Subtype) -> Moment | None:
    """Like :func:`parse`, for values from the process: also times such as ``9`` and ``1:5``."""
    if subtype != "time":
        return parse(text, subtype)
    found = _LOOSE_TIME.fullmatch(text) if len(text) <= 64 else None
    if found is None:
        return None
    try:
        return Moment(None, time(int(found[1]), int(found[2] or 0)), _minutes(found[3]))
    except ValueError:
        return None


def local(moment: Moment, zone: ZoneInfo, now: datetime) -> Moment:
    """The same on the clock of a time zone; a time of day is taken as one of today."""
    if moment.clock is None or moment.offset is None:
        return moment
    day = moment.day or now.astimezone(zone).date()
    try:
        there = datetime.combine(day, moment.clock, timezone(timedelta(minutes=moment.offset))).astimezone(zone)
    except OverflowError:
        return moment
    return Moment(there.date() if moment.day else None, there.time(), _offset(there))


def _offset(moment: datetime) -> int:
    return int((moment.utcoffset() or timedelta()).total_seconds() // 60)


def text_of(moment: Moment, form: Format, zone: ZoneInfo, now: datetime) -> str:
    """The text in which a field keeps it; a moment without offset is one on the clock of ``zone``."""
    if moment.clock is None:
        return str(moment.day)
    if form == "no_timezone":
        there = local(moment, zone, now)
        return _shown(there.day, there.clock, "")
    day = moment.day or now.astimezone(zone).date()
    if moment.offset is None:
        here = datetime.combine(day, moment.clock, zone)
    else:
        here = datetime.combine(day, moment.clock, timezone(timedelta(minutes=moment.offset)))
    if form == "utc_offset":
        minutes = _offset(here)
        sign = "-" if minutes < 0 else "+"
        suffix = f"{sign}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"
    else:
        try:
            here = here.astimezone(UTC)
        except OverflowError:
            here = here.replace(tzinfo=UTC)
        suffix = "Z"
    return _shown(here.date() if moment.day else None, here.time(), suffix)


def _shown(day: date | None, clock: time | None, suffix: str) -> str:
    hours = f"{clock:%H:%M}" if clock else ""
    return f"{day}T{hours}{suffix}" if day else hours + suffix

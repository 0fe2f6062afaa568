"""Timer texts: ISO 8601 dates, durations and cycles, and cron; when a timer is due.

Months and days are counted on the calendar from the moment the timer starts; a cycle counts from the
last due time, not from when it was handled, so that it does not drift.

Source: Camunda 8 documentation, "Timer events"; ISO 8601; Spring's cron (six fields, seconds first).
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bpm_server.bpmn.cron import Cron
from bpm_server.kernel.errors import InvalidInput

TimerKind = Literal["date", "duration", "cycle"]

_DURATION = re.compile(
    r"(?P<sign>[-+]?)P(?=.)(?:(?P<years>\d+)Y)?(?:(?P<months>\d+)M)?(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?=.)(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:[.,]\d{1,9})?)S)?)?",
    re.IGNORECASE,
)
_ZONE = re.compile(r"(.*?)\[([\w/+-]+)\]$")
LATEST = datetime(9999, 12, 31, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Duration:
    """A calendar duration: months first, then an exact span."""

    months: int
    span: timedelta

    def after(self, moment: datetime, times: int = 1) -> datetime:
        """``moment`` plus ``times`` durations; a day that a month lacks becomes its last day."""
        try:
            return _add_months(moment, self.months * times) + self.span * times
        except (OverflowError, ValueError):
            return LATEST if self.months * times >= 0 and self.span * times >= timedelta() else moment


@dataclass(frozen=True, slots=True)
class Cycle:
    """Repeats: ``repetitions`` None means for ever."""

    repetitions: int | None
    interval: Duration | Cron
    start: datetime | None = None
    end: datetime | None = None

    def first(self, now: datetime) -> datetime | None:
        """When it is due first, None if never."""
        if self.start is not None:
            return self.start
        return self.following(now)

    def following(self, due: datetime) -> datetime | None:
        """When it is due after ``due``, None if never again."""
        following = self.interval.after(due)
        if following is None or (self.end is not None and following > self.end):
            return None
        return following


def _add_months(moment: datetime, months: int) -> datetime:
    if not months:
        return moment
    total = moment.year * 12 + moment.month - 1 + months
    year, month = divmod(total, 12)
    day = min(moment.day, calendar.monthrange(year, month + 1)[1])
    return moment.replace(year=year, month=month + 1, day=day)


def parse_duration(text: str) -> Duration:
    """Reads ``PnYnMnWnDTnHnMnS``.

    Raises:
        InvalidInput: it is not such a text.
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        message = f"Expected an ISO 8601 duration such as PT15M or P3D, but found '{text}'"
        raise InvalidInput(message)
    sign = -1 if match["sign"] == "-" else 1
    number = {key: int(match[key] or 0) for key in ("years", "months", "weeks", "days", "hours", "minutes")}
    seconds = float((match["seconds"] or "0").replace(",", "."))
    try:
        span = timedelta(
            weeks=number["weeks"],
            days=number["days"],
            hours=number["hours"],
            minutes=number["minutes"],
            seconds=seconds,
        )
    except OverflowError as error:
        message = f"Expected a duration of less than a million years, but found '{text}'"
        raise InvalidInput(message) from error
    return Duration(sign * (12 * number["years"] + number["months"]), sign * span)


def parse_date(text: str) -> datetime:
    """Reads an ISO 8601 date and time; without zone it is UTC; a zone id may follow in brackets.

    Raises:
        InvalidInput: it is not such a text.
    """
    plain = text.strip()
    zoned = _ZONE.match(plain)
    try:
        moment = datetime.fromisoformat(zoned[1] if zoned else plain)
        if zoned:
            moment = moment.replace(tzinfo=ZoneInfo(zoned[2]))
    except (ValueError, ZoneInfoNotFoundError) as error:
        message = f"Expected an ISO 8601 date and time such as 2026-03-01T09:00:00Z, but found '{text}'"
        raise InvalidInput(message) from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def parse_cycle(text: str) -> Cycle:
    """Reads ``R3/PT10M``, ``R/2026-01-01T00:00:00Z/P1D``, ``R5/P1D/END`` or cron.

    Raises:
        InvalidInput: it is neither.
    """
    plain = text.strip()
    if not re.match(r"R\d*/", plain, re.IGNORECASE):
        return Cycle(None, Cron.parse(plain))
    head, *parts = plain.split("/")
    repetitions = int(head[1:]) if len(head) > 1 else None
    start = end = None
    interval: Duration | None = None
    for part in parts:
        if part.upper().lstrip("+-").startswith("P"):
            interval = parse_duration(part)
        elif interval is None:
            start = parse_date(part)
        else:
            end = parse_date(part)
    if interval is None or (interval.months <= 0 and interval.span <= timedelta()):
        message = f"Expected a cycle with a positive interval such as R3/PT10M, but found '{text}'"
        raise InvalidInput(message)
    return Cycle(repetitions, interval, start, end)


def check_timer_text(kind: TimerKind, text: str) -> None:
    """Checks a text that is written in the file.

    Raises:
        InvalidInput: says what was expected and found.
    """
    parsers = {"date": parse_date, "duration": parse_duration, "cycle": parse_cycle}
    parsers[kind](text)

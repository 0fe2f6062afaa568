"""Timer texts: ISO 8601 dates, durations and cycles, and cron; when a timer is due.

Years to days are counted on the calendar of a time zone (nine o'clock stays nine o'clock), hours to seconds are exact.
A cycle counts from the last due time, not from when it was handled, or from its start where the text names one: so
neither late workers nor short months, nor a night whose clocks change, move what follows.

What is due in an hour that a spring night leaves out is due so much later (02:30 at 03:30); in an hour that an autumn
night has twice, the first time (as in Java's ``ZonedDateTime``).

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
_SLASH = re.compile(r"/(?![^\[]*\])")
"""Between the parts of a cycle; the name of a time zone in brackets has one of its own."""
LATEST = datetime(9999, 12, 31, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Duration:
    """A duration: months and days of the calendar, then an exact time."""

    months: int = 0
    days: int = 0
    time: timedelta = timedelta()

    @property
    def span(self) -> timedelta:
        """Days and time, a day being 24 hours."""
        return timedelta(days=self.days) + self.time

    @property
    def is_positive(self) -> bool:
        """Whether it leads into the future; a duration does not mix signs."""
        return self.months > 0 or self.span > timedelta()

    def after(self, moment: datetime, times: int = 1) -> datetime:
        """``moment`` plus ``times`` durations, in UTC; a day that a month lacks becomes its last day.

        Args:
            moment: Its time zone has the calendar.
            times: How many.
        """
        try:
            day = _add_months(moment, self.months * times) + timedelta(days=self.days * times)
            return day.astimezone(UTC) + self.time * times
        except (OverflowError, ValueError):
            return LATEST if self.months * times >= 0 and self.span * times >= timedelta() else moment


@dataclass(frozen=True, slots=True)
class Cycle:
    """Repeats: ``repetitions`` None means for ever. ``start``: in the time zone that the text names."""

    repetitions: int | None
    interval: Duration | Cron
    start: datetime | None = None
    end: datetime | None = None

    def first(self, now: datetime) -> datetime | None:
        """When it is due first, in UTC; None if never. ``now``: in the time zone of calendars and cron."""
        if self.start is not None:
            return self.start.astimezone(UTC)
        return self.following(now)

    def following(self, due: datetime) -> datetime | None:
        """When it is due after ``due`` (in that time zone, too), in UTC; None if never again."""
        if self.start is not None and isinstance(self.interval, Duration):
            following: datetime | None = _next_multiple(self.start, self.interval, due)
        else:
            following = self.interval.after(due)
        if following is None or (self.end is not None and following > self.end):
            return None
        return following


def _next_multiple(start: datetime, interval: Duration, due: datetime) -> datetime:
    """The first of start, start + interval, start + 2 x interval... after ``due``."""
    if not isinstance(start.tzinfo, ZoneInfo):
        start = start.astimezone(due.tzinfo)
    longest = timedelta(days=31 * interval.months + interval.days) + interval.time
    times = max((due.astimezone(UTC) - start.astimezone(UTC)) // longest - 1, 0)
    while (following := interval.after(start, times)) <= due and following < LATEST:
        times += 1
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
    days = 7 * number["weeks"] + number["days"]
    try:
        time = timedelta(hours=number["hours"], minutes=number["minutes"], seconds=seconds)
        timedelta(days=days) + time
    except OverflowError as error:
        message = f"Expected a duration of less than a million years, but found '{text}'"
        raise InvalidInput(message) from error
    return Duration(sign * (12 * number["years"] + number["months"]), sign * days, sign * time)


def parse_date(text: str) -> datetime:
    """Reads an ISO 8601 date and time; without zone it is UTC; a zone id may follow in brackets.

    Raises:
        InvalidInput: it is not such a text.
    """
    return _parse_moment(text).astimezone(UTC)


def _parse_moment(text: str) -> datetime:
    plain = text.strip()
    zoned = _ZONE.match(plain)
    try:
        moment = datetime.fromisoformat(zoned[1] if zoned else plain)
        if zoned:
            moment = moment.replace(tzinfo=ZoneInfo(zoned[2]))
    except (ValueError, ZoneInfoNotFoundError) as error:
        message = f"Expected an ISO 8601 date and time such as 2026-03-01T09:00:00Z, but found '{text}'"
        raise InvalidInput(message) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def parse_cycle(text: str) -> Cycle:
    """Reads ``R3/PT10M``, ``R/2026-01-01T00:00:00Z/P1D``, ``R5/P1D/END`` or cron.

    Raises:
        InvalidInput: it is neither.
    """
    plain = text.strip()
    if not re.match(r"R\d*/", plain, re.IGNORECASE):
        return Cycle(None, Cron.parse(plain))
    head, *parts = _SLASH.split(plain)
    repetitions = int(head[1:]) if len(head) > 1 else None
    start = end = None
    interval: Duration | None = None
    for part in parts:
        if part.upper().lstrip("+-").startswith("P"):
            interval = parse_duration(part)
        elif interval is None:
            start = _parse_moment(part)
        else:
            end = parse_date(part)
    if interval is None or not interval.is_positive:
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

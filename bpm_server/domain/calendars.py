"""Business calendars: office hours, holidays and make-up days (调休); time that counts while the office is open.

The office is open whenever the clock on its wall shows a time within the hours of its day. So an hour that an autumn
night has twice counts twice where the office is open, and one that a spring night leaves out does not count.

What has hours beyond midnight has a span up to 24:00 and one from 00:00 of the next day.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bpm_server.domain.identity import check_identifier
from bpm_server.kernel.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DEFAULT_CALENDAR = "default"
"""The one that counts where none is named."""
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MINUTES_OF_DAY = 24 * 60
LONGEST_SPAN = timedelta(days=50 * 366)
"""What is counted or looked at in one go."""
MOST_DAYS = 5_000
_EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
_LATEST = datetime(9900, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)
_SPAN = re.compile(r"(\d\d):([0-5]\d)-(\d\d):([0-5]\d)")


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Open from one minute of the day up to another; 1440 is its end."""

    begin: int
    end: int

    def __str__(self) -> str:
        return f"{self.begin // 60:02}:{self.begin % 60:02}-{self.end // 60:02}:{self.end % 60:02}"

    @classmethod
    def parse(cls, text: str) -> Span:
        """Reads ``09:00-12:00``; the end may be ``24:00``.

        Raises:
            InvalidInput: it is not such a text, or ends before it begins.
        """
        match = _SPAN.fullmatch(text.strip().replace("–", "-"))
        if match is not None:
            begin, end = int(match[1]) * 60 + int(match[2]), int(match[3]) * 60 + int(match[4])
            if begin < end <= MINUTES_OF_DAY:
                return cls(begin, end)
        message = f"Expected hours such as 09:00-12:00, but found '{text[:60]}'"
        raise InvalidInput(message)


class DayKind(StrEnum):
    """What a special day is."""

    HOLIDAY = "holiday"
    WORKDAY = "workday"


@dataclass(frozen=True, slots=True)
class SpecialDay:
    """A day unlike its weekday.

    Attributes:
        spans: Hours of a make-up day; None for those of the first weekday that has any.
    """

    day: date
    kind: DayKind
    name: str | None = None
    spans: tuple[Span, ...] | None = None


@dataclass(frozen=True, slots=True)
class Calendar:
    """When an office works.

    Attributes:
        time_zone: On whose clocks the hours are.
        week: Hours of Monday to Sunday.
        days: What is otherwise.
    """

    calendar_id: str
    name: str
    time_zone: str
    week: tuple[tuple[Span, ...], ...]
    days: Mapping[date, SpecialDay] = field(default_factory=dict)
    name_en: str | None = None

    def hours(self, day: date) -> tuple[Span, ...]:
        """When the office is open on a day of its own calendar."""
        special = self.days.get(day)
        if special is None:
            return self.week[day.weekday()]
        if special.kind is DayKind.HOLIDAY:
            return ()
        return special.spans or next(spans for spans in self.week if spans)


AROUND_THE_CLOCK = Calendar("around-the-clock", "全天候", "UTC", ((Span(0, MINUTES_OF_DAY),),) * 7, name_en="Always")
"""Where all time counts."""


def check_calendar(calendar: Calendar) -> Calendar:
    """A calendar that can be counted on.

    Raises:
        InvalidInput: the id, the zone, the hours or the days cannot be; says where.
    """
    check_identifier(calendar.calendar_id, "a calendar id")
    read_zone(calendar.time_zone)
    if len(calendar.week) != len(WEEKDAYS) or not any(calendar.week):
        message = f"Expected hours on at least one weekday of calendar '{calendar.calendar_id}', but found none"
        raise InvalidInput(message, field="week")
    for name, spans in zip(WEEKDAYS, calendar.week, strict=True):
        check_spans(spans, name)
    if len(calendar.days) > MOST_DAYS:
        message = f"Expected at most {MOST_DAYS} holidays and make-up days, but found {len(calendar.days)}"
        raise InvalidInput(message, field="days")
    for special in calendar.days.values():
        check_special_day(special)
    return calendar


def read_zone(name: str) -> ZoneInfo:
    """A time zone by its name.

    Raises:
        InvalidInput: there is none of that name.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        message = f"Expected a time zone such as Asia/Shanghai, but found '{name[:60]}'"
        raise InvalidInput(message, field="timeZone") from error


def check_spans(spans: tuple[Span, ...], where: str) -> None:
    """Hours of one day, in order and apart.

    Raises:
        InvalidInput: names the two that are not.
    """
    for before, after in itertools.pairwise(spans):
        if after.begin < before.end:
            message = f"Expected the hours of {where} in order and apart, but found {after} after {before}"
            raise InvalidInput(message, field=where)


def check_special_day(special: SpecialDay) -> None:
    """A day whose parts fit together.

    Raises:
        InvalidInput: says which do not.
    """
    if special.spans is not None and special.kind is DayKind.HOLIDAY:
        message = f"Expected no hours on the holiday {special.day}, but found {special.spans[0]}"
        raise InvalidInput(message, field="hours")
    if special.spans is not None:
        check_spans(special.spans, str(special.day))


# --- counting -------------------------------------------------------------------------------------------


def openings(calendar: Calendar, begin: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The times between two moments at which the office is open, in UTC and in order; some may touch."""
    zone = read_zone(calendar.time_zone)
    begin, end = begin.astimezone(UTC), end.astimezone(UTC)
    day = begin.replace(hour=0, minute=0, second=0, microsecond=0)
    while day < end:
        for piece in _pieces(zone, day, day + _DAY):
            for opened, closed in _open_in(calendar, *piece):
                if opened < end and closed > begin:
                    yield max(opened, begin), min(closed, end)
        day += _DAY


def _pieces(zone: ZoneInfo, begin: datetime, end: datetime) -> Iterator[tuple[datetime, datetime, timedelta]]:
    """A stretch of UTC cut where the zone's clocks are changed, each piece with its offset."""
    offset = _offset(zone, begin)
    while _offset(zone, end - timedelta(seconds=1)) != offset:
        low, high = 0, int((end - begin).total_seconds())  # seconds; the clocks change in (low, high]
        while high - low > 1:
            middle = (low + high) // 2
            if _offset(zone, begin + timedelta(seconds=middle)) == offset:
                low = middle
            else:
                high = middle
        changed = begin + timedelta(seconds=high)
        yield begin, changed, offset
        begin, offset = changed, _offset(zone, changed)
    yield begin, end, offset


def _offset(zone: ZoneInfo, moment: datetime) -> timedelta:
    offset = moment.astimezone(zone).utcoffset()
    assert offset is not None  # noqa: S101
    return offset


def _open_in(
    calendar: Calendar, begin: datetime, end: datetime, offset: timedelta
) -> Iterator[tuple[datetime, datetime]]:
    """Open times within a stretch of UTC in which the clocks are not changed."""
    first, last = begin + offset, end + offset  # what the clocks show
    midnight = first.replace(hour=0, minute=0, second=0)
    while midnight < last:
        for span in calendar.hours(midnight.date()):
            opened = max(midnight + timedelta(minutes=span.begin), first)
            closed = min(midnight + timedelta(minutes=span.end), last)
            if opened < closed:
                yield opened - offset, closed - offset
        midnight += _DAY


def working_time_between(calendar: Calendar, begin: datetime, end: datetime) -> timedelta:
    """How long the office is open between two moments; negative where the end is before the begin.

    Raises:
        InvalidInput: they lie too far apart, or too far from now.
    """
    if end < begin:
        return -working_time_between(calendar, end, begin)
    _check_reach(begin, end)
    return sum((closed - opened for opened, closed in openings(calendar, begin, end)), timedelta())


def add_working_time(calendar: Calendar, start: datetime, duration: timedelta) -> datetime:
    """The first moment, in UTC, until which the office has been open for so long since ``start``.

    So three hours from nine o'clock end at twelve, when the office closes, not when it opens again.

    Raises:
        InvalidInput: the duration is negative, or longer than the office is open in 50 years.
    """
    if duration < timedelta():
        message = f"Expected a working time of zero or more, but found {duration}"
        raise InvalidInput(message)
    left, begin = duration, start.astimezone(UTC)
    if not left:
        return begin
    _check_reach(begin, begin)
    for opened, closed in openings(calendar, begin, begin + LONGEST_SPAN):
        if closed - opened >= left:
            return opened + left
        left -= closed - opened
    message = f"Expected a working time that ends within 50 years, but found {duration}"
    raise InvalidInput(message)


def next_opening(calendar: Calendar, moment: datetime) -> datetime:
    """When the office is open next, in UTC: the moment itself where it is open then.

    Raises:
        InvalidInput: it does not open any more within 50 years.
    """
    begin = moment.astimezone(UTC)
    _check_reach(begin, begin)
    for opened, _ in openings(calendar, begin, begin + LONGEST_SPAN):
        return opened
    message = f"Expected calendar '{calendar.calendar_id}' to open again, but it has holidays only"
    raise InvalidInput(message)


def _check_reach(begin: datetime, end: datetime) -> None:
    if not (_EARLIEST <= begin <= end <= _LATEST and end - begin <= LONGEST_SPAN):
        message = f"Expected moments between 1900 and 9900, at most 50 years apart, but found {begin} and {end}"
        raise InvalidInput(message)

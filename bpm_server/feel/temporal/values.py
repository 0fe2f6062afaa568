"""The temporal value classes. All are immutable; ``==`` means the same components (FEEL's ``is()``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bpm_server.feel.temporal import calendar, zones

NANOS_PER_SECOND: Final = 1_000_000_000
SECONDS_PER_DAY: Final = 86_400
NANOS_PER_DAY: Final = SECONDS_PER_DAY * NANOS_PER_SECOND
MAX_YEAR: Final = 999_999_999
MAX_OFFSET: Final = 14 * 3600
"""Seconds east or west of UTC (10.3.2.15, Table 66)."""


def _fraction(nanos: int) -> str:
    return f".{nanos:09d}".rstrip("0") if nanos else ""


@dataclass(frozen=True, slots=True)
class Date:
    """A day of the proleptic Gregorian calendar; years from -999,999,999 to 999,999,999."""

    year: int
    month: int
    day: int

    @property
    def day_number(self) -> int:
        """Days since 1970-01-01."""
        return calendar.day_number(self.year, self.month, self.day)

    @classmethod
    def from_day_number(cls, number: int) -> Date:
        """The inverse of :attr:`day_number`.

        Raises:
            OverflowError: outside the years of FEEL.
        """
        year, month, day = calendar.from_day_number(number)
        if not -MAX_YEAR <= year <= MAX_YEAR:
            raise OverflowError
        return cls(year, month, day)

    def __str__(self) -> str:
        sign = "-" if self.year < 0 else ""
        return f"{sign}{abs(self.year):04d}-{self.month:02d}-{self.day:02d}"


@dataclass(frozen=True, slots=True)
class Time:
    """A time of day: local, with an offset from UTC in seconds, or with a zone id (never both)."""

    hour: int
    minute: int
    second: int
    nano: int = 0
    offset: int | None = None
    zone: str | None = None

    @property
    def second_of_day(self) -> int:
        return (self.hour * 60 + self.minute) * 60 + self.second

    @property
    def nano_of_day(self) -> int:
        return self.second_of_day * NANOS_PER_SECOND + self.nano

    @property
    def is_local(self) -> bool:
        """Neither offset nor zone."""
        return self.offset is None and self.zone is None

    @classmethod
    def from_nano_of_day(cls, nanos: int, offset: int | None = None, zone: str | None = None) -> Time:
        """The time so many nanoseconds after midnight, modulo a day."""
        seconds, nano = divmod(nanos % NANOS_PER_DAY, NANOS_PER_SECOND)
        minutes, second = divmod(seconds, 60)
        hour, minute = divmod(minutes, 60)
        return cls(hour, minute, second, nano, offset, zone)

    def offset_seconds(self) -> int | None:
        """Offset from UTC; that of a zone is the one of 1970-01-01, as the day is not known."""
        if self.zone is not None:
            return zones.offset_at(self.zone, 0, self.second_of_day)
        return self.offset

    def zone_suffix(self) -> str:
        """Offset or zone as they follow the time."""
        if self.zone is not None:
            return f"@{self.zone}"
        if self.offset is None:
            return ""
        return zones.offset_text(self.offset)

    def clock_text(self) -> str:
        """The time without offset or zone."""
        return f"{self.hour:02d}:{self.minute:02d}:{self.second:02d}{_fraction(self.nano)}"

    def __str__(self) -> str:
        return self.clock_text() + self.zone_suffix()


@dataclass(frozen=True, slots=True)
class DateTime:
    """A date and a time of day."""

    date: Date
    time: Time

    @property
    def local_nanos(self) -> int:
        """Nanoseconds from 1970-01-01T00:00 to this, both read on the same local clock."""
        return self.date.day_number * NANOS_PER_DAY + self.time.nano_of_day

    def offset_seconds(self) -> int | None:
        """Offset from UTC; by the rules of the zone on that day where there is one."""
        time = self.time
        if time.zone is not None:
            return zones.offset_at(time.zone, self.date.day_number, time.second_of_day)
        return time.offset

    def instant(self, default_offset: int = 0) -> int:
        """Nanoseconds since 1970-01-01T00:00Z; a local value is read with the default offset."""
        offset = self.offset_seconds()
        return self.local_nanos - (default_offset if offset is None else offset) * NANOS_PER_SECOND

    @classmethod
    def from_local_nanos(cls, nanos: int, offset: int | None = None, zone: str | None = None) -> DateTime:
        """The inverse of :attr:`local_nanos`.

        Raises:
            OverflowError: outside the years of FEEL.
        """
        days, nano_of_day = divmod(nanos, NANOS_PER_DAY)
        return cls(Date.from_day_number(days), Time.from_nano_of_day(nano_of_day, offset, zone))

    @classmethod
    def from_instant(cls, nanos: int, offset: int | None = None, zone: str | None = None) -> DateTime:
        """The instant as the clock of an offset or zone shows it."""
        shift = offset or 0 if zone is None else zones.offset_at_instant(zone, nanos // NANOS_PER_SECOND)
        return cls.from_local_nanos(nanos + shift * NANOS_PER_SECOND, offset, zone)

    def __str__(self) -> str:
        return f"{self.date}T{self.time}"


@dataclass(frozen=True, slots=True)
class MonthsDuration:
    """A years and months duration."""

    months: int

    def __str__(self) -> str:
        years, months = divmod(abs(self.months), 12)
        text = (f"{years}Y" if years else "") + (f"{months}M" if months or not years else "")
        return f"{'-' if self.months < 0 else ''}P{text}"


@dataclass(frozen=True, slots=True)
class DaysDuration:
    """A days and time duration, in nanoseconds."""

    nanos: int

    def __str__(self) -> str:
        seconds, nano = divmod(abs(self.nanos), NANOS_PER_SECOND)
        days, seconds = divmod(seconds, SECONDS_PER_DAY)
        hours, seconds = divmod(seconds, 3600)
        minutes, seconds = divmod(seconds, 60)
        clock = (f"{hours}H" if hours else "") + (f"{minutes}M" if minutes else "")
        if seconds or nano:
            clock += f"{seconds}{_fraction(nano)}S"
        text = (f"{days}D" if days else "") + (f"T{clock}" if clock else "")
        return f"{'-' if self.nanos < 0 else ''}P{text or 'T0S'}"


Temporal = Date | Time | DateTime | MonthsDuration | DaysDuration

"""Cron expressions as Camunda 8 takes them: six fields, seconds first, with the macros.

Source: Spring Framework reference, "Cron Expressions" (the format Camunda 8 names).
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

from bpm_server.kernel.errors import InvalidInput

if TYPE_CHECKING:
    from datetime import tzinfo

MACROS = {
    "@yearly": "0 0 0 1 1 *",
    "@annually": "0 0 0 1 1 *",
    "@monthly": "0 0 0 1 * *",
    "@weekly": "0 0 0 * * 0",
    "@daily": "0 0 0 * * *",
    "@midnight": "0 0 0 * * *",
    "@hourly": "0 0 * * * *",
}
_FIELDS = (
    ("second", 0, 59),
    ("minute", 0, 59),
    ("hour", 0, 23),
    ("day", 1, 31),
    ("month", 1, 12),
    ("weekday", 0, 7),
)
_MONTHS = {name: str(n) for n, name in enumerate(calendar.month_abbr) if name}
_DAYS = {name: str((n + 1) % 7) for n, name in enumerate(calendar.day_abbr)}
_NAMES = {name.upper(): number for name, number in {**_MONTHS, **_DAYS}.items()}
_HORIZON_YEARS = 40
_HOURS = 24


@dataclass(frozen=True, slots=True)
class Cron:
    """A parsed expression. ``days`` and ``weekdays`` keep their text where it is not a plain set."""

    source: str
    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    months: frozenset[int]
    day: str
    weekday: str

    @classmethod
    def parse(cls, text: str) -> Cron:
        """Reads an expression or macro.

        Raises:
            InvalidInput: names the field that is wrong.
        """
        plain = MACROS.get(text.strip().lower(), text.strip())
        fields = plain.split()
        if len(fields) != 6:
            message = f"Expected a cycle such as R3/PT10M or a cron expression of six fields, but found '{text}'"
            raise InvalidInput(message)
        named = [re.sub(r"[A-Za-z]{3}", lambda m: _NAMES.get(m[0].upper(), m[0]), field) for field in fields]
        sets = [_numbers(field, n, text) for n, field in enumerate(named) if n not in (3, 5)]
        cron = cls(text, sets[0], sets[1], sets[2], frozenset(sets[3]), named[3], named[5])
        cron._day_matches(2026, 1, 1)
        return cron

    def after(self, moment: datetime) -> datetime | None:
        """The first matching second after ``moment`` on the clocks of its time zone, in UTC; None within 40 years.

        Where the clocks change: hours that are named come once. What comes every hour comes after each real hour, so
        twice in the hour that an autumn night repeats.
        """
        zone = moment.tzinfo
        try:
            local = moment.replace(tzinfo=None)
            if len(self.hours) == _HOURS and zone is not None:
                return self._by_real_hours(moment, zone)
            while (found := self._after(local)) is not None:
                due = found.replace(tzinfo=zone).astimezone(UTC)
                if due > moment:
                    return due
                local = found
        except OverflowError:  # beyond the year 9999
            pass
        return None

    def _by_real_hours(self, moment: datetime, zone: tzinfo) -> datetime | None:
        """Counts on with the present offset; where it ends before the next match, anew from there."""
        while True:
            offset = moment.utcoffset() or timedelta()
            found = self._after(moment.replace(tzinfo=None))
            if found is None:
                return None
            due = (found - offset).replace(tzinfo=UTC)
            if due.astimezone(zone).utcoffset() == offset:
                return due
            moment = _last_of_offset(moment.astimezone(UTC), due, zone)

    def _after(self, local: datetime) -> datetime | None:
        """The first match after a time on the clock, without time zone."""
        at = local.replace(microsecond=0, fold=0) + timedelta(seconds=1)
        last_year = at.year + _HORIZON_YEARS
        while at.year <= last_year:
            if at.month not in self.months:
                at = (at.replace(day=1) + timedelta(days=32)).replace(day=1, hour=0, minute=0, second=0)
            elif not self._day_matches(at.year, at.month, at.day):
                at = (at + timedelta(days=1)).replace(hour=0, minute=0, second=0)
            else:
                found = self._time_on(at)
                if found is not None:
                    return found
                at = (at + timedelta(days=1)).replace(hour=0, minute=0, second=0)
        return None

    def _time_on(self, at: datetime) -> datetime | None:
        for hour in self.hours:
            if hour < at.hour:
                continue
            for minute in self.minutes:
                if hour == at.hour and minute < at.minute:
                    continue
                for second in self.seconds:
                    if (hour, minute) == (at.hour, at.minute) and second < at.second:
                        continue
                    return at.replace(hour=hour, minute=minute, second=second)
        return None

    def _day_matches(self, year: int, month: int, day: int) -> bool:
        return _month_day(self.day, year, month, day, self.source) and _week_day(
            self.weekday, year, month, day, self.source
        )


def _last_of_offset(begin: datetime, end: datetime, zone: tzinfo) -> datetime:
    """The last second before the clocks of a zone change, on the new clock; ``end`` lies behind the change."""
    offset = begin.astimezone(zone).utcoffset()
    low, high = 0, int((end - begin).total_seconds()) + 1
    while high - low > 1:
        middle = (low + high) // 2
        if (begin + timedelta(seconds=middle)).astimezone(zone).utcoffset() == offset:
            low = middle
        else:
            high = middle
    change = (begin + timedelta(seconds=high)).replace(microsecond=0)
    new = change.astimezone(zone).utcoffset() or timedelta()
    return (change - timedelta(seconds=1)).astimezone(timezone(new))


def _wrong(source: str, field: str) -> InvalidInput:
    return InvalidInput(f"Expected a cron expression, but found '{field}' in '{source}'")


def _numbers(field: str, index: int, source: str) -> tuple[int, ...]:
    name, low, high = _FIELDS[index]
    result: set[int] = set()
    for part in field.split(","):
        body, _, step_text = part.partition("/")
        if step_text and not step_text.isdigit():
            raise _wrong(source, part)
        step = int(step_text) if step_text else 1
        if body in ("*", "?"):
            first, last = low, high
        elif match := re.fullmatch(r"(\d+)(?:-(\d+))?", body):
            first = int(match[1])
            last = int(match[2]) if match[2] else (high if step_text else first)
        else:
            raise _wrong(source, part)
        if step < 1 or first < low or last > high or first > last:
            message = f"Expected a {name} from {low} to {high}, but found '{part}' in '{source}'"
            raise InvalidInput(message)
        result.update(range(first, last + 1, step))
    return tuple(sorted(result))


def _month_day(field: str, year: int, month: int, day: int, source: str) -> bool:
    """Day of the month: numbers, ``L``, ``L-3``, ``LW``, ``15W``."""
    last = calendar.monthrange(year, month)[1]
    upper = field.upper()
    if match := re.fullmatch(r"L(?:-(\d+))?", upper):
        return day == last - int(match[1] or 0)
    if upper == "LW":
        return day == _nearest_weekday(year, month, last)
    if match := re.fullmatch(r"(\d+)W", upper):
        return day == _nearest_weekday(year, month, min(int(match[1]), last))
    return day in _numbers(field, 3, source)


def _nearest_weekday(year: int, month: int, day: int) -> int:
    weekday = calendar.weekday(year, month, day)
    last = calendar.monthrange(year, month)[1]
    if weekday == calendar.SATURDAY:
        return day - 1 if day > 1 else day + 2
    if weekday == calendar.SUNDAY:
        return day + 1 if day < last else day - 2
    return day


def _week_day(field: str, year: int, month: int, day: int, source: str) -> bool:
    """Day of the week: numbers (0 and 7 are Sunday), ``5L`` (last Friday), ``5#2`` (second Friday)."""
    weekday = (calendar.weekday(year, month, day) + 1) % 7
    if match := re.fullmatch(r"(\d)L", field.upper()):
        return weekday == int(match[1]) % 7 and day + 7 > calendar.monthrange(year, month)[1]
    if match := re.fullmatch(r"(\d)#(\d)", field):
        return weekday == int(match[1]) % 7 and (day - 1) // 7 + 1 == int(match[2])
    return weekday in {number % 7 for number in _numbers(field, 5, source)}

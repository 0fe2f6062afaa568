"""What is otherwise between two states of a calendar, and what a file of days or of a whole calendar makes of one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bpm_server.domain.calendar_file import read_calendar, read_days
from bpm_server.domain.calendars import WEEKDAYS, check_calendar
from bpm_server.kernel.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import date

    from bpm_server.domain.calendars import Calendar, Span, SpecialDay


@dataclass(frozen=True, slots=True)
class CalendarChanges:
    """What is otherwise, each with what was before and what is after.

    Attributes:
        names: Of ``name``, ``name_en`` and ``time_zone``, those that changed.
        week: Weekdays with other hours.
        days: Holidays and make-up days; None where the day was or is none.
    """

    names: tuple[tuple[str, str | None, str | None], ...]
    week: tuple[tuple[str, tuple[Span, ...], tuple[Span, ...]], ...]
    days: tuple[tuple[date, SpecialDay | None, SpecialDay | None], ...]

    def __bool__(self) -> bool:
        return bool(self.names or self.week or self.days)


def calendar_changes(before: Calendar, after: Calendar) -> CalendarChanges:
    """What is otherwise."""
    parts = ((name, getattr(before, name), getattr(after, name)) for name in ("name", "name_en", "time_zone"))
    week = zip(WEEKDAYS, before.week, after.week, strict=True)
    days = ((day, before.days.get(day), after.days.get(day)) for day in sorted({*before.days, *after.days}))
    return CalendarChanges(
        tuple(one for one in parts if one[1] != one[2]),
        tuple(one for one in week if one[1] != one[2]),
        tuple(one for one in days if one[1] != one[2]),
    )


def with_days(calendar: Calendar, days: Iterable[SpecialDay], without: Collection[date] = ()) -> Calendar:
    """A calendar with more or other special days, and without those that are to be like their weekday again.

    Raises:
        InvalidInput: a day cannot be.
    """
    kept = {day: one for day, one in calendar.days.items() if day not in without}
    return check_calendar(replace(calendar, days={**kept, **{one.day: one for one in days}}))


def is_whole_calendar(file: str) -> bool:
    """Whether a file of this name holds a whole calendar, not days for one."""
    return file.lower().endswith(".json")


def read_file_of_days(data: bytes, file: str) -> list[SpecialDay]:
    """The days of a table (CSV, Excel) or of an iCalendar file (``.ics``).

    Raises:
        RefusedFile: it is none; says where.
    """
    if file.lower().endswith(".ics"):
        from bpm_server.domain.icalendar_file import read_icalendar  # noqa: PLC0415 - takes a while to import

        return read_icalendar(data, file)
    return read_days(data, file)


def apply_file(before: Calendar, data: bytes, file: str) -> Calendar:
    """A calendar as a file makes it: the whole one of a JSON file, or with the days of another one.

    Raises:
        RefusedFile: the file cannot be read; says where.
        InvalidInput: it is the file of another calendar.
    """
    if not is_whole_calendar(file):
        return with_days(before, read_file_of_days(data, file))
    after = read_calendar(data, file)
    if after.calendar_id != before.calendar_id:
        message = f"Expected a file of calendar '{before.calendar_id}', but found one of '{after.calendar_id}'"
        raise InvalidInput(message, field="file")
    return after

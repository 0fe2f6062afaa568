"""A business calendar as people look at it: twelve months, hours by weekday, and what is due by it."""

from __future__ import annotations

import calendar as months_of
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Literal

from babel import dates

from bpm_server.domain.calendars import WEEKDAYS, DayKind, add_working_time, next_opening, openings, read_zone
from bpm_server.web.pages.languages import locale
from bpm_server.web.pages.texts import gettext as _
from bpm_server.web.pages.visitor import visitor

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from bpm_server.domain.calendars import Calendar, Span, SpecialDay

FIRST_YEAR, LAST_YEAR = 1900, 2200
MOST_PARTS = 40
"""Days that an answer is explained by."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A day of a month.

    Attributes:
        kind: ``open``, ``closed``, ``holiday`` or ``workday``.
        mark: A character for the two special kinds, for who does not tell colours apart.
        told: What the day is, in words; empty for a day like its weekday.
    """

    day: date
    kind: str
    mark: str
    told: str


@dataclass(frozen=True, slots=True)
class Due:
    """When working time is over, in words of the calendar's own clocks.

    Attributes:
        opens: When the office is open first; empty where it is open at the start.
        parts: What was counted on which day; ``is_cut`` where there are more.
    """

    at: str
    opens: str
    parts: tuple[tuple[str, str], ...]
    is_cut: bool


def months(calendar: Calendar, year: int) -> list[tuple[str, list[list[Cell | None]]]]:
    """Twelve months, each with its weeks from Monday to Sunday; None for days of another month."""
    names = dates.get_month_names("wide", "stand-alone", locale(visitor().language))
    return [
        (
            names[month],
            [
                [_cell(calendar, date(year, month, day)) if day else None for day in week]
                for week in months_of.Calendar().monthdayscalendar(year, month)
            ],
        )
        for month in range(1, 13)
    ]


def _cell(calendar: Calendar, day: date) -> Cell:
    special = calendar.days.get(day)
    if special is None:
        return Cell(day, "open" if calendar.hours(day) else "closed", "", "")
    mark = _("H") if special.kind is DayKind.HOLIDAY else _("W")
    return Cell(day, str(special.kind), mark, told(special))


def runs(calendar: Calendar, year: int) -> list[tuple[date, date, SpecialDay]]:
    """The special days of a year; those in a row that are alike are one, with its first and last day."""
    found: list[tuple[date, date, SpecialDay]] = []
    for day, special in sorted(calendar.days.items()):
        if day.year != year:
            continue
        if found and found[-1][1] + timedelta(days=1) == day and replace(special, day=found[-1][0]) == found[-1][2]:
            found[-1] = (found[-1][0], day, found[-1][2])
        else:
            found.append((day, day, special))
    return found


def told(special: SpecialDay | None) -> str:
    """What a special day is."""
    if special is None:
        return _("like its weekday")
    what = _("holiday") if special.kind is DayKind.HOLIDAY else _("make-up day")
    return _(", ").join(filter(None, (what, special.name, hours_text(special.spans or ()))))


def hours_text(spans: Sequence[Span]) -> str:
    """Hours as they are typed."""
    return " ".join(map(str, spans))


def weekday_names() -> list[str]:
    """Monday to Sunday."""
    names = dates.get_day_names("wide", "stand-alone", locale(visitor().language))
    return [names[number] for number in range(len(WEEKDAYS))]


def short_weekdays() -> list[str]:
    """Monday to Sunday, as short as they are clear."""
    width: Literal["narrow", "abbreviated"] = "narrow" if visitor().language.startswith("zh") else "abbreviated"
    names = dates.get_day_names(width, "stand-alone", locale(visitor().language))
    return [names[number] for number in range(len(WEEKDAYS))]


def day_text(day: date) -> str:
    """A day with its weekday."""
    return dates.format_date(day, "y-MM-dd EEE", locale=locale(visitor().language))


def count(calendar: Calendar, start: datetime, duration: timedelta) -> Due:
    """When so much working time is over, with what was counted on each day.

    Raises:
        InvalidInput: it does not end within 50 years.
    """
    zone = read_zone(calendar.time_zone)
    due, opens = add_working_time(calendar, start, duration), next_opening(calendar, start)
    by_day: dict[date, timedelta] = {}
    for opened, closed in openings(calendar, start, due):
        day = opened.astimezone(zone).date()
        if day not in by_day and len(by_day) > MOST_PARTS:
            break
        by_day[day] = by_day.get(day, timedelta()) + (closed - opened)
    parts = [(day_text(day), _hours(span)) for day, span in by_day.items()]
    at = "y-MM-dd EEE HH:mm"
    in_words = [dates.format_datetime(one, at, tzinfo=zone, locale=locale(visitor().language)) for one in (due, opens)]
    return Due(in_words[0], "" if opens <= start else in_words[1], tuple(parts[:MOST_PARTS]), len(parts) > MOST_PARTS)


def _hours(span: timedelta) -> str:
    minutes = span // timedelta(minutes=1)
    return f"{minutes // 60}:{minutes % 60:02}"

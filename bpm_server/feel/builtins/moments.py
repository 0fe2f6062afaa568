"""Date and time functions, and the clock (DMN 1.5, Tables 79 and 82)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpm_server.feel.builtins.registry import Library
from bpm_server.feel.errors import Place, Refused
from bpm_server.feel.jsonvalues import from_datetime
from bpm_server.feel.temporal import calendar
from bpm_server.feel.temporal.values import Date, DateTime

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from bpm_server.feel.evaluation import Run
    from bpm_server.feel.values import Value

LIBRARY = Library()

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


def _add_for_date(name: str, result: str) -> Callable[[Callable[[Date], Value]], Callable[[Date], Value]]:
    def register(implementation: Callable[[Date], Value]) -> Callable[[Date], Value]:
        LIBRARY.add(name, f"date: date -> {result}")(implementation)

        def of_moment(moment: DateTime) -> Value:
            return implementation(moment.date)

        of_moment.__doc__ = implementation.__doc__
        LIBRARY.add(name, f"date: date and time -> {result}")(of_moment)
        return implementation

    return register


@_add_for_date("day of year", "number")
def day_of_year(date: Date) -> int:
    """From 1 to 366."""
    return calendar.day_of_year(date.year, date.month, date.day)


@_add_for_date("day of week", "string")
def day_of_week(date: Date) -> str:
    """The English name."""
    return _DAYS[calendar.weekday(date.day_number) - 1]


@_add_for_date("month of year", "string")
def month_of_year(date: Date) -> str:
    """The English name."""
    return _MONTHS[date.month - 1]


@_add_for_date("week of year", "number")
def week_of_year(date: Date) -> int:
    """ISO 8601, from 1 to 53."""
    return calendar.week_of_year(date.year, date.month, date.day)


def _given_time(run: Run) -> datetime:
    if run.now is None:
        message = "Expected a time to be given to the evaluation, but found none"
        raise Refused(message, "clock")
    return run.now


@LIBRARY.add("now", "-> date and time", needs_run=True)
def now(run: Run, _place: Place) -> DateTime:
    """The time given to the evaluation."""
    return from_datetime(_given_time(run))


@LIBRARY.add("today", "-> date", needs_run=True)
def today(run: Run, _place: Place) -> Date:
    """The day of the time given to the evaluation, in its own time zone."""
    moment = _given_time(run)
    return Date(moment.year, moment.month, moment.day)

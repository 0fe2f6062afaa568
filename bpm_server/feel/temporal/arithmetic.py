"""Sums, differences, products and order of temporal values (DMN 1.5, Tables 54, 57 and 59).

Functions return None where the operation is not defined; years outside the range raise ``OverflowError``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpm_server.feel.numbers import DECIMAL128, FeelNumber
from bpm_server.feel.temporal import calendar
from bpm_server.feel.temporal.values import (
    NANOS_PER_DAY,
    NANOS_PER_SECOND,
    Date,
    DateTime,
    DaysDuration,
    MonthsDuration,
    Temporal,
    Time,
)

if TYPE_CHECKING:
    from collections.abc import Callable


def _midnight(date: Date) -> DateTime:
    """A date where a date and time is needed: UTC midnight (10.3.2.3.5)."""
    return DateTime(date, Time(0, 0, 0, 0, 0))


def add(left: object, right: object) -> Temporal | None:
    """``left + right`` where at least one is temporal."""
    operation = _ADDITIONS.get((type(left), type(right)))
    if operation is not None:
        return operation(left, right)
    operation = _ADDITIONS.get((type(right), type(left)))
    return None if operation is None else operation(right, left)


def subtract(left: object, right: object) -> Temporal | None:
    """``left - right`` where at least one is temporal."""
    operation = _SUBTRACTIONS.get((type(left), type(right)))
    if operation is not None:
        return operation(left, right)
    if isinstance(right, (MonthsDuration, DaysDuration)):
        operation = _ADDITIONS.get((type(left), type(right)))
        if operation is not None:
            return operation(left, negate(right))
    return None


def negate(value: MonthsDuration | DaysDuration) -> MonthsDuration | DaysDuration:
    """``-value``"""
    return MonthsDuration(-value.months) if isinstance(value, MonthsDuration) else DaysDuration(-value.nanos)


def _date_plus_months(date: Date, duration: MonthsDuration) -> Date:
    years, month0 = divmod(date.month - 1 + duration.months, 12)
    year, month = date.year + years, month0 + 1
    if abs(year) > 999_999_999:
        raise OverflowError
    return Date(year, month, min(date.day, calendar.month_length(year, month)))


def _date_plus_days(date: Date, duration: DaysDuration) -> Date:
    return Date.from_day_number((date.day_number * NANOS_PER_DAY + duration.nanos) // NANOS_PER_DAY)


def _date_time_plus_months(moment: DateTime, duration: MonthsDuration) -> DateTime:
    return DateTime(_date_plus_months(moment.date, duration), moment.time)


def _date_time_plus_days(moment: DateTime, duration: DaysDuration) -> DateTime:
    time = moment.time
    if time.zone is None:
        return DateTime.from_local_nanos(moment.local_nanos + duration.nanos, time.offset)
    return DateTime.from_instant(moment.instant() + duration.nanos, None, time.zone)


def _time_plus_days(time: Time, duration: DaysDuration) -> Time:
    return Time.from_nano_of_day(time.nano_of_day + duration.nanos, time.offset, time.zone)


def _moments_apart(left: DateTime, right: DateTime) -> DaysDuration | None:
    if left.time.is_local != right.time.is_local:
        return None
    return DaysDuration(left.instant() - right.instant())


def _times_apart(left: Time, right: Time) -> DaysDuration | None:
    if left.is_local != right.is_local:
        return None
    shift = (right.offset_seconds() or 0) - (left.offset_seconds() or 0)
    return DaysDuration(left.nano_of_day - right.nano_of_day + shift * NANOS_PER_SECOND)


_ADDITIONS: dict[tuple[type, type], Callable[..., Temporal]] = {
    (Date, MonthsDuration): _date_plus_months,
    (Date, DaysDuration): _date_plus_days,
    (DateTime, MonthsDuration): _date_time_plus_months,
    (DateTime, DaysDuration): _date_time_plus_days,
    (Time, DaysDuration): _time_plus_days,
    (MonthsDuration, MonthsDuration): lambda a, b: MonthsDuration(a.months + b.months),
    (DaysDuration, DaysDuration): lambda a, b: DaysDuration(a.nanos + b.nanos),
}
_SUBTRACTIONS: dict[tuple[type, type], Callable[..., Temporal | None]] = {
    (DateTime, DateTime): _moments_apart,
    (DateTime, Date): lambda a, b: _moments_apart(a, _midnight(b)),
    (Date, DateTime): lambda a, b: _moments_apart(_midnight(a), b),
    (Date, Date): lambda a, b: DaysDuration((a.day_number - b.day_number) * NANOS_PER_DAY),
    (Time, Time): _times_apart,
    (MonthsDuration, MonthsDuration): lambda a, b: MonthsDuration(a.months - b.months),
    (DaysDuration, DaysDuration): lambda a, b: DaysDuration(a.nanos - b.nanos),
}


def multiply(duration: MonthsDuration | DaysDuration, factor: FeelNumber) -> MonthsDuration | DaysDuration:
    """``duration * factor``; a fraction of a month or nanosecond is cut off.

    Raises:
        decimal.DecimalException: the product is outside decimal128.
    """
    if isinstance(duration, MonthsDuration):
        return MonthsDuration(_cut(DECIMAL128.multiply(duration.months, factor)))
    return DaysDuration(_cut(DECIMAL128.multiply(duration.nanos, factor)))


def divide(duration: MonthsDuration | DaysDuration, divisor: FeelNumber) -> MonthsDuration | DaysDuration:
    """``duration / divisor``; see :func:`multiply`.

    Raises:
        decimal.DecimalException: division by zero.
    """
    if isinstance(duration, MonthsDuration):
        return MonthsDuration(_cut(DECIMAL128.divide(duration.months, divisor)))
    return DaysDuration(_cut(DECIMAL128.divide(duration.nanos, divisor)))


def _cut(value: FeelNumber) -> int:
    if isinstance(value, int):
        return value
    if value.adjusted() > 40:
        raise OverflowError
    return int(value)


def order_keys(left: Temporal, right: Temporal) -> tuple[object, object] | None:
    """Two values that compare as left and right do; None where they are of different kinds.

    A local value takes the offset of the other.
    """
    match left, right:
        case Date(), Date():
            return (left.year, left.month, left.day), (right.year, right.month, right.day)
        case DateTime(), DateTime():
            return left.instant(right.offset_seconds() or 0), right.instant(left.offset_seconds() or 0)
        case Time(), Time():
            return _time_keys(left, right)
        case MonthsDuration(), MonthsDuration():
            return left.months, right.months
        case DaysDuration(), DaysDuration():
            return left.nanos, right.nanos
    return None


def _time_keys(left: Time, right: Time) -> tuple[int, int]:
    left_offset, right_offset = left.offset_seconds(), right.offset_seconds()
    if left_offset is None or right_offset is None:
        return left.nano_of_day, right.nano_of_day
    return (
        left.nano_of_day - left_offset * NANOS_PER_SECOND,
        right.nano_of_day - right_offset * NANOS_PER_SECOND,
    )


def months_between(start: Date, end: Date) -> int:
    """Whole months from start to end, negative where end is earlier."""
    if (end.year, end.month, end.day) < (start.year, start.month, start.day):
        return -months_between(end, start)
    months = (end.year - start.year) * 12 + end.month - start.month
    return months if end.day >= start.day else months - 1

"""Paths, filters and loops at run time (DMN 1.5, 10.3.2.5, 10.3.2.14 and Tables 64 to 68)."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from bpm_server.feel.numbers import is_number, whole
from bpm_server.feel.temporal import calendar
from bpm_server.feel.temporal.values import (
    NANOS_PER_SECOND,
    SECONDS_PER_DAY,
    Date,
    DateTime,
    DaysDuration,
    MonthsDuration,
    Time,
)
from bpm_server.feel.values import Range, Value, described, kind_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bpm_server.feel.errors import Place
    from bpm_server.feel.evaluation import Run


class Missing:
    """The type of :data:`MISSING`."""

    __slots__ = ()


MISSING: Final = Missing()
"""What a look-up gives where there is nothing: a null is something."""


def unknown_name(run: Run, place: Place, name: str) -> None:
    """A name without a value."""
    run.fail(place, "unknown-name", "Expected a variable '{}', but found none of that name", name)


# ---------------------------------------------------------------------- paths


def path(run: Run, place: Place, value: Value, name: str) -> Value:
    """``value.name``"""
    found = look_up(value, name)
    if found is not MISSING:
        return found
    if type(value) is list:
        run.charge(place, len(value))
        return [path(run, place, item, name) for item in value]
    if value is None:
        run.fail(place, "no-entry", "Expected a context with an entry '{}', but found null", name)
        return None
    if type(value) is dict:
        known = ", ".join(map(str, list(value)[:8])) or "none"
        run.fail(place, "no-entry", "Expected an entry '{}', but found these: {}", name, known)
        return None
    run.fail(place, "no-entry", "Expected a property '{}', but found {}", name, described(value))
    return None


def quiet_path(run: Run, place: Place, value: Value, name: str) -> Value:
    """Like :func:`path`, for places where a missing entry is not worth a remark (``a.b = null``)."""
    limit = run.mute()
    try:
        return path(run, place, value, name)
    finally:
        run.unmute(limit)


def look_up(value: Value, name: str) -> Value:
    """The entry or property of a single value, or :data:`MISSING`."""
    if type(value) is dict:
        return value.get(name, MISSING)
    properties = _PROPERTIES.get(type(value))
    if properties is None:
        return MISSING
    read = properties.get(name)
    return MISSING if read is None else read(value)


def _weekday(date: Date) -> int:
    return calendar.weekday(date.day_number)


def _second(time: Time) -> int | Decimal:
    return _seconds(time.second * NANOS_PER_SECOND + time.nano)


def _seconds(nanos: int) -> int | Decimal:
    seconds, rest = divmod(nanos, NANOS_PER_SECOND)
    if not rest:
        return seconds
    return Decimal(nanos).scaleb(-9).normalize()


def _time_offset(value: Time | DateTime) -> DaysDuration | None:
    offset = value.offset_seconds()
    return None if offset is None else DaysDuration(offset * NANOS_PER_SECOND)


def _part(duration: DaysDuration, unit: int, modulus: int | None) -> int:
    amount = abs(duration.nanos) // unit
    if modulus is not None:
        amount %= modulus
    return -amount if duration.nanos < 0 else amount


def _duration_seconds(duration: DaysDuration) -> int | Decimal:
    seconds = _seconds(abs(duration.nanos) % (60 * NANOS_PER_SECOND))
    return -seconds if duration.nanos < 0 else seconds


def _months_part(duration: MonthsDuration, *, years: bool) -> int:
    parts = divmod(abs(duration.months), 12)
    amount = parts[0] if years else parts[1]
    return -amount if duration.months < 0 else amount


_DATE: dict[str, Callable[[Date], Value]] = {
    "year": lambda date: date.year,
    "month": lambda date: date.month,
    "day": lambda date: date.day,
    "weekday": _weekday,
}
_TIME: dict[str, Callable[[Time], Value]] = {
    "hour": lambda time: time.hour,
    "minute": lambda time: time.minute,
    "second": _second,
    "time offset": _time_offset,
    "timezone": lambda time: time.zone,
}


def _of_date(read: Callable[[Date], Value]) -> Callable[[DateTime], Value]:
    return lambda moment: read(moment.date)


def _of_time(read: Callable[[Time], Value]) -> Callable[[DateTime], Value]:
    return lambda moment: read(moment.time)


_PROPERTIES: dict[type, dict[str, Callable[..., Value]]] = {
    Date: _DATE,
    Time: _TIME,
    DateTime: {
        **{name: _of_date(read) for name, read in _DATE.items()},
        **{name: _of_time(read) for name, read in _TIME.items()},
        "time offset": _time_offset,
    },
    MonthsDuration: {
        "years": lambda duration: _months_part(duration, years=True),
        "months": lambda duration: _months_part(duration, years=False),
    },
    DaysDuration: {
        "days": lambda duration: _part(duration, SECONDS_PER_DAY * NANOS_PER_SECOND, None),
        "hours": lambda duration: _part(duration, 3600 * NANOS_PER_SECOND, 24),
        "minutes": lambda duration: _part(duration, 60 * NANOS_PER_SECOND, 60),
        "seconds": _duration_seconds,
    },
    Range: {
        "start": lambda range_: range_.low,
        "end": lambda range_: range_.high,
        "start included": lambda range_: range_.low_included,
        "end included": lambda range_: range_.high_included,
    },
}


# ---------------------------------------------------------------------- filters


def items(run: Run, place: Place, value: Value) -> list[Value] | None:
    """What a filter goes through: a list, or a single value as a list of itself; None for null."""
    if type(value) is list:
        run.charge(place, len(value))
        return value
    if value is None:
        run.fail(place, "type", "Expected a list to filter, but found null")
        return None
    return [value]


def item_at(run: Run, place: Place, value: Value, index: Value) -> Value:
    """``value[index]``: from 1, from the end where negative; a single value is its own first item."""
    if value is None:
        run.fail(place, "type", "Expected a list, but found null")
        return None
    values = value if type(value) is list else [value]
    position = whole(index)
    if position is None:
        run.fail(place, "index", "Expected a whole number as index, but found {}", described(index))
        return None
    if 0 < position <= len(values):
        return values[position - 1]
    if -len(values) <= position < 0:
        return values[position]
    run.fail(place, "index", "Expected an index within {} items, but found {}", len(values), position)
    return None


def filtered(run: Run, place: Place, value: Value, condition: Callable[[Run, Value], Value]) -> Value:
    """``value[condition]`` where it is not known before whether the condition gives numbers or booleans."""
    candidates = items(run, place, value)
    if candidates is None:
        return None
    if not candidates:
        return _filtered_nothing(run, place, condition)
    kept = []
    for position, item in enumerate(candidates):
        result = condition(run, item)
        if result is True:
            kept.append(item)
        elif position == 0 and is_number(result):
            return item_at(run, place, value, result)
        elif result is not False and result is not None:
            run.fail(place, "type", "Expected a filter that is true or false, but found {}", described(result))
            if run.dialect.strict_filters:
                return None
    return kept


def _filtered_nothing(run: Run, place: Place, condition: Callable[[Run, Value], Value]) -> Value:
    limit = run.mute()
    try:
        index = condition(run, None)
    finally:
        run.unmute(limit)
    return item_at(run, place, [], index) if is_number(index) else []


# ---------------------------------------------------------------------- loops


def turns(run: Run, place: Place, value: Value) -> list[Value] | range | None:
    """What a loop goes through; None where it cannot."""
    if type(value) is list:
        run.charge(place, len(value))
        return value
    if type(value) is Range and value.operator is None:
        return _turns_of_range(run, place, value)
    run.fail(place, "type", "Expected a list to go through, but found {}", described(value))
    return None


def span(run: Run, place: Place, low: Value, high: Value) -> list[Value] | range | None:
    """``low..high`` of a loop, up or down, over whole numbers or dates."""
    if is_number(low) and is_number(high):
        first, last = whole(low), whole(high)
        if first is None or last is None:
            run.fail(
                place,
                "type",
                "Expected whole numbers to go through, but found {} and {}",
                described(low),
                described(high),
            )
            return None
        run.charge(place, abs(last - first) + 1)
        return _counting(first, last)
    if type(low) is Date and type(high) is Date:
        first, last = low.day_number, high.day_number
        run.charge(place, abs(last - first) + 1)
        return [Date.from_day_number(day) for day in _counting(first, last)]
    run.fail(
        place,
        "type",
        "Expected numbers or dates to go through, but found {} and {}",
        described(low),
        described(high),
    )
    return None


def _counting(first: int, last: int) -> range:
    """Both ends included, up or down."""
    return range(first, last + 1) if first <= last else range(first, last - 1, -1)


def _turns_of_range(run: Run, place: Place, value: Range) -> list[Value] | range | None:
    if kind_of(value.low) not in {"number", "date"}:
        run.fail(place, "type", "Expected a range of numbers or dates to go through, but found {}", value)
        return None
    found = span(run, place, value.low, value.high)
    if found is None:
        return None
    first = 0 if value.low_included else 1
    last = len(found) if value.high_included else len(found) - 1
    return found[first:last]


def each(run: Run, place: Place, value: Value) -> Iterator[Value] | None:
    """The turns of a quantifier, which often ends early: steps are charged as they are taken."""
    if type(value) is list:
        return _charged(run, place, value)
    found = turns(run, place, value)
    return None if found is None else iter(found)


def each_of_span(run: Run, place: Place, low: Value, high: Value) -> Iterator[Value] | None:
    """Like :func:`span`, one turn at a time."""
    first, last = (whole(low) if is_number(low) else None), (whole(high) if is_number(high) else None)
    if first is None or last is None:
        found = span(run, place, low, high)
        return None if found is None else iter(found)
    return _charged(run, place, _counting(first, last))


def _charged(run: Run, place: Place, found: list[Value] | range) -> Iterator[Value]:
    for number, item in enumerate(found):
        if number % 1024 == 0:
            run.charge(place, 1024)
        yield item


def snapshot(run: Run, place: Place, results: list[Value]) -> list[Value]:
    """``partial``: the results so far, which later turns must not change."""
    run.charge(place, len(results))
    return results.copy()

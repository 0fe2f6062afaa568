"""FEEL values at the JSON boundary; the rules are in ``docs/reference/feel.md``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from bpm_server.feel.numbers import DECIMAL128, whole
from bpm_server.feel.temporal.values import (
    NANOS_PER_SECOND,
    Date,
    DateTime,
    DaysDuration,
    MonthsDuration,
    Time,
)
from bpm_server.feel.values import FeelFunction, Range, Value, described
from bpm_server.kernel.errors import InvalidInput

MAX_SHORT_INTEGER: Final = 10**15
"""Whole decimals below this size become integers in JSON."""
MAX_DEPTH: Final = 200


class NotJson(InvalidInput):
    """A value that has no JSON form."""

    code = "not_json"


def to_json(value: Value) -> Any:
    """A FEEL value as JSON values (None, bool, int, Decimal, str, list, dict).

    Raises:
        NotJson: a function, or nested too deep.
    """
    return _to_json(value, 0)


def _to_json(value: Value, depth: int) -> Any:
    if depth > MAX_DEPTH:
        message = f"Expected a value nested at most {MAX_DEPTH} deep, but found a deeper one"
        raise NotJson(message)
    match value:
        case None | bool() | str() | int():
            return value
        case Decimal():
            return _number(value)
        case list():
            return [_to_json(item, depth + 1) for item in value]
        case dict():
            return {key: _to_json(item, depth + 1) for key, item in value.items()}
        case DateTime() if value.time.zone is not None:
            return _zoned(value)
        case Date() | Time() | DateTime() | DaysDuration() | MonthsDuration() | Range():
            return str(value)
        case FeelFunction():
            message = f"Expected a value that has a JSON form, but found {described(value)}"
            raise NotJson(message)
    message = f"Expected a FEEL value, but found {type(value).__name__}"
    raise NotJson(message)


def _number(value: Decimal) -> int | Decimal:
    integer = whole(value)
    if integer is not None and abs(integer) < MAX_SHORT_INTEGER:
        return integer
    return value


def _zoned(value: DateTime) -> str:
    """``2026-01-31T10:00:00+01:00[Europe/Berlin]``: the offset is for readers that do not know zones."""
    offset = DateTime(value.date, Time(0, 0, 0, 0, value.offset_seconds())).time.zone_suffix()
    return f"{value.date}T{value.time.clock_text()}{offset}[{value.time.zone}]"


def from_json(value: Any) -> Value:
    """JSON values as FEEL values: they are FEEL values already, except for floats.

    Raises:
        NotJson: a float, which would bring rounding errors with it, or something that is not JSON.
    """
    return _convert(value, 0, _not_json)


def _not_json(value: Any) -> Value:
    if isinstance(value, float):
        message = f"Expected a Decimal, but found the float {value!r}"
        raise NotJson(message)
    message = f"Expected a JSON value, but found {type(value).__name__}"
    raise NotJson(message)


def from_python(value: Any) -> Value:
    """Python values as FEEL values: floats by their shortest digits, ``datetime`` values as temporals.

    Raises:
        NotJson: a value of another kind.
    """
    return _convert(value, 0, _from_python)


def _convert(value: Any, depth: int, other: Any) -> Value:
    if depth > MAX_DEPTH:
        message = f"Expected a value nested at most {MAX_DEPTH} deep, but found a deeper one"
        raise NotJson(message)
    if value is None or isinstance(value, (bool, str)):
        return value
    if type(value) is int:
        return value
    if type(value) is Decimal and value.is_finite():
        return value
    if isinstance(value, (list, tuple)):
        return [_convert(item, depth + 1, other) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _convert(item, depth + 1, other) for key, item in value.items()}
    return other(value)


def _from_python(value: Any) -> Value:
    match value:
        case Date() | Time() | DateTime() | DaysDuration() | MonthsDuration() | Range() | FeelFunction():
            return value
        case float() if value == value and abs(value) != float("inf"):  # noqa: PLR0124 - not NaN
            return DECIMAL128.create_decimal(repr(value))
        case datetime():
            return from_datetime(value)
        case date():
            return Date(value.year, value.month, value.day)
        case time():
            return _time(value)
        case timedelta():
            seconds = value.days * 86_400 + value.seconds
            return DaysDuration(seconds * NANOS_PER_SECOND + value.microseconds * 1000)
    message = f"Expected a value that FEEL knows, but found {type(value).__name__}"
    raise NotJson(message)


def _time(value: time | datetime) -> Time:
    zone = value.tzinfo.key if isinstance(value.tzinfo, ZoneInfo) else None
    offset = value.utcoffset()
    seconds = None if offset is None or zone is not None else offset.days * 86_400 + offset.seconds
    return Time(value.hour, value.minute, value.second, value.microsecond * 1000, seconds, zone)


def from_datetime(value: datetime) -> DateTime:
    """A moment of the standard library."""
    return DateTime(Date(value.year, value.month, value.day), _time(value))

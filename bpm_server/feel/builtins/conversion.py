"""Conversion functions (DMN 1.5, Table 72)."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING

from bpm_server.feel import nodes, ranges
from bpm_server.feel.builtins.registry import Library
from bpm_server.feel.dialects import DMN
from bpm_server.feel.errors import FeelSyntaxError, Place, Refused, Source
from bpm_server.feel.names import NameTable, Vocabulary
from bpm_server.feel.numbers import FeelNumber, parse_number, whole
from bpm_server.feel.parser import parse
from bpm_server.feel.temporal import arithmetic
from bpm_server.feel.temporal.text import (
    make_date,
    parse_at_literal,
    parse_date,
    parse_date_time,
    parse_duration,
    parse_time,
)
from bpm_server.feel.temporal.values import (
    MAX_OFFSET,
    NANOS_PER_SECOND,
    Date,
    DateTime,
    DaysDuration,
    MonthsDuration,
    Time,
)
from bpm_server.feel.values import Range, Value, as_text, described

if TYPE_CHECKING:
    from bpm_server.feel.evaluation import Run

LIBRARY = Library()

_NUMBER = re.compile(r"-?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\Z")
_GROUPINGS = frozenset({" ", ",", ".", None})
_POINTS = frozenset({",", ".", None})


def _found(value: object, expected: str, text: str) -> Value:
    if value is None:
        message = f"Expected {expected}, but found {described(text)}"
        raise Refused(message)
    return value


# ---------------------------------------------------------------------- dates and times


@LIBRARY.add("date", "from: string -> date")
def date_from_string(text: str) -> Date:
    """``date("2026-01-31")``"""
    date: Date = _found(parse_date(text), "a date as YYYY-MM-DD", text)
    return date


@LIBRARY.add("date", "from: date -> date")
def date_from_date(date: Date) -> Date:
    """``date(date)``"""
    return date


@LIBRARY.add("date", "from: date and time -> date")
def date_from_date_time(moment: DateTime) -> Date:
    """``date(date and time)``"""
    return moment.date


@LIBRARY.add("date", "year: number, month: number, day: number -> date")
def date_from_numbers(year: FeelNumber, month: FeelNumber, day: FeelNumber) -> Date:
    """``date(2026, 1, 31)``"""
    numbers = [whole(part) for part in (year, month, day)]
    date = make_date(*(part for part in numbers if part is not None)) if None not in numbers else None
    if date is None:
        message = f"Expected year, month and day of a date, but found {year}, {month}, {day}"
        raise Refused(message)
    return date


@LIBRARY.add("time", "from: string -> time")
def time_from_string(text: str) -> Time:
    """``time("12:30:00@Europe/Berlin")``"""
    time: Time = _found(parse_time(text), "a time as HH:MM:SS", text)
    return time


@LIBRARY.add("time", "from: time -> time")
def time_from_time(time: Time) -> Time:
    """``time(time)``"""
    return time


@LIBRARY.add("time", "from: date and time -> time")
def time_from_date_time(moment: DateTime) -> Time:
    """``time(date and time)``; that of a date is UTC midnight."""
    return moment.time


@LIBRARY.add("time", "hour: number, minute: number, second: number, offset?: days and time duration|null -> time")
def time_from_numbers(
    hour: FeelNumber, minute: FeelNumber, second: FeelNumber, offset: DaysDuration | None = None
) -> Time:
    """``time(12, 30, 0.5, duration("PT1H"))``"""
    whole_hour, whole_minute = whole(hour), whole(minute)
    valid = (
        whole_hour is not None
        and whole_minute is not None
        and 0 <= whole_hour <= 23
        and 0 <= whole_minute <= 59
        and 0 <= second < 60
    )
    if not valid or whole_hour is None or whole_minute is None:
        message = f"Expected hour, minute and second of a time, but found {hour}, {minute}, {second}"
        raise Refused(message)
    whole_second = int(second)
    nano = int((Decimal(second) - whole_second).scaleb(9))
    return Time(whole_hour, whole_minute, whole_second, nano, _offset_seconds(offset))


def _offset_seconds(offset: DaysDuration | None) -> int | None:
    if offset is None:
        return None
    seconds, rest = divmod(offset.nanos, NANOS_PER_SECOND)
    if rest or abs(seconds) > MAX_OFFSET:
        message = f"Expected an offset of whole seconds and at most 14 hours, but found {offset}"
        raise Refused(message)
    return seconds


@LIBRARY.add("date and time", "from: string -> date and time")
def date_time_from_string(text: str) -> DateTime:
    """``date and time("2026-01-31T12:30:00")``"""
    moment: DateTime = _found(parse_date_time(text), "a date and time as YYYY-MM-DDTHH:MM:SS", text)
    return moment


@LIBRARY.add("date and time", "date: date, time: time -> date and time")
def date_time_from_date(date: Date, time: Time) -> DateTime:
    """``date and time(date, time)``"""
    return DateTime(date, time)


@LIBRARY.add("date and time", "date: date and time, time: time -> date and time")
def date_time_from_date_time(moment: DateTime, time: Time) -> DateTime:
    """``date and time(date and time, time)``: the time of the first does not count."""
    return DateTime(moment.date, time)


@LIBRARY.add("duration", "from: string")
def duration_from_string(text: str) -> DaysDuration | MonthsDuration:
    """``duration("P1DT2H")``"""
    duration: DaysDuration | MonthsDuration = _found(parse_duration(text), "a duration as P1Y2M or P1DT2H3M4S", text)
    return duration


@LIBRARY.add("years and months duration", "from: date, to: date -> years and months duration")
@LIBRARY.add("years and months duration", "from: date and time, to: date and time -> years and months duration")
def months_between(start: Date | DateTime, end: Date | DateTime) -> MonthsDuration:
    """Whole months between two days; times of day do not count."""
    return MonthsDuration(arithmetic.months_between(_day(start), _day(end)))


def _day(value: Date | DateTime) -> Date:
    return value.date if isinstance(value, DateTime) else value


# ---------------------------------------------------------------------- numbers and strings


@LIBRARY.add("number", "from: string, grouping separator: string|null, decimal separator: string|null -> number")
def number_from_string(text: str, grouping: str | None, point: str | None) -> FeelNumber:
    """``number("1.000,5", ".", ",")``"""
    if grouping not in _GROUPINGS or point not in _POINTS or (grouping == point and grouping is not None):
        message = (
            "Expected a grouping separator of space, comma, point or null and another decimal separator, "
            f"but found {described(grouping)} and {described(point)}"
        )
        raise Refused(message)
    plain = text if grouping is None else text.replace(grouping, "")
    if point is not None:
        plain = plain.replace(point, ".")
    if not _NUMBER.match(plain):
        message = f"Expected a number, but found {described(text)}"
        raise Refused(message)
    return parse_number(plain)


@LIBRARY.add("string", "from: any -> string", needs_run=True)
def string(run: Run, place: Place, value: Value) -> str | None:
    """Any value but null as text."""
    if value is None:
        return None
    text = as_text(value, style=run.dialect.name)
    run.check_size(place, len(text))
    run.charge(place, len(text) // 4)
    return text


# ---------------------------------------------------------------------- ranges

_CONSTRUCTORS = frozenset({"date", "time", "date and time", "duration"})
_VOCABULARY = Vocabulary(functions=NameTable(_CONSTRUCTORS))


@LIBRARY.add("range", "from: string -> range", needs_run=True)
def range_from_string(run: Run, place: Place, text: str) -> Range | None:
    """``range("[18..21)")``: a range literal (rule 66), with nothing but literals at its ends."""
    open_end = _open_ended(text)
    if open_end is not None:
        return open_end
    try:
        tree = parse(Source(text), DMN, _VOCABULARY)
    except FeelSyntaxError as error:
        message = f"Expected a range, but found {described(text)}"
        raise Refused(message) from error
    if not isinstance(tree, nodes.Interval):
        message = f"Expected a range, but found {described(text)}"
        raise Refused(message)
    low, high = _endpoint(tree.low), _endpoint(tree.high)
    return ranges.interval(run, place, low, high, tree.low_included, tree.high_included)


_OPEN_ENDED = re.compile(r"\s*(?:([(\[\]])\s*(\S.*?)?\s*\.\.\s*(\S.*?)?\s*([)\]\[]))\s*\Z", re.DOTALL)


def _open_ended(text: str) -> Range | None:
    """``[2..)`` and ``(..2)``: ranges without one of the ends."""
    match = _OPEN_ENDED.match(text)
    if match is None or (match[2] is None) == (match[3] is None):
        return None
    opening, low, high, closing = match.groups()
    if high is None:
        if closing == "]":
            message = f"Expected an open end where there is no endpoint, but found {described(text)}"
            raise Refused(message)
        return Range.from_test(">=" if opening == "[" else ">", _literal(low))
    if opening == "[":
        message = f"Expected an open start where there is no endpoint, but found {described(text)}"
        raise Refused(message)
    return Range.from_test("<=" if closing == "]" else "<", _literal(high))


def _literal(text: str) -> Value:
    try:
        return _endpoint(parse(Source(text), DMN, _VOCABULARY))
    except FeelSyntaxError as error:
        message = f"Expected a literal at the end of a range, but found {described(text)}"
        raise Refused(message) from error


def _endpoint(node: nodes.Node) -> Value:
    match node:
        case nodes.Number(value) | nodes.String(value):
            return value
        case nodes.Negation(nodes.Number(value)):
            return -value if isinstance(value, int) else value.copy_negate()
        case nodes.At(text):
            return _found(parse_at_literal(text), "a date, time or duration", text)
        case nodes.Call(nodes.Name(name), (nodes.String(text),), None) if name in _CONSTRUCTORS:
            return _construct(name, text)
    message = "Expected literals at both ends of a range, but found another expression"
    raise Refused(message)


def _construct(name: str, text: str) -> Value:
    match name:
        case "date":
            return date_from_string(text)
        case "time":
            return time_from_string(text)
        case "date and time":
            return date_time_from_string(text)
    return duration_from_string(text)

"""What Camunda 8 adds to the standard, and where it differs.

Written from the documentation of the functions (npm ``@camunda/feel-builtins``) and their observable results.
"""

from __future__ import annotations

import base64
import binascii
import uuid as uuids
from typing import TYPE_CHECKING

from bpm_server.feel.builtins import contexts, conversion, lists, strings
from bpm_server.feel.builtins.registry import Library
from bpm_server.feel.errors import Place, Refused
from bpm_server.feel.jsonvalues import to_json
from bpm_server.feel.numbers import DECIMAL128, FeelNumber, whole
from bpm_server.feel.patterns import compile_pattern
from bpm_server.feel.temporal import calendar, zones
from bpm_server.feel.temporal.values import Date, DateTime, DaysDuration, MonthsDuration, Time
from bpm_server.feel.values import Value, described
from bpm_server.kernel import json
from bpm_server.kernel.errors import InvalidInput

if TYPE_CHECKING:
    from bpm_server.feel.evaluation import Run

_EXTENSIONS = Library()


def library(standard: Library) -> Library:
    """The standard built-ins with Camunda's."""
    standard = Library(standard)
    for name in ("substring", "context put", "get value"):
        standard.forget(name)
    combined = Library(standard, _EXTENSIONS)
    combined.alias("and", "all")
    combined.alias("or", "any")
    combined.alias("put", "context put")
    combined.alias("put all", "context merge")
    return combined


# ---------------------------------------------------------------------- timers


@_EXTENSIONS.add("cycle", "interval: days and time duration -> string")
@_EXTENSIONS.add("cycle", "interval: years and months duration -> string")
def cycle_for_ever(interval: DaysDuration | MonthsDuration) -> str:
    """A timer cycle without end: `R/P7D`."""
    return f"R/{interval}"


@_EXTENSIONS.add("cycle", "repetitions: number|null, interval: days and time duration -> string")
@_EXTENSIONS.add("cycle", "repetitions: number|null, interval: years and months duration -> string")
def cycle(repetitions: FeelNumber | None, interval: DaysDuration | MonthsDuration) -> str:
    """A timer cycle of so many times: `R3/P7D`; without end if the number is null."""
    if repetitions is None:
        return cycle_for_ever(interval)
    count = whole(repetitions)
    if count is None or count < 0:
        message = f"Expected a whole number of at least 0, but found {repetitions}"
        raise Refused(message)
    return f"R{count}/{interval}"


# ---------------------------------------------------------------------- values that may be missing


@_EXTENSIONS.add("is defined", "value: any -> boolean", at_once=True)
def is_defined(value: Value) -> bool:
    """Whether a value is not null."""
    return value is not None


@_EXTENSIONS.add("get or else", "value: any, default: any", at_once=True)
def get_or_else(value: Value, default: Value) -> Value:
    """The value, or the default instead of null."""
    return default if value is None else value


@_EXTENSIONS.add("assert", "value: any, condition: any, cause?: string", needs_run=True, at_once=True)
def assert_(run: Run, place: Place, value: Value, condition: Value, cause: str = "") -> Value:
    """The value where the condition is true; else the whole evaluation fails."""
    if condition is not True:
        run.stop(place, "assert", cause or f"Expected the condition to be true, but found {described(condition)}")
    return value


@_EXTENSIONS.add(
    "fromAi",
    "value: any, description?: string|null, type?: string|null, schema?: context|null, options?: context|null",
)
def from_ai(
    value: Value,
    _description: str | None = None,
    _type: str | None = None,
    _schema: Value = None,
    _options: Value = None,
) -> Value:
    """The value; the other arguments are remarks for tools that read the model."""
    return value


# ---------------------------------------------------------------------- conversion


@_EXTENSIONS.add("number", "from: string -> number")
def number(text: str) -> FeelNumber:
    """``number("1500.5")``"""
    return conversion.number_from_string(text, None, None)


@_EXTENSIONS.add("number", "from: string, grouping separator: string|null -> number")
def number_with_grouping(text: str, grouping: str | None) -> FeelNumber:
    """``number("1,500", ",")``"""
    return conversion.number_from_string(text, grouping, None)


@_EXTENSIONS.add("from json", "value: string")
def from_json_text(text: str) -> Value:
    """JSON text as values; strings stay strings."""
    try:
        return json.loads_untrusted(text.encode())
    except InvalidInput as error:
        raise Refused(error.message) from error


@_EXTENSIONS.add("to json", "value: any -> string", needs_run=True)
def to_json_text(run: Run, place: Place, value: Value) -> str:
    """A value as JSON text; temporals become strings."""
    try:
        text = json.dumps(to_json(value))
    except InvalidInput as error:
        raise Refused(error.message) from error
    run.check_size(place, len(text))
    run.charge(place, len(text) // 4)
    return text


@_EXTENSIONS.add("date and time", "date: date and time, timezone: string -> date and time")
def date_time_in_zone(moment: DateTime, timezone: str) -> DateTime:
    """The same instant on the clock of another zone; a local value is only given the zone."""
    if timezone in {"Z", "z"}:
        offset, zone = 0, None
    elif zones.find_zone(timezone) is not None:
        offset, zone = None, timezone
    else:
        message = f"Expected a time zone, but found {described(timezone)}"
        raise Refused(message)
    if moment.time.is_local:
        clock = moment.time
        return DateTime(moment.date, Time(clock.hour, clock.minute, clock.second, clock.nano, offset, zone))
    return DateTime.from_instant(moment.instant(), offset, zone)


@_EXTENSIONS.add("last day of month", "date: date -> date")
def last_day_of_month(date: Date) -> Date:
    """``last day of month(@"2024-02-01")`` is the 29th."""
    return Date(date.year, date.month, calendar.month_length(date.year, date.month))


@_EXTENSIONS.add("last day of month", "date: date and time -> date")
def last_day_of_month_of_moment(moment: DateTime) -> Date:
    """The date only."""
    return last_day_of_month(moment.date)


# ---------------------------------------------------------------------- strings


@_EXTENSIONS.add("substring", "string: string, start position: number, length?: number -> string")
def substring(text: str, start: FeelNumber, length: FeelNumber | None = None) -> str:
    """Like the standard's, but a position behind the end gives nothing rather than null."""
    position = int(start)
    if position == 0:
        message = "Expected a start position other than 0, but found 0"
        raise Refused(message, "index")
    first = position - 1 if position > 0 else max(len(text) + position, 0)
    count = len(text) if length is None else int(length)
    if count < 0:
        message = f"Expected a length of at least 0, but found {length}"
        raise Refused(message)
    return text[first : first + count]


@_EXTENSIONS.add(
    "string join",
    "list: list, delimiter: string|null, prefix: string|null, suffix: string|null -> string",
    needs_run=True,
)
def string_join(
    run: Run, place: Place, values: list[Value], delimiter: str | None, prefix: str | None, suffix: str | None
) -> str:
    """Joined strings between a prefix and a suffix."""
    return (prefix or "") + strings.string_join(run, place, values, delimiter) + (suffix or "")


@_EXTENSIONS.add("extract", "string: string, pattern: string -> list<string>", needs_run=True)
def extract(run: Run, place: Place, text: str, pattern: str) -> list[str]:
    """All matches of a pattern."""
    compiled = compile_pattern(pattern, lenient=True)
    return [match.group() for match in strings.matches_in(run, place, text, compiled)]


@_EXTENSIONS.add("trim", "string: string -> string")
def trim(text: str) -> str:
    """Without white space at both ends."""
    return text.strip()


@_EXTENSIONS.add("is blank", "string: string -> boolean")
def is_blank(text: str) -> bool:
    """Nothing but white space."""
    return not text.strip()


@_EXTENSIONS.add("to base64", "value: string -> string")
def to_base64(text: str) -> str:
    """The UTF-8 bytes of a string in Base64."""
    return base64.b64encode(text.encode()).decode("ascii")


@_EXTENSIONS.add("from base64", "value: string -> string")
def from_base64(text: str) -> str:
    """The reverse of ``to base64``."""
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError) as error:
        message = f"Expected UTF-8 text in Base64, but found {described(text)}"
        raise Refused(message) from error


@_EXTENSIONS.add("uuid", "-> string", needs_run=True)
def uuid(run: Run, _place: Place) -> str:
    """A random identifier of 36 characters."""
    return str(uuids.UUID(int=run.random().getrandbits(128), version=4))


@_EXTENSIONS.add("random number", "-> number", needs_run=True)
def random_number(run: Run, _place: Place) -> FeelNumber:
    """From 0 up to, but not including, 1."""
    return DECIMAL128.scaleb(run.random().randrange(10**16), -16)


# ---------------------------------------------------------------------- lists and contexts


@_EXTENSIONS.add("is empty", "list: list -> boolean", at_once=True)
def is_empty(values: list[Value]) -> bool:
    """Whether a list has no items."""
    return not values


@_EXTENSIONS.add("duplicate values", "list: list -> list", needs_run=True)
def duplicate_values(run: Run, place: Place, values: list[Value]) -> list[Value]:
    """The items that stand in the list more than once, each once."""
    return [group[0] for group in lists.groups(run, place, values) if len(group) > 1]


@_EXTENSIONS.add("partition", "list: list, size: number -> list<list>")
def partition(values: list[Value], size: FeelNumber) -> list[list[Value]]:
    """Lists of so many items; the last may have fewer."""
    count = int(size)
    if count < 1:
        message = f"Expected a size of at least 1, but found {size}"
        raise Refused(message)
    return [values[start : start + count] for start in range(0, len(values), count)]


@_EXTENSIONS.add("get value", "context: context, key: string", at_once=True)
def get_value(context: dict[str, Value], key: str) -> Value:
    """The entry of a key."""
    return contexts.get_value(context, key)


@_EXTENSIONS.add("get value", "context: context, keys: list<string>", at_once=True)
def get_value_at(context: dict[str, Value], keys: list[str]) -> Value:
    """The entry at a path of keys."""
    if not keys:
        message = "Expected at least one key, but found none"
        raise Refused(message)
    value: Value = context
    for key in keys:
        if not isinstance(value, dict):
            message = f"Expected a context with an entry '{key}', but found {described(value)}"
            raise Refused(message, "no-entry")
        value = contexts.get_value(value, key)
    return value


@_EXTENSIONS.add("context put", "context: context, key: string, value: any -> context")
def context_put(context: dict[str, Value], key: str, value: Value) -> dict[str, Value]:
    """The context with an entry set."""
    return contexts.context_put(context, key, value)


@_EXTENSIONS.add("context put", "context: context, keys: list<string>, value: any -> context")
def context_put_at(context: dict[str, Value], keys: list[str], value: Value) -> dict[str, Value]:
    """The context with an entry set at a path of keys; contexts on the way are made."""
    return contexts.put_nested(context, keys, value, create=True)


@_EXTENSIONS.add("context merge", "contexts...: context -> context")
def context_merge(given: list[Value]) -> dict[str, Value]:
    """``context merge(a, b, c)``"""
    return contexts.context_merge(given)

"""The methods that may be called on values: those of Java that business expressions use, and nothing else."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from bpm_server.feel.numbers import as_text, is_number, whole
from bpm_server.feel.temporal import arithmetic
from bpm_server.feel.temporal.values import NANOS_PER_SECOND, DateTime, DaysDuration, MonthsDuration
from bpm_server.feel.values import described
from bpm_server.juel import operations
from bpm_server.juel.errors import Failed

if TYPE_CHECKING:
    from collections.abc import Callable

    Method = Callable[..., Any]


def _index(value: Any) -> int:
    index = whole(operations.number(value))
    if index is None:
        message = f"Expected a whole number, but found {described(value)}"
        raise Failed("index", message)
    return index


def _substring(text: str, start: Any, end: Any = None) -> str:
    first, last = _index(start), len(text) if end is None else _index(end)
    if not 0 <= first <= last <= len(text):
        message = f"Expected positions within {len(text)} characters, but found {first} and {last}"
        raise Failed("index", message)
    return text[first:last]


def _char_at(text: str, index: Any) -> str:
    return _substring(text, index, _index(index) + 1)


def _replace(text: str, old: Any, new: Any) -> str:
    before, after = operations.text(old), operations.text(new)
    operations.check_size(len(text) + text.count(before) * (len(after) - len(before)))
    return text.replace(before, after)


def _get(values: list[Any], index: Any) -> Any:
    position = _index(index)
    if not 0 <= position < len(values):
        message = f"Expected an index within {len(values)} items, but found {position}"
        raise Failed("index", message)
    return values[position]


def _contains(values: list[Any], value: Any) -> bool:
    return any(_same(each, value) for each in values)


def _same(left: Any, right: Any) -> bool:
    """Java's ``equals``: no coercion between kinds."""
    if is_number(left) and is_number(right):
        return bool(left == right)
    return type(left) is type(right) and bool(left == right)


def _index_of(values: list[Any], value: Any) -> int:
    return next((index for index, each in enumerate(values) if _same(each, value)), -1)


def _integer(value: Any) -> int:
    return int(operations.number(value))


def _property(entries: dict[str, Any], name: Any) -> Any:
    key = operations.text(name)
    if key not in entries:
        message = f"Expected a property '{key}', but found {', '.join(sorted(entries)) or 'none'}"
        raise Failed("no-entry", message)
    return entries[key]


def _same_value(value: Any) -> Any:
    return value


_ANY: Final[dict[str, Method]] = {
    "toString": operations.text,
    "equals": _same,
    # Spin's JSON nodes are plain values here: asking a node for its value gives the value itself.
    "boolValue": operations.boolean,
    "elements": _same_value,
    "mapTo": lambda value, _kind: value,
    "numberValue": operations.number,
    "stringValue": operations.text,
    "value": _same_value,
}
_STRING: Final[dict[str, Method]] = {
    **_ANY,
    "charAt": _char_at,
    "concat": lambda text, other: operations.joined([text, operations.text(other)]),
    "contains": lambda text, other: operations.text(other) in text,
    "endsWith": lambda text, other: text.endswith(operations.text(other)),
    "equalsIgnoreCase": lambda text, other: isinstance(other, str) and text.casefold() == other.casefold(),
    "indexOf": lambda text, other: text.find(operations.text(other)),
    "isEmpty": lambda text: not text,
    "lastIndexOf": lambda text, other: text.rfind(operations.text(other)),
    "length": len,
    "replace": _replace,
    "startsWith": lambda text, other: text.startswith(operations.text(other)),
    "substring": _substring,
    "toLowerCase": str.lower,
    "toUpperCase": str.upper,
    "trim": str.strip,
}
_LIST: Final[dict[str, Method]] = {
    **_ANY,
    "contains": _contains,
    "get": _get,
    "indexOf": _index_of,
    "isEmpty": lambda values: not values,
    "size": len,
}
_MAP: Final[dict[str, Method]] = {
    **_ANY,
    "containsKey": lambda entries, key: operations.text(key) in entries,
    "fieldNames": list,
    "get": lambda entries, key: entries.get(operations.text(key)),
    "hasProp": lambda entries, key: operations.text(key) in entries,
    "isEmpty": lambda entries: not entries,
    "keySet": list,
    "prop": _property,
    "size": len,
    "values": lambda entries: list(entries.values()),
}
_NUMBER: Final[dict[str, Method]] = {
    **_ANY,
    "doubleValue": operations.number,
    "floatValue": operations.number,
    "intValue": _integer,
    "longValue": _integer,
    "toString": as_text,
}
_BOOLEAN: Final[dict[str, Method]] = {**_ANY, "booleanValue": operations.boolean}


def _plus(unit: str, sign: int) -> Method:
    def moved(moment: DateTime, amount: Any) -> Any:
        count = _index(amount) * sign
        if unit in _MONTHS:
            duration: MonthsDuration | DaysDuration = MonthsDuration(count * _MONTHS[unit])
        else:
            duration = DaysDuration(count * _SECONDS[unit] * NANOS_PER_SECOND)
        return arithmetic.add(moment, duration)

    return moved


_MONTHS: Final = {"Months": 1, "Years": 12}
_SECONDS: Final = {"Seconds": 1, "Minutes": 60, "Hours": 3600, "Days": 86_400, "Weeks": 604_800}
_MOMENT: Final[dict[str, Method]] = {
    **_ANY,
    "toDate": lambda moment: moment,
    **{f"plus{unit}": _plus(unit, 1) for unit in (*_MONTHS, *_SECONDS)},
    **{f"minus{unit}": _plus(unit, -1) for unit in (*_MONTHS, *_SECONDS)},
}
_BY_CLASS: Final[dict[type, dict[str, Method]]] = {
    str: _STRING,
    list: _LIST,
    dict: _MAP,
    int: _NUMBER,
    Decimal: _NUMBER,
    bool: _BOOLEAN,
    DateTime: _MOMENT,
}

NAMES: Final = frozenset(name for methods in _BY_CLASS.values() for name in methods)
"""All methods that some value has."""


def call(base: Any, name: str, arguments: list[Any]) -> Any:
    """``base.name(arguments)``; on null it is null."""
    if base is None:
        return None
    method = _BY_CLASS.get(type(base), _ANY).get(name)
    if method is None:
        message = f"Expected a value with a method '{name}', but found {described(base)}"
        raise Failed("function", message)
    try:
        return method(base, *arguments)
    except TypeError as error:
        message = f"Expected other arguments for '{name}', but found {len(arguments)}"
        raise Failed("function", message) from error
    except OverflowError as error:
        message = f"Expected a result of '{name}' within the range of dates, but it is not"
        raise Failed("arithmetic", message) from error

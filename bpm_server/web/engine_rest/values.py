"""Camunda 7's values: variables with types, moments, ids.

    {"amount": {"value": 12.5, "type": "Double", "valueInfo": {}}}

A type may be missing or in small letters. Objects come as JSON text (``Json``, or ``Object`` serialized as
``application/json``); what was serialized in another way, files and bytes are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from bpm_server.kernel import json
from bpm_server.kernel.errors import InvalidInput, NotFound
from bpm_server.web.api import fields
from bpm_server.web.api.fields import MAX_KEY, shown

if TYPE_CHECKING:
    from datetime import datetime

INTEGERS = {"short": 2**15, "integer": 2**31, "long": 2**63}
LARGEST_LONG = 2**63
JSON_FORMAT = "application/json"

# --- moments and ids ------------------------------------------------------------------------------------


def moment(value: datetime | None) -> str | None:
    """``2026-01-31T10:00:00.000+0000``; None stays None."""
    return None if value is None else json.timestamp(value).replace("Z", "+0000")


def read_moment(value: Any) -> datetime:
    """A moment; the ``+`` of an offset may have become a space on the way through a query string.

    Raises:
        InvalidInput: something else.
    """
    return fields.read_moment(value.replace(" ", "+") if isinstance(value, str) else value)


def read_key(text: str, what: str) -> int:
    """The key behind an id in a path.

    Raises:
        NotFound: no id of ours looks like this.
    """
    if text.isascii() and text.isdigit() and len(text) <= 19 and int(text) <= MAX_KEY:
        return int(text)
    message = f"Expected to find {what} '{text[:60]}', but there is none"
    raise NotFound(message)


def definition_id(process_id: str, version: int, key: int) -> str:
    """Camunda 7's id of a process definition: ``invoice:3:2251799813685250``."""
    return f"{process_id}:{version}:{key}"


def read_definition_key(text: str) -> int:
    """The key behind Camunda 7's id of a process definition, or behind a plain key.

    Raises:
        NotFound: no id of ours looks like this.
    """
    return read_key(text.rpartition(":")[2], "process definition")


# --- variables out --------------------------------------------------------------------------------------


def typed(value: Any) -> dict[str, Any]:
    """A value with its type; objects and lists as JSON text, as are integers that no ``Long`` can hold."""
    name, shown_value = _typed(value)
    return {"type": name, "value": shown_value, "valueInfo": {}}


def _typed(value: Any) -> tuple[str, Any]:
    match value:
        case None:
            return "Null", None
        case bool():
            return "Boolean", value
        case int() if -INTEGERS["integer"] <= value < INTEGERS["integer"]:
            return "Integer", value
        case int() if -LARGEST_LONG <= value < LARGEST_LONG:
            return "Long", value
        case Decimal():
            return "Double", value
        case str():
            return "String", value
    return "Json", json.dumps(value)


def typed_all(values: Mapping[str, Any]) -> dict[str, Any]:
    """Variables by name."""
    return {name: typed(value) for name, value in values.items()}


# --- variables in ---------------------------------------------------------------------------------------


class Variables(fields.Value):
    """Variables by name in a request."""

    def read(self, value: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            message = f"Expected variables as an object, but found {shown(value)}"
            raise InvalidInput(message)
        return {name: read_typed(one, name) for name, one in value.items()}


def read_typed(found: Any, name: str) -> Any:
    """The value of ``{value, type, valueInfo}``.

    Args:
        found: From the request.
        name: Of the variable, for messages.

    Raises:
        InvalidInput: value and type do not fit, or there is no such type here.
    """
    if not isinstance(found, Mapping):
        message = f"Expected variable '{name[:60]}' as an object with value and type, but found {shown(found)}"
        raise InvalidInput(message)
    value, kind = found.get("value"), found.get("type")
    if kind is None or value is None:
        return value
    if not isinstance(kind, str):
        message = f"Expected the type of variable '{name[:60]}' as text, but found {shown(kind)}"
        raise InvalidInput(message)
    lower = kind.lower()
    if lower == "object":
        _check_serialized(found.get("valueInfo"), name)
    read = _READERS.get(lower)
    if read is None:
        message = (
            f"Expected variable '{name[:60]}' to have one of the types {', '.join(sorted(_READERS))}, "
            f"but found '{kind[:60]}'"
        )
        raise InvalidInput(message)
    try:
        return read(value)
    except InvalidInput as error:
        message = f"Expected variable '{name[:60]}' to fit its type {kind[:60]}, but: {error.message}"
        raise InvalidInput(message) from error


def _check_serialized(info: Any, name: str) -> None:
    how = info.get("serializationDataFormat") if isinstance(info, Mapping) else None
    if not isinstance(how, str) or how.partition(";")[0].strip().lower() != JSON_FORMAT:
        message = f"Expected the object '{name[:60]}' serialized as {JSON_FORMAT}, but found {shown(how)}"
        raise InvalidInput(message)


def _text(value: Any) -> str:
    return fields.read_text(value, longest=2**31)


def _flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    message = f"Expected true or false, but found {shown(value)}"
    raise InvalidInput(message)


def _whole(limit: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and -limit <= value < limit:
            return value
        message = f"Expected a whole number from {-limit} to {limit - 1}, but found {shown(value)}"
        raise InvalidInput(message)

    return read


def _number(value: Any) -> int | Decimal:
    if isinstance(value, (int, Decimal)) and not isinstance(value, bool):
        return value
    message = f"Expected a number, but found {shown(value)}"
    raise InvalidInput(message)


def _date(value: Any) -> str:
    return json.timestamp(read_moment(value))


def _json(value: Any) -> Any:
    return json.loads_untrusted(_text(value).encode())


_READERS: dict[str, Callable[[Any], Any]] = {
    "string": _text,
    "boolean": _flag,
    **{name: _whole(limit) for name, limit in INTEGERS.items()},
    "double": _number,
    "number": _number,
    "date": _date,
    "null": lambda value: value,
    "json": _json,
    "object": _json,
}

"""Kinds of values in requests and replies, as marshmallow fields.

Names on the wire are the camelCase of the names here; ``of`` names our word where it is another one. Request fields
are strict: ``5`` is not text and ``"5"`` is not a number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from marshmallow import Schema, ValidationError, fields

from bpm_server.kernel import json
from bpm_server.kernel.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from enum import StrEnum

MAX_NAME = 512
"""Characters of a name or id: what the columns hold."""
MAX_INT = 2**31 - 1
MAX_KEY = 2**63 - 1
_KEY = re.compile(r"[0-9]{1,19}")


def camel(name: str) -> str:
    """``user_task_key`` -> ``userTaskKey``."""
    first, *rest = name.rstrip("_").split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in rest)


def read_key(value: Any, what: str = "a key") -> int:
    """A key from its decimal digits.

    Raises:
        InvalidInput: something else.
    """
    if isinstance(value, str) and _KEY.fullmatch(value) and int(value) <= MAX_KEY:
        return int(value)
    message = f"Expected {what} as decimal digits in text, but found {shown(value)}"
    raise InvalidInput(message)


def read_moment(value: Any) -> datetime:
    """A moment from ISO 8601 text; without an offset it is UTC.

    Raises:
        InvalidInput: something else.
    """
    if isinstance(value, str) and len(value) <= 64:
        try:
            found = datetime.fromisoformat(value.partition("[")[0])
            return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    message = f"Expected a date and time such as 2026-01-31T10:00:00Z, but found {shown(value)}"
    raise InvalidInput(message)


def read_text(value: Any, longest: int = MAX_NAME) -> str:
    """Text that the database can hold.

    Raises:
        InvalidInput: not text, too long, or with a NUL character.
    """
    if not isinstance(value, str):
        message = f"Expected text, but found {shown(value)}"
        raise InvalidInput(message)
    if len(value) > longest or "\0" in value:
        found = f"{len(value)} characters" if len(value) > longest else "a NUL character"
        message = f"Expected text of at most {longest} characters without NUL, but found {found}"
        raise InvalidInput(message)
    return value


def shown(value: Any) -> str:
    """A value in a message, cut short."""
    try:
        text = json.dumps(value)
    except (TypeError, ValueError):
        text = repr(value)
    return text if len(text) <= 60 else text[:60] + "..."


# --- fields ---------------------------------------------------------------------------------------------


class Value(fields.Field[Any]):
    """A field of a request or reply.

    Args:
        null: None may stand for no value.
        of: Name of the row's attribute in a reply, where it is not the field's.
    """

    default_error_messages = {  # noqa: RUF012 - an instance variable in marshmallow's eyes
        "required": "Expected a value, but found none",
        "null": "Expected a value, but found null",
    }

    def __init__(self, *, null: bool = False, of: str | None = None, **kwargs: Any) -> None:
        super().__init__(allow_none=null, **kwargs)
        self.of = of

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        del attr, data, kwargs
        try:
            return self.read(value)
        except InvalidInput as error:
            raise ValidationError(error.message) from error

    def read(self, value: Any) -> Any:
        """From the wire.

        Raises:
            InvalidInput: it is of another kind.
        """
        return value

    def writer(self) -> Callable[[Any], Any] | None:
        """Our value to the wire's; None where they are the same."""
        return None

    def schema(self) -> dict[str, Any]:
        """Its JSON schema, for the OpenAPI document."""
        return {}

    def absent(self) -> Any:
        """What a reply has where there is no value."""
        return None


class Text(Value):
    """Text of bounded length."""

    def __init__(self, *, longest: int = MAX_NAME, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.longest = longest

    def read(self, value: Any) -> str:
        return read_text(value, self.longest)

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "maxLength": self.longest}


class Key(Value):
    """A 63-bit key: digits in text on the wire, because JavaScript numbers end at 2**53."""

    def read(self, value: Any) -> int:
        return read_key(value)

    def writer(self) -> Callable[[Any], Any]:
        return str

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": "^[0-9]{1,19}$"}


class Moment(Value):
    """A date and time."""

    def read(self, value: Any) -> datetime:
        return read_moment(value)

    def writer(self) -> Callable[[Any], Any]:
        return json.timestamp

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "format": "date-time"}


class Flag(Value):
    """True or false."""

    def read(self, value: Any) -> bool:
        if isinstance(value, bool):
            return value
        message = f"Expected true or false, but found {shown(value)}"
        raise InvalidInput(message)

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}


class Number(Value):
    """A whole number."""

    def __init__(self, *, least: int = -MAX_INT - 1, most: int = MAX_INT, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.least, self.most = least, most

    def read(self, value: Any) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and self.least <= value <= self.most:
            return value
        message = f"Expected a whole number from {self.least} to {self.most}, but found {shown(value)}"
        raise InvalidInput(message)

    def schema(self) -> dict[str, Any]:
        size = "int32" if self.least >= -MAX_INT - 1 and self.most <= MAX_INT else "int64"
        return {"type": "integer", "format": size, "minimum": self.least, "maximum": self.most}


class Amount(Value):
    """An amount of money, with all its digits: less than 10**18, at most nine decimal places."""

    def read(self, value: Any) -> Decimal:
        if isinstance(value, int | Decimal) and not isinstance(value, bool):
            found = Decimal(value)
            if abs(found) < 10**18 and found == round(found, 9):
                return found
        message = f"Expected an amount with at most nine decimal places, but found {shown(value)}"
        raise InvalidInput(message)

    def schema(self) -> dict[str, Any]:
        return {"type": "number"}


class Word(Value):
    """One of some words."""

    def __init__(self, words: type[StrEnum] | Iterable[str], **kwargs: Any) -> None:
        self.words = tuple(str(word) for word in words)
        super().__init__(metadata={"enum": list(self.words)}, **kwargs)

    def read(self, value: Any) -> str:
        if value in self.words:
            return str(value)
        message = f"Expected one of {', '.join(self.words)}, but found {shown(value)}"
        raise InvalidInput(message)

    def schema(self) -> dict[str, Any]:
        return {"type": "string"}


class Names(Value):
    """A list of texts."""

    def __init__(self, *, most: int = 1_000, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.most = most

    def read(self, value: Any) -> list[str]:
        if not isinstance(value, list) or len(value) > self.most:
            found = f"{len(value)} of them" if isinstance(value, list) else shown(value)
            message = f"Expected a list of at most {self.most} texts, but found {found}"
            raise InvalidInput(message)
        return [read_text(item) for item in value]

    def writer(self) -> Callable[[Any], Any]:
        return list

    def absent(self) -> Any:
        return None if self.allow_none else []

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "maxItems": self.most, "items": {"type": "string"}}


class Data(Value):
    """A JSON object whose members are the caller's business, for instance variables."""

    def read(self, value: Any) -> dict[str, Any]:
        if isinstance(value, dict):
            return value
        message = f"Expected an object, but found {shown(value)}"
        raise InvalidInput(message)

    def schema(self) -> dict[str, Any]:
        return {"type": "object", "additionalProperties": True}


class Anything(Value):
    """Any JSON value."""


class Fixed(Value):
    """A member that always has the same value."""

    def __init__(self, value: Any, **kwargs: Any) -> None:
        super().__init__(null=value is None, **kwargs)
        self.value = value

    def schema(self) -> dict[str, Any]:
        kinds = {str: "string", bool: "boolean", int: "integer", dict: "object"}
        if isinstance(self.value, list):
            return {"type": "array", "items": {}}
        return {} if self.value is None else {"type": kinds[type(self.value)]}


class Many(Value):
    """A list of objects of one shape."""

    def __init__(self, shape: type[Schema], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.shape = shape

    def writer(self) -> Callable[[Any], Any]:
        write = writer(self.shape)
        return lambda items: [write(item) for item in items]

    def read(self, value: Any) -> Any:
        if not isinstance(value, list):
            message = f"Expected a list, but found {shown(value)}"
            raise InvalidInput(message)
        return [_nested(self.shape, item) for item in value]


class One(Value):
    """An object of one shape."""

    def __init__(self, shape: type[Schema], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.shape = shape

    def writer(self) -> Callable[[Any], Any]:
        return writer(self.shape)

    def read(self, value: Any) -> Any:
        return _nested(self.shape, value)


def _nested(shape: type[Schema], value: Any) -> Any:
    if not isinstance(value, dict):
        message = f"Expected an object, but found {shown(value)}"
        raise InvalidInput(message)
    try:
        return instance(shape).load(value)
    except ValidationError as error:
        found = flatten(error.messages)
        message = "; ".join(f"{name}: {text}" for name, text in found.items())
        raise InvalidInput(message) from error


def flatten(messages: Any, path: str = "") -> dict[str, str]:
    """The nested messages of marshmallow by dotted path."""
    if isinstance(messages, Mapping):
        found: dict[str, str] = {}
        for name, inner in messages.items():
            found.update(flatten(inner, f"{path}.{name}" if path else str(name)))
        return found
    return {path: " ".join(str(part) for part in messages) if isinstance(messages, list) else str(messages)}


# --- shapes ---------------------------------------------------------------------------------------------

_INSTANCES: dict[type[Schema], Schema] = {}
_WRITERS: dict[type[Schema], Callable[[Any], dict[str, Any]]] = {}


def instance(shape: type[Schema]) -> Schema:
    """The one instance of a shape; they hold no state of a request."""
    found = _INSTANCES.get(shape)
    if found is None:
        found = _INSTANCES[shape] = shape()
    return found


class Body(Schema):
    """What a request carries. Members that we do not know are ignored: newer clients send more."""

    class Meta:
        """Read by marshmallow."""

        unknown = "exclude"

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        if field_obj.data_key is None:
            field_obj.data_key = camel(field_name)


class StrictBody(Body):
    """What a request of our own API carries: a member that we do not know is a mistake."""

    error_messages = {"unknown": "Expected a known member, but found this one"}  # noqa: RUF012 - as above

    class Meta:
        """Read by marshmallow."""

        unknown = "raise"


class Reply(Schema):
    """What a reply carries: every member is there, null where there is no value."""

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        field_obj.required = True
        if field_obj.data_key is None:
            field_obj.data_key = camel(field_name)


def writer(shape: type[Schema]) -> Callable[[Any], dict[str, Any]]:
    """How rows become objects of a shape: made once, and several times as fast as a dump of marshmallow.

    A value comes from the row's attribute, or from the mapping's member, of the field's name or ``of``.
    """
    known = _WRITERS.get(shape)
    if known is not None:
        return known
    members = instance(shape).fields
    plan = [_step(name, field) for name, field in members.items() if not isinstance(field, Fixed)]
    fixed = {field.data_key or name: field.value for name, field in members.items() if isinstance(field, Fixed)}

    def write(row: Any) -> dict[str, Any]:
        if isinstance(row, Mapping):
            found = {wire: _value(row[name], convert, absent) for wire, name, convert, absent in plan}
        else:
            found = {wire: _value(getattr(row, name), convert, absent) for wire, name, convert, absent in plan}
        found.update(fixed)
        return found

    _WRITERS[shape] = write
    return write


Step = tuple[str, str, "Callable[[Any], Any] | None", Any]


def _step(name: str, field: fields.Field[Any]) -> Step:
    if not isinstance(field, Value):
        return field.data_key or name, name, None, None
    return field.data_key or name, field.of or name, field.writer(), field.absent()


def _value(found: Any, convert: Callable[[Any], Any] | None, absent: Any) -> Any:
    if found is None:
        return absent
    return found if convert is None else convert(found)

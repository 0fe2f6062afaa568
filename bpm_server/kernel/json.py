"""JSON that keeps every digit: fractions become ``Decimal`` on the way in and numbers on the way out.

Integers stay ``int``, fractions and exponents become ``Decimal``; no float ever appears. Depth is bounded by
the decoder itself; sizes are bounded by whoever reads the bytes.
"""

from __future__ import annotations

import json as stdlib
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from bpm_server.kernel.errors import InvalidInput

MAX_DEPTH = 100
"""Nesting of lists and objects that we accept from outside."""
_TOO_DEEP = f"Expected JSON nested at most {MAX_DEPTH} deep, but found more"


def _number(text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:  # an exponent of more than 18 digits
        value = Decimal("NaN")
    if not value.is_finite() or abs(value.adjusted()) > 6_144:
        message = f"Expected a number of at most 6144 digits, but found {text[:40]}"
        raise ValueError(message)
    return value


def _encode_other(value: Any) -> Any:
    if isinstance(value, float):
        message = f"Expected a Decimal, but found the float {value!r}"
        raise TypeError(message)
    message = f"Expected a JSON value, but found {type(value).__name__}"
    raise TypeError(message)


_decoder = msgspec.json.Decoder(float_hook=_number)
_encoder = msgspec.json.Encoder(decimal_format="number", enc_hook=_encode_other)
_sorting_encoder = msgspec.json.Encoder(decimal_format="number", enc_hook=_encode_other, order="sorted")


def loads(data: bytes | str) -> Any:
    """Decodes JSON text that we wrote ourselves.

    Raises:
        InvalidInput: where the text is not JSON; the message says at which byte.
    """
    try:
        return _decoder.decode(data)
    except RecursionError as error:
        raise InvalidInput(_TOO_DEEP) from error
    except UnicodeDecodeError as error:
        raise InvalidInput(_not_utf8(data)) from error
    except (msgspec.DecodeError, ValueError) as error:
        message = f"Expected JSON, but found: {error}"
        raise InvalidInput(message) from error


def _not_utf8(data: bytes | str) -> str:
    """The message about a text in another encoding; the decoder's own counts within one member."""
    try:
        bytes(data, "utf-8") if isinstance(data, str) else data.decode()
    except UnicodeError as error:
        start = getattr(error, "start", 0)
        return f"Expected JSON in UTF-8, but found other bytes (byte {start})"
    return "Expected JSON in UTF-8, but found half a surrogate pair"


def loads_untrusted(data: bytes) -> Any:
    """Decodes JSON from outside: like :func:`loads`, with nesting limited to :data:`MAX_DEPTH`."""
    value = loads(data)
    _check_depth(value)
    return value


def _once(members: list[tuple[str, Any]]) -> None:
    if len(members) > 1 and len(dict(members)) != len(members):
        name = Counter(name for name, _ in members).most_common(1)[0][0]
        message = f"Expected every member of an object once, but found '{name[:60]}' twice"
        raise InvalidInput(message)


_member_scanner = stdlib.JSONDecoder(object_pairs_hook=_once, parse_int=len, parse_float=len)


def check_members(data: bytes) -> None:
    """No object of a JSON text that was decoded before may have two members of one name.

    Readers differ in which of them they take, so what was checked may not be what is used.

    Raises:
        InvalidInput: names the member.
    """
    _member_scanner.decode(data.decode())


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for parent in level
            if isinstance(parent, (dict, list))
            for child in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(child, (dict, list))
        ]
        if not level:
            return
    raise InvalidInput(_TOO_DEEP)


def dumps(value: Any) -> str:
    """Encodes as compact JSON text; ``Decimal`` becomes a number with all its digits."""
    return _encoder.encode(value).decode()


def dumps_bytes(value: Any) -> bytes:
    """Like :func:`dumps`, as UTF-8 bytes."""
    return _encoder.encode(value)


def canonical(value: Any) -> bytes:
    """Like :func:`dumps_bytes` with sorted keys: equal values give equal bytes."""
    return _sorting_encoder.encode(value)


def timestamp(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds and ``Z``, as the REST contract has it."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

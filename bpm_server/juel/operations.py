"""Operators of the unified expression language, with its coercions (JSR-245, 1.7 to 1.18)."""

from __future__ import annotations

from decimal import Decimal, DecimalException
from typing import TYPE_CHECKING, Any, Final

from bpm_server.feel.numbers import DECIMAL128, FeelNumber, as_text, is_number, parse_number, shortened, whole
from bpm_server.feel.temporal.values import Date, DateTime, Time
from bpm_server.feel.values import described
from bpm_server.juel.errors import Failed
from bpm_server.kernel import json
from bpm_server.kernel.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_TEXT: Final = 1_000_000
"""Characters of a string that an expression may make."""


def number(value: Any) -> FeelNumber:
    """A value as a number: null and the empty string are 0, other strings are read."""
    if value is None or value == "":
        return 0
    if type(value) is int or type(value) is Decimal:
        return value
    if isinstance(value, str):
        try:
            return parse_number(value.strip())
        except DecimalException:
            pass
    message = f"Expected a number, but found {described(value)}"
    raise Failed("type", message)


def boolean(value: Any) -> bool:
    """A value as true or false: null and the empty string are false."""
    if value is None or value == "":
        return False
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return value.lower() == "true"
    message = f"Expected true or false, but found {described(value)}"
    raise Failed("type", message)


def parsed_json(value: Any) -> Any:
    """JSON text as a value; what is no text is JSON already."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except InvalidInput as error:
        message = f"Expected JSON text, but found: {error.message}"
        raise Failed("type", message) from error


def text(value: Any) -> str:
    """A value as it stands amid text: null is nothing."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, Decimal)):
        return as_text(value)
    if isinstance(value, list):
        return "[" + ", ".join(_inner_text(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}={_inner_text(item)}" for key, item in value.items()) + "}"
    return str(value)


def _inner_text(value: Any) -> str:
    return "null" if value is None else text(value)


def joined(parts: list[str]) -> str:
    """Parts of a text, one after the other."""
    check_size(sum(map(len, parts)))
    return "".join(parts)


def check_size(characters: int) -> None:
    """Refuses to make a text that is too long."""
    if characters > MAX_TEXT:
        message = f"Expected a text of at most {MAX_TEXT} characters, but found a longer one"
        raise Failed("budget", message)


def empty(value: Any) -> bool:
    """``empty value``: null, and strings, lists and maps without content."""
    return value is None or (isinstance(value, (str, list, dict)) and not value)


def arithmetic(operator: str, left: Any, right: Any) -> FeelNumber:
    """``+ - * / %`` on numbers."""
    first, second = number(left), number(right)
    try:
        if type(first) is int and type(second) is int and operator in _EXACT:
            return shortened(_EXACT[operator](first, second))
        return _DECIMAL[operator](first, second)
    except (DecimalException, ZeroDivisionError) as error:
        message = f"Expected numbers that '{operator}' can work on, but found {first} and {second}"
        raise Failed("arithmetic", message) from error


def _remainder(left: int, right: int) -> int:
    """With the sign of the dividend, as in Java."""
    rest = abs(left) % abs(right)
    return -rest if left < 0 else rest


_EXACT: Final[dict[str, Callable[[int, int], int]]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "%": _remainder,
}
_DECIMAL: Final[dict[str, Callable[[FeelNumber, FeelNumber], Decimal]]] = {
    "+": DECIMAL128.add,
    "-": DECIMAL128.subtract,
    "*": DECIMAL128.multiply,
    "/": DECIMAL128.divide,
    "%": DECIMAL128.remainder,
}


def negated(value: Any) -> FeelNumber:
    """``-value``"""
    found = number(value)
    return -found if isinstance(found, int) else found.copy_negate()


def equal(left: Any, right: Any) -> bool:
    """``left == right``: strings are compared as what the other side is."""
    if left is None or right is None:
        return left is right
    if isinstance(left, bool) or isinstance(right, bool):
        return boolean(left) == boolean(right)
    if is_number(left) or is_number(right):
        return bool(number(left) == number(right))
    if isinstance(left, str) or isinstance(right, str):
        return text(left) == text(right)
    return bool(left == right)


def ordered(operator: str, left: Any, right: Any) -> bool:
    """``<`` and its kin; null is neither less nor greater than anything."""
    if left is None or right is None:
        return operator in {"<=", ">="} and left is right
    if is_number(left) or is_number(right):
        return _ORDER[operator](number(left), number(right))
    if isinstance(left, str) or isinstance(right, str):
        return _ORDER[operator](text(left), text(right))
    if type(left) is type(right) and isinstance(left, (Date, DateTime, Time)):
        return _ORDER[operator](_moment(left), _moment(right))
    message = f"Expected values that have an order, but found {described(left)} and {described(right)}"
    raise Failed("type", message)


def _moment(value: Date | DateTime | Time) -> int:
    if isinstance(value, Date):
        return value.day_number
    return value.instant() if isinstance(value, DateTime) else value.nano_of_day


_ORDER: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "<": lambda a, b: bool(a < b),
    "<=": lambda a, b: bool(a <= b),
    ">": lambda a, b: bool(a > b),
    ">=": lambda a, b: bool(a >= b),
}


def element(base: Any, key: Any) -> Any:
    """``base[key]`` and ``base.key``: null where there is nothing, an error where there never is."""
    if base is None or key is None:
        return None
    if isinstance(base, dict):
        return base.get(text(key))
    if isinstance(base, list):
        index = whole(number(key))
        return base[index] if index is not None and 0 <= index < len(base) else None
    message = f"Expected a map or list with '{text(key)}', but found {described(base)}"
    raise Failed("no-entry", message)

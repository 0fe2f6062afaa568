"""Comparisons as the form viewer's FEEL makes them.

The viewer evaluates FEEL with feelin, which compares values of different kinds as JavaScript does where the
standard has null. What a form shows and hides hangs on that, as null hides a field.
"""

from __future__ import annotations

import operator
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from bpm_server import feel
from bpm_server.domain.forms.numbers import read_number

if TYPE_CHECKING:
    from collections.abc import Callable

_ORDERS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_STANDARD: Final = {sign: feel.compile(f"a {sign} b") for sign in ("=", *_ORDERS)}


def _is_number(value: Any) -> bool:
    return type(value) is int or type(value) is Decimal


def same(left: Any, right: Any) -> bool | None:
    """``left = right``: a list of one value equals that value; null where the kinds differ."""
    if left is None or right is None:
        return left is right
    if type(left) is list and type(right) is not list:
        left = left[0] if len(left) == 1 else left
    elif type(right) is list and type(left) is not list:
        right = right[0] if len(right) == 1 else right
    if _is_number(left) and _is_number(right):
        return bool(left == right)
    if type(left) is not type(right):
        return None
    if type(left) is bool or type(left) is str:
        return bool(left == right)
    found = _STANDARD["="]({"a": left, "b": right})
    if type(left) is list:
        return True if found is True else None
    return found if isinstance(found, bool) else None


def different(left: Any, right: Any) -> bool:
    """``left != right``: true wherever they are not equal, also where the kinds differ."""
    return same(left, right) is not True


def ordered(sign: str, left: Any, right: Any) -> bool | None:
    """``left < right`` and its kin: null with null, JavaScript's answer where the kinds differ."""
    if left is None or right is None or type(right) in (bool, list, dict):
        return None
    if (_is_number(left) and _is_number(right)) or (type(left) is str and type(right) is str):
        return _ORDERS[sign](left, right)
    if type(left) is type(right):
        found = _STANDARD[sign]({"a": left, "b": right})
        return found if isinstance(found, bool) else None
    first, second = _as_number(left), _as_number(right)
    return first is not None and second is not None and _ORDERS[sign](first, second)


def _as_number(value: Any) -> int | Decimal | None:
    if type(value) is list and len(value) < 2:
        return _as_number(value[0]) if value else 0
    if value is None or type(value) is bool:
        return int(value or 0)
    if type(value) is str:
        return read_number(value)
    return value if _is_number(value) else None


def between(value: Any, low: Any, high: Any) -> bool | None:
    """``value between low and high``"""
    if value is None or low is None or high is None:
        return None
    return ordered("<=", low, value) is True and ordered("<=", value, high) is True


def within(value: Any, low: Any, high: Any, *, low_included: bool, high_included: bool) -> bool:
    """``value in [low..high]``"""
    above = ordered(">=" if low_included else ">", value, low)
    return above is True and ordered("<=" if high_included else "<", value, high) is True


def member(value: Any, test: Any) -> bool:
    """``value in test`` for a test that is a value or a list of values."""
    if type(test) is list:
        return any(same(value, item) is True for item in test) or same(value, test) is True
    return same(value, test) is True

"""JSON values in forms: equality, paths, size."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_DEPTH: Final = 32
"""Nesting of a submission."""
MAX_VALUES: Final = 100_000
"""Values in a submission, or in the result of an expression."""
MAX_INDEX: Final = 999
"""The largest number that may stand for a place in a list in a key like ``items.0.name``."""


class Missing:
    """The type of :data:`MISSING`."""

    __slots__ = ()


MISSING: Final = Missing()
"""Where a path leads nowhere; JavaScript's ``undefined``."""

Path = tuple[str, ...]
Container = dict[str, Any] | list[Any]


def equal(left: Any, right: Any) -> bool:
    """Deep equality in which ``true`` is not 1 and ``"1"`` is not 1."""
    kind = type(left)
    if kind is dict:
        return (
            type(right) is dict
            and left.keys() == right.keys()
            and all(equal(value, right[key]) for key, value in left.items())
        )
    if kind is list:
        return type(right) is list and len(left) == len(right) and all(map(equal, left, right))
    if kind is bool or type(right) is bool:
        return left is right
    return bool(left == right)


def is_index(part: str) -> bool:
    """Whether a part of a path is a place in a list."""
    return part.isascii() and part.isdecimal() and (part == "0" or part[0] != "0")


def entry(container: Any, part: str) -> Any:
    """One step of a path, or :data:`MISSING`."""
    if type(container) is dict:
        return container.get(part, MISSING)
    if type(container) is list and is_index(part) and len(part) < 9 and int(part) < len(container):
        return container[int(part)]
    return MISSING


def look_up(value: Any, path: Path) -> Any:
    """What a path leads to, or :data:`MISSING`."""
    for part in path:
        value = entry(value, part)
        if value is MISSING:
            return MISSING
    return value


def put(container: Container, part: str, value: Any) -> None:
    """Sets an entry; a list grows with nulls as far as needed."""
    if type(container) is dict:
        container[part] = value
    elif type(container) is list and is_index(part):
        index = int(part)
        container.extend([None] * (index + 1 - len(container)))
        container[index] = value


def put_at(target: dict[str, Any], path: Path, value: Any) -> None:
    """Sets what a path leads to, and makes the objects (and lists, for numbers) on the way."""
    container: Container = target
    for part, following in pairwise(path):
        inner = entry(container, part)
        if type(inner) is not dict and type(inner) is not list:
            inner = [] if is_index(following) else {}
            put(container, part, inner)
        container = inner
    put(container, path[-1], value)


class TooLarge(Exception):
    """A value with more parts, or nested deeper, than forms accept."""


def plain(value: Any, *, depth: int = MAX_DEPTH) -> Any:
    """A copy of what came from outside, with floats as decimals; what is not JSON becomes null.

    Raises:
        TooLarge: nested too deep, or too many values.
    """
    return _copied(value, depth, [MAX_VALUES], _from_outside)


def copied(value: Any, leaf: Callable[[Any], Any]) -> Any:
    """A copy of an expression's result, so that it shares no list or object with what it was made from.

    Raises:
        TooLarge: nested too deep, or too many values.
    """
    return _copied(value, 2 * MAX_DEPTH, [MAX_VALUES], leaf)


def _copied(value: Any, depth: int, left: list[int], leaf: Callable[[Any], Any]) -> Any:
    kind = type(value)
    if kind is not dict and kind is not list:
        return leaf(value)
    left[0] -= len(value) + 1
    if depth <= 0 or left[0] < 0:
        raise TooLarge
    if kind is list:
        return [_copied(item, depth - 1, left, leaf) for item in value]
    return {_text(str(key)): _copied(item, depth - 1, left, leaf) for key, item in value.items()}


def _from_outside(value: Any) -> Any:
    if isinstance(value, str):
        return _text(value)
    if value is None or isinstance(value, (bool, int, Decimal)):
        return value
    return Decimal(repr(value)) if isinstance(value, float) else None


def _text(text: str) -> str:
    """Half characters (lone surrogates), which no database takes, become question marks."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()

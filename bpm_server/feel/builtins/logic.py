"""Boolean functions and identity (DMN 1.5, Tables 73 and 77)."""

from __future__ import annotations

from bpm_server.feel.builtins.registry import Library
from bpm_server.feel.errors import Refused
from bpm_server.feel.numbers import is_number
from bpm_server.feel.values import FeelFunction, Value, described

LIBRARY = Library()


@LIBRARY.add("not", "negand: any -> boolean")
def negation(negand: Value) -> bool | None:
    """Ternary: of what is neither true nor false, null."""
    if negand is None:
        return None
    if type(negand) is not bool:
        message = f"Expected true or false, but found {described(negand)}"
        raise Refused(message, "type")
    return not negand


@LIBRARY.add("is", "value1: any, value2: any -> boolean")
def identical(left: Value, right: Value) -> bool:
    """Whether both are the same element of the semantic domain; never null."""
    if is_number(left) and is_number(right):
        return bool(left == right)
    if type(left) is not type(right):
        return False
    if isinstance(left, list):
        return len(left) == len(right) and all(identical(a, b) for a, b in zip(left, right, strict=True))
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(identical(left[key], right[key]) for key in left)
    if isinstance(left, FeelFunction):
        return left is right
    return bool(left == right)

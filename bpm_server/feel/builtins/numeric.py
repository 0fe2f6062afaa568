"""Numeric functions (DMN 1.5, Table 76)."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from bpm_server.feel.builtins.registry import Library
from bpm_server.feel.errors import Refused
from bpm_server.feel.numbers import DECIMAL128, MAX_SCALE, MIN_SCALE, ROUNDINGS, FeelNumber, shortened, whole
from bpm_server.feel.temporal.values import DaysDuration, MonthsDuration

if TYPE_CHECKING:
    from collections.abc import Callable

LIBRARY = Library()


def rounded(number: FeelNumber, scale: FeelNumber, mode: str) -> FeelNumber:
    """A number with so many digits after the point; with fewer already, it stays as it is.

    Raises:
        Refused: the scale is not a whole number from -6111 to 6176.
    """
    digits = int(scale)
    if not MIN_SCALE <= digits <= MAX_SCALE:
        message = f"Expected a scale from {MIN_SCALE} to {MAX_SCALE}, but found {scale}"
        raise Refused(message)
    if isinstance(number, int):
        if digits >= 0:
            return number
        number = Decimal(number)
    exponent = number.as_tuple().exponent
    if isinstance(exponent, int) and -exponent <= digits:
        return number
    return number.quantize(Decimal((0, (1,), -digits)), rounding=mode, context=DECIMAL128)


@LIBRARY.add("decimal", "n: number, scale: number -> number")
def decimal(number: FeelNumber, scale: FeelNumber) -> FeelNumber:
    """Ties go to the even neighbour."""
    return rounded(number, scale, ROUNDINGS["half even"])


def _add_rounding(name: str, mode: str, meaning: str, *, with_default: bool) -> None:
    def round_(number: FeelNumber, scale: FeelNumber = 0) -> FeelNumber:
        return rounded(number, scale, ROUNDINGS[mode])

    round_.__doc__ = f"Rounded to so many decimals: {meaning}."
    LIBRARY.add(name, f"n: number, scale{'?' if with_default else ''}: number -> number")(round_)


_add_rounding("floor", "floor", "down to the smaller number", with_default=True)
_add_rounding("ceiling", "ceiling", "up to the larger number", with_default=True)
_add_rounding("round up", "up", "away from 0", with_default=False)
_add_rounding("round down", "down", "towards 0", with_default=False)
_add_rounding("round half up", "half up", "half away from 0", with_default=False)
_add_rounding("round half down", "half down", "half towards 0", with_default=False)


@LIBRARY.add("abs", "n~number: number -> number")
def absolute(number: FeelNumber) -> FeelNumber:
    """Without its sign."""
    return abs(number) if isinstance(number, int) else number.copy_abs()


@LIBRARY.add("abs", "n: days and time duration -> days and time duration")
def absolute_days(duration: DaysDuration) -> DaysDuration:
    """Without its sign."""
    return DaysDuration(abs(duration.nanos))


@LIBRARY.add("abs", "n: years and months duration -> years and months duration")
def absolute_months(duration: MonthsDuration) -> MonthsDuration:
    """Without its sign."""
    return MonthsDuration(abs(duration.months))


@LIBRARY.add("modulo", "dividend: number, divisor: number -> number")
def modulo(dividend: FeelNumber, divisor: FeelNumber) -> FeelNumber:
    """``dividend - divisor * floor(dividend / divisor)``: the sign is that of the divisor."""
    if divisor == 0:
        message = "Expected a divisor other than 0, but found 0"
        raise Refused(message, "arithmetic")
    if isinstance(dividend, int) and isinstance(divisor, int):
        return shortened(dividend % divisor)
    remainder = DECIMAL128.remainder(dividend, divisor)
    if remainder and (remainder < 0) != (divisor < 0):
        return DECIMAL128.add(remainder, divisor)
    return remainder if remainder else remainder.copy_abs()


@LIBRARY.add("sqrt", "number: number -> number")
def square_root(number: FeelNumber) -> FeelNumber:
    """Of numbers from 0 on."""
    return _within(DECIMAL128.sqrt, number, number >= 0, "a number of at least 0")


@LIBRARY.add("log", "number: number -> number")
def logarithm(number: FeelNumber) -> FeelNumber:
    """Natural logarithm of numbers above 0."""
    return _within(DECIMAL128.ln, number, number > 0, "a number above 0")


@LIBRARY.add("exp", "number: number -> number")
def exponential(number: FeelNumber) -> FeelNumber:
    """E to the power of a number."""
    return DECIMAL128.exp(number)


def _within(function: Callable[[FeelNumber], Decimal], number: FeelNumber, valid: bool, expected: str) -> FeelNumber:
    if not valid:
        message = f"Expected {expected}, but found {number}"
        raise Refused(message, "arithmetic")
    return function(number)


@LIBRARY.add("odd", "number: number -> boolean")
def odd(number: FeelNumber) -> bool:
    """Of whole numbers."""
    return _is_odd(number)


@LIBRARY.add("even", "number: number -> boolean")
def even(number: FeelNumber) -> bool:
    """Of whole numbers."""
    return not _is_odd(number)


def _is_odd(number: FeelNumber) -> bool:
    if isinstance(number, Decimal) and number != number.to_integral_value():
        message = f"Expected a whole number, but found {number}"
        raise Refused(message)
    integer = whole(number)
    return integer is not None and integer % 2 == 1

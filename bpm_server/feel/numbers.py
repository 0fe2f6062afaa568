"""Numbers: ``int`` where exact and short, ``Decimal`` in decimal128 otherwise (DMN 1.5, 10.3.2.3.1).

Arithmetic goes through the methods of one context, never through the thread's current one, so that nothing
outside can change precision or rounding. No float ever enters.
"""

from __future__ import annotations

from decimal import (
    ROUND_CEILING,
    ROUND_DOWN,
    ROUND_FLOOR,
    ROUND_HALF_DOWN,
    ROUND_HALF_EVEN,
    ROUND_HALF_UP,
    ROUND_UP,
    Context,
    Decimal,
    DivisionByZero,
    InvalidOperation,
    Overflow,
    Underflow,
)
from typing import Final

PRECISION: Final = 34
DECIMAL128: Final = Context(
    prec=PRECISION,
    rounding=ROUND_HALF_EVEN,
    Emin=-6143,
    Emax=6144,
    clamp=1,
    traps=[DivisionByZero, InvalidOperation, Overflow, Underflow],
)
"""Overflow and loss to underflow raise ``decimal.DecimalException``, which FEEL turns into null."""

INTEGER_LIMIT: Final = 10**PRECISION
"""Integers below this size are exact in decimal128."""

MIN_SCALE: Final = -6111
MAX_SCALE: Final = 6176

ROUNDINGS: Final = {
    "half even": ROUND_HALF_EVEN,
    "floor": ROUND_FLOOR,
    "ceiling": ROUND_CEILING,
    "up": ROUND_UP,
    "down": ROUND_DOWN,
    "half up": ROUND_HALF_UP,
    "half down": ROUND_HALF_DOWN,
}

FeelNumber = int | Decimal


def is_number(value: object) -> bool:
    """Booleans are not numbers."""
    return type(value) is int or type(value) is Decimal


def parse_number(text: str) -> FeelNumber:
    """The number that digits, point and exponent stand for, rounded to 34 digits.

    Raises:
        decimal.DecimalException: outside decimal128, or not a number.
    """
    if len(text) <= PRECISION and text.isdecimal():
        return int(text)
    return DECIMAL128.create_decimal(text)


def shortened(value: int) -> FeelNumber:
    """An integer result, rounded where it needs more than 34 digits."""
    if -INTEGER_LIMIT < value < INTEGER_LIMIT:
        return value
    return DECIMAL128.create_decimal(value)


def whole(value: FeelNumber) -> int | None:
    """The integer that a number is equal to, where it is one of at most 34 digits."""
    if isinstance(value, int):
        return value
    if value.is_finite() and value.adjusted() < PRECISION and value == value.to_integral_value():
        return int(value)
    return None


def as_text(value: FeelNumber) -> str:
    """The digits without exponent, as ``string()`` gives them; trailing zeros stay."""
    if type(value) is int:
        return str(value)
    text = format(value, "f")
    return text[1:] if text.startswith("-") and not value else text

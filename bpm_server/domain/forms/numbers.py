"""Numbers as the form viewer reads and writes them: JavaScript's texts, but exact decimals."""

from __future__ import annotations

import re
from decimal import Context, Decimal
from typing import Any, Final

MAX_EXPONENT: Final = 400
"""Larger and smaller numbers (JavaScript ends at 1e308) are none: arithmetic with them could take for ever."""
EXACT: Final = Context(prec=4 * MAX_EXPONENT, Emin=-999_999, Emax=999_999, traps=[])
MAX_BITS: Final = 1400

WHITESPACE: Final = (
    "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f"
    "\u3000\ufeff"
)
"""What JavaScript's ``trim()`` takes away."""

_PLAIN = re.compile(r"-?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,4})?", re.ASCII | re.IGNORECASE)
_SIGNED = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,4})?", re.ASCII | re.IGNORECASE)
_RADIX = re.compile(r"0(x[0-9a-f]+|o[0-7]+|b[01]+)", re.ASCII | re.IGNORECASE)


def is_number(value: object) -> bool:
    """A finite number of reasonable size; booleans are none."""
    if type(value) is int:
        return -(10**15) < value < 10**15 or value.bit_length() <= MAX_BITS
    if type(value) is Decimal:
        return (
            value.is_finite() and abs(value.adjusted()) <= MAX_EXPONENT and len(value.as_tuple().digits) <= MAX_EXPONENT
        )
    return False


def decimal_of(value: Any) -> Decimal | None:
    """The decimal that a number or its text stands for; None where the viewer's decimal library would refuse it."""
    if type(value) is int or type(value) is Decimal:
        return Decimal(value) if is_number(value) else None
    if type(value) is str and len(value) <= MAX_EXPONENT and _PLAIN.fullmatch(value):
        found = Decimal(value)
        return found if is_number(found) else None
    return None


def read_number(text: str) -> int | Decimal | None:
    """What ``Number(text)`` is: white space around is ignored, nothing is 0; None for NaN and Infinity."""
    plain = text.strip(WHITESPACE)
    if not plain:
        return 0
    if len(plain) > MAX_EXPONENT:
        return None
    if _RADIX.fullmatch(plain):
        return int(plain, 0)
    if not _SIGNED.fullmatch(plain):
        return None
    return shortest(Decimal(plain))


def shortest(value: Decimal) -> int | Decimal | None:
    """The same number, as an ``int`` where it is whole; None where it is no reasonable number."""
    if not is_number(value):
        return None
    if value == value.to_integral_value(context=EXACT):
        return int(value)
    return value


def text_of(value: int | Decimal) -> str:
    """``String(value)``: plain digits from 1e-7 to 1e21, with an exponent beyond."""
    if type(value) is int and -(10**21) < value < 10**21:
        return str(value)
    sign, digits, exponent = Decimal(value).as_tuple()
    if not isinstance(exponent, int):
        return "NaN"
    text = "".join(map(str, digits)).lstrip("0")
    exponent += len(text) - len(text.rstrip("0"))
    text = text.rstrip("0")
    if not text:
        return "0"
    point = len(text) + exponent
    if len(text) <= point <= 21:
        shown = text + "0" * (point - len(text))
    elif 0 < point <= 21:
        shown = f"{text[:point]}.{text[point:]}"
    elif -6 < point <= 0:
        shown = f"0.{'0' * -point}{text}"
    else:
        mantissa = text[0] + (f".{text[1:]}" if len(text) > 1 else "")
        shown = f"{mantissa}e{'+' if point > 0 else '-'}{abs(point - 1)}"
    return f"-{shown}" if sign else shown


def bound(value: Any) -> Decimal | None:
    """A length that a text is compared with, as JavaScript converts it; None where every comparison fails."""
    if type(value) is bool:
        return Decimal(value)
    if type(value) is str:
        found = read_number(value)
        return None if found is None else Decimal(found)
    return decimal_of(value)


def decimals(value: Decimal) -> int:
    """How many digits it has after the point."""
    exponent = value.normalize(EXACT).as_tuple().exponent
    return -exponent if isinstance(exponent, int) and exponent < 0 else 0


def neighbours(value: Decimal, step: Decimal) -> tuple[Decimal, Decimal] | None:
    """The multiples of ``step`` before and after (cut towards zero); None where the value is one itself."""
    quotient = EXACT.divide(value, step)
    whole = EXACT.multiply(quotient.to_integral_value("ROUND_DOWN", EXACT), step)
    if whole == value:
        return None
    return whole, EXACT.add(whole, step)

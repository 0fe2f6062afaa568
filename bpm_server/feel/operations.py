"""Operators at run time (DMN 1.5, 10.3.2.15). Each takes the running evaluation and the place of the operator.

Results that are null because of an error are recorded in the evaluation, never raised.
"""

from __future__ import annotations

from decimal import Decimal, DecimalException
from operator import ge as _ge
from operator import gt as _gt
from operator import le as _le
from operator import lt as _lt
from typing import TYPE_CHECKING, Final

from bpm_server.feel.errors import Place, Source
from bpm_server.feel.numbers import DECIMAL128, is_number, shortened, whole
from bpm_server.feel.temporal import arithmetic as temporal
from bpm_server.feel.temporal.values import (
    NANOS_PER_SECOND,
    Date,
    DateTime,
    DaysDuration,
    MonthsDuration,
    Time,
)
from bpm_server.feel.values import FeelFunction, Range, Value, described, kind_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from bpm_server.feel.evaluation import Run

_TEMPORAL: Final = frozenset({Date, Time, DateTime, DaysDuration, MonthsDuration})
_DURATIONS: Final = frozenset({DaysDuration, MonthsDuration})
_NOWHERE: Final = Place(Source("", "a comparison"), 0, 0)
_MAX_EXPONENT: Final = 999_999_999


# ---------------------------------------------------------------------- arithmetic


def add(run: Run, place: Place, left: Value, right: Value) -> Value:
    """``left + right``"""
    if type(left) is int and type(right) is int:
        return shortened(left + right)
    try:
        if is_number(left) and is_number(right):
            return DECIMAL128.add(left, right)
        if type(left) is str and type(right) is str:
            run.check_size(place, len(left) + len(right))
            run.charge_for(place, left)
            return left + right
        if type(left) in _TEMPORAL and type(right) in _TEMPORAL:
            result = temporal.add(left, right)
            if result is not None:
                return result
    except (DecimalException, OverflowError):
        _out_of_range(run, place, "sum")
        return None
    _mismatch(run, place, "+", left, right)
    return None


def subtract(run: Run, place: Place, left: Value, right: Value) -> Value:
    """``left - right``"""
    if type(left) is int and type(right) is int:
        return shortened(left - right)
    try:
        if is_number(left) and is_number(right):
            return DECIMAL128.subtract(left, right)
        if type(left) in _TEMPORAL and type(right) in _TEMPORAL:
            result = temporal.subtract(left, right)
            if result is not None:
                return result
    except (DecimalException, OverflowError):
        _out_of_range(run, place, "difference")
        return None
    _mismatch(run, place, "-", left, right)
    return None


def multiply(run: Run, place: Place, left: Value, right: Value) -> Value:
    """``left * right``"""
    if type(left) is int and type(right) is int:
        return shortened(left * right)
    try:
        if is_number(left):
            if is_number(right):
                return DECIMAL128.multiply(left, right)
            if type(right) in _DURATIONS:
                return temporal.multiply(right, left)
        elif type(left) in _DURATIONS and is_number(right):
            return temporal.multiply(left, right)
    except (DecimalException, OverflowError):
        _out_of_range(run, place, "product")
        return None
    _mismatch(run, place, "*", left, right)
    return None


def divide(run: Run, place: Place, left: Value, right: Value) -> Value:
    """``left / right``"""
    try:
        if is_number(right):
            if right == 0:
                run.fail(place, "arithmetic", "Expected a divisor other than 0, but found 0")
                return None
            if is_number(left):
                return DECIMAL128.divide(left, right)
            if type(left) in _DURATIONS:
                return temporal.divide(left, right)
        if type(left) is DaysDuration and type(right) is DaysDuration:
            return _ratio(run, place, left.nanos, right.nanos)
        if type(left) is MonthsDuration and type(right) is MonthsDuration:
            return _ratio(run, place, left.months, right.months)
    except (DecimalException, OverflowError):
        _out_of_range(run, place, "quotient")
        return None
    _mismatch(run, place, "/", left, right)
    return None


def _ratio(run: Run, place: Place, left: int, right: int) -> Value:
    if right == 0:
        run.fail(place, "arithmetic", "Expected a duration other than zero to divide by, but found zero")
        return None
    return DECIMAL128.divide(left, right)


def power(run: Run, place: Place, left: Value, right: Value) -> Value:
    """``left ** right``"""
    if not (is_number(left) and is_number(right)):
        _mismatch(run, place, "**", left, right)
        return None
    if not -_MAX_EXPONENT <= right <= _MAX_EXPONENT:
        run.fail(place, "arithmetic", "Expected an exponent of at most 999999999, but found {}", described(right))
        return None
    if right == 0:
        return 1
    if left == 0 and right < 0:
        run.fail(place, "arithmetic", "Expected a base other than 0 for a negative exponent, but found 0")
        return None
    try:
        result = DECIMAL128.power(left, right)
        return result if whole(right) is not None else result.normalize(DECIMAL128)
    except (DecimalException, OverflowError):
        _out_of_range(run, place, "power")
        return None


def negate(run: Run, place: Place, value: Value) -> Value:
    """``-value``"""
    if type(value) is int:
        return -value
    if type(value) is Decimal:
        return value.copy_negate() if value else value
    if type(value) in _DURATIONS:
        return temporal.negate(value)
    run.fail(place, "type", "Expected a number or duration to negate, but found {}", described(value))
    return None


def _out_of_range(run: Run, place: Place, what: str) -> None:
    run.fail(place, "arithmetic", f"Expected a {what} within the range of FEEL, but it is not")


def _mismatch(run: Run, place: Place, operator: str, left: Value, right: Value) -> None:
    run.fail(
        place,
        "type",
        "Expected operands that go together with '{}', but found {} and {}",
        operator,
        described(left),
        described(right),
    )


# ---------------------------------------------------------------------- equality


def same(run: Run, left: Value, right: Value) -> bool:
    """Whether ``left = right`` is true."""
    return equality(run, left, right) is True


def equality(run: Run, left: Value, right: Value) -> bool | None:
    """``left = right`` without a diagnostic; None where the kinds differ (Tables 52 and 53)."""
    if left is None or right is None:
        return left is right
    left_type, right_type = type(left), type(right)
    if left_type is not right_type:
        if is_number(left) and is_number(right):
            return bool(left == right)
        if left_type in _TEMPORAL and right_type in _TEMPORAL:
            return _temporal_equality(run, left, right)
        if isinstance(left, FeelFunction) and isinstance(right, FeelFunction):
            return False
        return None
    run.charge_for(_NOWHERE, left)
    if left_type is list:
        return len(left) == len(right) and all(equality(run, a, b) is True for a, b in zip(left, right, strict=True))
    if left_type is dict:
        return left.keys() == right.keys() and all(
            equality(run, value, right[key]) is True for key, value in left.items()
        )
    if left_type is Range:
        return _range_equality(run, left, right)
    if left_type in _TEMPORAL:
        return _temporal_equality(run, left, right)
    return bool(left == right)


def _temporal_equality(run: Run, left: Value, right: Value) -> bool | None:
    keys = temporal.order_keys(left, right)
    if keys is None:
        return None
    if run.dialect.whole_seconds and type(left) in {Time, DateTime}:
        first, second = keys
        return bool(first // NANOS_PER_SECOND == second // NANOS_PER_SECOND)  # type: ignore[operator]
    return keys[0] == keys[1]


def _range_equality(run: Run, left: Range, right: Range) -> bool:
    return (
        left.operator == right.operator
        and left.low_included == right.low_included
        and left.high_included == right.high_included
        and same(run, left.low, right.low)
        and same(run, left.high, right.high)
    )


def equal(run: Run, place: Place, left: Value, right: Value) -> bool | None:
    """``left = right``"""
    result = equality(run, left, right)
    if result is None:
        _incomparable(run, place, "=", left, right)
    return result


def unequal(run: Run, place: Place, left: Value, right: Value) -> bool | None:
    """``left != right``"""
    result = equality(run, left, right)
    if result is None:
        _incomparable(run, place, "!=", left, right)
        return None
    return not result


def _incomparable(run: Run, place: Place, operator: str, left: Value, right: Value) -> None:
    run.fail(
        place,
        "type",
        "Expected two values of the same kind to compare with '{}', but found {} and {}",
        operator,
        described(left),
        described(right),
    )


# ---------------------------------------------------------------------- order


def _ordered(
    run: Run, place: Place, operator: str, compare: Callable[[Value, Value], bool], left: Value, right: Value
) -> bool | None:
    left_type, right_type = type(left), type(right)
    if is_number(left) and is_number(right):
        return compare(left, right)
    if left_type is str and right_type is str:
        run.charge_for(place, left)
        return compare(left, right)
    if left_type in _TEMPORAL and right_type in _TEMPORAL:
        keys = temporal.order_keys(left, right)
        if keys is not None:
            return compare(*keys)
    _incomparable(run, place, operator, left, right)
    return None


def less(run: Run, place: Place, left: Value, right: Value) -> bool | None:
    """``left < right``"""
    return _ordered(run, place, "<", _lt, left, right)


def less_or_equal(run: Run, place: Place, left: Value, right: Value) -> bool | None:
    """``left <= right``"""
    return _ordered(run, place, "<=", _le, left, right)


def greater(run: Run, place: Place, left: Value, right: Value) -> bool | None:
    """``left > right``"""
    return _ordered(run, place, ">", _gt, left, right)


def greater_or_equal(run: Run, place: Place, left: Value, right: Value) -> bool | None:
    """``left >= right``"""
    return _ordered(run, place, ">=", _ge, left, right)


def orderable(left: Value, right: Value) -> bool:
    """Whether two values have an order."""
    if is_number(left) or type(left) is str:
        return kind_of(left) == kind_of(right)
    both_temporal = type(left) in _TEMPORAL and type(right) in _TEMPORAL
    return both_temporal and temporal.order_keys(left, right) is not None


def precedes(left: Value, right: Value) -> bool:
    """``left < right`` for two values that are :func:`orderable`."""
    if type(left) in _TEMPORAL:
        keys = temporal.order_keys(left, right)
        return keys is not None and bool(keys[0] < keys[1])  # type: ignore[operator]
    return bool(left < right)


# ---------------------------------------------------------------------- logic


def otherwise(run: Run, place: Place, value: Value) -> None:
    """What ``and``, ``or`` and ``not`` make of a value that is neither true nor false."""
    if value is not None:
        run.fail(place, "type", "Expected true or false, but found {}", described(value))


def between(run: Run, place: Place, value: Value, low: Value, high: Value) -> bool | None:
    """``value between low and high``: ``value >= low and value <= high``"""
    above = greater_or_equal(run, place, value, low)
    if above is False:
        return False
    below = less_or_equal(run, place, value, high)
    if below is False:
        return False
    return True if above and below else None

"""Ranges and tests at run time: ``[a..b]``, ``< a``, ``in`` and the cells of decision tables (Table 55)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpm_server.feel import operations
from bpm_server.feel.values import Range, Value, described

if TYPE_CHECKING:
    from bpm_server.feel.errors import Place
    from bpm_server.feel.evaluation import Run
    from bpm_server.feel.nodes import ComparisonOperator

_COMPARE = {
    "<": operations.less,
    "<=": operations.less_or_equal,
    ">": operations.greater,
    ">=": operations.greater_or_equal,
    "=": operations.equal,
    "!=": operations.unequal,
}


def interval(run: Run, place: Place, low: Value, high: Value, low_included: bool, high_included: bool) -> Range | None:
    """``[low..high]``; null where the ends have no order or are the wrong way round."""
    if low is not None and high is not None:
        if not operations.orderable(low, high):
            run.fail(
                place,
                "range",
                "Expected two ends of a kind that has an order, but found {} and {}",
                described(low),
                described(high),
            )
            return None
        if operations.precedes(high, low):
            run.fail(
                place,
                "range",
                "Expected a start that is not after the end, but found {} and {}",
                described(low),
                described(high),
            )
            return None
    return Range(low, high, low_included, high_included)


def test_range(operator: ComparisonOperator, endpoint: Value) -> Range:
    """``< endpoint`` as a value."""
    return Range.from_test(operator, endpoint)


def contains(run: Run, place: Place, range_: Range, point: Value) -> bool | None:
    """``point in range``"""
    if range_.operator is not None:
        endpoint = range_.high if range_.low is None else range_.low
        return _COMPARE[range_.operator](run, place, point, endpoint)
    above = operations.greater_or_equal if range_.low_included else operations.greater
    below = operations.less_or_equal if range_.high_included else operations.less
    after_start = above(run, place, point, range_.low)
    if after_start is False and range_.high is not None:
        return False
    before_end = below(run, place, point, range_.high)
    if after_start is None or before_end is None:
        return None
    return after_start and before_end


def in_test(run: Run, place: Place, value: Value, test: Value) -> bool | None:
    """``value in test`` where the test does not look at ``?``."""
    if type(test) is Range:
        if type(value) is Range:
            return operations.equality(run, value, test)
        return contains(run, place, test, value)
    if type(test) is list:
        return _in_list(run, place, value, test)
    if type(test) is bool and run.dialect.boolean_tests and type(value) is not bool and value is not None:
        return test
    return operations.equal(run, place, value, test)


def _in_list(run: Run, place: Place, value: Value, tests: list[Value]) -> bool:
    limit = run.mute()
    try:
        for test in tests:
            if type(test) is Range and type(value) is not Range:
                if contains(run, place, test, value) is True:
                    return True
            elif operations.equality(run, value, test) is True:
                return True
        return type(value) is list and operations.equality(run, value, tests) is True
    finally:
        run.unmute(limit)


def looked_at(run: Run, place: Place, result: Value, value: Value) -> bool | None:
    """What a test that looks at ``?`` says: it is true or false itself, or a value to compare with."""
    if result is None or type(result) is bool:
        return result
    return in_test(run, place, value, result)

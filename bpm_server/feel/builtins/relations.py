"""How points and ranges lie to each other (DMN 1.5, Table 78)."""

from __future__ import annotations

from bpm_server.feel import operations
from bpm_server.feel.builtins.registry import Library
from bpm_server.feel.errors import Refused
from bpm_server.feel.values import Range, Value, described

LIBRARY = Library()


class _End:
    """One end of a range, or a point as both ends of a range that is only itself."""

    __slots__ = ("included", "undefined", "value")

    def __init__(self, value: Value, included: bool, undefined: bool = False) -> None:
        self.value = value
        self.included = included
        self.undefined = undefined


def _low(value: Value) -> _End:
    if isinstance(value, Range):
        return _End(value.low, value.low_included, value.low is None)
    return _End(value, True)


def _high(value: Value) -> _End:
    if isinstance(value, Range):
        return _End(value.high, value.high_included, value.high is None)
    return _End(value, True)


def _order(left: Value, right: Value) -> int:
    """-1, 0 or 1 for two defined end values."""
    if not operations.orderable(left, right):
        message = f"Expected values that have an order, but found {described(left)} and {described(right)}"
        raise Refused(message, "type")
    if operations.precedes(left, right):
        return -1
    return int(operations.precedes(right, left))


def _compare_lows(left: _End, right: _End) -> int:
    """Which range starts earlier; an undefined start is before all others, an included one before an open."""
    if left.undefined or right.undefined:
        return right.undefined - left.undefined
    order = _order(left.value, right.value)
    return order or right.included - left.included


def _compare_highs(left: _End, right: _End) -> int:
    """Which range ends earlier; an undefined end is after all others, an included one after an open."""
    if left.undefined or right.undefined:
        return left.undefined - right.undefined
    order = _order(left.value, right.value)
    return order or left.included - right.included


def _ends_before(high: _End, low: _End) -> bool:
    """Whether a range that ends at one end has no point in common with one that starts at the other."""
    if high.undefined or low.undefined:
        return False
    order = _order(high.value, low.value)
    return order < 0 or (order == 0 and not (high.included and low.included))


def _same_end(left: _End, right: _End) -> bool:
    return (
        not left.undefined
        and not right.undefined
        and left.included == right.included
        and _order(left.value, right.value) == 0
    )


@LIBRARY.add("before", "range: range, point: any -> boolean")
@LIBRARY.add("before", "point: any, range: range -> boolean")
@LIBRARY.add("before", "point1/range1: any, point2/range2: any -> boolean")
def before(left: Value, right: Value) -> bool:
    """The first is over before the second begins."""
    _refuse_null(left, right)
    if not isinstance(left, Range) and not isinstance(right, Range):
        return _order(left, right) < 0
    return _ends_before(_high(left), _low(right))


@LIBRARY.add("after", "range: range, point: any -> boolean")
@LIBRARY.add("after", "point: any, range: range -> boolean")
@LIBRARY.add("after", "point1/range1: any, point2/range2: any -> boolean")
def after(left: Value, right: Value) -> bool:
    """The first begins after the second is over."""
    return before(right, left)


@LIBRARY.add("meets", "range1: range, range2: range -> boolean")
def meets(left: Range, right: Range) -> bool:
    """The first ends at the included point where the second starts."""
    high, low = _high(left), _low(right)
    return high.included and low.included and _same_end(high, low)


@LIBRARY.add("met by", "range1: range, range2: range -> boolean")
def met_by(left: Range, right: Range) -> bool:
    """The reverse of ``meets``."""
    return meets(right, left)


@LIBRARY.add("overlaps", "range1: range, range2: range -> boolean")
def overlaps(left: Range, right: Range) -> bool:
    """They have points in common."""
    return not _ends_before(_high(left), _low(right)) and not _ends_before(_high(right), _low(left))


@LIBRARY.add("overlaps before", "range1: range, range2: range -> boolean")
def overlaps_before(left: Range, right: Range) -> bool:
    """The first starts earlier, ends no later, and they have points in common."""
    return (
        _compare_lows(_low(left), _low(right)) < 0
        and not _ends_before(_high(left), _low(right))
        and _compare_highs(_high(left), _high(right)) <= 0
    )


@LIBRARY.add("overlaps after", "range1: range, range2: range -> boolean")
def overlaps_after(left: Range, right: Range) -> bool:
    """The reverse of ``overlaps before``."""
    return overlaps_before(right, left)


@LIBRARY.add("finishes", "point/range1: any, range/range2: range -> boolean")
def finishes(left: Value, right: Range) -> bool:
    """They end together, and the first starts no earlier."""
    _refuse_null(left, right)
    if not isinstance(left, Range):
        high = _high(right)
        return high.included and not high.undefined and _order(left, high.value) == 0
    return _same_end(_high(left), _high(right)) and _compare_lows(_low(left), _low(right)) >= 0


@LIBRARY.add("finished by", "range/range1: range, point/range2: any -> boolean")
def finished_by(left: Range, right: Value) -> bool:
    """The reverse of ``finishes``."""
    return finishes(right, left)


@LIBRARY.add("includes", "range/range1: range, point/range2: any -> boolean")
def includes(left: Range, right: Value) -> bool:
    """The second lies within the first."""
    _refuse_null(left, right)
    starts_no_later = _compare_lows(_low(left), _low(right)) <= 0
    ends_no_earlier = _compare_highs(_high(left), _high(right)) >= 0
    return starts_no_later and ends_no_earlier


@LIBRARY.add("during", "point/range1: any, range/range2: range -> boolean")
def during(left: Value, right: Range) -> bool:
    """The reverse of ``includes``."""
    return includes(right, left)


@LIBRARY.add("starts", "point/range1: any, range/range2: range -> boolean")
def starts(left: Value, right: Range) -> bool:
    """They start together, and the first ends no later."""
    _refuse_null(left, right)
    if not isinstance(left, Range):
        low = _low(right)
        return low.included and not low.undefined and _order(left, low.value) == 0
    return _same_end(_low(left), _low(right)) and _compare_highs(_high(left), _high(right)) <= 0


@LIBRARY.add("started by", "range/range1: range, point/range2: any -> boolean")
def started_by(left: Range, right: Value) -> bool:
    """The reverse of ``starts``."""
    return starts(right, left)


@LIBRARY.add("coincides", "point1/range1: any, point2/range2: any -> boolean")
def coincides(left: Value, right: Value) -> bool:
    """The same point, or the same range."""
    _refuse_null(left, right)
    if isinstance(left, Range) != isinstance(right, Range):
        message = f"Expected two points or two ranges, but found {described(left)} and {described(right)}"
        raise Refused(message, "type")
    if not isinstance(left, Range):
        return _order(left, right) == 0
    return _compare_lows(_low(left), _low(right)) == 0 and _compare_highs(_high(left), _high(right)) == 0


def _refuse_null(*values: Value) -> None:
    if None in values:
        message = "Expected points and ranges, but found null"
        raise Refused(message, "type")

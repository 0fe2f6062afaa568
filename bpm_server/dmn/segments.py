"""Segments of ordered values: union, intersection, cover. They are what cells of decision tables say."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Literal

from bpm_server.feel.temporal.values import Date

Group = Literal["number", "string", "boolean", "date"]
Edge = tuple[int, Any, int]
"""A place between values: (0, key, 0) just before a value, (0, key, 1) just after it; see ``_BEFORE_ALL``."""
_BEFORE_ALL: Final[Edge] = (-1, None, 0)
_AFTER_ALL: Final[Edge] = (1, None, 0)

GROUPS: Final[dict[type, Group]] = {
    int: "number",
    Decimal: "number",
    str: "string",
    bool: "boolean",
    Date: "date",
}
"""Kinds of values that cells can be compared by."""


def sort_key(value: Any) -> Any:
    """What values of one group are ordered by."""
    return (value.year, value.month, value.day) if type(value) is Date else value


@dataclass(frozen=True, slots=True)
class Segment:
    """Values of one group from one end to another; None is no end.

    Attributes:
        low: Sort key of the start.
        high: Sort key of the end.
    """

    group: Group
    low: Any
    high: Any
    low_included: bool
    high_included: bool

    @property
    def is_point(self) -> bool:
        """A single value."""
        return self.low is not None and bool(self.low == self.high)

    @property
    def start(self) -> Edge:
        """Where it starts among all values of its group."""
        return _BEFORE_ALL if self.low is None else (0, self.low, 0 if self.low_included else 1)

    @property
    def end(self) -> Edge:
        """Where it ends among all values of its group."""
        return _AFTER_ALL if self.high is None else (0, self.high, 1 if self.high_included else 0)

    def __str__(self) -> str:
        if self.is_point:
            return literal_text(self.group, self.low)
        if self.low is None:
            return f"{'<=' if self.high_included else '<'} {literal_text(self.group, self.high)}"
        if self.high is None:
            return f"{'>=' if self.low_included else '>'} {literal_text(self.group, self.low)}"
        opening, closing = "[" if self.low_included else "(", "]" if self.high_included else ")"
        ends = f"{literal_text(self.group, self.low)}..{literal_text(self.group, self.high)}"
        return f"{opening}{ends}{closing}"


def literal_text(group: Group, key: Any) -> str:
    """A key as a literal of FEEL."""
    match group:
        case "string":
            return '"' + str(key).replace("\\", "\\\\").replace('"', '\\"') + '"'
        case "boolean":
            return "true" if key else "false"
        case "date":
            return f'date("{Date(*key)}")'
    return format(key, "f") if isinstance(key, Decimal) else str(key)


def everything(group: Group) -> Segment:
    """All values of a group."""
    return Segment(group, None, None, False, False)


def intersection(left: Segment, right: Segment) -> Segment | None:
    """The values in both."""
    if left.group != right.group:
        return None
    first = max(left, right, key=lambda each: each.start)
    last = min(left, right, key=lambda each: each.end)
    found = Segment(left.group, first.low, last.high, first.low_included, last.high_included)
    return found if found.start < found.end else None


def merged(segments: list[Segment]) -> list[Segment]:
    """The same values as segments in their order that neither overlap nor touch; all of one group."""
    if len(segments) < 2:
        return segments
    result: list[Segment] = []
    for segment in sorted(segments, key=lambda each: each.start):
        last = result[-1] if result else None
        if last is None or last.end < segment.start:
            result.append(segment)
        elif last.end < segment.end:
            joined = Segment(last.group, last.low, segment.high, last.low_included, segment.high_included)
            result[-1] = joined
    return result


def complement(segments: list[Segment], group: Group) -> list[Segment]:
    """The values of a group that are in none of the segments."""
    rest = []
    low, low_included = None, False
    for segment in merged(segments):
        if segment.low is not None:
            gap = Segment(group, low, segment.low, low_included, not segment.low_included)
            if gap.start < gap.end:
                rest.append(gap)
        if segment.high is None:
            return rest
        low, low_included = segment.high, not segment.high_included
    rest.append(Segment(group, low, None, low_included, False))
    return rest

"""Which rules of a column pass a value, without testing each of them.

A set of rules is an ``int`` with one bit per rule. Cells that are literals, comparisons with literals,
intervals of literals, or lists and negations of these go into the index; of all others the column only knows
that they have to be asked.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any, Final

from bpm_server.dmn.segments import GROUPS, Group, Segment, merged, sort_key
from bpm_server.feel import nodes
from bpm_server.feel.temporal.text import parse_at_literal, parse_date
from bpm_server.feel.temporal.values import Date

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_CHECKPOINT: Final = 16
"""Boundaries between two stored sets: storage against look-up time."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell that the index understands.

    Attributes:
        segments: What passes, or does not.
        lists: Lists that pass as a whole.
    """

    segments: tuple[Segment, ...]
    negated: bool = False
    passes_null: bool = False
    lists: tuple[list[Any], ...] = ()


ANY_CELL: Final = Cell(())
"""``-``: every value passes."""


# ---------------------------------------------------------------------- reading cells


def read_cell(node: nodes.Node) -> Cell | None:
    """What a cell says, where it says it with literals only."""
    if isinstance(node, nodes.AnyValue):
        return ANY_CELL
    if not isinstance(node, nodes.UnaryTests):
        return None
    segments: list[Segment] = []
    for test in node.tests:
        read = _segments(test)
        if read is None:
            return None
        segments.extend(read)
    if node.negated and not _is_negatable(node, segments):
        return None
    lists = tuple([literal(item) for item in test.items] for test in node.tests if isinstance(test, nodes.ListOf))
    return Cell(tuple(segments), node.negated, _passes_null(node), lists) if segments else None


def _is_negatable(node: nodes.UnaryTests, segments: list[Segment]) -> bool:
    """Whether all values of one group, and no others, either pass or do not: values that differ in kind are null."""
    groups = {segment.group for segment in segments}
    return len(groups) == 1 and "boolean" not in groups and not any(isinstance(t, nodes.ListOf) for t in node.tests)


def _passes_null(node: nodes.UnaryTests) -> bool:
    """``!= 5`` and ``not(5)`` pass null, because it is not 5; null has no place in an order."""
    if not node.negated:
        return any(isinstance(test, nodes.Test) and test.operator == "!=" for test in node.tests)
    return not any(isinstance(test, nodes.Interval) or _is_ordering(test) for test in node.tests)


def _is_ordering(test: nodes.Node) -> bool:
    return isinstance(test, nodes.Test) and test.operator != "="


def _segments(node: nodes.Node) -> list[Segment] | None:
    match node:
        case nodes.Test(operator, endpoint):
            value = literal(endpoint)
            return None if value is None else _compared(operator, value)
        case nodes.Interval(low, high):
            return _between(node, literal(low), literal(high))
        case nodes.ListOf(items):
            values = [literal(item) for item in items]
            if not values or any(value is None or isinstance(value, bool) for value in values):
                return None
            return [point(value) for value in values]
    value = literal(node)
    return None if value is None else [point(value)]


def literal(node: nodes.Node) -> Any:
    """The value of a literal that has a group; None of anything else."""
    match node:
        case nodes.Number(value) | nodes.String(value) | nodes.Boolean(value):
            return value
        case nodes.Negation(nodes.Number(value)):
            return -value if isinstance(value, int) else value.copy_negate()
        case nodes.At(text):
            moment = parse_at_literal(text)
            return moment if isinstance(moment, Date) else None
        case nodes.Call(nodes.Name("date"), (nodes.String(text),), None):
            return parse_date(text)
    return None


def point(value: Any) -> Segment:
    """The segment of one value that has a group."""
    key = sort_key(value)
    return Segment(GROUPS[type(value)], key, key, True, True)


def _compared(operator: str, value: Any) -> list[Segment] | None:
    group, key = GROUPS[type(value)], sort_key(value)
    if group == "boolean":
        return None
    match operator:
        case "<" | "<=":
            return [Segment(group, None, key, False, operator == "<=")]
        case ">" | ">=":
            return [Segment(group, key, None, operator == ">=", False)]
        case "=":
            return [Segment(group, key, key, True, True)]
    return [Segment(group, None, key, False, False), Segment(group, key, None, False, False)]


def _between(node: nodes.Interval, low: Any, high: Any) -> list[Segment] | None:
    if low is None or high is None:
        return None
    group = GROUPS[type(low)]
    if group != GROUPS[type(high)] or group == "boolean" or sort_key(low) > sort_key(high):
        return None
    segment = Segment(group, sort_key(low), sort_key(high), node.low_included, node.high_included)
    return [segment] if segment.start < segment.end else None


# ---------------------------------------------------------------------- looking up


@dataclass(slots=True)
class _Boundaries:
    """Open-ended and closed segments of one group: the set of rules changes at sorted boundaries.

    A boundary is (key, 0) just before a value or (key, 1) just after it.
    """

    keys: list[tuple[Any, int]] = field(default_factory=list)
    changes: list[int] = field(default_factory=list)
    checkpoints: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, found: Iterable[tuple[Segment, int]]) -> _Boundaries:
        """Builds the boundaries of segments with the bit of their rule."""
        changes: dict[tuple[Any, int], int] = {}
        start = 0
        for segment, bit in found:
            if segment.low is None:
                start ^= bit
            else:
                edge = (segment.low, 0 if segment.low_included else 1)
                changes[edge] = changes.get(edge, 0) ^ bit
            if segment.high is not None:
                edge = (segment.high, 1 if segment.high_included else 0)
                changes[edge] = changes.get(edge, 0) ^ bit
        keys = sorted(changes)
        self = cls(keys, [changes[key] for key in keys])
        current = start
        for position, change in enumerate(self.changes):
            if position % _CHECKPOINT == 0:
                self.checkpoints.append(current)
            current ^= change
        self.checkpoints.append(current)
        return self

    def at(self, key: Any) -> int:
        """The rules whose segments contain a value."""
        passed = bisect_left(self.keys, (key, 1))
        checkpoint = passed // _CHECKPOINT
        current = self.checkpoints[checkpoint]
        for change in self.changes[checkpoint * _CHECKPOINT : passed]:
            current ^= change
        return current


@dataclass(slots=True)
class _GroupIndex:
    """Cells of one group of values."""

    points: dict[Any, int]
    boundaries: _Boundaries
    negated: int
    """Rules whose cell is a negation: they pass what nothing here excludes."""

    def at(self, key: Any) -> int:
        return (self.points.get(key, 0) | self.boundaries.at(key)) ^ self.negated


class ColumnIndex:
    """The cells of one input column."""

    __slots__ = ("_any", "_groups", "_lists", "_null", "_true", "asked")

    def __init__(self, cells: list[Cell | None], *, boolean_tests: bool) -> None:
        """Builds the index.

        Args:
            cells: One per rule; None for those that have to be asked.
            boolean_tests: A cell ``true`` passes any value that is not a boolean.
        """
        self._any = 0
        self._null = 0
        self._lists: list[tuple[list[Any], int]] = []
        self._true = 0
        self.asked = 0
        found: dict[Group, list[tuple[Segment, int]]] = {}
        negated: dict[Group, int] = {}
        for rule, cell in enumerate(cells):
            bit = 1 << rule
            if cell is None:
                self.asked |= bit
            elif cell is ANY_CELL:
                self._any |= bit
            else:
                self._add(cell, bit, found, negated)
                self._null |= bit if cell.passes_null else 0
                self._lists.extend((each, bit) for each in cell.lists)
                if boolean_tests and not cell.negated and any(_is_true(segment) for segment in cell.segments):
                    self._true |= bit
        self._groups = {group: _group_index(segments, negated.get(group, 0)) for group, segments in found.items()}

    @staticmethod
    def _add(cell: Cell, bit: int, found: dict[Group, list[tuple[Segment, int]]], negated: dict[Group, int]) -> None:
        by_group: dict[Group, list[Segment]] = {}
        for segment in cell.segments:
            by_group.setdefault(segment.group, []).append(segment)
        for group, segments in by_group.items():
            found.setdefault(group, []).extend((segment, bit) for segment in merged(segments))
            if cell.negated:
                negated[group] = negated.get(group, 0) | bit

    def groups(self) -> list[Group]:
        """Kinds of values that the cells are about."""
        return list(self._groups)

    def passing(self, value: Any) -> int:
        """The rules whose cells pass a value, as far as the index knows, and those that have to be asked."""
        group = GROUPS.get(type(value))
        passing = self._any | self.asked
        if value is None:
            return passing | self._null
        if group is None:
            return passing | self._true | self._passing_list(value)
        index = self._groups.get(group)
        if index is not None:
            passing |= index.at(sort_key(value))
        return passing if group == "boolean" else passing | self._true

    def _passing_list(self, value: Any) -> int:
        if type(value) is not list or bool in map(type, value):
            return 0
        return reduce(or_, (bit for each, bit in self._lists if each == value), 0)


def _is_true(segment: Segment) -> bool:
    return segment.group == "boolean" and segment.low is True


def _group_index(found: list[tuple[Segment, int]], negated: int) -> _GroupIndex:
    points: dict[Any, int] = {}
    ranges = []
    for segment, bit in found:
        if segment.is_point:
            points[segment.low] = points.get(segment.low, 0) | bit
        else:
            ranges.append((segment, bit))
    return _GroupIndex(points, _Boundaries.of(ranges), negated)


def rules_in(bits: int) -> Iterator[int]:
    """The numbers of the rules in a set, from 0, in their order."""
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest

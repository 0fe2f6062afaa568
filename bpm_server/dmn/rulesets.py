"""Which rules of a column share values with a rule, and which cover it: as sets of rules, without comparing pairs.

A set of rules is an ``int`` with one bit per rule, as in the index.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Final

from bpm_server.dmn.index import ANY_CELL, Cell
from bpm_server.dmn.segments import Edge, Group, Segment, complement, everything, intersection, merged

if TYPE_CHECKING:
    from collections.abc import Iterable


MAX_SEGMENTS: Final = 32
"""Segments of one cell that are looked at; of a cell with more nothing is known."""


def groups_of(cells: Iterable[Cell | None]) -> list[Group]:
    """The kinds of values that cells are about."""
    return sorted({segment.group for cell in cells if cell is not None for segment in cell.segments})


def values_of(cell: Cell, group: Group) -> list[Segment]:
    """The values of a group that pass a cell."""
    if cell is ANY_CELL:
        return [everything(group)]
    own = merged([segment for segment in cell.segments if segment.group == group])
    if not cell.negated:
        return own
    return complement(own, group) if own else []


def common_values(left: Cell, right: Cell) -> Segment | None:
    """Some values that pass both cells, where they are not all values."""
    for group in groups_of([left, right]):
        for first in values_of(left, group):
            for second in values_of(right, group):
                shared = intersection(first, second)
                if shared is not None:
                    return shared
    return None


class RuleSets:
    """The cells of a column, laid out so that each question is a few operations on sets.

    Of a cell that is not made of literals nothing is known: it shares nothing, covers nothing, is not covered.
    """

    def __init__(self, cells: list[Cell | None]) -> None:
        self._groups = groups_of(cells)
        self._any = 0
        self._known = 0
        self._values: list[list[Segment] | None] = []
        layers: dict[tuple[Group, int], list[tuple[Segment, int]]] = {}
        for rule, cell in enumerate(cells):
            bit = 1 << rule
            if cell is None or len(cell.segments) > MAX_SEGMENTS:
                self._values.append(None)
                continue
            self._known |= bit
            if cell is ANY_CELL:
                self._values.append(None)
                self._any |= bit
                continue
            found = [segment for group in self._groups for segment in values_of(cell, group)]
            self._values.append(found)
            for number, segment in enumerate(found):
                layers.setdefault((segment.group, number), []).append((segment, bit))
        self._layers: dict[Group, list[_Layer]] = {group: [] for group in self._groups}
        for (group, _), members in layers.items():
            self._layers[group].append(_Layer(members))

    def sharing(self, rule: int) -> int:
        """The rules with a value that passes the cell of this rule as well."""
        values = self._values[rule]
        if values is None:
            return self._known if self._any >> rule & 1 else 0
        found = self._any
        for segment in values:
            for layer in self._layers[segment.group]:
                found |= layer.sharing(segment)
        return found

    def covering(self, rule: int) -> int:
        """The rules whose cell passes every value that the cell of this rule passes."""
        values = self._values[rule]
        if values is None:
            return self._any if self._any >> rule & 1 else 0
        found = self._known
        for segment in values:
            covering = 0
            for layer in self._layers[segment.group]:
                covering |= layer.covering(segment)
            found &= covering | self._any
        return found


class _Layer:
    """One segment of each of some rules, in one group."""

    def __init__(self, members: list[tuple[Segment, int]]) -> None:
        self._starts, self._started = _prefixes((segment.start, bit) for segment, bit in members)
        self._ends, self._ended = _prefixes((segment.end, bit) for segment, bit in members)

    def sharing(self, segment: Segment) -> int:
        started = self._started[bisect_left(self._starts, segment.end)]
        return started & ~self._ended[bisect_right(self._ends, segment.start)]

    def covering(self, segment: Segment) -> int:
        started = self._started[bisect_right(self._starts, segment.start)]
        return started & ~self._ended[bisect_left(self._ends, segment.end)]


def _prefixes(found: Iterable[tuple[Edge, int]]) -> tuple[list[Edge], list[int]]:
    """The edges in their order, and for each number of them the rules that have one of these."""
    by_edge: dict[Edge, int] = {}
    for edge, bit in found:
        by_edge[edge] = by_edge.get(edge, 0) | bit
    edges = sorted(by_edge)
    sets = [0]
    for edge in edges:
        sets.append(sets[-1] | by_edge[edge])
    return edges, sets

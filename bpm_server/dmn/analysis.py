"""What can be said about a decision table before it runs: rules that overlap, never match or are missing.

Only cells that consist of literals are looked at. A cell with any other expression may match anything, so
nothing is said that depends on it. The work is bounded: of very large or very irregular tables only a part is
looked at.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bpm_server.dmn.index import ANY_CELL, Cell, rules_in
from bpm_server.dmn.rulesets import RuleSets, common_values, groups_of, values_of
from bpm_server.dmn.segments import Edge, Group, Segment, everything, literal_text

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_PAIRS: Final = 20
"""Overlapping pairs that are named."""
MAX_GAPS: Final = 5
"""Missing combinations that are named."""
MAX_STEPS: Final = 200_000
"""Steps in search of gaps."""


@dataclass(frozen=True, slots=True)
class Column:
    """An input column.

    Attributes:
        title: As the reader of the table knows it.
        cells: One per rule; None where it is not made of literals.
        allowed: The allowed values, where they are known and made of literals.
    """

    title: str
    cells: list[Cell | None]
    allowed: Cell | None


@dataclass(frozen=True, slots=True)
class Remark:
    """Something about rules (numbered from 0) of a table."""

    rule: str
    message: str
    rules: tuple[int, ...]
    certain: bool = True


# ---------------------------------------------------------------------- rules that can never match


def impossible_rules(columns: list[Column]) -> Iterator[Remark]:
    """Rules with a cell that no allowed value passes."""
    for column in columns:
        if column.allowed is None:
            continue
        for rule, cell in enumerate(column.cells):
            if cell is not None and cell is not ANY_CELL and common_values(cell, column.allowed) is None:
                message = f"Expected input '{column.title}' to allow what rule {rule + 1} asks for, but it never does"
                yield Remark("dmn-unreachable-rule", message, (rule,))


def shadowed_rules(columns: list[Column]) -> Iterator[Remark]:
    """Of a table that takes the first match: rules that an earlier one always wins over."""
    sets = [RuleSets(column.cells) for column in columns]
    for later in range(len(columns[0].cells)):
        earlier = (1 << later) - 1
        for column in sets:
            earlier &= column.covering(later)
        if earlier:
            first = next(rules_in(earlier))
            message = f"Expected rule {later + 1} to match something, but rule {first + 1} always matches before it"
            yield Remark("dmn-unreachable-rule", message, (later, first))


# ---------------------------------------------------------------------- rules that overlap


def overlapping_rules(columns: list[Column]) -> Iterator[tuple[int, int, str]]:
    """Pairs of rules that can match together, with values where they do."""
    sets = [RuleSets(column.cells) for column in columns]
    for left in range(len(columns[0].cells)):
        later = -1 << (left + 1)
        for column in sets:
            later &= column.sharing(left)
        for right in rules_in(later):
            yield left, right, _shared_values(columns, left, right)


def _shared_values(columns: list[Column], left: int, right: int) -> str:
    shared = []
    for column in columns:
        first, second = column.cells[left], column.cells[right]
        common = None if first is None or second is None else common_values(first, second)
        if common is not None:
            shared.append(f"{column.title} {_as_condition(str(common))}")
    return " and ".join(shared) or "any values"


def _as_condition(text: str) -> str:
    return text if text.startswith(("<", ">")) else f"in {text}" if text[0] in "[(" else f"= {text}"


# ---------------------------------------------------------------------- combinations without a rule


def gaps(columns: list[Column]) -> Iterator[tuple[str, bool]]:
    """Combinations of values that no rule matches, and whether they are sure to occur.

    Not sure are those with a string that no rule names, where the allowed values are not known, and those with
    a fraction between two neighbouring integers.
    """
    search = _GapSearch(columns)
    yield from search.run()


class _GapSearch:
    """One walk through the combinations of elementary values, column by column."""

    def __init__(self, columns: list[Column]) -> None:
        self._columns = columns
        self._parts = [list(_elementary(column)) for column in columns]
        self._seen: set[tuple[int, int]] = set()
        self._steps = 0
        self._found = 0

    def run(self) -> Iterator[tuple[str, bool]]:
        """All gaps, up to a limit."""
        count = len(self._columns[0].cells) if self._columns else 0
        if count:
            yield from self._walk(0, (1 << count) - 1, [], certain=True)

    def _walk(self, number: int, rules: int, path: list[str], *, certain: bool) -> Iterator[tuple[str, bool]]:
        self._steps += 1
        if self._found >= MAX_GAPS or self._steps > MAX_STEPS or (number, rules) in self._seen:
            return
        self._seen.add((number, rules))
        if not rules:
            self._found += 1
            yield " and ".join(path), certain
            return
        if number == len(self._columns):
            return
        title = self._columns[number].title
        for part in self._parts[number]:
            step = [*path, f"{title} {part.text}"] if part.text else path
            yield from self._walk(number + 1, rules & part.rules, step, certain=certain and part.certain)


@dataclass(frozen=True, slots=True)
class _Part:
    """Values of a column that are alike to all rules."""

    text: str
    rules: int
    certain: bool


def _elementary(column: Column) -> Iterator[_Part]:
    """The values of a column, parted where rules differ."""
    unknown = sum(1 << rule for rule, cell in enumerate(column.cells) if cell is None or cell is ANY_CELL)
    groups = groups_of([*column.cells, column.allowed])
    if not groups:
        yield _Part("", unknown, certain=True)
        return
    for group in groups:
        domain = [everything(group)] if column.allowed is None else values_of(column.allowed, group)
        if group == "boolean":
            domain = [Segment("boolean", value, value, True, True) for value in (False, True)]
        passing = [
            (1 << rule, values_of(cell, group))
            for rule, cell in enumerate(column.cells)
            if cell is not None and cell is not ANY_CELL
        ]
        yield from _parts_of_group(group, domain, passing, unknown)


def _parts_of_group(
    group: Group, domain: list[Segment], passing: list[tuple[int, list[Segment]]], unknown: int
) -> Iterator[_Part]:
    changes: dict[Edge, int] = {}
    for bit, segments in passing:
        for segment in segments:
            for edge in (segment.start, segment.end):
                changes[edge] = changes.get(edge, 0) ^ bit
    edges = sorted(changes)
    rules, passed = unknown, 0
    others: int | None = None
    for segment in domain:
        for piece in _pieces(segment, edges):
            while passed < len(edges) and edges[passed] <= piece.start:
                rules ^= changes[edges[passed]]
                passed += 1
            if group == "string" and not piece.is_point:
                others = rules
            else:
                yield _Part(_as_condition(str(piece)), rules, certain=not _is_fraction(piece))
    if others is not None:
        yield _Part(f"other than {_named(passing)}", others, certain=False)


def _is_fraction(piece: Segment) -> bool:
    """Numbers between two neighbouring integers: in tables about whole numbers there are none."""
    low, high = piece.low, piece.high
    if piece.group != "number" or low is None or high is None or piece.low_included or piece.high_included:
        return False
    return bool(low == int(low) and high == low + 1)


def _named(passing: list[tuple[int, list[Segment]]]) -> str:
    """The strings that rules name, the first few of them."""
    names = sorted({each.low for _, segments in passing for each in segments if each.is_point})
    shown = ", ".join(literal_text("string", each) for each in names[:4])
    return f"{shown}{', ...' if len(names) > 4 else ''}"


def _pieces(segment: Segment, edges: list[Edge]) -> Iterator[Segment]:
    """A segment, cut at edges."""
    low, low_included = segment.low, segment.low_included
    first, last = bisect_right(edges, segment.start), bisect_left(edges, segment.end)
    for edge in edges[first:last]:
        _, key, side = edge
        yield Segment(segment.group, low, key, low_included, side == 1)
        low, low_included = key, side == 0
    yield Segment(segment.group, low, segment.high, low_included, segment.high_included)

"""What was submitted, put into the form: fields and rows, checked for their kind."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Any, Final

from bpm_server.domain.forms.errors import Problem
from bpm_server.domain.forms.fieldtypes import Derived
from bpm_server.domain.forms.numbers import is_number, text_of
from bpm_server.domain.forms.state import Row
from bpm_server.domain.forms.values import MISSING, entry, equal, look_up
from bpm_server.kernel import json

if TYPE_CHECKING:
    from bpm_server.domain.forms.fieldtypes import Surroundings
    from bpm_server.domain.forms.state import Cell, Rows, State
    from bpm_server.domain.forms.structure import Field, RepeatedRows

MAX_ROWS: Final = 2_000
"""Rows of all lists of a submission together."""

Shape = tuple[tuple[str | int, ...], Problem]


def enter(state: State, submission: dict[str, Any], *, whole: bool) -> list[Shape]:
    """Takes over a submission; what cannot hold a field's value at all is returned with its path.

    Args:
        state: The form as it was shown.
        submission: By path.
        whole: A list that is not there has lost its rows; False: it stays.
    """
    return _Entering(state.around, whole=whole).row(state.root, submission)


class _Entering:
    def __init__(self, around: Surroundings, *, whole: bool) -> None:
        self._around = around
        self._whole = whole
        self._rows_left = MAX_ROWS

    def row(self, row: Row, source: dict[str, Any]) -> list[Shape]:
        problems = _shapes(row, source)
        for cell in row.cells:
            self._cell(cell, look_up(source, cell.field.place.path))
        for rows in row.lists:
            problems += self._list(rows, look_up(source, rows.node.place.path))
        return problems

    def _cell(self, cell: Cell, raw: Any) -> None:
        """What the form itself showed is accepted as it is."""
        field = cell.field
        if raw is MISSING or field.disabled or field.place.locked or isinstance(field.type, Derived):
            return
        value = raw if equal(raw, cell.base) else field.type.accepted(raw, cell.base, self._around)
        if type(value) is Problem:
            cell.problem = value
        else:
            cell.entered = value

    def _list(self, rows: Rows, raw: Any) -> list[Shape]:
        node = rows.node
        if raw is MISSING or raw is None:
            stays = node.fixed or node.silent or (raw is MISSING and not self._whole)
            rows.entered = rows.initial if stays else []
            return []
        if not isinstance(raw, list):
            rows.problem = Problem("type", "list")
            return []
        self._rows_left -= len(raw)
        if self._rows_left < 0:
            rows.problem = Problem("rows", MAX_ROWS)
            return []
        problems = [
            ((*rows.path, number), Problem("type", "object"))
            for number, source in enumerate(raw)
            if source is not None and not isinstance(source, dict)
        ]
        sources = [source if isinstance(source, dict) else {} for source in raw]
        if node.fixed:
            return problems + self._fixed(rows, sources)
        rows.entered = [found or self._new_row(rows) for found in self._matches(rows, sources)]
        rows.use(rows.entered)
        for row, source in zip(rows.entered, sources, strict=True):
            problems += self.row(row, source)
        return problems

    def _new_row(self, rows: Rows) -> Row:
        """It never showed anything editable that is read-only now."""
        row = Row(rows.node.scope, {}, rows.row, self._around)
        for each in row.walk():
            for cell in each.cells:
                cell.was_locked = True
        return row

    def _matches(self, rows: Rows, sources: list[dict[str, Any]]) -> list[Row | None]:
        """For each submitted row the one that it was at first; None for a new one.

        Rows can be removed anywhere and added at the end. Read-only values tell which are left; a row whose
        read-only values were tampered with is taken for the one in its place, and gets their true values from it.
        """
        initial, fields = rows.initial, _identifying(rows.node)
        if not fields:
            return [initial[number] if number < len(initial) else None for number in range(len(sources))]
        places: dict[bytes, list[int]] = {}
        for number, row in enumerate(initial):
            places.setdefault(_signature(row.data, fields), []).append(number)
        signatures = [_signature(source, fields) for source in sources]
        matches: list[Row | None] = [None] * len(sources)
        taken, following = set(), 0
        for number, signature in enumerate(signatures):
            candidates = places.get(signature, [])
            at = bisect_left(candidates, following)
            if at < len(candidates):
                matches[number] = initial[candidates[at]]
                taken.add(candidates[at])
                following = candidates[at] + 1
        new = _signature(self._new_row(rows).data, fields)
        for number, signature in enumerate(signatures):
            if matches[number] is None and number < len(initial) and number not in taken and signature != new:
                matches[number] = initial[number]
        return matches

    def _fixed(self, rows: Rows, sources: list[dict[str, Any]]) -> list[Shape]:
        if len(sources) > len(rows.initial) and not rows.node.place.locked:
            rows.problem = Problem("rows", len(rows.initial))
        return [shape for row, source in zip(rows.initial, sources, strict=False) for shape in self.row(row, source)]


def _shapes(row: Row, source: dict[str, Any]) -> list[Shape]:
    """Objects and lists on the way to values must be ones."""
    problems: list[Shape] = []
    found: list[tuple[Any, tuple[str | int, ...]]] = [(source, row.path)]
    for holder, part, is_list in row.scope.containers[1:]:
        outer, path = found[holder]
        inner = entry(outer, part)
        found.append((inner, (*path, part)))
        good = inner is MISSING or inner is None or type(inner) is dict or (type(inner) is list and is_list)
        if not good:
            problems.append(((*path, part), Problem("type", "object")))
    return problems


# ---------------------------------------------------------------------- which row is which


def _identifying(node: RepeatedRows) -> list[Field]:
    return [
        field
        for field in node.scope.fields
        if field.place.locked and not field.disabled and not isinstance(field.type, Derived)
    ]


def _signature(data: dict[str, Any], fields: list[Field]) -> bytes:
    return json.canonical([_comparable(look_up(data, field.place.path)) for field in fields])


def _comparable(value: Any) -> Any:
    """Equal values become equal JSON: 1.0 is 1."""
    if isinstance(value, list):
        return [_comparable(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _comparable(item) for key, item in value.items()}
    if isinstance(value, (str, bool)):
        return value
    return [text_of(value)] if is_number(value) else None

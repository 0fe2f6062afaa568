"""A submission against a form: what counts, what is kept, what is wrong.

What is hidden or read-only depends on what is entered, and only what is neither counts. So both are found out in
turns, until they fit together.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Final

from bpm_server.domain.forms.entering import enter
from bpm_server.domain.forms.errors import FieldError, Problem
from bpm_server.domain.forms.fieldtypes import Choice, Choices, FilePicker
from bpm_server.domain.forms.lineitems import Total
from bpm_server.domain.forms.results import json_value
from bpm_server.domain.forms.settling import settle, settle_on_submit
from bpm_server.domain.forms.state import State
from bpm_server.domain.forms.values import MISSING, TooLarge, equal, look_up, plain, put_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bpm_server.domain.forms.entering import Shape
    from bpm_server.domain.forms.fieldtypes import Surroundings
    from bpm_server.domain.forms.state import Cell, Row, Rows, View
    from bpm_server.domain.forms.structure import Scope
    from bpm_server.domain.forms.values import Path

MAX_TURNS: Final = 6


@dataclass(frozen=True, slots=True)
class Submission:
    """A checked submission.

    Attributes:
        values: What to store where there are no errors: the fields that are shown, their values cleaned and
            computed. A row in which everything is hidden is null, or left out at the end of its list.
        errors: Empty where all is well.
        cleared: Names of variables that held a list whose rows have all been removed. The viewer submits nothing
            for such a list, so ``values`` has no entry for it either.
        totals: Where the totals of lists are, and where those lists are.
    """

    values: dict[str, Any]
    errors: tuple[FieldError, ...]
    cleared: tuple[str, ...] = ()
    totals: tuple[tuple[Path, Path], ...] = ()


def without_errors(submission: Submission, context: Mapping[str, Any]) -> dict[str, Any]:
    """The values without those that are wrong; where the process has one already, it stays.

    A list with a wrong row is left out as a whole, with its totals: which row of the process it was cannot be told.
    """
    values = submission.values
    dropped: list[Path] = []
    for error in submission.errors:
        path = tuple(str(part) for part in takewhile(lambda part: isinstance(part, str), error.path))
        if not path:
            return {}
        _put_back(values, path, context)
        dropped.append(path)
    for total, rows in submission.totals:
        if any(rows[: len(path)] == path for path in dropped):
            _put_back(values, total, context)
    return values


def _put_back(values: dict[str, Any], path: Path, context: Mapping[str, Any]) -> None:
    """What the process has there; a variable of its own is left out."""
    known = look_up(dict(context), path)
    if known is not MISSING and len(path) > 1:
        put_at(values, path, known)
    else:
        _take_away(values, path)


def changed(
    kept: dict[str, Any], submitted: Mapping[str, Any], context: Mapping[str, Any], *, whole: bool
) -> dict[str, Any]:
    """Of the values to store, those that are new or other than before.

    Where the submission is not ``whole``, a field that nobody mentioned does not become an empty variable.
    """
    return {
        name: value
        for name, value in kept.items()
        if (not equal(value, context[name]) if name in context else whole or name in submitted or not _is_empty(value))
    }


def _is_empty(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(_is_empty, value.values()))
    if isinstance(value, list):
        return all(map(_is_empty, value))
    return value is None or value is False or value == ""


def _take_away(values: dict[str, Any], path: Path) -> None:
    holder = look_up(values, path[:-1])
    if isinstance(holder, dict):
        holder.pop(path[-1], None)


def check(scope: Scope, submission: Any, around: Surroundings, *, whole: bool = True) -> Submission:
    """Checks a submission; never raises, whatever it is. ``whole``: a list that is not there is empty."""
    try:
        source = plain(submission)
    except (TooLarge, RecursionError):
        return _refused(Problem("tooLarge"))
    if source is None:
        source = {}
    if not isinstance(source, dict):
        return _refused(Problem("type", "object"))
    state = State(scope, around)
    settle(state)
    _remember_beginning(state)
    shapes = enter(state, source, whole=whole)
    _resolve(state)
    settle_on_submit(state)
    return _Result(state).collect(shapes)


def _refused(problem: Problem) -> Submission:
    return Submission({}, (FieldError((), "", None, problem.kind, problem.param),))


def _remember_beginning(state: State) -> None:
    for row in state.root.walk():
        for cell in row.cells:
            cell.base = cell.value
            cell.was_locked = row.is_locked(cell.field.place)
        for rows in row.lists:
            rows.was_locked = row.is_locked(rows.node.place)


# ---------------------------------------------------------------------- what counts


def _resolve(state: State) -> None:
    """Puts in what counts."""
    for turn in range(2 * MAX_TURNS):
        _put_in(state)
        if not _drop(state, for_good=turn >= MAX_TURNS):
            return


def _put_in(state: State) -> None:
    changed = _put_rows(state.root)
    for row in state.root.walk():
        for cell in row.cells:
            counts = cell.entered is not MISSING and not cell.dropped
            value = cell.entered if counts else cell.base
            changed = changed or not equal(value, cell.base)
            cell.value = value
    if changed:
        settle(state)
    else:
        state.update_conditions()


def _put_rows(row: Row) -> bool:
    changed = False
    for rows in row.lists:
        wanted = rows.initial if rows.dropped else rows.entered
        if wanted is not rows.rows:
            rows.use(wanted)
        changed = changed or wanted is not rows.initial
        for each in wanted:
            changed = _put_rows(each) or changed
    return changed


def _drop(state: State, *, for_good: bool) -> bool:
    """Finds out what does not count; whether that is other than before."""
    changed = False
    for row in state.root.walk():
        parts: list[tuple[Cell | Rows, Any]] = [(cell, cell.field.place) for cell in row.cells]
        parts += [(rows, rows.node.place) for rows in row.lists]
        for part, place in parts:
            drop = row.is_hidden(place) or (part.was_locked and row.is_locked(place))
            if drop is not part.dropped and not (for_good and part.dropped):
                part.dropped = drop
                changed = changed or part.entered is not MISSING
    return changed


# ---------------------------------------------------------------------- what is kept, what is wrong


class _Result:
    def __init__(self, state: State) -> None:
        self._state = state
        self._view: View = state.view()
        self._errors: list[FieldError] = []

    def collect(self, shapes: list[Shape]) -> Submission:
        self._errors += [FieldError(path, str(path[-1]), None, problem.kind, problem.param) for path, problem in shapes]
        values = self._row(self._state.root)
        totals = tuple(_totals(self._state.scope))
        return Submission(values or {}, tuple(self._errors), tuple(_cleared(self._state)), totals)

    def _row(self, row: Row) -> dict[str, Any] | None:
        """What to keep of a row; None where nothing in it is submitted."""
        values: dict[str, Any] = {}
        variables = self._view.of(row)
        for cell in row.cells:
            place = cell.field.place
            if cell.field.disabled or row.is_hidden(place):
                continue
            value = json_value(cell.value, self._state.around.now)
            put_at(values, place.path, value)
            self._check(cell, value, variables)
        for rows in row.lists:
            if row.is_hidden(rows.node.place):
                continue
            if rows.problem and not rows.dropped:
                self._report(rows.path, rows.node.key, rows.node.id, rows.problem)
                continue
            self._check_number(row, rows)
            kept = [self._row(each) for each in rows.rows]
            while kept and kept[-1] is None:
                kept.pop()
            if kept:
                put_at(values, rows.node.place.path, kept)
        return values or None

    def _check_number(self, row: Row, rows: Rows) -> None:
        """Whether a list has as many rows as it should; nobody can help where none can be added or removed."""
        node, number = rows.node, len(rows.rows)
        if node.fixed or row.is_locked(node.place):
            return
        if node.least is not None and number < node.least:
            self._report(rows.path, node.key, node.id, Problem("minRows", node.least))
        elif node.most is not None and number > node.most:
            self._report(rows.path, node.key, node.id, Problem("maxRows", node.most))

    def _check(self, cell: Cell, value: Any, variables: Any) -> None:
        field, around = cell.field, self._state.around
        if cell.problem and not cell.dropped:
            self._report(cell.path, field.key, field.id, cell.problem)
            return
        for rule in field.rules:
            problem = rule(value, variables, around)
            if problem:
                text = field.pattern_text if problem.kind == "pattern" else None
                self._report(cell.path, field.key, field.id, problem, text)
        if cell.entered is MISSING or cell.dropped or equal(cell.entered, cell.base):
            return
        problem = None
        if isinstance(field.type, (Choice, Choices)):
            problem = field.type.check(value, field.type.options.offered(around, variables))
        elif isinstance(field.type, FilePicker):
            problem = field.type.check(value, variables, around)
        if problem:
            self._report(cell.path, field.key, field.id, problem)

    def _report(
        self, path: tuple[str | int, ...], key: str, field_id: str | None, problem: Problem, text: str | None = None
    ) -> None:
        param = json_value(problem.param, self._state.around.now)
        self._errors.append(FieldError(path, key, field_id, problem.kind, param, text))


def _totals(scope: Scope) -> Iterator[tuple[Path, Path]]:
    for field in scope.fields:
        if isinstance(field.type, Total):
            yield field.place.path, scope.lists[field.type.rows].place.path


def _cleared(state: State) -> list[str]:
    return [
        rows.node.place.path[0]
        for rows in state.root.lists
        if len(rows.node.place.path) == 1
        and not rows.rows
        and rows.initial
        and not state.root.is_hidden(rows.node.place)
    ]

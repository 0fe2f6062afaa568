"""Values that follow from others: expression fields, totals, and choices whose options change.

Expressions are computed until nothing changes any more. Where they never come to rest (``f = f + 1``), each is
computed once, all from the same data, as the form viewer does after every change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from bpm_server.domain.forms.fieldtypes import Choice, Choices, Computed
from bpm_server.domain.forms.lineitems import Total
from bpm_server.domain.forms.results import at_rest
from bpm_server.domain.forms.state import has_effect
from bpm_server.domain.forms.values import equal

if TYPE_CHECKING:
    from bpm_server.domain.forms.state import Cell, Row, State, View

MAX_ROUNDS: Final = 60
MAX_EVALUATIONS: Final = 20_000


def settle(state: State) -> None:
    """Computes everything but what is computed on submission only."""
    cells = [cell for cell in _effects(state) if not _on_submit(cell)]
    if cells:
        state.restless = not _come_to_rest(state, cells)
    else:
        state.update_conditions()


def settle_on_submit(state: State) -> None:
    """Computes what is computed on submission only, and what follows from it."""
    cells = _effects(state)
    last = [cell for cell in cells if _on_submit(cell)]
    if last:
        _come_to_rest(state, last if state.restless else cells)


def _come_to_rest(state: State, cells: list[Cell]) -> bool:
    before = [cell.value for cell in cells]
    if _run(state, cells, once=False):
        return True
    for cell, value in zip(cells, before, strict=True):
        cell.value = value
    _run(state, cells, once=True)
    return False


def _effects(state: State) -> list[Cell]:
    return [cell for row in state.root.walk() for cell in row.cells if has_effect(cell)]


def _on_submit(cell: Cell) -> bool:
    return isinstance(cell.field.type, Computed) and cell.field.type.on_submit


def _run(state: State, cells: list[Cell], *, once: bool) -> bool:
    """Whether nothing changes any more at the end; conditions are up to date then."""
    done: set[int] = set()
    for _ in range(min(MAX_ROUNDS, len(cells) + 2, 2 + MAX_EVALUATIONS // len(cells))):
        state.update_conditions()
        view = state.view()
        changes = []
        for number, cell in enumerate(cells):
            if number not in done and _is_live(cell):
                value = _computed(cell, view, state)
                if not equal(value, cell.value):
                    changes.append((number, cell, value))
        if not changes:
            return True
        for number, cell, value in changes:
            cell.value = value
            if once and isinstance(cell.field.type, Computed):
                done.add(number)
    state.update_conditions()
    return False


def _is_live(cell: Cell) -> bool:
    """Hidden, disabled and read-only fields are left as they are."""
    row: Row = cell.row
    place = cell.field.place
    return not (cell.field.disabled or row.is_hidden(place) or row.is_locked(place))


def _computed(cell: Cell, view: View, state: State) -> Any:
    kind, variables = cell.field.type, view.of(cell.row)
    if isinstance(kind, Total):
        return kind.compute(cell.row)
    if isinstance(kind, Computed):
        return at_rest(kind.compute(variables, state.around.now))
    if isinstance(kind, (Choice, Choices)):
        return kind.cleaned(cell.value, kind.options.offered(state.around, variables))
    return cell.value

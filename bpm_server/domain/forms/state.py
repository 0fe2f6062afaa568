"""A form being filled in: the data as the viewer holds it, rows, and what expressions see of it.

The data are the process's variables with the fields' values set into them. Conditions that hide see all of it;
other expressions see no value of a hidden field in a group or list, but at the top level what the form began with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from bpm_server.domain.forms.fieldtypes import Choice, Choices, Computed
from bpm_server.domain.forms.lineitems import Total
from bpm_server.domain.forms.values import MISSING, Container, Path, entry, put

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bpm_server.domain.forms.errors import Problem
    from bpm_server.domain.forms.fieldtypes import Surroundings
    from bpm_server.domain.forms.structure import Field, Place, RepeatedRows, Scope

_SPECIAL: Final = frozenset({"this", "parent", "i", "_this_", "_parent_", "_i_"})


class Cell:
    """A field in a row.

    Attributes:
        base: What the form showed before anything was entered.
        entered: What was submitted, cleaned; :data:`MISSING` where nothing was.
        dropped: What was submitted does not count, as the field is hidden or read-only.
    """

    __slots__ = ("base", "container", "dropped", "entered", "field", "problem", "row", "was_locked")

    def __init__(self, field: Field, row: Row, container: Container, around: Surroundings) -> None:
        self.field = field
        self.row = row
        self.container = container
        place, kind = field.place, field.type
        raw = entry(container, place.part)
        if raw is not MISSING:
            value = kind.imported(raw, around, editable=not (place.locked or field.disabled))
        elif field.default is not MISSING:
            value = field.default
        else:
            value = [] if kind.empty == () else kind.empty
        self.base = value
        self.entered: Any = MISSING
        self.problem: Problem | None = None
        self.dropped = False
        self.was_locked = place.locked
        put(container, place.part, value)

    @property
    def value(self) -> Any:
        return entry(self.container, self.field.place.part)

    @value.setter
    def value(self, value: Any) -> None:
        put(self.container, self.field.place.part, value)

    @property
    def path(self) -> tuple[str | int, ...]:
        """Where it lies in a submission."""
        return (*self.row.path, *self.field.place.path)


class Rows:
    """A dynamic list in a row.

    Attributes:
        initial: Its rows before anything was entered.
        entered: Its rows as submitted.
        dropped: What was submitted does not count.
    """

    __slots__ = ("container", "dropped", "entered", "initial", "node", "problem", "row", "rows", "was_locked")

    def __init__(self, node: RepeatedRows, row: Row, container: Container, around: Surroundings) -> None:
        self.node = node
        self.row = row
        self.container = container
        raw = entry(container, node.place.part)
        sources = raw if isinstance(raw, list) else [{} for _ in range(node.repetitions)]
        made = [Row(node.scope, source if isinstance(source, dict) else {}, row, around) for source in sources]
        self.initial = made
        self.entered = made
        self.rows: list[Row] = []
        self.problem: Problem | None = None
        self.dropped = False
        self.was_locked = node.place.locked
        self.use(made)

    @property
    def path(self) -> tuple[str | int, ...]:
        """Where it lies in a submission."""
        return (*self.row.path, *self.node.place.path)

    def use(self, rows: list[Row]) -> None:
        """Makes these its rows."""
        self.rows = rows
        put(self.container, self.node.place.part, [row.data for row in rows])
        for number, row in enumerate(rows):
            row.number(self.path, number, self.row.index)


class Row:
    """The data of a scope: the form's (then ``parent`` is None) or one row's.

    Attributes:
        index: Numbers of this row and of those that enclose it, from 1.
        hidden: By guard of the scope, whether it hides; the last entry answers for "no guard".
        locked: By lock of the scope, whether it makes read-only; likewise.
    """

    __slots__ = ("cells", "data", "hidden", "index", "lists", "locked", "parent", "path", "scope")

    def __init__(self, scope: Scope, source: Mapping[str, Any], parent: Row | None, around: Surroundings) -> None:
        self.scope = scope
        self.parent = parent
        self.data: dict[str, Any] = dict(source)
        self.path: tuple[str | int, ...] = ()
        self.index: list[int] = []
        self.hidden = [False] * (len(scope.guards) + 1)
        self.locked = [False] * (len(scope.locks) + 1)
        containers: list[Container] = [self.data]
        for holder, part, is_list in scope.containers[1:]:
            containers.append(_own(containers[holder], part, is_list=is_list))
        self.cells = [Cell(field, self, containers[field.place.container], around) for field in scope.fields]
        self.lists = [Rows(node, self, containers[node.place.container], around) for node in scope.lists]

    def number(self, path: tuple[str | int, ...], number: int, outer: list[int]) -> None:
        """Takes a place in a list; rows in it move along."""
        self.path = (*path, number)
        self.index = [*outer, number + 1]
        for inner in self.lists:
            for place, row in enumerate(inner.rows):
                row.number(inner.path, place, self.index)

    def is_hidden(self, place: Place) -> bool:
        """Whether a field or list of this row is hidden."""
        return self.hidden[place.guard]

    def is_locked(self, place: Place) -> bool:
        """Whether a field or list of this row is read-only."""
        return place.locked or self.locked[place.lock]

    def walk(self) -> Iterator[Row]:
        """This row and all rows in it, outer ones first."""
        yield self
        for inner in self.lists:
            for row in inner.rows:
                yield from row.walk()


def _own(holder: Container, part: str, *, is_list: bool) -> Container:
    """A copy of a container, put in place of the original; a new one where there was none."""
    found = entry(holder, part)
    if type(found) is not dict and not (type(found) is list and is_list):
        found = [] if is_list else {}
    own: Container = found.copy()
    put(holder, part, own)
    return own


class View:
    """What expressions see at one moment. Names of special meaning give way to variables of the same name."""

    def __init__(self, root: dict[str, Any]) -> None:
        self.root = root
        self._parents: dict[int, dict[str, Any]] = {}

    def of(self, row: Row) -> RowView:
        """The view from a row."""
        return RowView(self, row)

    def special(self, row: Row, name: str) -> Any:
        """``this``, ``parent`` and ``i``, also with underscores around."""
        match name.strip("_"):
            case "this":
                return row.data if row.parent is not None else self.root
            case "i":
                return row.index
        return self._as_parent(row.parent) if row.parent is not None else None

    def _as_parent(self, row: Row) -> dict[str, Any]:
        """What ``parent`` is in the rows of this row."""
        found = self._parents.get(id(row))
        if found is None:
            outer = self._as_parent(row.parent) if row.parent is not None else None
            data = row.data if row.parent is not None else self.root
            special = {"this": data, "parent": outer, "i": row.index}
            found = {**special, **data, **{f"_{name}_": value for name, value in special.items()}}
            self._parents[id(row)] = found
        return found


class RowView:
    """Variables as an expression in one row sees them."""

    __slots__ = ("_root", "_row", "_view")

    def __init__(self, view: View, row: Row) -> None:
        self._view = view
        self._root = view.root
        self._row = row

    def get(self, name: str, default: Any) -> Any:
        """The value of a variable, or the default where there is none."""
        found = self._root.get(name, MISSING)
        if found is not MISSING:
            return found
        return self._view.special(self._row, name) if name in _SPECIAL else default


class State:
    """A form and its data.

    Attributes:
        restless: Expressions go round in circles.
    """

    def __init__(self, scope: Scope, around: Surroundings) -> None:
        self.scope = scope
        self.around = around
        self.restless = False
        self.root = Row(scope, around.initial, None, around)
        self._first: dict[str, Any] | None = None

    def rows(self) -> list[Row]:
        """All rows, outer ones first; the first is the form's own."""
        return list(self.root.walk())

    def effects(self) -> list[Cell]:
        """Cells whose value follows from others, in the order of the form."""
        return [cell for row in self.root.walk() for cell in row.cells if has_effect(cell)]

    # --- conditions -----------------------------------------------------------------------------------

    def update_conditions(self) -> None:
        """Finds out what is hidden and what is read-only now."""
        everything = View(self.root.data)
        self._update_hidden(self.root, everything, hidden=False)
        if self._has_locks(self.scope):
            self._update_locked(self.root, self.view(), locked=False)

    def _update_hidden(self, row: Row, view: View, *, hidden: bool) -> None:
        row.hidden[-1] = hidden
        if row.scope.guards:
            variables, now = view.of(row), self.around.now
            for number, (outer, condition) in enumerate(row.scope.guards):
                row.hidden[number] = row.hidden[outer] or condition.holds(variables, now)
        for inner in row.lists:
            below = row.hidden[inner.node.place.guard]
            for each in inner.rows:
                self._update_hidden(each, view, hidden=below)

    def _update_locked(self, row: Row, view: View, *, locked: bool) -> None:
        row.locked[-1] = locked
        if row.scope.locks:
            variables, now = view.of(row), self.around.now
            for number, (outer, condition) in enumerate(row.scope.locks):
                row.locked[number] = row.locked[outer] or condition.holds(variables, now)
        for inner in row.lists:
            below = row.is_locked(inner.node.place)
            for each in inner.rows:
                self._update_locked(each, view, locked=below)

    def _has_locks(self, scope: Scope) -> bool:
        return bool(scope.locks) or any(self._has_locks(inner.scope) for inner in scope.lists)

    # --- what expressions see -------------------------------------------------------------------------

    def view(self) -> View:
        """What expressions other than conditions see, by the latest :meth:`update_conditions`."""
        hidden = list(self._hidden_inside(self.root, ()))
        if not hidden:
            return View(self.root.data)
        root = dict(self.root.data)
        own: set[int] = set()
        for path in hidden:
            _remove(root, path, own)
        for name in {path[0] for path in hidden}.difference(root):
            root[name] = self._first_values().get(name)
        return View(root)

    def _hidden_inside(self, row: Row, prefix: Path) -> Iterator[Path]:
        """Paths of hidden values in groups and lists, from the root."""
        for cell in row.cells:
            if row.is_hidden(cell.field.place) and (prefix or len(cell.field.place.path) > 1):
                yield prefix + cell.field.place.path
        for inner in row.lists:
            place = inner.node.place
            for number, each in enumerate(inner.rows):
                yield from self._hidden_inside(each, (*prefix, *place.path, str(number)))

    def _first_values(self) -> dict[str, Any]:
        """The data that the form began with."""
        if self._first is None:
            self._first = Row(self.scope, self.around.initial, None, self.around).data
        return self._first


def has_effect(cell: Cell) -> bool:
    """Whether its value follows from others (or, for a bad default, from its options)."""
    kind = cell.field.type
    if isinstance(kind, Computed):
        return kind.computes
    if isinstance(kind, (Choice, Choices)):
        return kind.options.computed or cell.field.default is not MISSING
    return isinstance(kind, Total)


def _remove(root: dict[str, Any], path: Path, own: set[int]) -> None:
    """Takes a value out, and what is empty without it; rows that are empty become null.

    What lies on the way is copied once (``own``: ids of copies), so that the original stays whole.
    """
    containers: list[Any] = [root]
    for part in path[:-1]:
        inner = entry(containers[-1], part)
        if type(inner) is not dict and type(inner) is not list:
            return
        if id(inner) not in own:
            inner = inner.copy()
            own.add(id(inner))
            put(containers[-1], part, inner)
        containers.append(inner)
    if type(containers[-1]) is dict:
        containers[-1].pop(path[-1], None)
    for holder, part, inner in zip(containers[-2::-1], path[-2::-1], containers[:0:-1], strict=True):
        if any(item is not None for item in inner) if type(inner) is list else inner:
            return
        if type(holder) is dict:
            holder.pop(part, None)
        else:
            put(holder, part, None)

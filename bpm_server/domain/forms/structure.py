"""A form-js schema compiled: fields and lists with their places, conditions and rules.

Groups disappear: their paths go into those of their fields, their conditions into the fields' guards. What is left
is a tree of scopes: the form itself, and the rows of each dynamic list.

Compiling never fails. What cannot be understood is left out; ``forms.checks`` says so at deployment.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from bpm_server.domain.forms.constraints import rules_of
from bpm_server.domain.forms.expressions import Condition, is_expression, read_condition, read_expression
from bpm_server.domain.forms.fieldtypes import (
    Checkbox,
    Choice,
    Choices,
    Computed,
    DateTimeField,
    FieldType,
    FilePicker,
    Number,
    Options,
    Text,
    option_values,
)
from bpm_server.domain.forms.lineitems import (
    TOTAL_KEY,
    Total,
    TotalKind,
    digits_of,
    is_line_items,
    row_bounds,
    total_kind,
)
from bpm_server.domain.forms.references import properties_of, reference_field
from bpm_server.domain.forms.values import MISSING, Path, is_index
from bpm_server.feel import FeelSyntaxError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bpm_server.domain.forms.constraints import Rule
    from bpm_server.domain.forms.expressions import FormExpression

MAX_NESTING: Final = 20
MAX_DEFAULT_ROWS: Final = 100
PRESENTATION: Final = frozenset(
    "button text html image iframe table documentPreview separator spacer".split()  # noqa: SIM905 - reads better
)
"""Components that show something and submit nothing."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value lies in its scope.

    Attributes:
        path: From the scope's own data.
        container: Which of the scope's containers holds it; 0 is the scope's data itself.
        part: Its name there.
        guard: The innermost condition that can hide it, by number in the scope; -1: none.
        lock: The innermost condition that can make it read-only, likewise.
        locked: Always read-only, by itself or by what encloses it.
    """

    path: Path
    container: int
    part: str
    guard: int
    lock: int
    locked: bool


@dataclass(frozen=True, slots=True)
class Field:
    """A component with a value.

    Attributes:
        disabled: Shown, but neither submitted nor checked.
        default: :data:`MISSING` where there is none.
        pattern_text: The form's own message for a value that does not match its pattern.
    """

    id: str | None
    key: str
    place: Place
    type: FieldType
    disabled: bool
    default: Any
    rules: tuple[Rule, ...]
    pattern_text: str | None


@dataclass(frozen=True, slots=True)
class RepeatedRows:
    """A dynamic list.

    Attributes:
        repetitions: Rows to begin with where the process has no list.
        fixed: Rows can be neither added nor removed.
        silent: No field in it is ever submitted, so a submission without the list says nothing.
        least: Fewest rows; None: any number.
        most: Most rows, likewise.
    """

    id: str | None
    key: str
    place: Place
    scope: Scope
    repetitions: int
    fixed: bool
    silent: bool
    least: int | None = None
    most: int | None = None


@dataclass(frozen=True, slots=True)
class Scope:
    """The form itself, or the rows of a list.

    Attributes:
        containers: Objects (and lists, for numbers in keys) in which values lie: which container holds each, its
            name there, and whether it is a list. Number 0 is the scope's data and stands for itself.
        guards: Conditions that hide: which guard encloses each, and the condition.
        locks: Conditions that make read-only, likewise.
    """

    containers: tuple[tuple[int, str, bool], ...]
    guards: tuple[tuple[int, Condition], ...]
    locks: tuple[tuple[int, Condition], ...]
    fields: tuple[Field, ...]
    lists: tuple[RepeatedRows, ...]


def compile_schema(schema: dict[str, Any]) -> Scope:
    """The form of a schema."""
    builder = _ScopeBuilder()
    builder.add_all(schema.get("components"), _Enclosing((), -1, -1, locked=False, depth=0))
    return builder.scope()


@dataclass(frozen=True, slots=True)
class _Enclosing:
    """What groups pass on to what is in them."""

    prefix: Path
    guard: int
    lock: int
    locked: bool
    depth: int


@dataclass(frozen=True, slots=True)
class _TotalOfColumn:
    """A total that becomes data: of which field of the row, under which key."""

    number: int
    key: str
    kind: TotalKind
    digits: int | None


class _ScopeBuilder:
    def __init__(self) -> None:
        self._containers: list[tuple[int, str, bool]] = [(0, "", False)]
        self._numbers: dict[Path, int] = {(): 0}
        self._guards: list[tuple[int, Condition]] = []
        self._locks: list[tuple[int, Condition]] = []
        self._fields: list[Field] = []
        self._lists: list[RepeatedRows] = []
        self._totals: list[_TotalOfColumn] = []

    def scope(self) -> Scope:
        parts = (self._containers, self._guards, self._locks)
        containers, guards, locks = parts
        return Scope(tuple(containers), tuple(guards), tuple(locks), tuple(self._fields), tuple(self._lists))

    def add_all(self, components: Any, around: _Enclosing) -> None:
        for component in components_of(components):
            kind = component.get("type")
            if kind == "group" or (kind == "dynamiclist" and component.get("isRepeating") is False):
                self._add_group(component, around)
            elif kind == "dynamiclist":
                self._add_list(component, around)
            else:
                self._add_field(component, around)

    def _add_group(self, component: dict[str, Any], around: _Enclosing) -> None:
        if around.depth >= MAX_NESTING:
            return
        prefix = around.prefix + parts_of(component.get("path"))
        guard, lock, locked = self._conditions(component, around)
        locked = locked or bool(component.get("disabled"))
        self.add_all(component.get("components"), _Enclosing(prefix, guard, lock, locked, around.depth + 1))

    def _add_list(self, component: dict[str, Any], around: _Enclosing) -> None:
        path = parts_of(component.get("path"))
        if not path or around.depth >= MAX_NESTING:
            return
        place = self._place(around.prefix + path, component, around)
        fixed = place.locked or bool(component.get("disabled"))
        inner = _ScopeBuilder()
        inner.add_all(component.get("components"), _Enclosing((), -1, -1, fixed, around.depth + 1))
        scope = inner.scope()
        least, most = row_bounds(component)
        self._lists.append(
            RepeatedRows(
                id=text_of(component.get("id")),
                key=str(component.get("path")),
                place=place,
                scope=scope,
                repetitions=repetitions_of(component.get("defaultRepetitions")),
                fixed=fixed or component.get("allowAddRemove") is False,
                silent=_is_silent(scope),
                least=least,
                most=most,
            )
        )
        if is_line_items(component):
            for one in inner._totals:
                self._add_total(one, place, around)

    def _add_total(self, column: _TotalOfColumn, rows: Place, around: _Enclosing) -> None:
        """The total lies beside its list, is hidden with it, and is computed where the list is read-only, too."""
        path = around.prefix + parts_of(column.key)
        place = Place(path, self._container(path), path[-1], rows.guard, -1, locked=False)
        kind = Total(len(self._lists) - 1, column.number, column.kind, column.digits)
        self._fields.append(Field(None, column.key, place, kind, False, MISSING, (), None))

    def _add_field(self, component: dict[str, Any], around: _Enclosing) -> None:
        make = TYPES.get(str(component.get("type")))
        key = component.get("key")
        path = parts_of(key)
        if make is None or not path:
            return
        place = self._place(around.prefix + path, component, around)
        validate = component.get("validate")
        self._fields.append(
            Field(
                id=text_of(component.get("id")),
                key=str(key),
                place=place,
                type=reference_field(component) or make(component),
                disabled=bool(component.get("disabled")),
                default=component.get("defaultValue", MISSING),
                rules=rules_of(component, str(component.get("type"))),
                pattern_text=text_of(validate.get("patternErrorMessage")) if isinstance(validate, dict) else None,
            )
        )
        summed, total_key = total_kind(component), properties_of(component).get(TOTAL_KEY)
        if summed is not None and isinstance(total_key, str) and parts_of(total_key):
            self._totals.append(_TotalOfColumn(len(self._fields) - 1, total_key, summed, digits_of(component)))

    def _place(self, path: Path, component: dict[str, Any], around: _Enclosing) -> Place:
        guard, lock, locked = self._conditions(component, around)
        return Place(path, self._container(path), path[-1], guard, lock, locked)

    def _container(self, path: Path) -> int:
        """The number of the container for a path."""
        parent = path[:-1]
        if parent not in self._numbers:
            holder = self._container(parent)
            self._containers.append((holder, parent[-1], is_index(path[-1])))
            self._numbers[parent] = len(self._containers) - 1
        return self._numbers[parent]

    def _conditions(self, component: dict[str, Any], around: _Enclosing) -> tuple[int, int, bool]:
        guard, lock, locked = around.guard, around.lock, around.locked
        conditional = component.get("conditional")
        hide = condition_of(conditional.get("hide")) if isinstance(conditional, dict) else None
        if hide is not None:
            self._guards.append((guard, hide))
            guard = len(self._guards) - 1
        readonly = component.get("readonly")
        if is_expression(readonly):
            condition = condition_of(readonly)
            if condition is not None:
                self._locks.append((lock, condition))
                lock = len(self._locks) - 1
        elif readonly:
            locked = True
        return guard, lock, locked


def _is_silent(scope: Scope) -> bool:
    return all(field.disabled for field in scope.fields) and all(inner.silent for inner in scope.lists)


# ---------------------------------------------------------------------- properties


def components_of(raw: Any) -> Iterator[dict[str, Any]]:
    """The components among whatever stands where a list of them belongs."""
    if isinstance(raw, list):
        yield from (component for component in raw if isinstance(component, dict))


def parts_of(raw: Any) -> Path:
    """The parts of a key or path: between its dots; none where it is no text."""
    return tuple(part for part in raw.split(".") if part) if isinstance(raw, str) else ()


def text_of(raw: Any) -> str | None:
    """A text that says something."""
    return raw if isinstance(raw, str) and raw else None


def repetitions_of(raw: Any) -> int:
    """Rows to begin with; 1 where nothing sensible is said."""
    if isinstance(raw, str) and raw.isascii() and raw.isdecimal() and len(raw) < 5:
        raw = int(raw)
    return min(raw, MAX_DEFAULT_ROWS) if type(raw) is int and raw >= 0 else 1


def condition_of(raw: Any) -> Condition | None:
    """The condition; None where the property is no expression or has a syntax error, and so has no effect."""
    if not is_expression(raw):
        return None
    try:
        return read_condition(raw[1:])
    except FeelSyntaxError:
        return None


def expression_of(raw: Any) -> FormExpression | None:
    """The expression; None where the property is none or has a syntax error."""
    if not is_expression(raw):
        return None
    try:
        return read_expression(raw[1:])
    except FeelSyntaxError:
        return None


# ---------------------------------------------------------------------- types


def _options(component: dict[str, Any]) -> Options:
    key = component.get("valuesKey")
    values = component.get("values")
    return Options(
        key if isinstance(key, str) else None,
        option_values(values) if isinstance(values, list) else None,
        expression_of(component.get("valuesExpression")),
    )


def _datetime(component: dict[str, Any]) -> FieldType:
    subtype, form = component.get("subtype"), component.get("timeSerializingFormat")
    interval = component.get("timeInterval")
    return DateTimeField(
        subtype if subtype in ("time", "datetime") else "date",
        form if form in ("utc_offset", "utc_normalized") else "no_timezone",
        interval if type(interval) is int and interval > 0 else 0,
        bool(component.get("disallowPassedDates")),
    )


def _filepicker(component: dict[str, Any]) -> FieldType:
    accept, multiple = component.get("accept"), component.get("multiple")
    max_size = component.get("maxFileSize")
    return FilePicker(
        expression_of(accept) if is_expression(accept) else _plain_accept(accept),
        expression_of(multiple) or (bool(multiple) and not is_expression(multiple)),
        max_size if type(max_size) is int else None,
    )


def _plain_accept(raw: Any) -> str | None:
    return None if raw is None or "{{" in str(raw) else text_of(raw)


def _computed(component: dict[str, Any]) -> FieldType:
    text = component.get("expression")
    when = component.get("computeOn", "change")
    return Computed(
        expression_of(text),
        text if isinstance(text, str) and not is_expression(text) else None,
        on_submit=when == "presubmit",
        computes=when in ("change", "presubmit") and isinstance(text, str),
    )


TYPES: Final[dict[str, Callable[[dict[str, Any]], FieldType]]] = {
    "textfield": lambda _: Text(one_line=True),
    "textarea": lambda _: Text(one_line=False),
    "number": lambda component: Number(as_text=bool(component.get("serializeToString"))),
    "checkbox": lambda _: Checkbox(),
    "radio": lambda component: Choice(_options(component)),
    "select": lambda component: Choice(_options(component)),
    "checklist": lambda component: Choices(_options(component)),
    "taglist": lambda component: Choices(_options(component)),
    "datetime": _datetime,
    "filepicker": _filepicker,
    "expression": _computed,
}
"""How each type of component with a value is made."""

"""Properties of line items that mean nothing, or not what they seem to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from bpm_server.domain.forms.entering import MAX_ROWS as MOST_ROWS
from bpm_server.domain.forms.lineitems import (
    LINE_ITEMS,
    MAX_ROWS,
    MIN_ROWS,
    SUMMED,
    TOTAL,
    TOTAL_KEY,
    TotalKind,
    is_line_items,
    total_kind,
    whole_number,
)
from bpm_server.domain.forms.references import MARK, properties_of
from bpm_server.domain.forms.structure import MAX_NESTING, components_of, parts_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bpm_server.kernel.findings import Severity

    Note = tuple[dict[str, Any], Severity, str, str]

KINDS: Final = ", ".join(TotalKind)
OF_LIST: Final = (MIN_ROWS, MAX_ROWS)
OF_COLUMN: Final = (TOTAL, TOTAL_KEY)
RULE: Final = "form-line-items"


def line_notes(components: Any, *, in_table: bool = False, depth: int = 0) -> Iterator[Note]:
    """Remarks about all lists that are tables, and about columns, each with its component."""
    if depth > MAX_NESTING:
        return
    for component in components_of(components):
        kind = component.get("type")
        if kind == "dynamiclist":
            yield from _of_list(component)
        elif kind != "group":
            yield from _of_column(component, in_table=in_table)
        if in_table and kind in ("group", "dynamiclist"):
            yield (
                component,
                "warning",
                RULE,
                f"Expected a field as column, but found a {kind}: one cell shows all of it",
            )
        yield from line_notes(component.get("components"), in_table=is_line_items(component), depth=depth + 1)


def total_keys(component: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """The columns of a table whose totals become data, with their keys."""
    for column in components_of(component.get("components")):
        key = properties_of(column).get(TOTAL_KEY)
        if isinstance(key, str) and parts_of(key) and total_kind(column) is not None:
            yield column, key


def _of_list(component: dict[str, Any]) -> Iterator[Note]:
    properties = properties_of(component)
    mark = properties.get(MARK)
    if mark is not None and mark != LINE_ITEMS:
        message = f"Expected '{MARK}' of a dynamic list to be '{LINE_ITEMS}', but found {mark!r}"
        yield component, "error", "form-component", message
    elif mark == LINE_ITEMS and not is_line_items(component):
        message = f"Expected '{LINE_ITEMS}' at a list that repeats, but found isRepeating false"
        yield component, "error", "form-component", message
    for name in OF_COLUMN:
        if name in properties:
            yield component, "error", RULE, f"Expected '{name}' at a column, but found it at the list"
    said = [name for name in OF_LIST if name in properties]
    if said and not is_line_items(component):
        message = f"Expected '{said[0]}' at a list with '{MARK}' = '{LINE_ITEMS}', but found a plain one"
        yield component, "error", RULE, message
        return
    yield from _of_bounds(component, properties, said)


def _of_bounds(component: dict[str, Any], properties: Mapping[str, Any], said: list[str]) -> Iterator[Note]:
    bounds = {name: whole_number(properties[name]) for name in said}
    for name, number in bounds.items():
        if number is None or number > MOST_ROWS:
            message = f"Expected '{name}' to be a whole number from 0 to {MOST_ROWS}, but found {properties[name]!r}"
            yield component, "error", RULE, message
    least, most = bounds.get(MIN_ROWS), bounds.get(MAX_ROWS)
    if least is not None and most is not None and least > most:
        message = f"Expected '{MIN_ROWS}' up to '{MAX_ROWS}', but found {least} and {most}: no number of rows fits"
        yield component, "error", RULE, message
    if said and component.get("allowAddRemove") is False:
        message = f"Expected a list to which rows can be added, but found '{said[0]}' at one without: it does nothing"
        yield component, "warning", RULE, message


def _of_column(component: dict[str, Any], *, in_table: bool) -> Iterator[Note]:
    properties = properties_of(component)
    for name in OF_LIST:
        if name in properties:
            yield component, "error", RULE, f"Expected '{name}' at a list, but found it at a {component.get('type')}"
    said = [name for name in OF_COLUMN if name in properties]
    if not said:
        return
    if not in_table:
        message = f"Expected '{said[0]}' in a list with '{MARK}' = '{LINE_ITEMS}', but found it elsewhere"
        yield component, "error", RULE, message
        return
    if component.get("type") not in SUMMED:
        expected = f"Expected '{said[0]}' at a {' or '.join(SUMMED)}"
        yield component, "error", RULE, f"{expected}, but found it at a {component.get('type')}"
    if properties.get(TOTAL) not in list(TotalKind):
        found = repr(properties[TOTAL]) if TOTAL in properties else "none"
        yield component, "error", RULE, f"Expected '{TOTAL}' to be one of {KINDS}, but found {found}"
    if TOTAL_KEY in properties and not parts_of(properties[TOTAL_KEY]):
        message = f"Expected '{TOTAL_KEY}' to be a key, but found {properties[TOTAL_KEY]!r}"
        yield component, "error", RULE, message
    if component.get("type") == "expression" and not component.get("label") and not properties.get("label"):
        message = f"Expected a property 'label' at an expression with '{TOTAL}', but found none: no column shows it"
        yield component, "warning", RULE, message

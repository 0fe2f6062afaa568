"""What the fields of a form hold, with their labels and in words: for paper."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from babel import dates

from bpm_server.domain.forms.lineitems import (
    SUMMED,
    TotalKind,
    digits_of,
    is_line_items,
    total,
    total_kind,
)
from bpm_server.domain.forms.references import component_of, document_ids, properties_of, read_location
from bpm_server.domain.forms.structure import PRESENTATION, parts_of
from bpm_server.domain.forms.values import MISSING, look_up
from bpm_server.reports.names import person_names
from bpm_server.web import access
from bpm_server.web.pages import formats
from bpm_server.web.pages.languages import locale
from bpm_server.web.pages.summaries import shown
from bpm_server.web.pages.texts import gettext as _
from bpm_server.web.pages.visitor import visitor

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

EMPTY: tuple[Any, ...] = (MISSING, None, "", [], {}, ())
MOST_ROWS = 500


@dataclass(frozen=True, slots=True)
class Entry:
    """A field: its label, its value in words, and the document id of a signature."""

    label: str
    text: str
    signature: str | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A list: the labels of its fields, and a row of texts for each of its rows.

    Attributes:
        foot: Totals below the columns; the text before the first of them says what they are. Empty: there are none.
        numeric: Which columns hold numbers, by their place; empty: nothing is known of them.
    """

    label: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    foot: tuple[str, ...] = ()
    numeric: frozenset[int] = frozenset()


def is_table(value: Entry | Table) -> bool:
    """Whether it is a list."""
    return isinstance(value, Table)


def form_values(schema: Mapping[str, Any], data: Mapping[str, Any], told: set[tuple[str, ...]]) -> list[Entry | Table]:
    """The fields that hold something, in the order of the form.

    Args:
        schema: In the visitor's language already.
        data: Variables.
        told: Paths that stand elsewhere on the page; those that are found here are added.
    """
    return list(_of(schema.get("components"), dict(data), (), told))


def _of(
    components: Any, data: dict[str, Any], prefix: tuple[str, ...], told: set[tuple[str, ...]]
) -> Iterator[Entry | Table]:
    for component in components if isinstance(components, list) else ():
        kind = component.get("type") if isinstance(component, dict) else None
        if kind == "group":
            yield from _of(component.get("components"), data, prefix + parts_of(component.get("path")), told)
            continue
        path = (
            prefix + parts_of(component.get("path") if kind == "dynamiclist" else component.get("key")) if kind else ()
        )
        if path in (prefix, ()) or kind in PRESENTATION or path in told:
            continue
        value = look_up(data, path)
        if any(value is one or value == one for one in EMPTY):
            continue
        told.add(path)
        if kind == "dynamiclist":
            yield line_items_table(component, value) if is_line_items(component) else _table(component, value)
        else:
            yield Entry(_label(component), _text(component, value), _signature(component, value))


def line_items_table(component: Mapping[str, Any], value: Any) -> Table:
    """Line items as on a page: numbered, numbers as their columns have them, and totals of all rows below."""
    columns = [one for one in component.get("components", ()) if isinstance(one, dict) and _is_column(one)]
    rows = [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []
    shown = [(str(number), *(_cell(one, row) for one in columns)) for number, row in enumerate(rows[:MOST_ROWS], 1)]
    head = ("#", *(_column_label(one) for one in columns))
    numeric = frozenset(place for place, one in enumerate(columns, 1) if one.get("type") in SUMMED)
    foot = (_("Total"), *(_total(one, rows) for one in columns)) if any(map(total_kind, columns)) else ()
    return Table(_label(component), head, tuple(shown), foot, numeric)


def _is_column(field: Mapping[str, Any]) -> bool:
    """An expression, which the form viewer never shows, is a column where it has a label."""
    is_field = bool(parts_of(field.get("key"))) and field.get("type") not in PRESENTATION
    return is_field and (field.get("type") != "expression" or _column_label(field) != "")


def _column_label(field: Mapping[str, Any]) -> str:
    if field.get("type") == "expression":
        return str(field.get("label") or properties_of(field).get("label") or "")
    return _label(field)


def _total(column: Mapping[str, Any], rows: Sequence[dict[str, Any]]) -> str:
    kind = total_kind(column)
    if kind is None:
        return ""
    path, digits = parts_of(column.get("key")), digits_of(column)
    found = total(kind, (look_up(row, path) for row in rows), digits)
    if found is None:
        text = "–"
    elif kind is TotalKind.COUNT:
        text = formats.number(found)
    else:
        text = _adorned(column, formats.exact(found, digits))
    words = {
        TotalKind.AVERAGE: _("average"),
        TotalKind.MIN: _("smallest"),
        TotalKind.MAX: _("largest"),
        TotalKind.COUNT: _("count"),
    }
    return f"{words[kind]} {text}" if kind in words else text


def _table(component: Mapping[str, Any], value: Any) -> Table:
    fields = [one for one in component.get("components", ()) if isinstance(one, dict) and parts_of(one.get("key"))]
    rows = [row for row in value if isinstance(row, dict)][:MOST_ROWS] if isinstance(value, list) else []
    texts = [tuple(_cell(field, row) for field in fields) for row in rows]
    return Table(_label(component), tuple(map(_label, fields)), tuple(texts))


def _cell(field: Mapping[str, Any], row: dict[str, Any]) -> str:
    value = look_up(row, parts_of(field.get("key")))
    return "" if value is MISSING or value is None else _text(field, value)


def _label(component: Mapping[str, Any]) -> str:
    for name in ("label", "dateLabel", "timeLabel", "key", "path"):
        found = component.get(name)
        if isinstance(found, str) and found:
            return found
    return ""


def _text(component: Mapping[str, Any], value: Any) -> str:
    part = component_of(component)
    if part == "userPicker":
        names = [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str)]
        return _(", ").join(person_names(access.server(), names)[name] for name in names)
    place = read_location(value) if part == "location" and isinstance(value, str) else None
    if place is not None:
        return _place(*place)
    if part in ("attachment", "signature") and isinstance(value, list):
        return _(", ").join(_file_name(one) for one in value if isinstance(one, dict))
    options = {_name(one): one.get("label") for one in _options(component)}
    if component.get("type") == "datetime" and isinstance(value, str):
        return _moment(value)
    if isinstance(value, list):
        return ", ".join(str(options.get(str(one)) or shown(one)) for one in value)
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return _adorned(component, str(options.get(str(value)) or formats.exact(value, digits_of(component))))
    return str(options.get(str(value)) or shown(value))


def _adorned(component: Mapping[str, Any], text: str) -> str:
    look = component.get("appearance")
    around = look if isinstance(look, dict) else {}
    parts = [around.get("prefixAdorner"), text, around.get("suffixAdorner")]
    return " ".join(part for part in parts if isinstance(part, str) and part and not part.startswith("="))


def _place(latitude: Decimal, longitude: Decimal, metres: Decimal | None) -> str:
    text = f"{latitude:.5f}, {longitude:.5f}"
    return text if metres is None else f"{text} (±{metres:.0f} m)"


def _signature(component: Mapping[str, Any], value: Any) -> str | None:
    if component_of(component) != "signature" or not isinstance(value, list):
        return None
    return next(document_ids(value), None)


def _file_name(reference: Mapping[str, Any]) -> str:
    about = reference.get("metadata")
    name = about.get("fileName") if isinstance(about, dict) else None
    return str(name or reference.get("documentId") or "")


def _options(component: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    values = component.get("values")
    return [one for one in values if isinstance(one, dict)] if isinstance(values, list) else []


def _name(option: Mapping[str, Any]) -> str:
    return str(option.get("value"))


def _moment(text: str) -> str:
    """A date, or a date and time, in the visitor's own way; anything else as it is."""
    language = locale(visitor().language)
    try:
        if len(text) == len("2026-01-31"):
            return dates.format_date(date.fromisoformat(text), "long", locale=language)
        return formats.moment(datetime.fromisoformat(text).astimezone(visitor().zone))
    except ValueError:
        return text

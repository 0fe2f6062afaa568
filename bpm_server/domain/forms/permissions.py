"""What a user task lets people do with the fields of its form: write, read, see masked, or not see at all.

The drawing says it with properties of the task: ``field.<key>`` for a field, or all that lies in a group, list or
object of that path; ``field.*`` for all others. What is nearest to a field counts.

Two forms are made of one. The browser's has no hidden components, and texts in place of masked ones. The server's
takes restricted values from the process, whatever is sent, and asks nobody to fill them.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from bpm_server.domain.forms.lineitems import TOTAL_KEY, is_line_items, total_kind
from bpm_server.domain.forms.references import properties_of
from bpm_server.domain.forms.structure import PRESENTATION, components_of, parts_of
from bpm_server.domain.forms.values import Path, is_index

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PREFIX: Final = "field."
EVERY: Final = "*"
MASK: Final = "••••"
_END: Final = 4
_LONG_ENOUGH: Final = 8
"""Shorter values show nothing of themselves."""
_KEPT_OF_MASKED: Final = ("id", "key", "label", "description", "layout", "properties", "conditional")


class Access(StrEnum):
    """What people may do with a field."""

    HIDE = "hide"
    MASK = "mask"
    READ = "read"
    WRITE = "write"


SECRET: Final = frozenset({Access.HIDE, Access.MASK})


@dataclass(frozen=True, slots=True)
class Permissions:
    """Of one user task. ``by_path``: paths of fields, groups, lists or objects, in the order of the drawing."""

    default: Access
    by_path: tuple[tuple[Path, Access], ...]

    def of(self, path: Path) -> Access:
        """What holds for a field; rows of a list have no numbers in the path."""
        return self._named(path) or self.default

    def _named(self, path: Path) -> Access | None:
        known = dict(self.by_path)
        return next((known[path[:end]] for end in range(len(path), 0, -1) if path[:end] in known), None)

    def _of_value(self, path: Path, totals: Mapping[Path, Path]) -> Access:
        """What holds for a value; a total of which nothing is said is as secret as its column."""
        return self.of(totals[path]) if path in totals and self._named(path) is None else self.of(path)

    def widened(self, other: Permissions) -> Permissions:
        """What somebody may who has both: of each field the more."""
        order = list(Access)
        paths = dict.fromkeys(path for path, _ in (*self.by_path, *other.by_path))
        both = tuple((path, max(self.of(path), other.of(path), key=order.index)) for path in paths)
        return Permissions(max(self.default, other.default, key=order.index), both)

    # --- for the browser ------------------------------------------------------------------------------------

    def shown_schema(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """The form as it is shown."""
        return {**schema, "components": self._shown(schema.get("components"), ())}

    def _shown(self, components: Any, prefix: Path) -> list[Any]:
        found = []
        for component in components_of(components):
            path = prefix + _path(component)
            if _has_children(component):
                inner = self._shown(component.get("components"), path)
                if not inner and component.get("components"):
                    continue
                found.append({**component, **self._of_list(component, path), "components": inner})
            elif component.get("type") in PRESENTATION or path == prefix:
                found.append(component)
            else:
                found += self._shown_field(component, self.of(path))
        return found

    def _shown_field(self, component: dict[str, Any], access: Access) -> list[dict[str, Any]]:
        if access is Access.HIDE:
            return []
        if access is Access.MASK:
            kept: dict[str, Any] = {name: component[name] for name in _KEPT_OF_MASKED if name in component}
            if component.get("type") == "datetime" and "label" not in kept:
                kept["label"] = component.get("dateLabel") or component.get("timeLabel") or ""
            return [{**kept, "type": "textfield", "readonly": True}]
        return [component if access is Access.WRITE else _locked(component)]

    def shown_data(self, schema: Mapping[str, Any] | None, data: Mapping[str, Any]) -> dict[str, Any]:
        """The values as they are shown: without hidden ones, masked ones as texts.

        Args:
            schema: The form as deployed; None: all the data are fields.
            data: Variables.
        """
        fields = [(name,) for name in data] if schema is None else list(field_paths(schema))
        totals = {} if schema is None else dict(total_paths(schema))
        paths = dict.fromkeys([*(path for path, _ in self.by_path), *fields])
        shown: Any = dict(data)
        for path in paths:
            access = self._of_value(path, totals)
            if access in SECRET and not self._says_more(path):
                shown = _without(shown, path, access)
        found: dict[str, Any] = shown
        return found

    def _says_more(self, path: Path) -> bool:
        """Whether something inside of what a path leads to is shown after all."""
        return any(
            inner[: len(path)] == path and len(inner) > len(path) and access not in SECRET
            for inner, access in self.by_path
        )

    # --- for the server -------------------------------------------------------------------------------------

    def narrowed_schema(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """The form by which a submission is checked: restricted values are the process's, and nobody has to fill them.

        A value beside others in one variable (in a group, object or row) is kept as it is with them; one that is a
        variable of its own is left alone.
        """
        return {**schema, "components": self._narrowed(schema.get("components"), (), in_rows=False)}

    def _narrowed(self, components: Any, prefix: Path, *, in_rows: bool) -> list[Any]:
        found = []
        for component in components_of(components):
            path = prefix + _path(component)
            if _has_children(component):
                rows = in_rows or component.get("type") == "dynamiclist"
                inner = self._narrowed(component.get("components"), path, in_rows=rows)
                found.append({**component, **self._of_list(component, path), "components": inner})
            elif self._is_free(component, path, prefix):
                found.append(component)
            elif in_rows or len(path) > 1:
                found.append({name: value for name, value in _locked(component).items() if name != "conditional"})
            else:
                found.append({**_locked(component), "disabled": True})
        return found

    def _is_free(self, component: dict[str, Any], path: Path, prefix: Path) -> bool:
        """Presentation, what the server computes in any case, and what may be written."""
        kind = component.get("type")
        return kind in PRESENTATION or kind == "expression" or path == prefix or self.of(path) is Access.WRITE

    def _of_list(self, component: dict[str, Any], path: Path) -> dict[str, Any]:
        """What becomes of a list itself: where rows hold secrets, which row is which must stay known."""
        if component.get("type") != "dynamiclist":
            return {}
        inner = [path + one for one in field_paths({"components": component.get("components")})]
        restricted = self.of(path) is not Access.WRITE and not self._says_more(path)
        if restricted or any(self.of(one) in SECRET for one in inner):
            return {"allowAddRemove": False}
        return {}

    def may_write(self, name: str) -> bool:
        """Whether a variable may be written as a whole, by somebody who submits no form."""
        return self.of((name,)) is Access.WRITE and all(
            access is Access.WRITE for path, access in self.by_path if path[0] == name
        )

    def secrets(self, schema: Mapping[str, Any] | None) -> frozenset[str]:
        """Variables that hold something hidden or masked."""
        fields = () if schema is None else field_paths(schema)
        totals = {} if schema is None else dict(total_paths(schema))
        paths = (*dict(self.by_path), *fields)
        return frozenset(path[0] for path in paths if self._of_value(path, totals) in SECRET)


def read_permissions(properties: Mapping[str, str]) -> Permissions | None:
    """What the properties of a user task say; None where they say nothing about fields. A wrong word hides."""
    default, by_path = Access.WRITE, list[tuple[Path, Access]]()
    said = {name.removeprefix(PREFIX): word for name, word in properties.items() if name.startswith(PREFIX)}
    for name, word in said.items():
        access = Access(word.strip()) if word.strip() in list(Access) else Access.HIDE
        if name.strip() == EVERY:
            default = access
        else:
            by_path.append((parts_of(name.strip()), access))
    return Permissions(default, tuple(by_path)) if said else None


def field_paths(schema: Mapping[str, Any]) -> Iterator[Path]:
    """The paths of all fields and totals, rows without numbers."""
    yield from _entered_paths(schema)
    yield from dict(total_paths(schema))


def _entered_paths(schema: Mapping[str, Any]) -> Iterator[Path]:
    for component in components_of(schema.get("components")):
        path = _path(component)
        if _has_children(component):
            yield from (path + inner for inner in _entered_paths(component))
        elif path and component.get("type") not in PRESENTATION:
            yield path


def total_paths(schema: Mapping[str, Any]) -> Iterator[tuple[Path, Path]]:
    """The paths of all totals, each with that of its column, rows without numbers."""
    for component in components_of(schema.get("components")):
        path = _path(component)
        if _has_children(component):
            yield from ((path + total, path + column) for total, column in total_paths(component))
        if is_line_items(component):
            yield from ((total, path + column) for total, column in _columns(component))


def _columns(component: Mapping[str, Any]) -> Iterator[tuple[Path, Path]]:
    """Of a table: the keys of its totals, and the paths of their columns in a row."""
    for column in components_of(component.get("components")):
        key = parts_of(properties_of(column).get(TOTAL_KEY))
        if key and total_kind(column) is not None:
            yield key, _path(column)


def masked(value: Any) -> Any:
    """The end of a long value; of anything else only that there is one."""
    if value is None or value in ("", []):
        return value
    is_number = isinstance(value, int | Decimal) and not isinstance(value, bool)
    text = value if isinstance(value, str) else str(value) if is_number else ""
    return MASK + text[-_END:] if len(text) >= _LONG_ENOUGH else MASK


def _path(component: Mapping[str, Any]) -> Path:
    return parts_of(component.get("path") if _has_children(component) else component.get("key"))


def _has_children(component: Mapping[str, Any]) -> bool:
    return component.get("type") in ("group", "dynamiclist")


def _locked(component: Mapping[str, Any]) -> dict[str, Any]:
    return {**{name: value for name, value in component.items() if name != "validate"}, "readonly": True}


def _without(value: Any, path: Path, access: Access) -> Any:
    """A copy of a value in which what a path leads to is hidden or masked, in all rows."""
    if isinstance(value, list):
        if is_index(path[0]):
            place = int(path[0])
            return [_inside(one, path, access) if at == place else one for at, one in enumerate(value)]
        return [_without(one, path, access) for one in value]
    if not isinstance(value, dict) or path[0] not in value:
        return value
    if len(path) == 1 and access is Access.HIDE:
        return {name: one for name, one in value.items() if name != path[0]}
    return {name: _inside(one, path, access) if name == path[0] else one for name, one in value.items()}


def _inside(value: Any, path: Path, access: Access) -> Any:
    if len(path) > 1:
        return _without(value, path[1:], access)
    return None if access is Access.HIDE else masked(value)

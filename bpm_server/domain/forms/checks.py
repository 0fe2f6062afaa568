"""What is wrong with a form, found out at deployment: what the form viewer would refuse or silently ignore."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from bpm_server.domain.forms import propertychecks
from bpm_server.domain.forms.bindings import Bindings
from bpm_server.domain.forms.linechecks import line_notes, total_keys
from bpm_server.domain.forms.lineitems import TOTAL_KEY, is_line_items
from bpm_server.domain.forms.structure import MAX_NESTING, PRESENTATION, TYPES, parts_of, text_of
from bpm_server.domain.forms.values import MAX_INDEX, is_index
from bpm_server.kernel.findings import Finding

if TYPE_CHECKING:
    from bpm_server.domain.forms.values import Path
    from bpm_server.kernel.findings import Severity

MAX_COMPONENTS: Final = 2_000
MAX_PARTS: Final = 10
MAX_KEY: Final = 200
SCHEMA_VERSION: Final = 19
_ILLEGAL: Final = frozenset({"__proto__", "constructor", "prototype"})
_SPECIAL: Final = frozenset({"this", "parent", "i"})


def findings_of(schema: dict[str, Any], file: str | None) -> list[Finding]:
    """Every finding, in the order of the form."""
    checks = _Checks(file)
    version = schema.get("schemaVersion")
    if type(version) is int and version > SCHEMA_VERSION:
        checks.add("info", "form-version", f"Expected schema version {SCHEMA_VERSION} or less, but found {version}")
    checks.components(schema.get("components"), Bindings(), (), 0)
    checks.totals()
    for component, severity, rule, message in line_notes(schema.get("components")):
        checks.add(severity, rule, message, component)
    return checks.findings


class _Checks:
    def __init__(self, file: str | None) -> None:
        self.findings: list[Finding] = []
        self._file = file
        self._ids: set[str] = set()
        self._tables: list[tuple[dict[str, Any], Bindings, Path]] = []
        self._count = 0

    def add(
        self,
        severity: Severity,
        rule: str,
        message: str,
        component: dict[str, Any] | None = None,
        hint: str | None = None,
    ) -> None:
        """Adds a finding about a component, or about the form."""
        element = text_of((component or {}).get("id"))
        name = text_of((component or {}).get("label"))
        self.findings.append(Finding(severity, rule, message, element, name, None, hint, self._file))

    def components(self, raw: Any, bindings: Bindings, prefix: Path, depth: int) -> None:
        """Checks what should be a list of components."""
        if not isinstance(raw, list):
            self.add("error", "form-components", f"Expected a list of components, but found {_kind(raw)}")
            return
        if depth > MAX_NESTING:
            self.add("error", "form-nesting", f"Expected groups and lists nested at most {MAX_NESTING} deep")
            return
        for component in raw:
            self._count += 1
            if self._count > MAX_COMPONENTS:
                if self._count == MAX_COMPONENTS + 1:
                    self.add("error", "form-size", f"Expected at most {MAX_COMPONENTS} components, but found more")
                return
            if isinstance(component, dict):
                self._component(component, bindings, prefix, depth)
            else:
                self.add("error", "form-components", f"Expected a component, but found {_kind(component)}")

    def totals(self) -> None:
        """Checks the keys of totals, when those of all fields are known."""
        for table, bindings, prefix in self._tables:
            for column, key in total_keys(table):
                path = prefix + self._parts(key, TOTAL_KEY, column)
                if path != prefix and not bindings.claim(path):
                    message = f"Expected a '{TOTAL_KEY}' of its own, but found '{key}', which another component uses"
                    self.add("error", "form-duplicate", message, column)

    def _component(self, component: dict[str, Any], bindings: Bindings, prefix: Path, depth: int) -> None:
        self._id(component)
        kind = component.get("type")
        if kind == "group":
            inner = prefix + self._path(component, "path", needed=False)
            self._claim(bindings.claim_group(inner), inner, component)
            self._conditions(component)
            self.components(component.get("components", []), bindings, inner, depth + 1)
        elif kind == "dynamiclist":
            self._list(component, bindings, prefix, depth)
        elif isinstance(kind, str) and kind in TYPES:
            path = prefix + self._path(component, "key", needed=True)
            self._claim(path == prefix or bindings.claim(path), path, component)
            self._conditions(component)
            for severity, rule, message in propertychecks.of_field(component):
                self.add(severity, rule, message, component)
        elif kind not in PRESENTATION:
            self.add("error", "form-type", f"Expected a type of component, but found '{str(kind)[:40]}'", component)
        else:
            self._conditions(component)

    def _list(self, component: dict[str, Any], bindings: Bindings, prefix: Path, depth: int) -> None:
        path = prefix + self._path(component, "path", needed=True)
        self._conditions(component)
        for severity, rule, message in propertychecks.of_list(component):
            self.add(severity, rule, message, component)
        if component.get("isRepeating") is False:
            self._claim(bindings.claim_group(path), path, component)
            self.components(component.get("components", []), bindings, path, depth + 1)
        else:
            self._claim(path == prefix or bindings.claim(path), path, component)
            if is_line_items(component):
                self._tables.append((component, bindings, prefix))
            self.components(component.get("components", []), Bindings(), (), depth + 1)

    def _id(self, component: dict[str, Any]) -> None:
        found = component.get("id")
        if found is None:
            return
        if not isinstance(found, str) or found in self._ids:
            what = f"the id '{found}' again" if isinstance(found, str) else f"{_kind(found)} as id"
            self.add("error", "form-id", f"Expected an id of its own, but found {what}", component)
        else:
            self._ids.add(found)

    def _path(self, component: dict[str, Any], name: str, *, needed: bool) -> Path:
        raw = component.get(name)
        if raw is None or raw == "":
            if needed:
                hint = "Without one, the form viewer makes up a new one each time, and what is entered is lost."
                self.add("error", "form-key", f"Expected a {name}, but found none", component, hint)
            return ()
        return self._parts(raw, name, component)

    def _parts(self, raw: Any, name: str, component: dict[str, Any]) -> Path:
        """The parts of a key or path, each of them a name."""
        if not isinstance(raw, str) or len(raw) > MAX_KEY:
            self.add("error", "form-key", f"Expected a {name} of at most {MAX_KEY} characters", component)
            return ()
        parts = raw.split(".")
        if "" in parts or len(parts) > MAX_PARTS:
            self.add(
                "error", "form-key", f"Expected 1 to {MAX_PARTS} names with dots between, but found '{raw}'", component
            )
        for part in parts:
            if part in _ILLEGAL or (is_index(part) and (len(part) > 6 or int(part) > MAX_INDEX)):
                self.add("error", "form-key", f"Expected a {name} of ordinary names, but found '{part}'", component)
                return ()
        if parts[0] in _SPECIAL:
            message = f"Expected a {name} that means nothing in expressions, but found '{parts[0]}'"
            self.add("warning", "form-special-name", message, component)
        return parts_of(raw)

    def _claim(self, claimed: bool, path: Path, component: dict[str, Any]) -> None:
        if not claimed:
            message = f"Expected a key or path of its own, but found '{'.'.join(path)}', which another component uses"
            self.add("error", "form-duplicate", message, component)

    def _conditions(self, component: dict[str, Any]) -> None:
        for severity, rule, message in propertychecks.of_conditions(component):
            self.add(severity, rule, message, component)


def _kind(value: Any) -> str:
    return {dict: "an object", list: "a list", str: "a text", bool: "yes or no"}.get(type(value), "nothing sensible")

"""Form keys, and Camunda 7's form fields (``camunda:formData``) as form-js schemas: there is one kind of form.

Source: Camunda 7.24 manual, "User task forms", "Generated task forms" and "Form field validation".
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from bpm_server.bpmn import namespaces as ns
from bpm_server.bpmn.extensions import extension_elements
from bpm_server.kernel import json
from bpm_server.kernel.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lxml.etree import _Element

GENERATED_FORM: Final = "formData:"
"""Form keys of generated forms: this and the id of the element."""
EMBEDDED_FORM: Final = "camunda-forms:bpmn:"
"""How form keys begin that name a form inside the BPMN file."""
FORM_FILE: Final = "camunda-forms:deployment:"
"""How form keys begin that name a form by its file in the deployment."""

SCHEMA_VERSION: Final = 19
_TYPES: Final[dict[str, dict[str, Any]]] = {
    "string": {"type": "textfield"},
    "long": {"type": "number", "decimalDigits": 0},
    "int": {"type": "number", "decimalDigits": 0},
    "integer": {"type": "number", "decimalDigits": 0},
    "double": {"type": "number"},
    "boolean": {"type": "checkbox"},
    "date": {"type": "datetime", "subtype": "date"},
    "enum": {"type": "select"},
}
_LIMITS: Final = {"minlength": "minLength", "maxlength": "maxLength", "min": "min", "max": "max"}
_TRUE: Final = frozenset({"", "true", '""'})


def generated_forms(process: _Element) -> Mapping[str, str]:
    """The schemas, as JSON text, of all elements of a process that have form fields, by form key."""
    found: dict[str, str] = {}
    for element in process.iter():
        if not isinstance(element.tag, str) or ns.split(element.tag)[0] != ns.BPMN:
            continue
        for part in extension_elements(element):
            if ns.split(part.tag)[1] == "formData":
                found[form_key(element)] = json.dumps(_schema(element, part))
    return MappingProxyType(found)


def form_key(element: _Element) -> str:
    """The key by which an element's generated form is found."""
    return f"{GENERATED_FORM}{element.get('id')}"


def _schema(element: _Element, data: _Element) -> dict[str, Any]:
    components: dict[str, dict[str, Any]] = {}
    for field in _children(data, "formField"):
        name = field.get("id")
        if name:
            components.setdefault(name, {**_component(field, name), "id": f"Field_{len(components) + 1}"})
    return {
        "type": "default",
        "id": element.get("id") or "form",
        "schemaVersion": SCHEMA_VERSION,
        "components": list(components.values()),
    }


def _component(field: _Element, name: str) -> dict[str, Any]:
    """Defaults that are expressions are left out: what they refer to lives in the engine."""
    settings = _TYPES.get((field.get("type") or "string").lower(), _TYPES["string"])
    kind = settings["type"]
    label = field.get("label") or name
    result = {"key": name, **settings, ("dateLabel" if kind == "datetime" else "label"): label}
    if kind == "select":
        result["values"] = [
            {"value": entry.get("id"), "label": entry.get("name") or entry.get("id")}
            for entry in _children(field, "value")
            if entry.get("id")
        ]
    default = field.get("defaultValue")
    if default and "${" not in default and "#{" not in default:
        value = _default(kind, default)
        if value is not None:
            result["defaultValue"] = value
    return {**result, **_constraints(field, kind)}


def _default(kind: str, text: str) -> Any:
    if kind == "checkbox":
        return text.strip().lower() == "true"
    if kind == "datetime":
        return None
    return _number(text) if kind == "number" else text


def _constraints(field: _Element, kind: str) -> dict[str, Any]:
    """``required`` of a checkbox asks in Camunda for an answer, in form-js for "yes": it is left out."""
    result: dict[str, Any] = {}
    validate: dict[str, Any] = {}
    for constraint in (entry for part in _children(field, "validation") for entry in _children(part, "constraint")):
        name, config = (constraint.get("name") or "").lower(), (constraint.get("config") or "").strip()
        if name == "readonly" and config.lower() in _TRUE:
            result["readonly"] = True
        elif name == "required" and config.lower() in _TRUE and kind != "checkbox":
            validate["required"] = True
        elif name in _LIMITS and (number := _number(config)) is not None:
            validate[_LIMITS[name]] = number
    return {**result, "validate": validate} if validate else result


def _number(text: str) -> Any:
    """A JSON number; None where the text is none."""
    try:
        value = json.loads(text)
    except InvalidInput:
        return None
    return None if isinstance(value, (bool, str, list, dict)) else value


def _children(element: _Element, name: str) -> list[_Element]:
    return [child for child in element if isinstance(child.tag, str) and ns.split(child.tag)[1] == name]

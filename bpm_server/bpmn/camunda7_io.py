"""``camunda:inputOutput``: parameters as text, JUEL, script, list or map."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bpm_server.bpmn import namespaces as ns
from bpm_server.bpmn.extensions import extension_elements
from bpm_server.bpmn.model import IoMapping
from bpm_server.bpmn.values import ListValue, MapValue, Static, feel_value, from_camunda7
from bpm_server.kernel.errors import InvalidInput

if TYPE_CHECKING:
    from lxml.etree import _Element

    from bpm_server.bpmn.reading import Reading
    from bpm_server.bpmn.values import Value


class InputOutput(NamedTuple):
    """The mappings of one activity or connector, in document order."""

    inputs: tuple[IoMapping, ...]
    outputs: tuple[IoMapping, ...]


def read_input_output(reading: Reading, element: _Element, container: _Element | None = None) -> InputOutput:
    """Reads ``camunda:inputOutput`` of an element, or of the connector inside it."""
    found = extension_elements(element) if container is None else iter(container)
    inputs: list[IoMapping] = []
    outputs: list[IoMapping] = []
    for mapping in found:
        if ns.split(mapping.tag)[1] != "inputOutput":
            continue
        for parameter in mapping:
            side = {"inputParameter": inputs, "outputParameter": outputs}.get(ns.split(parameter.tag)[1])
            if side is None:
                continue
            name = parameter.get("name", "").strip()
            if not name:
                reading.error("mapping-target", element, "Expected a name of the parameter, but found none")
                continue
            side.append(IoMapping(_definition(reading, parameter, element, name), name))
    return InputOutput(tuple(inputs), tuple(outputs))


def _definition(reading: Reading, holder: _Element, element: _Element, name: str) -> Value:
    """The value inside a parameter, list item or map entry."""
    for child in holder:
        local = ns.split(child.tag)[1]
        if local == "list":
            return ListValue(tuple(_item(reading, entry, element, name) for entry in child))
        if local == "map":
            entries = ((entry.get("key", ""), _definition(reading, entry, element, name)) for entry in child)
            return MapValue(tuple(entries))
        if local == "script":
            language = child.get("scriptFormat", "").lower()
            return script_value(reading, language, ns.text_of(child) or "", element) or Static(None)
    text = ns.text_of(holder)
    return Static(None) if text is None else reading.value(text, element, f"parameter '{name}'") or Static(None)


def _item(reading: Reading, entry: _Element, element: _Element, name: str) -> Value:
    if ns.split(entry.tag)[1] == "script":
        return script_value(reading, entry.get("scriptFormat", "").lower(), ns.text_of(entry) or "", element) or Static(
            None
        )
    return _definition(reading, entry, element, name)


def script_value(reading: Reading, language: str, text: str, element: _Element) -> Value | None:
    """An expression written as a script; another language than FEEL and JUEL is an error finding."""
    if language not in ("juel", "feel"):
        reading.error(
            "script-in-expression", element, f"Expected JUEL or FEEL, but found a script in '{language}'",
            "Write it as ${...}, or compute the value in a task of its own.",
        )  # fmt: skip
        return None
    try:
        return feel_value(text) if language == "feel" else from_camunda7(text)
    except InvalidInput as error:
        reading.error("expression-syntax", element, error.message)
        return None

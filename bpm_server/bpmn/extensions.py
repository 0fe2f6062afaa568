"""What both dialects do with extension elements: find them, and report what nobody knows."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from bpm_server.bpmn import namespaces as ns
from bpm_server.bpmn import vocabulary
from bpm_server.bpmn.timers import parse_duration
from bpm_server.kernel.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml.etree import _Element

    from bpm_server.bpmn.reading import Reading
    from bpm_server.bpmn.timers import Duration

_ELEMENTS = {ns.ZEEBE: vocabulary.ZEEBE, ns.CAMUNDA: vocabulary.CAMUNDA, ns.ACTIVITI: vocabulary.CAMUNDA}
_ON_BPMN = {
    ns.ZEEBE: vocabulary.ZEEBE_ON_BPMN,
    ns.CAMUNDA: vocabulary.CAMUNDA_ON_BPMN,
    ns.ACTIVITI: vocabulary.CAMUNDA_ON_BPMN,
}


def extension_elements(element: _Element) -> Iterator[_Element]:
    """The children of ``bpmn:extensionElements``."""
    container = ns.child(element, "extensionElements")
    if container is not None:
        yield from container


def check_vocabulary(root: _Element, reading: Reading, own: frozenset[str], other: str) -> None:
    """Reports unknown extension elements and attributes, and those of the other Camunda version.

    Args:
        root: The definitions element.
        reading: Collects the findings.
        own: Namespaces of the file's dialect.
        other: Namespace whose extensions have no effect in this dialect.
    """
    for element in root.iter():
        namespace, local = ns.split(element.tag)
        if namespace in own:
            _check_element(element, namespace, local, reading)
        elif namespace == other:
            _warn_other(element, reading)
        elif namespace == ns.BPMN:
            _check_attributes(element, reading, own)


def _check_element(element: _Element, namespace: str, local: str, reading: Reading) -> None:
    known = _ELEMENTS[namespace].get(local)
    if known is None:
        reading.error(
            "unknown-extension", element, f"Expected a known extension element, but found {ns.shown(element.tag)}",
            "It would have no effect; remove it or use the element that the Modeler writes.",
        )  # fmt: skip
        return
    for attribute in element.attrib:
        space, name = ns.split(attribute)
        if space in ("", namespace) and name not in known:
            reading.warning(
                "unknown-extension-attribute",
                element,
                f"Expected a known attribute at {ns.shown(element.tag)}, but found '{name}', which has no effect",
            )


def _check_attributes(element: _Element, reading: Reading, own: frozenset[str]) -> None:
    for attribute in element.attrib:
        space, name = ns.split(attribute)
        if space in own and name not in _ON_BPMN[space]:
            reading.warning(
                "unknown-extension-attribute",
                element,
                f"Expected a known attribute, but found {ns.shown(attribute)}, which has no effect",
            )


def _warn_other(element: _Element, reading: Reading) -> None:
    parent = element.getparent()
    if parent is not None and ns.split(parent.tag)[0] == ns.split(element.tag)[0]:
        return
    reading.warning(
        "foreign-extension",
        element,
        f"Expected extensions of {reading.dialect}, but found {ns.shown(element.tag)}, which has no effect",
        "Set the diagram's execution platform, or remove the extension.",
    )


def history_time_to_live(text: str | None, element: _Element, reading: Reading) -> Duration | None:
    """How long a run of the process is kept after its end: days (``180``) or an ISO 8601 duration (``P6M``).

    Camunda 7's attribute of this name, in Camunda 8 files a property; empty: the installation decides.
    """
    plain = (text or "").strip()
    if not plain:
        return None
    try:
        duration = parse_duration(f"P{plain}D" if plain.isdecimal() else plain)
    except InvalidInput:
        duration = None
    if duration is None or duration.months < 0 or duration.span < timedelta():
        reading.error(
            "history-time-to-live",
            element,
            f"Expected a history time to live in days (180) or as a duration (P180D), but found '{plain[:40]}'",
        )
        return None
    return duration

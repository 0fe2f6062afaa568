"""XML namespaces of BPMN files and the qualified names made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml.etree import _Element

BPMN = "http://www.omg.org/spec/BPMN/20100524/MODEL"
BPMNDI = "http://www.omg.org/spec/BPMN/20100524/DI"
ZEEBE = "http://camunda.org/schema/zeebe/1.0"
CAMUNDA = "http://camunda.org/schema/1.0/bpmn"
ACTIVITI = "http://activiti.org/bpmn"
MODELER = "http://camunda.org/schema/modeler/1.0"
XSI = "http://www.w3.org/2001/XMLSchema-instance"

PREFIXES = {BPMN: "bpmn", ZEEBE: "zeebe", CAMUNDA: "camunda", ACTIVITI: "activiti", MODELER: "modeler"}


def bpmn(name: str) -> str:
    """``{namespace}name`` of a BPMN element."""
    return f"{{{BPMN}}}{name}"


def split(tag: object) -> tuple[str, str]:
    """Namespace and local name of a tag; both empty for comments and processing instructions."""
    if not isinstance(tag, str):
        return "", ""
    if tag.startswith("{"):
        namespace, _, local = tag[1:].partition("}")
        return namespace, local
    return "", tag


def shown(tag: object) -> str:
    """The name as a person knows it: ``zeebe:taskDefinition``."""
    namespace, local = split(tag)
    prefix = PREFIXES.get(namespace)
    return f"{prefix}:{local}" if prefix else local


def children(element: _Element, name: str) -> Iterator[_Element]:
    """BPMN child elements of this name."""
    yield from element.iterchildren(bpmn(name))


def child(element: _Element, name: str) -> _Element | None:
    """The first BPMN child element of this name."""
    return element.find(bpmn(name))


def text_of(element: _Element | None) -> str | None:
    """The element's text without surrounding white space; None where there is none."""
    if element is None:
        return None
    text = "".join(element.itertext()).strip()
    return text or None

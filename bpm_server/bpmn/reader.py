"""Turns the bytes of a ``.bpmn`` file into a ``Diagram``.

What BPMN itself defines is read here; extensions are read by the dialect (``camunda8`` or ``camunda7``).
Nothing is dropped in silence: what is not known becomes a finding with element id and line.

Source: BPMN 2.0.2 (OMG formal/2013-12-09), chapters 8 and 10.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from bpm_server.bpmn import namespaces as ns
from bpm_server.bpmn.camunda7 import Camunda7
from bpm_server.bpmn.camunda8 import Camunda8
from bpm_server.bpmn.checks import check_process
from bpm_server.bpmn.events import read_event
from bpm_server.bpmn.model import SCOPES, Diagram, Flow, Node, NodeType, Process
from bpm_server.bpmn.reading import Reading
from bpm_server.kernel import xml
from bpm_server.kernel.findings import Finding, RefusedFile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml.etree import _Element

    from bpm_server.bpmn.model import Dialect, Loop

NODE_TAGS = {ns.bpmn(kind.value): kind for kind in NodeType if kind is not NodeType.EVENT_SUB_PROCESS}
IGNORED_IN_SCOPE = frozenset(
    {
        "artifact", "association", "auditing", "category", "dataInputAssociation", "dataObject",
        "dataObjectReference", "dataOutputAssociation", "dataStoreReference", "documentation",
        "extensionElements", "group", "incoming", "ioSpecification", "laneSet", "monitoring", "outgoing",
        "property", "textAnnotation", "multiInstanceLoopCharacteristics", "standardLoopCharacteristics",
        "completionCondition", "supportedInterfaceRef", "resourceRole", "performer",
    }
)  # fmt: skip
"""Children of a process or sub-process that carry no control flow (Camunda treats them as drawing too)."""

ExtensionReader = Camunda7 | Camunda8


def read(data: bytes, *, name: str) -> Diagram:
    """Reads a file; what is wrong inside it is in ``Diagram.findings``.

    Args:
        data: The file as it came.
        name: File name for messages.

    Raises:
        RefusedFile: not XML, or not a BPMN file at all.
    """
    root = xml.parse(data, name=name)
    if root.tag != ns.bpmn("definitions"):
        message = f"the root element {ns.shown(root.tag)}, expected bpmn:definitions"
        finding = Finding("error", "not-bpmn", message, line=root.sourceline, file=name)
        raise RefusedFile(f"Expected {name} to be a BPMN file, but found {message}", [finding])
    reading = Reading(name, dialect_of(root))
    extensions: ExtensionReader = Camunda8(reading) if reading.dialect == "camunda8" else Camunda7(reading)
    _check_ids(root, reading)
    reading.roots = {
        element.get("id", ""): element for element in root if element.get("id") and element.tag != ns.bpmn("process")
    }
    processes = []
    for element in ns.children(root, "process"):
        found = len(reading.findings)
        process = ProcessReader(reading, extensions, element).read()
        processes.append(process)
        if not process.executable:
            reading.demote(found)
        if process.executable:
            check_process(process, reading, element)
    if not any(process.executable for process in processes):
        reading.error(
            "no-executable-process", root, "Expected an executable process, but found none",
            "Select the process (or pool) and tick 'Executable'.",
        )  # fmt: skip
    extensions.check_vocabulary(root)
    return Diagram(
        id=root.get("id", ""),
        name=name,
        dialect=reading.dialect,
        platform_version=root.get(f"{{{ns.MODELER}}}executionPlatformVersion"),
        processes=tuple(processes),
        findings=tuple(reading.findings),
    )


def dialect_of(root: _Element) -> Dialect:
    """Camunda 7 or 8: by the Modeler's own mark, else by the extensions that occur."""
    platform = root.get(f"{{{ns.MODELER}}}executionPlatform")
    if platform == "Camunda Cloud":
        return "camunda8"
    if platform == "Camunda Platform":
        return "camunda7"
    found = {namespace for element in root.iter() for namespace in _namespaces(element)}
    if ns.ZEEBE in found:
        return "camunda8"
    return "camunda7" if found & {ns.CAMUNDA, ns.ACTIVITI} else "camunda8"


def _namespaces(element: _Element) -> Iterator[str]:
    yield ns.split(element.tag)[0]
    for attribute in element.attrib:
        yield ns.split(attribute)[0]


def _check_ids(root: _Element, reading: Reading) -> None:
    seen: set[str] = set()
    for element in root.iter():
        key = element.get("id")
        if key is None or ns.split(element.tag)[0] != ns.BPMN:
            continue
        if key in seen:
            reading.error("duplicate-id", element, f"Expected unique ids, but found '{key}' more than once")
        seen.add(key)


class ProcessReader:
    """Reads one process element."""

    def __init__(self, reading: Reading, extensions: ExtensionReader, element: _Element) -> None:
        self.reading = reading
        self.extensions = extensions
        self.element = element
        self.id = element.get("id", "")
        self.nodes: dict[str, Node] = {}
        self.flows: dict[str, Flow] = {}
        self.children: dict[str, list[str]] = {}

    def read(self) -> Process:
        """The process with everything in it."""
        if not self.id:
            self.reading.error("id-missing", self.element, "Expected a process id, but found none")
        self._read_scope(self.element, self.id)
        self._connect()
        self._attach_compensation()
        process = Process(
            id=self.id,
            name=self.element.get("name"),
            executable=self.element.get("isExecutable", "false") in ("true", "1"),
            nodes=MappingProxyType(self.nodes),
            flows=MappingProxyType(self.flows),
            children=MappingProxyType({scope: tuple(keys) for scope, keys in self.children.items()}),
            line=self.element.sourceline,
            documentation=ns.text_of(ns.child(self.element, "documentation")),
            lanes=MappingProxyType(dict(self._lanes())),
        )
        return self.extensions.process(self.element, process)

    def _read_scope(self, scope: _Element, scope_id: str) -> None:
        self.children.setdefault(scope_id, [])
        for element in scope:
            kind = NODE_TAGS.get(str(element.tag))
            if kind is not None:
                self._read_node(element, kind, scope_id)
            elif element.tag == ns.bpmn("sequenceFlow"):
                self._read_flow(element)
            else:
                self._check_other(element)

    def _check_other(self, element: _Element) -> None:
        namespace, local = ns.split(element.tag)
        if namespace == ns.BPMN and local not in IGNORED_IN_SCOPE:
            self.reading.error(
                "unsupported-element", element, f"Expected a supported element, but found bpmn:{local}",
                "Neither Camunda 8 nor this server runs it; draw it with supported elements.",
            )  # fmt: skip

    def _read_node(self, element: _Element, kind: NodeType, scope_id: str) -> None:
        key = element.get("id", "")
        if not key:
            self.reading.error("id-missing", element, f"Expected an id at bpmn:{kind}, but found none")
            return
        if kind is NodeType.SUB_PROCESS and element.get("triggeredByEvent") == "true":
            kind = NodeType.EVENT_SUB_PROCESS
        node = Node(
            id=key,
            type=kind,
            scope=scope_id,
            name=element.get("name"),
            line=element.sourceline,
            default_flow=element.get("default"),
            event=read_event(self.reading, self.extensions, element, kind),
            attached_to=element.get("attachedToRef") if kind is NodeType.BOUNDARY_EVENT else None,
            interrupting=_is_interrupting(element, kind),
            compensation=element.get("isForCompensation") == "true",
            documentation=ns.text_of(ns.child(element, "documentation")),
        )
        node = self.extensions.node(element, node)
        node = replace(node, loop=self._loop(element))
        self.nodes[key] = node
        self.children[scope_id].append(key)
        if kind in SCOPES:
            self._read_scope(element, key)

    def _loop(self, element: _Element) -> Loop | None:
        if ns.child(element, "standardLoopCharacteristics") is not None:
            self.reading.error(
                "standard-loop", element, "Expected no standard loop marker, but found one",
                "Draw the loop with a gateway, or use a sequential multi-instance.",
            )  # fmt: skip
        loop = ns.child(element, "multiInstanceLoopCharacteristics")
        return None if loop is None else self.extensions.loop(loop, element)

    def _read_flow(self, element: _Element) -> None:
        key = element.get("id", "")
        condition = ns.child(element, "conditionExpression")
        self.flows[key] = Flow(
            id=key,
            source=element.get("sourceRef", ""),
            target=element.get("targetRef", ""),
            condition=None if condition is None else self.extensions.condition(condition, element),
            name=element.get("name"),
            line=element.sourceline,
            listeners=self.extensions.listeners(element),
        )

    def _connect(self) -> None:
        incoming: dict[str, list[str]] = {}
        outgoing: dict[str, list[str]] = {}
        for flow in list(self.flows.values()):
            ends = [self.nodes.get(flow.source), self.nodes.get(flow.target)]
            if None in ends:
                missing = flow.source if ends[0] is None else flow.target
                self._report_flow(flow, f"Expected flow '{flow.id}' to join two nodes, but '{missing}' is none")
                del self.flows[flow.id]
                continue
            outgoing.setdefault(flow.source, []).append(flow.id)
            incoming.setdefault(flow.target, []).append(flow.id)
        for key, node in self.nodes.items():
            self.nodes[key] = replace(
                node, incoming=tuple(incoming.get(key, ())), outgoing=tuple(outgoing.get(key, ()))
            )

    def _report_flow(self, flow: Flow, message: str) -> None:
        self.reading.findings.append(
            Finding("error", "flow-end", message, flow.id, flow.name, flow.line, file=self.reading.name)
        )

    def _attach_compensation(self) -> None:
        for association in self.element.iter(ns.bpmn("association")):
            source = self.nodes.get(association.get("sourceRef", ""))
            target = self.nodes.get(association.get("targetRef", ""))
            if source and target and source.type is NodeType.BOUNDARY_EVENT and target.compensation:
                self.nodes[source.id] = replace(source, compensated_by=target.id)

    def _lanes(self) -> Iterator[tuple[str, str]]:
        for lane in self.element.iter(ns.bpmn("lane")):
            for reference in ns.children(lane, "flowNodeRef"):
                yield (reference.text or "").strip(), lane.get("name") or lane.get("id") or ""


def _is_interrupting(element: _Element, kind: NodeType) -> bool:
    attribute = "cancelActivity" if kind is NodeType.BOUNDARY_EVENT else "isInterrupting"
    return element.get(attribute, "true") not in ("false", "0")

"""Checks of a process's structure at deployment: what would hang, end in silence or mean nothing.

Every check is one small function over the finished ``Process``; it reports at the element.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from bpm_server.bpmn import model as m
from bpm_server.bpmn.model import ACTIVITIES, NodeType
from bpm_server.bpmn.timers import check_timer_text
from bpm_server.bpmn.values import Static
from bpm_server.kernel.errors import InvalidInput
from bpm_server.kernel.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lxml.etree import _Element

    from bpm_server.bpmn.model import Node, Process
    from bpm_server.bpmn.reading import Reading
    from bpm_server.kernel.findings import Severity

START_EVENTS = (m.MessageEvent, m.TimerEvent, m.SignalEvent, m.ConditionalEvent)
EVENT_SUB_PROCESS_STARTS = (*START_EVENTS, m.ErrorEvent, m.EscalationEvent, m.CompensateEvent)
CATCH_EVENTS = (m.MessageEvent, m.TimerEvent, m.SignalEvent, m.ConditionalEvent, m.LinkEvent)
BOUNDARY_EVENTS = (
    m.MessageEvent, m.TimerEvent, m.SignalEvent, m.ConditionalEvent, m.ErrorEvent, m.EscalationEvent,
    m.CompensateEvent, m.CancelEvent,
)  # fmt: skip
THROW_EVENTS = (m.MessageEvent, m.SignalEvent, m.EscalationEvent, m.CompensateEvent, m.LinkEvent)
END_EVENTS = (
    m.MessageEvent, m.SignalEvent, m.EscalationEvent, m.CompensateEvent, m.ErrorEvent, m.TerminateEvent,
    m.CancelEvent,
)  # fmt: skip
ALLOWED_EVENTS = {
    NodeType.CATCH_EVENT: CATCH_EVENTS,
    NodeType.BOUNDARY_EVENT: BOUNDARY_EVENTS,
    NodeType.THROW_EVENT: THROW_EVENTS,
    NodeType.END_EVENT: END_EVENTS,
}


class Checking:
    """One process being checked."""

    def __init__(self, process: Process, reading: Reading) -> None:
        self.process = process
        self.camunda8 = reading.dialect == "camunda8"
        self._reading = reading

    def report(
        self, severity: Severity, rule: str, node: Node | Process, message: str, hint: str | None = None
    ) -> None:
        """Adds a finding at a node."""
        self._reading.findings.append(
            Finding(severity, rule, message, node.id, node.name, node.line, hint, self._reading.name)
        )

    def error(self, rule: str, node: Node | Process, message: str, hint: str | None = None) -> None:
        """Adds a finding that blocks deployment."""
        self.report("error", rule, node, message, hint)

    def warning(self, rule: str, node: Node | Process, message: str, hint: str | None = None) -> None:
        """Adds a finding that does not block deployment."""
        self.report("warning", rule, node, message, hint)

    def nodes(self, *kinds: NodeType) -> Iterator[Node]:
        """Nodes of these types."""
        return (node for node in self.process.nodes.values() if node.type in kinds)


def check_process(process: Process, reading: Reading, element: _Element) -> None:
    """Runs every check; the findings are in ``reading``."""
    del element
    checking = Checking(process, reading)
    for check in CHECKS:
        check(checking)


def _starts(checking: Checking) -> None:
    process = checking.process
    starts = process.starts()
    if not starts:
        checking.error(
            "start-event-missing", process, "Expected a start event, but found none",
            "Draw a start event in the process (starts inside sub-processes do not count).",
        )  # fmt: skip
    if sum(start.event is None for start in starts) > 1:
        checking.error("several-none-starts", process, "Expected one start event without a trigger, but found more")
    for start in starts:
        if start.event is not None and not isinstance(start.event, START_EVENTS):
            checking.error(
                "start-event-kind", start,
                f"Expected a none, message, timer, signal or conditional start, but found {_kind(start)}",
            )  # fmt: skip
    for node in checking.nodes(NodeType.SUB_PROCESS, NodeType.TRANSACTION):
        inner = process.starts(node.id)
        if len(inner) != 1 or inner[0].event is not None:
            checking.error(
                "sub-process-start", node, f"Expected one none start event in the sub-process, but found {len(inner)}"
                if len(inner) != 1 else "Expected a none start event in the sub-process, but found a triggered one",
            )  # fmt: skip
    for node in checking.nodes(NodeType.EVENT_SUB_PROCESS):
        _check_event_sub_process(checking, node)


def _check_event_sub_process(checking: Checking, node: Node) -> None:
    starts = checking.process.starts(node.id)
    if len(starts) != 1 or not isinstance(starts[0].event, EVENT_SUB_PROCESS_STARTS):
        checking.error("event-sub-process-start", node, "Expected one triggered start event, but found something else")
    if node.incoming or node.outgoing:
        checking.error("event-sub-process-flow", node, "Expected no flows at an event sub-process, but found some")


def _kind(node: Node) -> str:
    return type(node.event).__name__.removesuffix("Event").lower() if node.event else "none"


def _events(checking: Checking) -> None:
    for kind, allowed in ALLOWED_EVENTS.items():
        for node in checking.nodes(kind):
            optional = kind in (NodeType.END_EVENT, NodeType.THROW_EVENT)
            if (node.event is None and not optional) or (
                node.event is not None and not isinstance(node.event, allowed)
            ):
                checking.error("event-kind", node, f"Expected another event at {kind}, but found a {_kind(node)} event")
            if isinstance(node.event, m.ErrorEvent) and kind is NodeType.END_EVENT and node.event.code is None:
                checking.error("error-code-missing", node, "Expected an error with a code to throw, but found none")
    for node in checking.process.nodes.values():
        if isinstance(node.event, m.TimerEvent) and isinstance(node.event.value, Static):
            _check_timer(checking, node, node.event)


def _check_timer(checking: Checking, node: Node, event: m.TimerEvent) -> None:
    try:
        check_timer_text(event.kind, event.value.source)
    except InvalidInput as error:
        checking.error("timer-text", node, error.message)


def _boundaries(checking: Checking) -> None:
    for node in checking.nodes(NodeType.BOUNDARY_EVENT):
        host = checking.process.nodes.get(node.attached_to or "")
        if host is None or host.type not in ACTIVITIES or host.scope != node.scope:
            checking.error("boundary-host", node, "Expected to be attached to an activity, but found none in its scope")
        elif isinstance(node.event, m.CancelEvent) and host.type is not NodeType.TRANSACTION:
            checking.error("cancel-host", node, "Expected to be attached to a transaction, but found another activity")
        if isinstance(node.event, m.CompensateEvent) and node.compensated_by is None:
            checking.error(
                "compensation-handler",
                node,
                "Expected an association to a compensation handler, but found none",
            )
        if isinstance(node.event, m.ErrorEvent | m.CancelEvent) and not node.interrupting:
            checking.error("error-interrupts", node, "Expected an interrupting event, but found a non-interrupting one")
        if node.incoming:
            checking.error("boundary-incoming", node, "Expected no incoming flow at a boundary event, but found one")


def _messages(checking: Checking) -> None:
    for node in checking.process.nodes.values():
        waits = node.type in (NodeType.CATCH_EVENT, NodeType.BOUNDARY_EVENT, NodeType.START_EVENT)
        if node.type is NodeType.RECEIVE_TASK and node.event is None:
            severity: Severity = "error" if checking.camunda8 else "warning"
            checking.report(severity, "message-missing", node, "Expected a message to receive, but found none")
        if not isinstance(node.event, m.MessageEvent) or not (waits or node.type is NodeType.RECEIVE_TASK):
            continue
        starts_process = node.type is NodeType.START_EVENT and node.scope == checking.process.id
        if checking.camunda8 and not starts_process and node.event.correlation_key is None:
            checking.error(
                "correlation-key-missing", node, "Expected a correlation key of the message, but found none",
                "Set the subscription correlation key, for instance =orderNumber.",
            )  # fmt: skip


def _ambiguous(checking: Checking) -> None:
    """Camunda 8 refuses two events at one place that wait for the same; Camunda 7 takes the first."""
    if not checking.camunda8:
        return
    seen: dict[tuple[str, str, str | None], Node] = {}
    for node in checking.process.nodes.values():
        place, awaited = _place(checking, node), _awaited(node)
        if isinstance(node.event, m.ConditionalEvent) and place == "start":
            awaited = _kind(node), node.event.condition.source
        if place is None or awaited is None:
            continue
        first = seen.setdefault((place, *awaited), node)
        if first is not node:
            checking.error(
                "catch-ambiguous", node,
                f"Expected one event that catches {awaited[0]} '{awaited[1] or 'any'}' here, "
                f"but '{first.id}' does so too",
            )  # fmt: skip


def _place(checking: Checking, node: Node) -> str | None:
    """Where a catching event stands: at an activity, in a scope, or at the start of the process."""
    if node.type is NodeType.BOUNDARY_EVENT:
        return f"boundary of {node.attached_to}"
    if node.type is not NodeType.START_EVENT:
        return None
    scope = checking.process.nodes.get(node.scope)
    return "start" if scope is None else f"event sub-processes of {scope.scope}"


def _awaited(node: Node) -> tuple[str, str | None] | None:
    event = node.event
    if isinstance(event, m.ErrorEvent | m.EscalationEvent):
        return _kind(node), None if event.code is None else event.code.source
    if isinstance(event, m.MessageEvent | m.SignalEvent):
        return _kind(node), event.name.source
    return None


def _listeners(checking: Checking) -> None:
    if not checking.camunda8:
        return
    for node in checking.process.nodes.values():
        counts = Counter((listener.on, listener.job.type.source) for listener in node.listeners)
        for (moment, job_type), count in counts.items():
            if count > 1:
                checking.error(
                    "listener-twice", node,
                    f"Expected one {moment} listener of type '{job_type}', but found {count}",
                )  # fmt: skip


def _gateways(checking: Checking) -> None:
    flows = checking.process.flows
    for node in checking.nodes(NodeType.EXCLUSIVE_GATEWAY, NodeType.INCLUSIVE_GATEWAY):
        if len(node.outgoing) < 2:
            continue
        for key in node.outgoing:
            if flows[key].condition is None and key != node.default_flow:
                # Camunda 8 refuses it; Camunda 7's gateway takes the first flow that has no condition.
                strict = node.type is NodeType.EXCLUSIVE_GATEWAY and checking.camunda8
                severity: Severity = "error" if strict else "warning"
                checking.report(
                    severity, "condition-missing", node, f"Expected a condition at flow '{key}', but found none",
                    "Add a condition, or make it the default flow.",
                )  # fmt: skip
    for node in checking.process.nodes.values():
        if node.default_flow and node.default_flow not in node.outgoing:
            checking.error("default-flow", node, f"Expected default flow '{node.default_flow}' to leave the element")


def _event_gateways(checking: Checking) -> None:
    process = checking.process
    for node in checking.nodes(NodeType.EVENT_BASED_GATEWAY):
        if len(node.outgoing) < 2:
            checking.error("event-gateway-flows", node, "Expected at least two events to wait for, but found fewer")
        for key in node.outgoing:
            target = process.nodes[process.flows[key].target]
            catches = target.type is NodeType.RECEIVE_TASK or (
                target.type is NodeType.CATCH_EVENT and not isinstance(target.event, m.LinkEvent)
            )
            if not catches:
                checking.error(
                    "event-gateway-target",
                    node,
                    f"Expected '{target.id}' to be a catch event or receive task",
                )


def _links(checking: Checking) -> None:
    catches = Counter(
        (node.scope, node.event.name)
        for node in checking.nodes(NodeType.CATCH_EVENT)
        if isinstance(node.event, m.LinkEvent)
    )
    for node in checking.nodes(NodeType.THROW_EVENT, NodeType.CATCH_EVENT):
        if not isinstance(node.event, m.LinkEvent):
            continue
        count = catches[node.scope, node.event.name]
        if count != 1:
            checking.error(
                "link-target",
                node,
                f"Expected one catching link '{node.event.name}' in its scope, but found {count}",
            )


def _flows(checking: Checking) -> None:
    process = checking.process
    for flow in process.flows.values():
        source, target = process.nodes[flow.source], process.nodes[flow.target]
        if source.scope != target.scope:
            checking.error(
                "flow-scope",
                source,
                f"Expected flow '{flow.id}' to stay in its sub-process, but it leaves it",
            )
        if target.type is NodeType.START_EVENT:
            checking.error("start-incoming", target, "Expected no incoming flow at a start event, but found one")
        if source.type is NodeType.END_EVENT:
            checking.error("end-outgoing", source, "Expected no outgoing flow at an end event, but found one")


def _reachable(checking: Checking) -> None:
    process = checking.process
    reached: set[str] = set()
    agenda = [node.id for node in process.nodes.values() if _begins(checking, node)]
    boundaries: dict[str, list[str]] = {}
    for node in checking.nodes(NodeType.BOUNDARY_EVENT):
        boundaries.setdefault(node.attached_to or "", []).append(node.id)
    while agenda:
        key = agenda.pop()
        if key in reached:
            continue
        reached.add(key)
        node = process.nodes[key]
        agenda += [process.flows[flow].target for flow in node.outgoing]
        agenda += boundaries.get(key, [])
        if node.compensated_by:
            agenda.append(node.compensated_by)
    for node in process.nodes.values():
        if node.id not in reached:
            checking.warning("unreachable", node, "Expected a path from a start event, but found none")


def _begins(checking: Checking, node: Node) -> bool:
    if node.type in (NodeType.START_EVENT, NodeType.EVENT_SUB_PROCESS) or isinstance(node.event, m.LinkEvent):
        return True
    scope = checking.process.nodes.get(node.scope)
    in_ad_hoc = scope is not None and scope.type is NodeType.AD_HOC_SUB_PROCESS
    return in_ad_hoc and not node.incoming


CHECKS: tuple[Callable[[Checking], None], ...] = (
    _starts,
    _events,
    _boundaries,
    _messages,
    _ambiguous,
    _listeners,
    _gateways,
    _event_gateways,
    _links,
    _flows,
    _reachable,
)

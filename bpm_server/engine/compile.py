"""Compiles a checked process into task specs: once per definition, shared by all its instances."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpm_server.bpmn import model as m
from bpm_server.bpmn.model import NodeType
from bpm_server.engine import activities, ad_hoc, flow_events, gateways, scopes, user_tasks
from bpm_server.engine.definition import Catch, Definition
from bpm_server.engine.element import Edge, Element
from bpm_server.engine.multi_instance import MultiInstance
from bpm_server.engine.reachability import reaches

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bpm_server.bpmn.model import Dialect, Node, Process

BY_TYPE: dict[NodeType, type[Element]] = {
    NodeType.START_EVENT: flow_events.StartEvent,
    NodeType.BOUNDARY_EVENT: flow_events.BoundaryEvent,
    NodeType.CATCH_EVENT: flow_events.CatchEvent,
    NodeType.RECEIVE_TASK: flow_events.CatchEvent,
    NodeType.TASK: activities.PassThrough,
    NodeType.MANUAL_TASK: activities.PassThrough,
    NodeType.USER_TASK: user_tasks.UserTask,
    NodeType.CALL_ACTIVITY: activities.CallActivity,
    NodeType.SUB_PROCESS: scopes.SubProcess,
    NodeType.EVENT_SUB_PROCESS: scopes.EventSubProcess,
    NodeType.TRANSACTION: scopes.Transaction,
    NodeType.AD_HOC_SUB_PROCESS: scopes.AdHocSubProcess,
    NodeType.EXCLUSIVE_GATEWAY: gateways.ExclusiveGateway,
    NodeType.PARALLEL_GATEWAY: gateways.ParallelGateway,
    NodeType.INCLUSIVE_GATEWAY: gateways.InclusiveJoin,
    NodeType.EVENT_BASED_GATEWAY: gateways.EventBasedGateway,
}
THROWS: dict[type, type[Element]] = {
    m.SignalEvent: flow_events.SignalThrow,
    m.EscalationEvent: flow_events.EscalationThrow,
    m.ErrorEvent: flow_events.ErrorEnd,
    m.TerminateEvent: flow_events.TerminateEnd,
    m.CancelEvent: flow_events.CancelEnd,
    m.CompensateEvent: flow_events.CompensationThrow,
}
LINK = ""
"""Id of the edge between two link events: no sequence flow is taken."""
AWAITED = (m.MessageEvent, m.TimerEvent, m.SignalEvent, m.ConditionalEvent)
THROWN = (m.ErrorEvent, m.EscalationEvent, m.CompensateEvent, m.CancelEvent)


def compile_process(process: Process, dialect: Dialect) -> Definition:
    """Compiles one executable process that has no error findings."""
    return _Compiler(process, dialect).compile()


class _Compiler:
    def __init__(self, process: Process, dialect: Dialect) -> None:
        self.process = process
        self.definition = Definition(process, dialect)

    def compile(self) -> Definition:
        definition = self.definition
        definition.root = scopes.ProcessScope(definition)
        for node in self.process.nodes.values():
            self._add(node)
        for node in self.process.nodes.values():
            self._connect(node)
        for node in self.process.nodes.values():
            self._attach(node)
        for element in definition.elements.values():
            if isinstance(element, gateways.InclusiveJoin):
                element.reaches = reaches(definition, element)
        definition.has_inclusive = any(
            isinstance(element, gateways.InclusiveJoin) and len(element.flow_ids) > 1
            for element in definition.elements.values()
        )
        definition.has_conditional = any(
            isinstance(node.event, m.ConditionalEvent) for node in self.process.nodes.values()
        )
        definition.watched_by_items = frozenset(self._watched_by_items())
        return definition

    def _watched_by_items(self) -> Iterator[str]:
        nodes = self.process.nodes
        for node in nodes.values():
            scope = nodes.get(node.scope)
            while scope is not None and scope.loop is None:
                scope = nodes.get(scope.scope)
            if scope is not None and isinstance(node.event, m.ConditionalEvent):
                yield from node.event.variables or node.event.condition.names

    # --- elements ---------------------------------------------------------------------------------------

    def _add(self, node: Node) -> None:
        definition = self.definition
        if node.loop is None:
            definition.elements[node.id] = self._element(node, node.id)
            return
        body = MultiInstance(definition, node, node.loop)
        item = self._element(node, f"{node.id}#item")
        item.item_of, item.catches, item.throw_catches = body, {}, ()
        item.async_before = item.async_after = False
        body.item = item
        definition.elements[node.id] = body
        definition.items[node.id] = item

    def _element(self, node: Node, name: str) -> Element:
        definition = self.definition
        if isinstance(node.work, m.JobWork):
            return activities.Job(definition, name, node, node.work)
        if isinstance(node.work, m.AdHocWork) and node.work.job is not None:
            return ad_hoc.LedByWorker(definition, name, node)
        if isinstance(node.work, m.ScriptWork):
            return activities.Script(definition, name, node)
        if isinstance(node.work, m.DecisionWork):
            return activities.BusinessRule(definition, name, node)
        if isinstance(node.event, m.LinkEvent) and node.type is NodeType.CATCH_EVENT:
            return flow_events.LinkCatch(definition, name, node)
        if node.type in (NodeType.THROW_EVENT, NodeType.END_EVENT):
            return THROWS.get(type(node.event), flow_events.NoneThrow)(definition, name, node)
        return BY_TYPE.get(node.type, activities.PassThrough)(definition, name, node)

    # --- flows ------------------------------------------------------------------------------------------

    def _connect(self, node: Node) -> None:
        element = self.definition.elements[node.id]
        flows = [self.process.flows[key] for key in node.outgoing]
        edges = {flow.id: Edge(flow.id, self.definition.elements[flow.target], flow.condition) for flow in flows}
        for edge in edges.values():
            element.connect(edge.target)
        element.default_edge = edges.get(node.default_flow or "")
        element.edges = tuple(edges.values())
        element.has_conditions = any(edge.condition is not None for edge in element.edges)
        if isinstance(node.event, m.LinkEvent) and node.type is NodeType.THROW_EVENT:
            element.edges = self._link(node, node.event.name)
        if isinstance(element, gateways.Join):
            element.flow_ids = node.incoming
        inner = self.definition.items.get(node.id, element)
        if isinstance(inner, scopes.Scope):
            starts = self.process.starts(node.id)
            inner.first = self.definition.elements[starts[0].id] if starts else None

    def _link(self, node: Node, name: str) -> tuple[Edge, ...]:
        for key in self.process.children[node.scope]:
            other = self.process.nodes[key]
            if other.type is NodeType.CATCH_EVENT and isinstance(other.event, m.LinkEvent) and other.event.name == name:
                return (Edge(LINK, self.definition.elements[other.id], None),)
        return ()

    # --- events -----------------------------------------------------------------------------------------

    def _attach(self, node: Node) -> None:
        """Tells each element what it waits for and catches."""
        elements = self.definition.elements
        own = self.definition.items.get(node.id, elements[node.id])
        if node.type in (NodeType.CATCH_EVENT, NodeType.RECEIVE_TASK) and isinstance(node.event, AWAITED):
            own.own_catch = Catch(node.id, node.event, "own", True, own)
        if node.type is NodeType.BOUNDARY_EVENT and node.event is not None:
            host = elements[node.attached_to or ""]
            self._catch(host, Catch(node.id, node.event, "boundary", node.interrupting, elements[node.id]))
            if isinstance(node.event, m.CompensateEvent) and node.compensated_by:
                host.compensation_handler = elements[node.compensated_by]
        if node.type is NodeType.EVENT_SUB_PROCESS:
            self._event_sub_process(node)
        if node.type is NodeType.EVENT_BASED_GATEWAY:
            for edge in elements[node.id].edges:
                event = edge.target.node.event
                if event is not None:
                    self._catch(elements[node.id], Catch(edge.target.element_id, event, "gateway", True, edge.target))
        if node.type in (NodeType.SUB_PROCESS, NodeType.TRANSACTION):
            elements[node.id].compensation_scope = scopes.CompensationScope(
                self.definition, f"{node.id}#compensation", node
            )

    def _event_sub_process(self, node: Node) -> None:
        start = self.process.starts(node.id)[0]
        if start.event is None:
            return
        element = self.definition.elements[node.id]
        self._catch(
            self._scope(node.scope),
            Catch(start.id, start.event, "event-sub-process", start.interrupting, element),
        )

    def _scope(self, scope_id: str) -> Element:
        if scope_id == self.process.id:
            return self.definition.root
        return self.definition.items.get(scope_id, self.definition.elements[scope_id])

    def _catch(self, element: Element, catch: Catch) -> None:
        if isinstance(catch.event, AWAITED):
            element.catches[catch.event_id] = catch
        elif isinstance(catch.event, THROWN):
            element.throw_catches = (*element.throw_catches, catch)

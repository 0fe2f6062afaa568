"""The life of an element, as a SpiffWorkflow task spec.

SpiffWorkflow drives: ``_update -> _ready -> run -> complete`` with its hooks. What happens inside ``run`` is the
sequence of ``Phase``: a token that must wait keeps its phase and goes on from there. A failing expression never
leaves ``run`` as an exception (SpiffWorkflow would mark the task as finished): it becomes an incident, and the
token stays where it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from SpiffWorkflow.specs.base import TaskSpec

from bpm_server.domain import events
from bpm_server.engine import variables as v
from bpm_server.engine.outcome import Stuck
from bpm_server.engine.token import Phase, Token

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bpm_server.bpmn.model import IoMapping, Listener, Node
    from bpm_server.bpmn.values import Value
    from bpm_server.engine.definition import Catch, Definition
    from bpm_server.engine.instance import Instance
    from bpm_server.engine.multi_instance import MultiInstance


class Edge:
    """A sequence flow (or link) in compiled form."""

    __slots__ = ("condition", "id", "target")

    def __init__(self, flow_id: str, target: Element, condition: Value | None) -> None:
        self.id = flow_id
        self.target = target
        self.condition = condition


class Element(TaskSpec):
    """Base of all compiled flow nodes; what a kind of node does is in :meth:`work`.

    Attributes:
        catches: Events that a token at this element waits for beside its own work: boundary events of an
            activity, event sub-processes of a scope. By event id.
        throw_catches: Errors, escalations and compensation that are caught here: nobody waits for them.
        announces: Whether people see it as an element instance.
        lends_scope: What runs inside it belongs, for people, to the scope around it.
        keeps_compensation: Whether it remembers what was completed inside it.
        own_catch: The event that this element itself is or waits for.
        item_of: The multi-instance that this element is the inner activity of.
    """

    name: str
    announces = True
    lends_scope = False
    keeps_compensation = False
    compensation_handler: Element | None = None
    compensation_scope: Element | None = None

    def __init__(self, definition: Definition, name: str, node: Node) -> None:
        super().__init__(definition.workflow_spec, name)
        self.definition = definition
        self.node = node
        self.element_id = node.id
        self.type_name: str = node.type
        self.input_mappings: tuple[IoMapping, ...] = node.inputs
        self.output_mappings: tuple[IoMapping, ...] = node.outputs
        self.results_stay = bool(node.outputs) and definition.dialect == "camunda8"
        self.start_listeners: tuple[Listener, ...] = tuple(x for x in node.listeners if x.on == "start")
        self.end_listeners: tuple[Listener, ...] = tuple(x for x in node.listeners if x.on == "end")
        self.edges: tuple[Edge, ...] = ()
        self.default_edge: Edge | None = None
        self.has_conditions = False
        self.catches: dict[str, Catch] = {}
        self.throw_catches: tuple[Catch, ...] = ()
        self.own_catch: Catch | None = None
        self.item_of: MultiInstance | None = None
        self.async_before = node.async_before
        self.async_after = node.async_after

    # --- SpiffWorkflow's hooks --------------------------------------------------------------------------

    def test(self) -> None:
        """Structure was checked when the file was read."""

    def _predict(self, *_: Any, **__: Any) -> None:
        """Nothing is predicted: tokens are created when they arrive."""

    def _update_hook(self, my_task: Token) -> bool:
        del my_task
        return True

    def _on_ready_hook(self, my_task: Token) -> None:
        my_task.workflow.agenda.append(my_task)

    def _run_hook(self, my_task: Token) -> bool | None:
        try:
            return True if self.proceed(my_task) else None
        except Stuck as stuck:
            my_task.workflow.raise_incident(my_task, stuck.kind, stuck.message)
            return None

    def _on_complete_hook(self, my_task: Token) -> None:
        self.completed(my_task)

    def _on_cancel(self, my_task: Token) -> None:
        if not my_task.recall("ending"):
            self.stop_waiting(my_task)
        self.terminated(my_task)

    # --- the life of an element -------------------------------------------------------------------------

    def arrive(self, instance: Instance, edge: Edge, scope: Token) -> None:
        """A token comes in over a flow."""
        del edge
        instance.enter(self, scope)

    def proceed(self, token: Token) -> bool:
        """Goes on from the token's phase; True when done, False when it waits.

        Raises:
            Stuck: an expression fails; the phase stays, so that a retry begins there.
        """
        if token.phase < Phase.SUBSCRIBE and not self._begin(token):
            return False
        if token.phase == Phase.SUBSCRIBE:
            if self.catches:
                token.workflow.waiting.open(token, self.catches.values())
            token.phase = Phase.WORK
        if token.phase == Phase.WORK:
            done = self.work(token)
            if token.phase == Phase.WORK:
                token.phase = Phase.OUTPUTS if done else Phase.WAITING
        if token.phase < Phase.OUTPUTS:
            return False
        return self._finish(token)

    def _begin(self, token: Token) -> bool:
        if token.phase == Phase.NEW:
            if self.async_before:
                token.phase = Phase.ASYNC_BEFORE
                token.workflow.create_safe_point(token)
            else:
                token.phase = Phase.ACTIVATE
        if token.phase == Phase.ACTIVATE:
            token.workflow.announce(token)
            token.phase = Phase.INPUTS
        if token.phase == Phase.INPUTS:
            if self.input_mappings:
                v.set_local(token, v.map_values(token, self.input_mappings, "input"))
            token.phase = Phase.START_LISTENERS
        if token.phase == Phase.START_LISTENERS and token.workflow.call_listener(token, self.start_listeners):
            token.phase = Phase.SUBSCRIBE
        return token.phase >= Phase.SUBSCRIBE

    def _finish(self, token: Token) -> bool:
        if token.phase == Phase.OUTPUTS:
            if self.output_mappings:
                self.write_outputs(token)
            self.stop_waiting(token)
            token.phase = Phase.END_LISTENERS
        if token.phase == Phase.END_LISTENERS and token.workflow.call_listener(token, self.end_listeners):
            token.phase = Phase.CHOOSE
            if self.async_after:
                token.phase = Phase.ASYNC_AFTER
                token.workflow.create_safe_point(token)
        if token.phase == Phase.CHOOSE:
            if self.item_of is not None:
                self.item_of.collect(token.scope, token)
            else:
                token.chosen = self.choose(token)
            token.phase = Phase.DONE
        return token.phase == Phase.DONE

    def work(self, token: Token) -> bool:
        """What this kind of element does; True if it is done at once.

        Raises:
            Stuck: it cannot be done.
        """
        del token
        return True

    def finish(self, token: Token, values: Mapping[str, Any]) -> None:
        """The work that a token waited for is done, with these results."""
        self.take_results(token, values)
        token.phase = Phase.OUTPUTS
        token.workflow.wake(token)

    def take_results(self, token: Token, values: Mapping[str, Any]) -> None:
        """Results stay local where output mappings pick from them (Camunda 8), else they propagate."""
        if not values:
            return
        if self.results_stay:
            v.set_local(token, values)
        else:
            v.propagate(token, values)

    def write_outputs(self, token: Token) -> None:
        """Output mappings write to the enclosing scope; an item of a multi-instance starts at itself."""
        values = v.map_values(token, self.output_mappings, "output")
        v.propagate(token if self.item_of is not None else token.scope, values)

    def choose(self, token: Token) -> tuple[Edge, ...]:
        """The flows to take: all, or those whose condition is true, else the default.

        Raises:
            Stuck: there are conditions and none holds.
        """
        if not self.has_conditions:
            return self.edges
        chosen = tuple(
            edge
            for edge in self.edges
            if edge is not self.default_edge and (edge.condition is None or self.holds(edge, token))
        )
        return chosen or self.fall_back()

    def holds(self, edge: Edge, token: Token) -> bool:
        """Whether a flow's condition is true.

        Raises:
            Stuck: it is neither true nor false.
        """
        assert edge.condition is not None  # noqa: S101
        what = f"condition of flow '{edge.id}'"
        result: bool = v.evaluate_as("true or false", bool, edge.condition, token, what, "CONDITION_ERROR")
        return result

    def fall_back(self) -> tuple[Edge, ...]:
        """The default flow.

        Raises:
            Stuck: there is none.
        """
        if self.default_edge is None:
            message = f"Expected one of the flows out of '{self.element_id}' to be chosen, but no condition is true"
            raise Stuck("CONDITION_ERROR", f"{message} and there is no default flow")
        return (self.default_edge,)

    def completed(self, token: Token) -> None:
        """The element ended as drawn: says so and sends tokens on."""
        instance = token.workflow
        if token.phase > Phase.ACTIVATE and self.announces:
            instance.emit(events.ElementCompleted(token.id))
            self.ended(token)
        if self.compensation_handler is not None:
            instance.compensation.record(token)
        chosen, token.chosen = token.chosen, None
        if chosen:
            scope = token.scope
            for edge in chosen:
                instance.take(edge, scope)

    def terminated(self, token: Token) -> None:
        """The element was interrupted."""
        instance = token.workflow
        if token.recall("incident"):
            instance.emit(events.IncidentResolved(token.id))
        if token.recall("job"):
            instance.emit(events.JobCanceled(token.id))
        if token.phase > Phase.ACTIVATE and self.announces:
            instance.emit(events.ElementTerminated(token.id))
            self.ended(token)

    def ended(self, token: Token) -> None:
        """An announced element has ended, in whatever way: a test run of a single element stops here."""
        instance = token.workflow
        if instance.stops_after and self.element_id in instance.stops_after and self.item_of is None:
            instance.stopping = True

    def lingers(self, token: Token) -> bool:
        """Whether it has something to do before it may be interrupted; it ends by ``Instance.let_go`` then.

        Asked whenever the token is terminated; the fact ``ending`` says that it was before.
        """
        del token
        return False

    def stop_waiting(self, token: Token) -> None:
        """Ends what was opened for this token: timers, subscriptions."""
        if self.catches or self.own_catch is not None:
            token.workflow.waiting.close(token)

    def retry(self, token: Token) -> None:
        """Tries again after an incident; what waits for somebody outside goes on waiting."""
        if token.phase not in (Phase.WAITING, Phase.ASYNC_BEFORE, Phase.ASYNC_AFTER):
            token.workflow.wake(token)

    def leave_by(self, token: Token, target: Element, values: Mapping[str, Any]) -> None:
        """One of the events behind this gateway came first."""
        raise NotImplementedError(f"{self.element_id} waits for no events of {target.element_id}")

    def cancel_transaction(self, scope: Token, origin: Token) -> None:
        """A cancel end event was reached inside this transaction."""
        raise NotImplementedError(f"{self.element_id} is no transaction around {origin.task_spec.element_id}")

    def child_left(self, scope: Token) -> None:
        """A token inside this scope is gone."""
        raise NotImplementedError(f"{self.element_id} is not a scope of {scope.id}")

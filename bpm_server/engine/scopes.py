"""The process itself and its sub-processes: they are active as long as a token is inside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpm_server.bpmn.model import AdHocWork, CancelEvent, Node, NodeType
from bpm_server.domain import events
from bpm_server.engine import variables as v
from bpm_server.engine.element import Element
from bpm_server.engine.outcome import Stuck
from bpm_server.engine.token import Phase, Token
from bpm_server.kernel import json
from bpm_server.kernel.errors import InvalidInput, WrongState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bpm_server.engine.definition import Definition


INSIDE = "inside"
"""Fact of a scope that is entered by hand: what it begins with instead of its start event (JSON)."""


def enter_inside(scope: Token, entries: list[Any]) -> None:
    """Enters elements inside a scope: lists of element id, local variables, and entries inside that one."""
    element: Any = scope.task_spec
    for element_id, values, inside in entries:
        element.enter_by_hand(scope, element_id, values, inside)


class Scope(Element):
    """Base of everything that holds tokens."""

    keeps_compensation = True
    first: Element | None = None

    def enter_by_hand(self, scope: Token, element_id: str, values: Mapping[str, Any], inside: list[Any]) -> None:
        """Enters one element; see :func:`enter_inside`."""
        token = scope.workflow.enter(self.definition.elements[element_id], scope)
        if inside:
            token.remember(INSIDE, json.dumps(inside))
        v.set_local(token, values)

    def _begins_inside(self, token: Token) -> bool:
        """Enters what was named by hand, if anything was."""
        text = token.recall(INSIDE)
        if text is None:
            return False
        token.remember(INSIDE, None)
        enter_inside(token, json.loads(text))
        return True

    def work(self, token: Token) -> bool:
        """Starts inside."""
        if self._begins_inside(token):
            return False
        assert self.first is not None  # noqa: S101
        token.workflow.enter(self.first, token)
        return False

    def child_left(self, scope: Token) -> None:
        """Done when the last token is gone."""
        if not scope._children and scope.phase == Phase.WAITING:
            scope.phase = Phase.OUTPUTS
            scope.workflow.wake(scope)


class ProcessScope(Scope):
    """The root: its key is the process instance's key."""

    announces = False

    def __init__(self, definition: Definition) -> None:
        process = definition.process
        node = Node(process.id, NodeType.SUB_PROCESS, "", process.name, listeners=process.listeners)
        super().__init__(definition, f"{process.id}#process", node)
        self.type_name = "process"

    def work(self, token: Token) -> bool:
        """Enters the start event, or the elements, that the command named."""
        if self._begins_inside(token):
            return False
        start = self.definition.elements[token.recall("start")]
        token.remember("start", None)
        token.workflow.enter(start, token)
        return False

    def completed(self, token: Token) -> None:
        token.workflow.emit(events.InstanceCompleted(token.id))

    def terminated(self, token: Token) -> None:
        super().terminated(token)
        token.workflow.emit(events.InstanceTerminated(token.id))


class SubProcess(Scope):
    """An embedded sub-process."""

    def completed(self, token: Token) -> None:
        if self.compensation_handler is None:
            token.workflow.compensation.hand_over(token)
        super().completed(token)


class EventSubProcess(Scope):
    """A sub-process that an event of its scope starts."""

    def work(self, token: Token) -> bool:
        """The start event gets the event's variables."""
        if self._begins_inside(token):
            return False
        assert self.first is not None  # noqa: S101
        text = token.recall("values")
        token.remember("values", None)
        started = token.workflow.enter(self.first, token)
        self.first.take_results(started, {} if text is None else json.loads(text))
        return False


class Transaction(SubProcess):
    """A sub-process that can be cancelled: what was completed is undone."""

    def cancel_transaction(self, scope: Token, origin: Token) -> None:
        """Ends everything inside but ``origin``, then starts the compensation handlers."""
        for child in scope.children:
            if child is not origin:
                scope.workflow.terminate(child)
        scope.remember("cancelling", 1)
        scope.workflow.compensation.undo_all(scope, scope)

    def child_left(self, scope: Token) -> None:
        if scope._children or not scope.recall("cancelling"):
            super().child_left(scope)
            return
        for catch in self.throw_catches:
            if isinstance(catch.event, CancelEvent):
                scope.workflow.emit(events.EventTriggered(scope.id, catch.event_id))
                scope.workflow.waiting.enter_boundary(scope, catch, {})
                return
        scope.remember("cancelling", None)
        super().child_left(scope)


class CompensationScope(Scope):
    """A completed sub-process reopened, so that the handlers inside see its variables."""

    announces = False

    def work(self, token: Token) -> bool:
        """Starts the handlers."""
        return not token.workflow.compensation.start_inside(token)

    def choose(self, token: Token) -> tuple[Any, ...]:
        del token
        return ()

    def write_outputs(self, token: Token) -> None:
        """What the handlers wrote stays with them."""


class AdHocActivation(Scope):
    """One activated element of an ad-hoc sub-process and what follows it, where it has variables of its own."""

    announces = False
    lends_scope = True
    keeps_compensation = False

    def __init__(self, definition: Definition, node: Node) -> None:
        plain = Node(node.id, NodeType.SUB_PROCESS, node.scope, node.name)
        super().__init__(definition, f"{node.id}#activation", plain)
        self._settings = _settings(node)

    def work(self, token: Token) -> bool:
        """Starts the element; the variable of the output lives here."""
        own = v.output_name(self._settings.output_element)
        if own is not None and own not in v.local_values(token):
            v.set_local(token, {own: None})
        if self._begins_inside(token):
            return False
        token.workflow.enter(self.definition.elements[token.recall("activated")], token)
        return False

    def choose(self, token: Token) -> tuple[Any, ...]:
        """Adds its output to the collection.

        Raises:
            Stuck: it cannot be stored.
        """
        settings, kind = self._settings, "EXTRACT_VALUE_ERROR"
        if settings.output_collection is None:
            return ()
        what = f"output of '{self.element_id}'"
        output = None
        if settings.output_element is not None:
            output = v.to_json(v.evaluate(settings.output_element, token, what, kind), what, kind)
        so_far = v.local_values(token.scope).get(settings.output_collection) or []
        v.set_local(token.scope, {settings.output_collection: [*so_far, output]})
        return ()


def _settings(node: Node) -> AdHocWork:
    return node.work if isinstance(node.work, AdHocWork) else AdHocWork()


class AdHocSubProcess(SubProcess):
    """Activities in any order: those that the collection names start at once, others on request.

    It stays active until something inside has ended. ``fulfilled`` once its completion condition was true.
    """

    def __init__(self, definition: Definition, name: str, node: Node) -> None:
        super().__init__(definition, name, node)
        self.settings = _settings(node)
        self.activation = AdHocActivation(definition, node)

    def work(self, token: Token) -> bool:
        """Starts the named activities."""
        named: list[Any] = []
        if self.settings.active_elements is not None:
            named = v.evaluate_as(
                "a list of element ids",
                list,
                self.settings.active_elements,
                token,
                "active elements",
                "EXTRACT_VALUE_ERROR",
            )
        self._begin_collecting(token)
        if self._begins_inside(token):
            return False
        self._activate(token, [(name, {}) for name in named])
        return False

    def enter_by_hand(self, scope: Token, element_id: str, values: Mapping[str, Any], inside: list[Any]) -> None:
        """Enters one element, as an activation where outputs are collected."""
        if self.settings.output_collection is None and self.settings.job is None:
            super().enter_by_hand(scope, element_id, values, inside)
            return
        activated = scope.workflow.enter(self.activation, scope)
        activated.remember("activated", element_id)
        activated.remember(INSIDE, json.dumps([[element_id, values, inside]]))

    def _begin_collecting(self, token: Token) -> None:
        if self.settings.output_collection is not None:
            v.set_local(token, {self.settings.output_collection: []})

    def request(
        self, token: Token, wanted: Iterable[tuple[Any, Mapping[str, Any]]], field: str, *, cancel: bool = False
    ) -> None:
        """Somebody activates elements, with variables of their own; with ``cancel`` what is active ends first.

        Raises:
            InvalidInput: one of them is not inside, or has an incoming flow; names the ``field`` of the request.
            WrongState: an event sub-process has taken over.
        """
        if token.recall("taken-over"):
            message = f"Expected '{self.element_id}' to activate elements, but an event sub-process has taken over"
            raise WrongState(message, retry=False)
        if cancel:
            self._cancel_remaining(token)
        try:
            self._activate(token, wanted)
        except Stuck as stuck:
            raise InvalidInput(stuck.message, field=field) from stuck

    def _cancel_remaining(self, token: Token) -> None:
        for child in token.children:
            token.workflow.terminate(child)

    def _activate(self, token: Token, wanted: Iterable[tuple[Any, Mapping[str, Any]]]) -> None:
        """Starts all or nothing.

        Raises:
            Stuck: one of them is not inside, or has an incoming flow.
        """
        wanted = list(wanted)
        known = {node.id for node in self.startable()}
        for name, _ in wanted:
            if not isinstance(name, str) or name not in known:
                message = f"Expected an activity of '{self.element_id}' without incoming flow, but found '{name}'"
                raise Stuck("EXTRACT_VALUE_ERROR", message)
        settings = self.settings
        for name, values in wanted:
            if not values and settings.output_collection is None and settings.job is None:
                token.workflow.enter(self.definition.elements[name], token)
                continue
            activated = token.workflow.enter(self.activation, token)
            activated.remember("activated", name)
            v.set_local(activated, values)

    def startable(self) -> list[Node]:
        """What can be activated inside."""
        process = self.definition.process
        inside = [process.nodes[key] for key in process.children.get(self.element_id, ())]
        passive = (NodeType.BOUNDARY_EVENT, NodeType.EVENT_SUB_PROCESS)
        return [node for node in inside if not node.incoming and node.type not in passive]

    def _finish(self, token: Token) -> bool:
        name = self.settings.output_collection
        if token.phase == Phase.OUTPUTS and name is not None:
            gathered = v.local_values(token).get(name)
            v.propagate(token if self.item_of is not None else token.scope, {name: gathered})
        return super()._finish(token)

    def _is_complete(self, token: Token) -> bool:
        condition = self.settings.completion_condition
        if condition is None or token.recall("fulfilled") or token.recall("taken-over"):
            return bool(token.recall("fulfilled")) or not token._children
        done: bool = v.evaluate_as("true or false", bool, condition, token, "completion condition", "CONDITION_ERROR")
        return done

    def child_left(self, scope: Token) -> None:
        """Checks the completion condition after each inner flow."""
        if scope.phase != Phase.WAITING:
            return
        try:
            complete = self._is_complete(scope)
        except Stuck as stuck:
            scope.workflow.raise_incident(scope, stuck.kind, stuck.message)
            return
        if not complete:
            return
        scope.remember("fulfilled", 1)
        if self.settings.cancel_remaining:
            self._cancel_remaining(scope)
        if not scope._children:
            scope.phase = Phase.OUTPUTS
            scope.workflow.wake(scope)

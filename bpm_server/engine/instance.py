"""A live process instance: SpiffWorkflow's workflow with our agenda, scopes and events.

Overrides of SpiffWorkflow 3.2.0: ``_task_completed_notify`` (would look for a task named "End" and walk the whole
tree), removal (ours is by dict). Finished tokens leave the tree at once, so the state grows with live tokens only.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from SpiffWorkflow.workflow import Workflow

from bpm_server.domain import events
from bpm_server.engine.compensation import Compensation
from bpm_server.engine.conditions import Conditions
from bpm_server.engine.gateways import InclusiveJoin
from bpm_server.engine.jobs import SAFE_POINT, create_job
from bpm_server.engine.outcome import ChunkNeeded
from bpm_server.engine.throwing import Throwing
from bpm_server.engine.token import CANCELLED, READY, STARTED, Token
from bpm_server.engine.variables import chosen_visible, local_values
from bpm_server.engine.waiting import Waiting
from bpm_server.kernel.errors import WrongState

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from datetime import datetime

    from bpm_server.bpmn.model import Listener
    from bpm_server.domain.events import Event
    from bpm_server.engine.definition import Definition
    from bpm_server.engine.element import Edge, Element
    from bpm_server.engine.outcome import Context

STOPS = "stops-after"
"""Fact of the process's own token: elements after which the instance is terminated."""
SUSPENDED = "suspended"
"""Fact of the process's own token while nothing may move."""


class Instance(Workflow):
    """State of one process instance, and the operations that elements use on it.

    Attributes:
        agenda: Tokens that can run, in order of arrival.
        joins: The waiting token of each join, by (scope key, element name).
        dirty: Chunks whose stored form is out of date.
        dropped: Keys of chunks that ended.
        unloaded: Keys of multi-instance bodies whose items were not all loaded.
        outputs: Outputs of finished items by body key and index.
        stops_after: Ids of elements; when one of them has ended, so does the instance.
    """

    tasks: dict[int, Token]
    root: Token

    def __init__(self, definition: Definition) -> None:
        super().__init__(definition.workflow_spec, deserializing=True)
        self.definition = definition
        self.agenda: deque[Token] = deque()
        self.events: list[Event] = []
        self.joins: dict[tuple[int, str], Token] = {}
        self.dirty: set[Token] = set()
        self.dropped: set[int] = set()
        self.unloaded: set[int] = set()
        self.outputs: dict[int, dict[int, Any]] = {}
        self.stops_after: frozenset[str] = frozenset()
        self.stopping = False
        self.waiting = Waiting(self)
        self.throwing = Throwing(self)
        self.compensation = Compensation(self)
        self.conditions = Conditions(self)
        self._steps = 0
        self._context: Context | None = None

    # --- one command ------------------------------------------------------------------------------------

    def begin(self, context: Context) -> None:
        """Gets ready for one command."""
        self._context = context
        self._steps = 0
        self.events = []
        self.dirty = set()
        self.dropped = set()

    def end(self) -> None:
        """The command is over; its events and dirty chunks can be read until the next one."""
        self._context = None

    @property
    def context(self) -> Context:
        """What the running command brought along."""
        assert self._context is not None, "no command is running"  # noqa: S101
        return self._context

    @property
    def now(self) -> datetime:
        """Engine time of the running command."""
        return self.context.now

    @property
    def key(self) -> int:
        """Key of the process instance."""
        return self.root.id

    def new_key(self) -> int:
        """A key for something new."""
        return self.context.new_key()

    def emit(self, event: Event) -> None:
        """Adds to what happened."""
        self.events.append(event)

    def touch(self, token: Token) -> None:
        """Marks the state that holds this token as changed."""
        self.dirty.add(token.chunk)

    def run(self) -> None:
        """Runs until every token waits. Joins that need to see everything are decided when nothing else runs."""
        while True:
            while self.agenda and not self.stopping:
                token = self.agenda.popleft()
                if token.state == READY:
                    self._run_one(token)
            if self.stopping:
                self.terminate(self.root)
                return
            if self.definition.has_inclusive and self._fire_inclusive_join():
                continue
            if self.definition.has_conditional and not self.root.recall(SUSPENDED) and self.conditions.check():
                continue
            return

    def _run_one(self, token: Token) -> None:
        limits = self.context.limits
        self._steps += 1
        if self._steps > limits.steps or len(self.tasks) > limits.tokens:
            reached = "steps" if self._steps > limits.steps else "tokens"
            limit = limits.steps if reached == "steps" else limits.tokens
            token._set_state(STARTED)
            self.raise_incident(
                token, "EXECUTION_LIMIT",
                f"Expected at most {limit} {reached} in one command, but the process goes on without waiting: "
                f"look for a loop through '{token.task_spec.element_id}' that nothing ends",
            )  # fmt: skip
            return
        token.run()

    # --- tokens -----------------------------------------------------------------------------------------

    def enter(self, element: Element, scope: Token, *, item: bool = False, after: Collection[Token] = ()) -> Token:
        """Creates a token at an element; it runs when its turn comes, and those that linger (``after``) have ended."""
        token = Token(self, element, scope, self.new_key())
        if item:
            token.chunk = token
        if after:
            token.remember("after", [other.id for other in after])
        else:
            element._update(token)
        return token

    def take(self, edge: Edge, scope: Token) -> None:
        """Sends a token over a flow."""
        if edge.id:
            self.emit(events.FlowTaken(edge.id))
        edge.target.arrive(self, edge, scope)

    def announce(self, token: Token) -> None:
        """Says that the element is active."""
        element = token.task_spec
        if not element.announces:
            return
        scope = token.scope
        while scope.task_spec.lends_scope:
            scope = scope.scope
        self.emit(events.ElementActivated(token.id, element.element_id, element.type_name, scope.id))

    def wake(self, token: Token) -> None:
        """Lets a waiting token go on from its phase."""
        token._ready()

    def find(self, key: int) -> Token:
        """A live token.

        Raises:
            WrongState: there is none with this key (any more).
        """
        token = self.tasks.get(key)
        if token is None or token.has_ended():
            message = f"Expected element instance '{key}' to be active, but it has ended or never was"
            raise WrongState(message)
        return token

    def remove(self, token: Token) -> None:
        """Takes an ended token out of the tree."""
        self.tasks.pop(token.id, None)
        scope = token.parent
        if token.chunk is token and scope is not None:
            self.dropped.add(token.id)
            self.dirty.discard(token)
        if scope is not None:
            scope._children.pop(token.id, None)
            self.touch(scope)

    def terminate(self, token: Token) -> None:
        """Ends a token and everything inside it, innermost first.

        What lingers (a user task with canceling listeners) stays, with everything around it up to ``token``, until
        it is let go; nothing else happens there meanwhile.
        """
        if token.has_ended():
            return
        if token.id in self.unloaded:
            raise ChunkNeeded
        for child in token.children:
            self.terminate(child)
        if not token.children and not token.task_spec.lingers(token):
            self._end(token)
        elif not token.recall("ending"):
            token.task_spec.stop_waiting(token)
            token.remember("ending", 1)

    def let_go(self, token: Token) -> None:
        """Ends a token that lingered, and goes on with what waited for that."""
        self._end(token)
        scope = token.parent
        if scope is None:
            return
        if scope.id in self.unloaded:
            raise ChunkNeeded
        if not scope.recall("ending"):
            for other in scope.children:
                self._release(other, token)
            scope.task_spec.child_left(scope)
        elif not scope.children:
            self.let_go(scope)

    def _release(self, token: Token, ended: Token) -> None:
        waits: list[int] = token.recall("after") or []
        if ended.id in waits:
            left = [key for key in waits if key != ended.id]
            token.remember("after", left or None)
            if not left:
                token.task_spec._update(token)

    def _end(self, token: Token) -> None:
        if token.parent is not None:
            self.joins.pop((token.parent.id, token.task_spec.name), None)
        token._set_state(CANCELLED)
        token.task_spec._on_cancel(token)
        self.remove(token)

    def _task_completed_notify(self, task: Token) -> None:
        scope = task.parent
        self.remove(task)
        if scope is not None and not scope.has_ended():
            scope.task_spec.child_left(scope)

    # --- joins that look around -------------------------------------------------------------------------

    def _fire_inclusive_join(self) -> bool:
        for token in list(self.joins.values()):
            join = token.task_spec
            if isinstance(join, InclusiveJoin) and join.can_fire(token):
                join.fire(token)
                return True
        return False

    # --- incidents and jobs -----------------------------------------------------------------------------

    def raise_incident(self, token: Token, kind: str, message: str, job_key: int | None = None) -> None:
        """Stops an element until a person helps."""
        if token.recall("incident"):
            self.emit(events.IncidentResolved(token.id))
        token.remember("incident", 1)
        self.emit(
            events.IncidentRaised(
                self.new_key(), token.id, token.task_spec.element_id, kind, message, token.chunk_key, job_key
            )
        )

    def clear_incident(self, token: Token) -> bool:
        """An element's incident is over; False if it has none."""
        if not token.recall("incident"):
            return False
        token.remember("incident", None)
        self.emit(events.IncidentResolved(token.id))
        return True

    def resolve_incident(self, token: Token) -> None:
        """Tries again what failed."""
        if self.clear_incident(token) and not token.recall("job"):
            token.task_spec.retry(token)

    def scope_path(self, token: Token) -> tuple[int, ...]:
        """Keys of the scopes that may hold variables which this token sees, innermost first."""
        path = []
        at: Token | None = token
        while at is not None:
            path.append(at.id)
            at = at.parent
        return tuple(path)

    def create_safe_point(self, token: Token) -> None:
        """Lets a worker continue here in a transaction of its own."""
        create_job(token, SAFE_POINT, "async")

    def call_listener(self, token: Token, listeners: tuple[Listener, ...]) -> bool:
        """Starts the next listener's job; True when none is left."""
        index = token.recall("listener") or 0
        if index >= len(listeners):
            if index:
                token.remember("listener", None)
            return True
        listener = listeners[index]
        token.remember("listener", index)
        headers = getattr(token.task_spec.node.work, "headers", {})
        create_job(token, listener.job, "execution-listener", listener_event=listener.on, headers=headers)
        return False

    # --- variables and items ----------------------------------------------------------------------------

    def variables_changed(self, token: Token, values: Mapping[str, Any]) -> None:
        """Notes the names that are about to change, for events that wait for a condition."""
        if self.definition.has_conditional:
            self.conditions.changed(token, values)

    def local_values(self, key: int) -> dict[str, Any]:
        """Variables of a live element's own scope."""
        return local_values(self.find(key))

    def visible_values(self, key: int, wanted: Callable[[str], bool]) -> dict[str, Any]:
        """Variables with these names that a live element sees."""
        return chosen_visible(self.find(key), wanted)

    def gathered(self, body: Token) -> list[Any]:
        """Outputs of a multi-instance so far, by index.

        Raises:
            ChunkNeeded: they were not loaded.
        """
        if body.id in self.unloaded:
            raise ChunkNeeded
        found = self.outputs.get(body.id, {})
        return [found.get(index) for index in range(body.recall("n") or 0)]

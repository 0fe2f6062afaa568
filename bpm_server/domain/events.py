"""What happened in one process instance; output of ``engine.advance``.

Tables are written from events only (``store.apply``), and the events of each command are kept. The encoded
form is an array with a short tag: fields may be added at the end, never renamed or reordered.

``chunk`` is the key of the multi-instance item whose state holds the element, 0 for the instance's own state.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from bpm_server.domain.tasks import TaskValues


class Event(msgspec.Struct, frozen=True, array_like=True, tag_field="t"):
    """One event."""


# --- instance and elements ------------------------------------------------------------------------------


class InstanceStarted(Event, frozen=True, tag="started"):
    """A process instance began."""

    key: int
    element_id: str
    business_key: str | None = None


class InstanceCompleted(Event, frozen=True, tag="finished"):
    """No token is left."""

    key: int


class InstanceTerminated(Event, frozen=True, tag="cancelled"):
    """Everything was terminated."""

    key: int


class InstanceSuspended(Event, frozen=True, tag="suspended"):
    """Nothing moves until it is resumed."""

    key: int


class InstanceResumed(Event, frozen=True, tag="resumed"):
    """It goes on."""

    key: int


class InstanceMigrated(Event, frozen=True, tag="migrated"):
    """It follows another definition from now on, with everything of it that has not ended."""

    key: int
    definition_key: int
    process_id: str
    version: int


class ElementMigrated(Event, frozen=True, tag="element-migrated"):
    """An active element instance is at this element of the new definition now."""

    key: int
    element_id: str
    name: str | None = None


class WaitMigrated(Event, frozen=True, tag="wait-migrated"):
    """What an element waits for goes on under another event of the new definition."""

    element_key: int
    event_id: str
    new_event_id: str
    interrupting: bool


class ElementActivated(Event, frozen=True, tag="+"):
    """A token reached an element. ``scope_key`` is the enclosing element instance or process instance."""

    key: int
    element_id: str
    type: str
    scope_key: int


class ElementCompleted(Event, frozen=True, tag="-"):
    """An element ended as drawn."""

    key: int


class ElementTerminated(Event, frozen=True, tag="x"):
    """An element was interrupted."""

    key: int


class FlowTaken(Event, frozen=True, tag=">"):
    """A token passed a sequence flow."""

    flow_id: str


class VariablesSet(Event, frozen=True, tag="="):
    """Variables of one scope got these JSON values."""

    scope_key: int
    values: dict[str, Any]


# --- work -----------------------------------------------------------------------------------------------


class UserTaskCreated(Event, frozen=True, tag="task"):
    """A person is asked. ``key`` is the element instance's key.

    Attributes:
        scope_path: Keys of the scopes whose variables it sees, innermost first.
    """

    key: int
    element_id: str
    name: str | None
    assignee: str | None
    candidate_users: tuple[str, ...]
    candidate_groups: tuple[str, ...]
    due_date: datetime | None
    follow_up_date: datetime | None
    priority: int
    form_id: str | None
    form_key: str | None
    external_form: str | None
    form_binding: str | None
    form_version: str | None
    scope_path: tuple[int, ...]
    chunk: int = 0


class UserTaskChanged(Event, frozen=True, tag="task-changed"):
    """Listeners of a user task are at work, or its change counts.

    Attributes:
        state: In the words of ``TaskState``.
        operation: Key of the change that waits for listeners; None: nothing waits.
        values: What is new now.
    """

    key: int
    state: str
    operation: int | None = None
    values: TaskValues = TaskValues()


class UserTaskCompleted(Event, frozen=True, tag="task-done"):
    """The person answered."""

    key: int


class UserTaskCanceled(Event, frozen=True, tag="task-gone"):
    """The task was interrupted."""

    key: int


class JobCreated(Event, frozen=True, tag="job"):
    """Work for a connector or an outside worker.

    Attributes:
        kind: ``element``, ``execution-listener``, ``task-listener`` or ``async`` (a safe point).
        handler: The type names a handler of this installation (Camunda 7 classes and beans).
        operation: Of a task listener: key of the change that waits for it.
        task: Of a task listener: what it is told of its task (see ``engine.user_tasks``).
    """

    key: int
    element_key: int
    element_id: str
    type: str
    retries: int
    headers: dict[str, str]
    priority: int
    kind: str
    scope_path: tuple[int, ...]
    chunk: int = 0
    handler: bool = False
    retry_cycle: str | None = None
    listener_event: str | None = None
    operation: int | None = None
    task: dict[str, Any] | None = None


class JobCompleted(Event, frozen=True, tag="job-done"):
    """The job of this element did its work; a task listener may have said no, and why."""

    element_key: int
    denied: bool = False
    reason: str | None = None


class JobCanceled(Event, frozen=True, tag="job-gone"):
    """The element that owned the job was interrupted."""

    element_key: int


class DecisionEvaluated(Event, frozen=True, tag="decision"):
    """A decision was taken; ``evaluation`` is its explanation as JSON."""

    key: int
    element_key: int
    element_id: str
    decision_key: int
    evaluation: dict[str, Any]


class ProcessCalled(Event, frozen=True, tag="call"):
    """A call activity waits for another process."""

    element_key: int
    element_id: str
    process_id: str
    binding: str
    version: str | None
    variables: dict[str, Any]
    business_key: str | None
    chunk: int = 0


class CallCanceled(Event, frozen=True, tag="call-gone"):
    """The call activity was interrupted: the called process ends too."""

    element_key: int


# --- waiting --------------------------------------------------------------------------------------------


class TimerScheduled(Event, frozen=True, tag="timer"):
    """A timer runs. ``event_id`` is the catching event, ``element_key`` who waits."""

    key: int
    element_key: int
    event_id: str
    due_at: datetime
    repetitions: int | None
    chunk: int = 0


class TimersCanceled(Event, frozen=True, tag="timer-gone"):
    """Timers of an element ended; None means all of them."""

    element_key: int
    event_ids: tuple[str, ...] | None = None


class SubscriptionOpened(Event, frozen=True, tag="wait"):
    """An element waits for a message, a signal or a condition (``kind``); a condition has no name of its own."""

    key: int
    element_key: int
    event_id: str
    kind: str
    name: str
    correlation_key: str | None
    interrupting: bool
    chunk: int = 0


class SubscriptionsClosed(Event, frozen=True, tag="wait-gone"):
    """Subscriptions of an element ended; None means all of them."""

    element_key: int
    event_ids: tuple[str, ...] | None = None

    def closes(self, wait: SubscriptionOpened) -> bool:
        """Whether that wait is one of them."""
        return wait.element_key == self.element_key and (self.event_ids is None or wait.event_id in self.event_ids)


class EventTriggered(Event, frozen=True, tag="caught"):
    """A waiting event got what it waited for."""

    element_key: int
    event_id: str


# --- throwing -------------------------------------------------------------------------------------------


class SignalBroadcast(Event, frozen=True, tag="signal"):
    """A signal goes to everyone who waits for it."""

    element_key: int
    name: str
    variables: dict[str, Any]


class ErrorEscaped(Event, frozen=True, tag="error-out"):
    """Nobody in this instance catches the error; the caller may."""

    element_key: int
    code: str
    message: str | None
    variables: dict[str, Any]
    chunk: int = 0


class EscalationEscaped(Event, frozen=True, tag="escalation-out"):
    """Nobody in this instance catches the escalation; the caller may."""

    element_key: int
    code: str
    variables: dict[str, Any]
    chunk: int = 0


class IncidentRaised(Event, frozen=True, tag="incident"):
    """An element cannot go on until a person helps."""

    key: int
    element_key: int
    element_id: str
    kind: str
    message: str
    chunk: int = 0
    job_key: int | None = None


class IncidentResolved(Event, frozen=True, tag="resolved"):
    """The incident of this element is over."""

    element_key: int


# --- multi-instance -------------------------------------------------------------------------------------


class ItemFinished(Event, frozen=True, tag="item"):
    """One item of a multi-instance ended; ``output`` is kept until the body gathers all."""

    body_key: int
    index: int
    key: int
    output: Any


class ItemsGathered(Event, frozen=True, tag="items-gone"):
    """The body has read (or dropped) its items' outputs."""

    body_key: int


AnyEvent = (
    InstanceStarted
    | InstanceCompleted
    | InstanceTerminated
    | InstanceSuspended
    | InstanceResumed
    | InstanceMigrated
    | ElementMigrated
    | WaitMigrated
    | ElementActivated
    | ElementCompleted
    | ElementTerminated
    | FlowTaken
    | VariablesSet
    | UserTaskCreated
    | UserTaskChanged
    | UserTaskCompleted
    | UserTaskCanceled
    | JobCreated
    | JobCompleted
    | JobCanceled
    | DecisionEvaluated
    | ProcessCalled
    | CallCanceled
    | TimerScheduled
    | TimersCanceled
    | SubscriptionOpened
    | SubscriptionsClosed
    | EventTriggered
    | SignalBroadcast
    | ErrorEscaped
    | EscalationEscaped
    | IncidentRaised
    | IncidentResolved
    | ItemFinished
    | ItemsGathered
)

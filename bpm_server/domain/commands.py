"""What can be done to one process instance; input of ``engine.advance``.

They are recorded with the events they caused, so that a past case can be replayed. The encoded form is an
array with a short tag: fields may be added at the end, never renamed or reordered.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from bpm_server.domain.tasks import TaskValues


class Command(msgspec.Struct, frozen=True, array_like=True, tag_field="t"):
    """One command."""


class StartInstance(Command, frozen=True, tag="start"):
    """Starts a process at ``element_id`` (a start event; None: the none start event).

    Attributes:
        key: Key of the new instance.
        called_by: Element instance key of the call activity, None for a root.
        instructions: Ids of the elements to start at instead of a start event.
        terminate_after: Ids of elements; when one of them has ended, the instance is terminated.
        process_definition_key: The version that was started.
        tags: JSON list of tags.
    """

    key: int
    variables: dict[str, Any] = {}
    element_id: str | None = None
    business_key: str | None = None
    called_by: int | None = None
    instructions: tuple[str, ...] = ()
    terminate_after: tuple[str, ...] = ()
    process_definition_key: int = 0
    tags: str | None = None


class CompleteTask(Command, frozen=True, tag="complete-task"):
    """A person finished a user task.

    Attributes:
        action: The caller's word for it, told to listeners.
        go_to: The element of the same scope where it goes on, instead of over its flows: one that dominates the task
            (a return; what it alone leads to ends first, to be walked again), or that the task was returned from.
    """

    key: int
    variables: dict[str, Any] = {}
    chunk: int = 0
    action: str = "complete"
    go_to: str | None = None


class CompleteJob(Command, frozen=True, tag="complete-job"):
    """A worker finished a job of an element.

    Attributes:
        denied: A task listener said no; ``reason`` says why.
        corrections: What a task listener changes of its task.
        choice: What the worker of an ad-hoc sub-process decided: ``activate`` (pairs of element id and variables),
            ``fulfilled``, ``cancel`` (what is active inside, when fulfilled).
    """

    element_key: int
    variables: dict[str, Any] = {}
    chunk: int = 0
    local: dict[str, Any] = {}
    denied: bool = False
    choice: dict[str, Any] | None = None
    reason: str | None = None
    corrections: TaskValues = TaskValues()


class ThrowError(Command, frozen=True, tag="throw-error"):
    """A worker or a called process reports a BPMN error at an element."""

    element_key: int
    code: str
    message: str | None = None
    variables: dict[str, Any] = {}
    chunk: int = 0


class ThrowEscalation(Command, frozen=True, tag="throw-escalation"):
    """A called process reports an escalation at its call activity."""

    element_key: int
    code: str
    variables: dict[str, Any] = {}
    chunk: int = 0


class CompleteCall(Command, frozen=True, tag="complete-call"):
    """A called process ended; ``variables`` are those of its process scope."""

    element_key: int
    variables: dict[str, Any] = {}
    chunk: int = 0


class TriggerEvent(Command, frozen=True, tag="trigger"):
    """A message, signal or condition arrived at a waiting event.

    Attributes:
        element_key: The element instance that waits (for a boundary event: its host).
        event_id: Id of the catching event.
    """

    element_key: int
    event_id: str
    variables: dict[str, Any] = {}
    chunk: int = 0


class FireTimer(Command, frozen=True, tag="fire-timer"):
    """A timer is due.

    Attributes:
        due_at: When it was due; a cycle counts on from here.
        repetitions: How often it still fires after this, None for ever.
    """

    element_key: int
    event_id: str
    due_at: datetime
    repetitions: int | None = 0
    chunk: int = 0


class Continue(Command, frozen=True, tag="continue"):
    """Goes on behind a safe point (``asyncBefore``, ``asyncAfter``)."""

    element_key: int
    chunk: int = 0


class RaiseIncident(Command, frozen=True, tag="raise-incident"):
    """Something outside the engine failed for good at an element."""

    element_key: int
    kind: str
    message: str
    chunk: int = 0
    job_key: int | None = None


class ResolveIncident(Command, frozen=True, tag="resolve-incident"):
    """Tries again what failed."""

    element_key: int
    chunk: int = 0


class SetVariables(Command, frozen=True, tag="set-variables"):
    """Sets variables at a scope (``local``), or from there up as a completion would.

    Attributes:
        heard: At a user task: its ``updating`` listeners come first.
    """

    scope_key: int
    variables: dict[str, Any]
    local: bool = True
    chunk: int = 0
    heard: bool = False


class CancelInstance(Command, frozen=True, tag="cancel"):
    """Terminates everything."""


class SuspendInstance(Command, frozen=True, tag="suspend"):
    """Nothing moves until it is resumed (see ``domain.suspension``)."""


class ResumeInstance(Command, frozen=True, tag="resume"):
    """Goes on where it was suspended."""


class Activation(msgspec.Struct, frozen=True, array_like=True):
    """An element to activate.

    Attributes:
        ancestor_key: The scope instance in which new scopes around it are created; None: the one that is active.
        variables: Values by the id of the scope that gets them; an empty id is the process.
    """

    element_id: str
    ancestor_key: int | None = None
    variables: tuple[tuple[str, dict[str, Any]], ...] = ()


class Move(msgspec.Struct, frozen=True, array_like=True):
    """Terminates element instances and activates another element for each of them.

    Attributes:
        source: Id of the elements, or key of one element instance.
        ancestor: ``active`` (the one scope that is active, or the one of ``ancestor_key``), ``inferred`` (the
            source's own ancestor that encloses the target) or ``source-parent``.
    """

    source: str | int
    target_id: str
    ancestor: str = "active"
    ancestor_key: int | None = None
    variables: tuple[tuple[str, dict[str, Any]], ...] = ()


class ModifyInstance(Command, frozen=True, tag="modify"):
    """Moves tokens by hand: first all activations, then all terminations.

    Attributes:
        terminate: Ids of elements (all their instances), or keys of element instances.
    """

    activate: tuple[Activation, ...] = ()
    move: tuple[Move, ...] = ()
    terminate: tuple[str | int, ...] = ()


class MigrateInstance(Command, frozen=True, tag="migrate"):
    """Goes on by another definition.

    Attributes:
        source_key: The definition that it followed until now.
        target_key: The definition that it follows from now on, with its process id and version.
        mapping: Pairs of element ids: of the source, of the target.
    """

    source_key: int
    target_key: int
    process_id: str
    version: int
    mapping: tuple[tuple[str, str], ...] = ()


class ChangeTask(Command, frozen=True, tag="change-task"):
    """Somebody assigns or changes a user task that has listeners.

    Attributes:
        moment: ``assigning`` or ``updating``.
        action: The caller's word for it, told to listeners.
    """

    key: int
    moment: str
    values: TaskValues
    action: str = ""
    chunk: int = 0


class ActivateElements(Command, frozen=True, tag="activate"):
    """Somebody activates elements of an ad-hoc sub-process.

    Attributes:
        elements: Pairs of element id and its variables.
        cancel: What is active inside ends first.
    """

    element_key: int
    elements: tuple[tuple[str, dict[str, Any]], ...]
    cancel: bool = False
    chunk: int = 0


AnyCommand = (
    StartInstance
    | CompleteTask
    | CompleteJob
    | ThrowError
    | ThrowEscalation
    | CompleteCall
    | TriggerEvent
    | FireTimer
    | Continue
    | RaiseIncident
    | ResolveIncident
    | SetVariables
    | CancelInstance
    | SuspendInstance
    | ResumeInstance
    | ModifyInstance
    | MigrateInstance
    | ChangeTask
    | ActivateElements
)

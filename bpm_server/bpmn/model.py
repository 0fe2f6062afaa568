"""What a BPMN file says, in plain frozen records that both Camunda dialects fill.

A ``Process`` is flat: nodes by id with the id of their enclosing scope, flows by id. Expressions are compiled.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bpm_server.bpmn.timers import Duration
    from bpm_server.bpmn.values import Value
    from bpm_server.kernel.findings import Finding

Dialect = Literal["camunda7", "camunda8"]


class NodeType(StrEnum):
    """BPMN element names, with the kinds of sub-process told apart."""

    START_EVENT = "startEvent"
    END_EVENT = "endEvent"
    CATCH_EVENT = "intermediateCatchEvent"
    THROW_EVENT = "intermediateThrowEvent"
    BOUNDARY_EVENT = "boundaryEvent"
    TASK = "task"
    MANUAL_TASK = "manualTask"
    USER_TASK = "userTask"
    SERVICE_TASK = "serviceTask"
    SEND_TASK = "sendTask"
    RECEIVE_TASK = "receiveTask"
    SCRIPT_TASK = "scriptTask"
    BUSINESS_RULE_TASK = "businessRuleTask"
    CALL_ACTIVITY = "callActivity"
    SUB_PROCESS = "subProcess"
    EVENT_SUB_PROCESS = "eventSubProcess"
    TRANSACTION = "transaction"
    AD_HOC_SUB_PROCESS = "adHocSubProcess"
    EXCLUSIVE_GATEWAY = "exclusiveGateway"
    PARALLEL_GATEWAY = "parallelGateway"
    INCLUSIVE_GATEWAY = "inclusiveGateway"
    EVENT_BASED_GATEWAY = "eventBasedGateway"


SCOPES = frozenset(
    {
        NodeType.SUB_PROCESS,
        NodeType.EVENT_SUB_PROCESS,
        NodeType.TRANSACTION,
        NodeType.AD_HOC_SUB_PROCESS,
    }
)
ACTIVITIES = frozenset(
    {
        NodeType.TASK,
        NodeType.MANUAL_TASK,
        NodeType.USER_TASK,
        NodeType.SERVICE_TASK,
        NodeType.SEND_TASK,
        NodeType.RECEIVE_TASK,
        NodeType.SCRIPT_TASK,
        NodeType.BUSINESS_RULE_TASK,
        NodeType.CALL_ACTIVITY,
        *SCOPES,
    }
)
GATEWAYS = frozenset(
    {
        NodeType.EXCLUSIVE_GATEWAY,
        NodeType.PARALLEL_GATEWAY,
        NodeType.INCLUSIVE_GATEWAY,
        NodeType.EVENT_BASED_GATEWAY,
    }
)


@dataclass(frozen=True, slots=True)
class MessageEvent:
    """Waits for, or sends, a message. ``correlation_key`` is None where a message starts a process."""

    name: Value
    correlation_key: Value | None = None


@dataclass(frozen=True, slots=True)
class TimerEvent:
    """Text of a date, duration or cycle (ISO 8601 or cron), or an expression for it."""

    kind: Literal["date", "duration", "cycle"]
    value: Value


@dataclass(frozen=True, slots=True)
class SignalEvent:
    """Waits for, or broadcasts, a signal."""

    name: Value


@dataclass(frozen=True, slots=True)
class ErrorEvent:
    """Throws or catches a BPMN error; a catch without a code catches every error."""

    code: Value | None = None
    message: str | None = None
    code_variable: str | None = None
    message_variable: str | None = None


@dataclass(frozen=True, slots=True)
class EscalationEvent:
    """Throws or catches an escalation; a catch without a code catches every escalation."""

    code: Value | None = None
    code_variable: str | None = None


@dataclass(frozen=True, slots=True)
class ConditionalEvent:
    """Waits until the condition is true.

    Attributes:
        variables: Only changes of these count; empty: those that the condition reads.
        changes: Which of ``create``, ``update``, ``delete`` count.
    """

    condition: Value
    variables: frozenset[str] = frozenset()
    changes: frozenset[str] = frozenset({"create", "update"})


@dataclass(frozen=True, slots=True)
class LinkEvent:
    """A jump within one scope: throw and catch of the same name."""

    name: str


@dataclass(frozen=True, slots=True)
class CompensateEvent:
    """Throw: compensates one activity or the scope. Boundary: says who compensates."""

    activity: str | None = None
    wait: bool = True


@dataclass(frozen=True, slots=True)
class TerminateEvent:
    """Ends its scope at once."""


@dataclass(frozen=True, slots=True)
class CancelEvent:
    """Cancels a transaction."""


Event = (
    MessageEvent
    | TimerEvent
    | SignalEvent
    | ErrorEvent
    | EscalationEvent
    | ConditionalEvent
    | LinkEvent
    | CompensateEvent
    | TerminateEvent
    | CancelEvent
)


BindingKind = Literal["latest", "deployment", "versionTag", "version"]


@dataclass(frozen=True, slots=True)
class Binding:
    """Which version of a called process, decision or form is meant."""

    kind: BindingKind = "latest"
    version: Value | None = None


@dataclass(frozen=True, slots=True)
class FormRef:
    """How a form is found: deployed (``form_id``), embedded (``key``) or elsewhere (``external``)."""

    form_id: str | None = None
    key: Value | None = None
    external: Value | None = None
    binding: Binding = Binding()


@dataclass(frozen=True, slots=True)
class Listener:
    """A job to do at a moment of an element's or task's life.

    Attributes:
        on: ``start``, ``end``, ``take`` of elements; ``creating``, ``assigning``, ``updating``,
            ``completing``, ``canceling`` of user tasks.
    """

    on: str
    job: JobWork


@dataclass(frozen=True, slots=True)
class JobWork:
    """Work for a connector or an outside worker.

    Attributes:
        handler: The type names a handler of this installation; without one the element gets an incident
            instead of waiting for an outside worker.
        retry_cycle: Camunda 7 ``failedJobRetryTimeCycle``, for instance ``R3/PT10M``.
        result_variable: Receives the job's single result (Camunda 7 ``resultVariable``).
    """

    type: Value
    retries: Value | None = None
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    priority: Value | None = None
    handler: bool = False
    retry_cycle: str | None = None
    result_variable: str | None = None


@dataclass(frozen=True, slots=True)
class UserWork:
    """Work for a person. Due and follow-up dates are ISO texts or FEEL date and times."""

    assignee: Value | None = None
    candidate_users: Value | None = None
    candidate_groups: Value | None = None
    due_date: Value | None = None
    follow_up_date: Value | None = None
    priority: Value | None = None
    form: FormRef | None = None
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    listeners: tuple[Listener, ...] = ()


@dataclass(frozen=True, slots=True)
class ScriptWork:
    """An expression whose value becomes a variable."""

    expression: Value
    result_variable: str | None


@dataclass(frozen=True, slots=True)
class DecisionWork:
    """A decision to evaluate.

    Attributes:
        shape: How Camunda 7 maps a table's result (``singleEntry``, ``singleResult``, ``collectEntries``,
            ``resultList``); None: the decision's value as FEEL has it.
    """

    decision: Value
    result_variable: str | None
    binding: Binding = Binding()
    shape: str | None = None


@dataclass(frozen=True, slots=True)
class Transfer:
    """One variable (or value) that crosses the border of a called process."""

    source: Value
    target: str


@dataclass(frozen=True, slots=True)
class CallWork:
    """Another process to run.

    Attributes:
        pass_all: All variables visible at the call start the called process.
        return_all: All variables of the called process come back.
        ins: Variables for the called process, beside or instead of all.
        outs: Variables from the called process, evaluated in it.
    """

    process: Value
    binding: Binding = Binding()
    pass_all: bool = True
    return_all: bool = True
    ins: tuple[Transfer, ...] = ()
    outs: tuple[Transfer, ...] = ()
    business_key: Value | None = None


@dataclass(frozen=True, slots=True)
class AdHocWork:
    """Which inner activities start, and when the ad-hoc sub-process is done."""

    active_elements: Value | None = None
    completion_condition: Value | None = None
    cancel_remaining: bool = True
    output_collection: str | None = None
    output_element: Value | None = None
    job: JobWork | None = None


Work = JobWork | UserWork | ScriptWork | DecisionWork | CallWork | AdHocWork


@dataclass(frozen=True, slots=True)
class IoMapping:
    """One input or output mapping. ``target`` is a name or a dotted path into a context."""

    source: Value
    target: str


@dataclass(frozen=True, slots=True)
class Loop:
    """Multi-instance: a collection (one item each) or a cardinality."""

    sequential: bool
    collection: Value | None = None
    element: str | None = None
    cardinality: Value | None = None
    output_collection: str | None = None
    output_element: Value | None = None
    completion_condition: Value | None = None


# --- structure ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Flow:
    """A sequence flow."""

    id: str
    source: str
    target: str
    condition: Value | None = None
    name: str | None = None
    line: int | None = None
    listeners: tuple[Listener, ...] = ()


@dataclass(frozen=True, slots=True)
class Node:
    """A flow node.

    Attributes:
        scope: Id of the enclosing sub-process or process.
        incoming: Flow ids in document order.
        outgoing: Flow ids in document order.
        default_flow: Taken when no condition is true.
        interrupting: For boundary events and starts of event sub-processes.
    """

    id: str
    type: NodeType
    scope: str
    name: str | None = None
    line: int | None = None
    incoming: tuple[str, ...] = ()
    outgoing: tuple[str, ...] = ()
    default_flow: str | None = None
    event: Event | None = None
    attached_to: str | None = None
    interrupting: bool = True
    work: Work | None = None
    loop: Loop | None = None
    inputs: tuple[IoMapping, ...] = ()
    outputs: tuple[IoMapping, ...] = ()
    listeners: tuple[Listener, ...] = ()
    compensation: bool = False
    compensated_by: str | None = None
    async_before: bool = False
    async_after: bool = False
    properties: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    documentation: str | None = None
    form: FormRef | None = None
    initiator: str | None = None


@dataclass(frozen=True, slots=True)
class Process:
    """One process of a file.

    Attributes:
        children: Node ids by scope id, in document order; the process itself is a scope.
        lanes: Lane name by node id.
        forms: Embedded forms: JSON text by key.
        history_time_to_live: How long a run is kept after its end; None: as the installation has it.
    """

    id: str
    name: str | None
    executable: bool
    nodes: Mapping[str, Node]
    flows: Mapping[str, Flow]
    children: Mapping[str, tuple[str, ...]]
    line: int | None = None
    version_tag: str | None = None
    documentation: str | None = None
    lanes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    forms: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    properties: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    listeners: tuple[Listener, ...] = ()
    candidate_starter_groups: tuple[str, ...] = ()
    candidate_starter_users: tuple[str, ...] = ()
    startable_in_tasklist: bool = True
    history_time_to_live: Duration | None = None

    def starts(self, scope: str | None = None) -> tuple[Node, ...]:
        """Start events of a scope (of the process itself if none is named)."""
        return tuple(
            self.nodes[key]
            for key in self.children.get(scope or self.id, ())
            if self.nodes[key].type is NodeType.START_EVENT
        )


@dataclass(frozen=True, slots=True)
class Diagram:
    """A file: its processes and what was found while reading it.

    Attributes:
        platform_version: ``modeler:executionPlatformVersion``, where the file has it.
    """

    id: str
    name: str
    dialect: Dialect
    platform_version: str | None
    processes: tuple[Process, ...]
    findings: tuple[Finding, ...]

    def process(self, process_id: str) -> Process:
        """The process with this id.

        Raises:
            KeyError: the file has no such process.
        """
        for process in self.processes:
            if process.id == process_id:
                return process
        raise KeyError(process_id)

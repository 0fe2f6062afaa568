"""``/v2/jobs``: work for outside workers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bpm_server.reports import jobs as report
from bpm_server.services import jobs
from bpm_server.services.authorization import authorize
from bpm_server.web import parking
from bpm_server.web.api import task_listeners
from bpm_server.web.api.ad_hoc import ElementToActivate, elements_to_activate
from bpm_server.web.api.blueprint import ApiBlueprint, Call
from bpm_server.web.api.fields import (
    Anything,
    Body,
    Data,
    Flag,
    Key,
    Many,
    Moment,
    Names,
    Number,
    One,
    Reply,
    Text,
    Value,
    Word,
)
from bpm_server.web.api.searching import Filter, SearchTable
from bpm_server.web.api.task_listeners import Corrections, JobUserTask
from bpm_server.web.api.tenants import TheTenant

if TYPE_CHECKING:
    from collections.abc import Callable

    from bpm_server.reports.query import Page, Query
    from bpm_server.services.jobs import ActivatedJob

api = ApiBlueprint("jobs", tag="Job")
DEFAULT_WAIT_S = 10.0
LONGEST_WAIT_S = 60.0
TOPICS = ("outside-jobs", "jobs")
KINDS: dict[str, tuple[str, ...]] = {
    "BPMN_ELEMENT": ("element",),
    "EXECUTION_LISTENER": ("execution-listener",),
    "TASK_LISTENER": ("task-listener",),
    "AD_HOC_SUB_PROCESS": ("ad-hoc",),
}
OUTSIDE_KINDS = tuple(kind for kinds in KINDS.values() for kind in kinds)
EVENTS: dict[str, tuple[str, ...]] = {
    word: (word.lower(),)
    for word in ("ASSIGNING", "CANCELING", "COMPLETING", "CREATING", "END", "START", "UPDATING", "CANCEL")
} | {"BEFORE_ALL": (), "UNSPECIFIED": (report.NO_EVENT,)}
STATES = (
    "CANCELED",
    "COMPLETED",
    "CREATED",
    "ERROR_THROWN",
    "FAILED",
    "MIGRATED",
    "PRIORITY_UPDATED",
    "RETRIES_UPDATED",
    "TIMED_OUT",
    "TIMEOUT_UPDATED",
)
_KIND_WORD = {ours: word for word, all_ours in KINDS.items() for ours in all_ours}


class JobKind(Value):
    """Our kind of a job in the contract's words."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(metadata={"enum": list(KINDS)}, **kwargs)

    def writer(self) -> Callable[[str], str]:
        return lambda kind: _KIND_WORD.get(kind, "BPMN_ELEMENT")


class ListenerEvent(Value):
    """The moment of a listener in the contract's words."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(metadata={"enum": list(EVENTS)}, **kwargs)

    def writer(self) -> Callable[[str], str]:
        return lambda event: event.upper() if event.upper() in EVENTS else "UNSPECIFIED"


class JobResult(Reply):
    """A job in lists."""

    job_key = Key(of="key")
    type = Text()
    kind = JobKind()
    listener_event_type = ListenerEvent(of="listener_event")
    state = Word(STATES)
    retries = Number()
    priority = Number()
    worker = Text()
    custom_headers = Data(of="headers")
    deadline = Moment(null=True)
    error_code = Text(null=True)
    error_message = Text(null=True)
    has_failed_with_retries_left = Flag(of="failed_before")
    is_denied = Flag(of="denied", null=True)
    denied_reason = Text(null=True)
    element_id = Text()
    element_instance_key = Key(of="element_key")
    process_definition_key = Key()
    process_definition_id = Text(of="process_id")
    process_instance_key = Key(of="instance_key")
    root_process_instance_key = Key(of="root_key")
    business_id = Text(of="business_key", null=True)
    creation_time = Moment(of="created_at")
    end_time = Moment(of="ended_at", null=True)
    last_update_time = Moment(of="changed_at")
    tenant_id = TheTenant()


class ActivatedJobResult(Reply):
    """A job that was handed out; ``deadline`` in milliseconds since 1970."""

    job_key = Key(of="key")
    type = Text()
    kind = JobKind()
    listener_event_type = ListenerEvent(of="listener_event")
    process_definition_key = Key()
    process_definition_id = Text(of="process_id")
    process_definition_version = Number(of="process_version")
    process_instance_key = Key(of="instance_key")
    root_process_instance_key = Key(of="root_key")
    element_id = Text()
    element_instance_key = Key(of="element_key")
    custom_headers = Data(of="headers")
    worker = Text()
    retries = Number()
    deadline = Number()
    variables = Data()
    priority = Number()
    business_id = Text(of="business_key", null=True)
    tags = Names()
    user_task = One(JobUserTask, null=True)
    job_lease_token = Text(of="lease", null=True)
    physical_tenant_id = TheTenant()
    tenant_id = TheTenant()


class JobActivationResult(Reply):
    """Jobs that were handed out."""

    jobs = Many(ActivatedJobResult)


class JobActivation(Body):
    """Which jobs, how many, for how long."""

    type = Text(required=True)
    timeout = Number(least=1, most=2**53, required=True)
    max_jobs_to_activate = Number(least=1, required=True)
    worker = Text(null=True, load_default=None)
    fetch_variable = Names(null=True, load_default=None)
    request_timeout = Number(least=-(2**53), most=2**53, null=True, load_default=0)
    tenant_ids = Names(null=True)
    tenant_filter = Anything(null=True)
    with_lease = Flag(null=True, load_default=False)


class LeasedJob(Body):
    """What a worker says with every result: the token of its lease, where it took the job with one."""

    job_lease_token = Text(null=True, load_default=None)


class CompletionResult(Body):
    """What the worker of a task listener or (``type`` adHocSubProcess) of an ad-hoc sub-process decided."""

    type = Text(null=True, load_default=None)
    denied = Flag(null=True, load_default=False)
    denied_reason = Text(longest=100_000, null=True, load_default=None)
    corrections = One(Corrections, null=True, load_default=None)
    activate_elements = Many(ElementToActivate, null=True, load_default=None)
    is_completion_condition_fulfilled = Flag(null=True, load_default=False)
    is_cancel_remaining_instances = Flag(null=True, load_default=False)


class JobCompletion(LeasedJob):
    """Results of a job."""

    variables = Data(null=True, load_default=None)
    result = One(CompletionResult, null=True, load_default=None)
    business_id = Text(null=True)


class JobFailure(LeasedJob):
    """What went wrong."""

    retries = Number(null=True, load_default=0)
    error_message = Text(longest=100_000, null=True, load_default=None)
    retry_back_off = Number(least=0, most=2**40, null=True, load_default=0)
    variables = Data(null=True, load_default=None)


class JobErrorBody(LeasedJob):
    """A BPMN error."""

    error_code = Text(required=True)
    error_message = Text(longest=100_000, null=True, load_default=None)
    variables = Data(null=True, load_default=None)


class JobChangeset(Body):
    """What changes; null and absent members stay as they are."""

    retries = Number(null=True, load_default=None)
    timeout = Number(least=0, most=2**53, null=True, load_default=None)
    priority = Number(null=True, load_default=None)


class JobUpdate(LeasedJob):
    """A change of a job."""

    changeset = One(JobChangeset, required=True)
    operation_reference = Anything(null=True)


SEARCH = SearchTable(
    report.SEARCH,
    JobResult,
    {
        "jobKey": "key",
        "type": "type",
        "kind": Filter("kind", tuple(KINDS), KINDS),
        "listenerEventType": Filter("listener_event", tuple(EVENTS), EVENTS),
        "state": Filter("state", STATES),
        "retries": "retries",
        "priority": "priority",
        "worker": "worker",
        "deadline": "deadline",
        "errorCode": "error_code",
        "errorMessage": "error_message",
        "hasFailedWithRetriesLeft": "failed_before",
        "elementId": "element_id",
        "elementInstanceKey": "element_key",
        "processDefinitionId": "process_id",
        "processDefinitionKey": "process_definition_key",
        "processInstanceKey": "instance_key",
        "creationTime": "created_at",
        "endTime": "ended_at",
        "lastUpdateTime": "changed_at",
        "isDenied": "denied",
        "deniedReason": "denied_reason",
    },
    sorts=(
        "creationTime",
        "deadline",
        "elementId",
        "elementInstanceKey",
        "endTime",
        "errorCode",
        "errorMessage",
        "jobKey",
        "kind",
        "listenerEventType",
        "priority",
        "processDefinitionId",
        "processDefinitionKey",
        "processInstanceKey",
        "retries",
        "state",
        "type",
        "worker",
        "hasFailedWithRetriesLeft",
    ),
)


def _find(call: Call, query: Query) -> Page[Any]:
    with call.server.database.read() as connection:
        page = report.SEARCH.page(connection, call.actor, query, report.VISIBLE)
    items = [replace(one, headers=task_listeners.headers(one.headers, one.element_key, one.task)) for one in page.items]
    return replace(page, items=items)


api.search("/jobs/search", "searchJobs", SEARCH, _find)


@api.operation(
    "POST",
    "/jobs/activation",
    "activateJobs",
    takes=JobActivation,
    gives=JobActivationResult,
    body_required=True,
    counts_once=False,  # jobs of a lost reply come back when their lease ends
)
def activate_jobs(call: Call) -> dict[str, Any]:
    """Hand out jobs; where none waits, wait for some up to ``requestTimeout``."""
    body = call.body
    authorize(call.actor, "PROCESS_DEFINITION", "UPDATE_PROCESS_INSTANCE")
    found = parking.of_app().poll(TOPICS, lambda: _activate(call), _wait_s(body["request_timeout"]))
    return {"jobs": [_job_json(job, with_lease=bool(body["with_lease"])) for job in found or ()]}


def _wait_s(request_timeout_ms: int | None) -> float:
    if not request_timeout_ms:
        return DEFAULT_WAIT_S
    return min(request_timeout_ms / 1000, LONGEST_WAIT_S)


def _activate(call: Call) -> list[ActivatedJob] | None:
    """Jobs, None where none waits; the writing command only runs where it is worth it."""
    body = call.body
    if not body["type"] or report.any_waiting(call.server, [body["type"]]):
        found = jobs.activate_jobs(
            call.server,
            call.actor,
            [body["type"]],
            limit=min(body["max_jobs_to_activate"], jobs.MAX_JOBS),
            lease_ms=body["timeout"],
            worker=body["worker"] or "",
            variable_names=body["fetch_variable"] or (),
            kinds=OUTSIDE_KINDS,
        )
        return found or None
    return None


def _job_json(job: ActivatedJob, *, with_lease: bool) -> dict[str, Any]:
    row = job.row
    values = {name: getattr(row, name) for name in row.__slots__}
    return {
        **values,
        "headers": task_listeners.headers(row.headers, row.element_key, row.task),
        "listener_event": row.listener_event or report.NO_EVENT,
        "worker": row.worker or "",
        "deadline": int(row.available_at.timestamp() * 1000),
        "variables": job.variables,
        "business_key": job.business_key,
        "tags": job.tags,
        "user_task": task_listeners.told(row.element_key, row.task),
        "lease": row.lease if with_lease else None,
    }


@api.operation("POST", "/jobs/{jobKey}/completion", "completeJob", takes=JobCompletion, status=204)
def complete_job(call: Call, key: int) -> None:
    """Book a job's result; the process goes on."""
    result = call.body["result"] or {}
    jobs.complete_job(
        call.server,
        call.actor,
        key,
        call.body["variables"],
        lease=call.body["job_lease_token"],
        denied=result.get("denied") is True,
        reason=result.get("denied_reason"),
        corrections=task_listeners.corrections(result.get("corrections")),
        choice=_choice(result) if result.get("type") == "adHocSubProcess" else None,
    )


def _choice(result: dict[str, Any]) -> dict[str, Any]:
    """What the worker of an ad-hoc sub-process decided (see ``CompleteJob``)."""
    return {
        "activate": elements_to_activate(result["activate_elements"] or ()),
        "fulfilled": result["is_completion_condition_fulfilled"] is True,
        "cancel": result["is_cancel_remaining_instances"] is True,
    }


@api.operation("POST", "/jobs/{jobKey}/failure", "failJob", takes=JobFailure, status=204)
def fail_job(call: Call, key: int) -> None:
    """Book a failure: tried again later, or an incident where no retries are left."""
    body = call.body
    jobs.fail_job(
        call.server,
        call.actor,
        key,
        retries=max(body["retries"] or 0, 0),
        message=body["error_message"] or "",
        backoff_ms=body["retry_back_off"] or 0,
        variables=body["variables"],
        lease=body["job_lease_token"],
    )


@api.operation("POST", "/jobs/{jobKey}/error", "throwJobError", takes=JobErrorBody, status=204, body_required=True)
def throw_job_error(call: Call, key: int) -> None:
    """Report a BPMN error: the process catches it, or gets an incident."""
    body = call.body
    jobs.throw_job_error(
        call.server,
        call.actor,
        key,
        body["error_code"],
        body["error_message"],
        body["variables"],
        lease=body["job_lease_token"],
    )


@api.operation("PATCH", "/jobs/{jobKey}", "updateJob", takes=JobUpdate, status=204, body_required=True)
def update_job(call: Call, key: int) -> None:
    """Change retries, priority or the end of the lease."""
    changes = call.body["changeset"]
    jobs.update_job(
        call.server,
        call.actor,
        key,
        retries=changes["retries"],
        timeout_ms=changes["timeout"],
        priority=changes["priority"],
        lease=call.body["job_lease_token"],
    )

"""``/external-task``: jobs for outside workers, in Camunda 7's words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpm_server.kernel.errors import InvalidInput
from bpm_server.reports import jobs as report
from bpm_server.reports.query import Condition
from bpm_server.services import job_locks, jobs
from bpm_server.services.authorization import authorize
from bpm_server.web import parking
from bpm_server.web.api.fields import Body, Data, Flag, Many, Names, Number, Text, camel
from bpm_server.web.engine_rest import listing
from bpm_server.web.engine_rest.blueprint import EngineBlueprint
from bpm_server.web.engine_rest.listing import Filter, Listing
from bpm_server.web.engine_rest.values import Variables, definition_id, moment, read_key, typed_all

if TYPE_CHECKING:
    from bpm_server.services.jobs import ActivatedJob
    from bpm_server.web.api.blueprint import Call

api = EngineBlueprint("external_tasks")
WAKING = ("outside-jobs", "jobs")
KINDS = ("element",)
LONGEST_WAIT_S = 60.0
MOST_TOPICS = 100
NOT_YET = (
    "business_key",
    "process_definition_id",
    "process_definition_id_in",
    "process_definition_key",
    "process_definition_key_in",
    "process_definition_version_tag",
    "process_variables",
    "local_variables",
)
"""Of a topic: what would leave some of its tasks to others."""


class Topic(Body):
    """Tasks that a worker can do; ``lock_duration`` in milliseconds."""

    topic_name = Text(required=True)
    lock_duration = Number(least=1, most=2**53, required=True)
    variables = Names(null=True, load_default=None)
    local_variables = Flag(null=True)
    deserialize_values = Flag(null=True)
    include_extension_properties = Flag(null=True, load_default=False)
    business_key = Text(null=True)
    process_definition_id = Text(null=True)
    process_definition_id_in = Names(null=True)
    process_definition_key = Text(null=True)
    process_definition_key_in = Names(null=True)
    process_definition_version_tag = Text(null=True)
    process_variables = Data(null=True)
    tenant_id_in = Names(null=True)
    without_tenant_id = Flag(null=True)


class FetchAndLock(Body):
    """Which tasks a worker wants; with ``async_response_timeout`` (milliseconds) it waits for some."""

    worker_id = Text(required=True)
    max_tasks = Number(least=1, required=True)
    use_priority = Flag(null=True)
    async_response_timeout = Number(least=0, most=2**53, null=True, load_default=None)
    topics = Many(Topic, load_default=list)


class OfWorker(Body):
    """Every report names the worker, who must have the task."""

    worker_id = Text(required=True)


class Completion(OfWorker):
    """Results of a task."""

    variables = Variables(null=True, load_default=None)
    local_variables = Variables(null=True, load_default=None)


class Failure(OfWorker):
    """What went wrong; ``retry_timeout`` in milliseconds."""

    error_message = Text(longest=100_000, null=True, load_default=None)
    error_details = Text(longest=1_000_000, null=True, load_default=None)
    retries = Number(least=0, null=True, load_default=0)
    retry_timeout = Number(least=0, most=2**40, null=True, load_default=0)
    variables = Variables(null=True, load_default=None)
    local_variables = Variables(null=True, load_default=None)


class BpmnError(OfWorker):
    """A BPMN error."""

    error_code = Text(required=True)
    error_message = Text(longest=100_000, null=True, load_default=None)
    variables = Variables(null=True, load_default=None)


class Extension(OfWorker):
    """How much longer the worker needs, from now on, in milliseconds."""

    new_duration = Number(least=1, most=2**53, required=True)


class Lock(OfWorker):
    """Whose one task becomes, and for how many milliseconds."""

    lock_duration = Number(least=1, most=2**53, required=True)


# --- fetching -------------------------------------------------------------------------------------------


@api.operation("POST", "/external-task/fetchAndLock", takes=FetchAndLock, counts_once=False)
def fetch_and_lock(call: Call) -> list[dict[str, Any]]:
    """Hand out tasks; where none waits, wait for some up to ``asyncResponseTimeout``."""
    authorize(call.actor, "PROCESS_DEFINITION", "UPDATE_PROCESS_INSTANCE")
    topics = call.body["topics"]
    _check(topics)
    wait = min((call.body["async_response_timeout"] or 0) / 1000, LONGEST_WAIT_S)
    return parking.of_app().poll(WAKING, lambda: _fetch(call), wait if topics else 0) or []


def _check(topics: list[dict[str, Any]]) -> None:
    if len(topics) > MOST_TOPICS or len({topic["topic_name"] for topic in topics}) != len(topics):
        message = f"Expected at most {MOST_TOPICS} different topics, but found more or one of them twice"
        raise InvalidInput(message, field="topics")
    for topic in topics:
        for name in NOT_YET:
            if topic.get(name):
                message = f"Expected a topic without {camel(name)}, which is not supported yet"
                raise InvalidInput(message, field=camel(name))


def _fetch(call: Call) -> list[dict[str, Any]] | None:
    """Tasks, None where none waits; the writing command only runs for topics where it is worth it."""
    body, found = call.body, list[dict[str, Any]]()
    limit = min(body["max_tasks"], jobs.MAX_JOBS)
    for topic in body["topics"]:
        if len(found) < limit and report.any_waiting(call.server, [topic["topic_name"]]):
            given = jobs.activate_jobs(
                call.server,
                call.actor,
                [topic["topic_name"]],
                limit=limit - len(found),
                lease_ms=topic["lock_duration"],
                worker=body["worker_id"],
                variable_names=topic["variables"] or (),
                kinds=KINDS,
            )
            with_properties = bool(topic["include_extension_properties"])
            found += [_fetched(job, none=topic["variables"] == [], properties=with_properties) for job in given]
    return found or None


def _fetched(job: ActivatedJob, *, none: bool, properties: bool) -> dict[str, Any]:
    """A task that was handed out; ``none``: without variables, as the worker asked for an empty list of them."""
    row = job.row
    return {
        **_task(row),
        "workerId": row.worker,
        "lockExpirationTime": moment(row.available_at),
        "createTime": moment(row.created_at),
        "businessKey": job.business_key,
        "variables": {} if none else typed_all(job.variables),
        "extensionProperties": row.headers if properties else {},
        "errorDetails": None,
    }


def _task(row: Any) -> dict[str, Any]:
    return {
        "id": str(row.key),
        "topicName": row.type,
        "activityId": row.element_id,
        "activityInstanceId": str(row.element_key),
        "executionId": str(row.element_key),
        "processInstanceId": str(row.instance_key),
        "processDefinitionId": definition_id(row.process_id, row.process_version, row.process_definition_key),
        "processDefinitionKey": row.process_id,
        "processDefinitionVersionTag": None,
        "retries": row.retries,
        "priority": row.priority,
        "errorMessage": row.error_message,
        "suspended": False,
        "tenantId": None,
    }


# --- results --------------------------------------------------------------------------------------------


@api.operation("POST", "/external-task/{id}/complete", takes=Completion)
def complete_external_task(call: Call, task: str) -> None:
    """Book a task's result; the process goes on."""
    body = call.body
    jobs.complete_job(
        call.server,
        call.actor,
        _key(task),
        body["variables"],
        local=body["local_variables"],
        worker=body["worker_id"],
    )


@api.operation("POST", "/external-task/{id}/failure", takes=Failure)
def fail_external_task(call: Call, task: str) -> None:
    """Book a failure: tried again later, or an incident where no retries are left."""
    body = call.body
    if body["variables"]:
        message = "Expected a failure without variables, which is not supported yet; localVariables are"
        raise InvalidInput(message, field="variables")
    jobs.fail_job(
        call.server,
        call.actor,
        _key(task),
        retries=body["retries"] or 0,
        message=_reason(body["error_message"], body["error_details"]),
        backoff_ms=body["retry_timeout"] or 0,
        variables=body["local_variables"],
        worker=body["worker_id"],
    )


def _reason(message: str | None, details: str | None) -> str:
    """One text: there is no other place for the details."""
    return "\n".join(part for part in (message, details) if part and part.strip())[:100_000]


@api.operation("POST", "/external-task/{id}/bpmnError", takes=BpmnError)
def throw_bpmn_error(call: Call, task: str) -> None:
    """Report a BPMN error: the process catches it, or gets an incident."""
    body = call.body
    jobs.throw_job_error(
        call.server,
        call.actor,
        _key(task),
        body["error_code"],
        body["error_message"],
        body["variables"],
        worker=body["worker_id"],
    )


@api.operation("POST", "/external-task/{id}/extendLock", takes=Extension)
def extend_lock(call: Call, task: str) -> None:
    """The worker needs more time."""
    body = call.body
    jobs.update_job(call.server, call.actor, _key(task), timeout_ms=body["new_duration"], worker=body["worker_id"])


@api.operation("POST", "/external-task/{id}/lock", takes=Lock)
def lock_external_task(call: Call, task: str) -> None:
    """Give one task to a worker."""
    job_locks.lock_job(call.server, call.actor, _key(task), call.body["worker_id"], call.body["lock_duration"])


@api.operation("POST", "/external-task/{id}/unlock")
def unlock_external_task(call: Call, task: str) -> None:
    """Take a task from its worker."""
    job_locks.unlock_job(call.server, call.actor, _key(task))


# --- looking --------------------------------------------------------------------------------------------


def _line(row: report.JobLine) -> dict[str, Any]:
    held = row.deadline is not None
    return {
        **_task(row),
        "workerId": row.worker if held else None,
        "lockExpirationTime": moment(row.deadline),
        "createTime": moment(row.created_at),
        "businessKey": row.business_key,
    }


OPEN = (Condition("kind", "in", KINDS), Condition("state", "in", ("CREATED", "FAILED")))
LISTING = Listing(
    report.SEARCH,
    _line,
    {
        "externalTaskId": Filter("key", read=listing.key),
        "externalTaskIdIn": Filter("key", "in", listing.many(listing.key)),
        "topicName": Filter("type"),
        "workerId": Filter("worker"),
        "locked": Filter("deadline", "exists", when=True),
        "notLocked": Filter("deadline", "exists", when=False),
        "withRetriesLeft": Filter("retries", "gt", when=0),
        "noRetriesLeft": Filter("retries", when=0),
        "activityId": Filter("element_id"),
        "activityIdIn": Filter("element_id", "in", listing.many(listing.text)),
        "processInstanceId": Filter("instance_key", read=listing.key),
        "processInstanceIdIn": Filter("instance_key", "in", listing.many(listing.key)),
        "processDefinitionId": Filter("process_definition_key", read=listing.definition),
        "processDefinitionKey": Filter("process_id"),
        "priorityHigherThanOrEquals": Filter("priority", "gte", listing.number),
        "priorityLowerThanOrEquals": Filter("priority", "lte", listing.number),
    },
    {
        "id": "key",
        "lockExpirationTime": "deadline",
        "processInstanceId": "instance_key",
        "processDefinitionId": "process_definition_key",
        "processDefinitionKey": "process_id",
        "taskPriority": "priority",
        "createTime": "created_at",
    },
    always=OPEN,
)
listing.add(api, "/external-task", LISTING)


@api.operation("GET", "/external-task/{id}")
def get_external_task(call: Call, task: str) -> dict[str, Any]:
    """Read an open task."""
    return LISTING.get(call, _key(task), "external task")


def _key(text: str) -> int:
    return read_key(text, "external task")

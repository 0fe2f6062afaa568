"""Jobs: activate, complete, fail, error; for outside workers and for our own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from bpm_server.domain import commands as c
from bpm_server.domain.audit import Entity, Operation
from bpm_server.domain.retries import backoff
from bpm_server.domain.states import JobState
from bpm_server.domain.tasks import TaskValues
from bpm_server.kernel import json
from bpm_server.kernel.errors import InvalidInput, NotFound, WrongState
from bpm_server.services.advance import Advance
from bpm_server.services.authorization import authorize
from bpm_server.services.transaction import command, transaction
from bpm_server.services.variables import check_variables
from bpm_server.store import instances
from bpm_server.store import jobs as store

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bpm_server.domain.identity import Actor
    from bpm_server.services.server import Server
    from bpm_server.services.transaction import Transaction
    from bpm_server.store.batch import InstanceRow
    from bpm_server.store.jobs import JobRow

MAX_JOBS = 1_000
MAX_LEASE = timedelta(days=30)
DENYING = ("assigning", "updating", "completing")
"""Moments of a user task whose listeners may say no."""


@dataclass(frozen=True, slots=True)
class ActivatedJob:
    """A job handed out, with the variables that its element sees, and what names its instance."""

    row: JobRow
    variables: dict[str, Any]
    business_key: str | None
    tags: tuple[str, ...]


@command
def activate_jobs(
    server: Server,
    actor: Actor,
    types: Sequence[str],
    *,
    limit: int,
    lease_ms: int,
    worker: str = "",
    variable_names: Sequence[str] = (),
    kinds: Sequence[str] = (),
) -> list[ActivatedJob]:
    """Hands out waiting jobs.

    Args:
        server: The server.
        actor: Who asks.
        types: Job types.
        limit: At most so many.
        lease_ms: How long they belong to the caller; then others may get them.
        worker: Name of the worker, for people who look.
        variable_names: Only these variables; empty: all that the element sees.
        kinds: Only jobs of these kinds; empty: all.

    Raises:
        InvalidInput: no type, or a limit or lease out of range.
    """
    if not types or not all(types):
        message = "Expected a job type, but found none"
        raise InvalidInput(message, field="type")
    if not 1 <= limit <= MAX_JOBS or not 1 <= lease_ms <= MAX_LEASE / timedelta(milliseconds=1):
        wanted = f"1 to {MAX_JOBS} jobs and a timeout of 1 ms to {MAX_LEASE.days} days"
        message = f"Expected {wanted}, but found {limit} and {lease_ms}"
        raise InvalidInput(message)
    with transaction(server, actor, synced=False) as tx:
        authorize(actor, "PROCESS_DEFINITION", "UPDATE_PROCESS_INSTANCE")
        until = tx.moment.database_now + timedelta(milliseconds=lease_ms)
        rows = store.lease_jobs(tx.connection, types, limit, tx.moment.database_now, until, worker, kinds=kinds)
        return activated(tx, rows, frozenset(variable_names))


def activated(
    tx: Transaction, rows: list[JobRow], wanted: frozenset[str] = frozenset(), *, labeled: bool = True
) -> list[ActivatedJob]:
    """Jobs with what their elements see; as many statements for one job as for a hundred; ``labeled``: for others."""
    scopes = {scope for row in rows for scope in row.scope_path}
    seen = instances.ByScope(instances.load_variables(tx.connection, scopes))
    labels = instances.labels(tx.connection, {row.instance_key for row in rows}) if labeled else {}
    result = []
    for row in rows:
        found = seen.effective(row.scope_path)
        values = {name: json.loads(value) for name, value in found.items() if not wanted or name in wanted}
        business_key, tags = labels.get(row.instance_key, (None, ()))
        result.append(ActivatedJob(row, values, business_key, tags))
    return result


def check_holder(row: JobRow, act: str, worker: str | None) -> None:
    """The job must be leased to this worker, where one is named (Camunda 7); its lease may have ended meanwhile.

    Raises:
        WrongState: nobody has it, or somebody else.
    """
    if worker is None or (row.lease is not None and row.worker == worker):
        return
    whose = f"worker '{row.worker}' has it" if row.lease is not None else "no worker has it"
    message = f"Expected to {act} job '{row.key}' for worker '{worker[:60]}', but {whose}"
    raise WrongState(message, retry=False)


def check_open(row: JobRow, act: str, lease: str | None, worker: str | None = None) -> None:
    """The job must wait for its result; our own workers must still hold their lease, named ones the job."""
    if row.state != JobState.CREATED:
        message = f"Expected to {act} job '{row.key}', but it is {row.state}"
        raise NotFound(message) if row.state != JobState.FAILED else WrongState(message, retry=False)
    if lease is not None and row.lease != lease:
        message = (
            f"Expected to {act} job '{row.key}' under its lease, but the lease has ended and another worker has it"
        )
        raise WrongState(message, retry=False)
    check_holder(row, act, worker)


def _locked(tx: Transaction, key: int) -> tuple[JobRow, InstanceRow]:
    """Instance first, then the job as it is under that lock."""
    row = store.read_job(tx.connection, key)
    instance = tx.lock_instance(row.instance_key, row.root_key)
    return store.read_job(tx.connection, key), instance


@command
def complete_job(
    server: Server,
    actor: Actor,
    key: int,
    variables: Mapping[str, Any] | None = None,
    *,
    local: Mapping[str, Any] | None = None,
    lease: str | None = None,
    worker: str | None = None,
    denied: bool = False,
    reason: str | None = None,
    corrections: TaskValues | None = None,
    choice: Mapping[str, Any] | None = None,
) -> None:
    """Books a job's result; the process goes on.

    Args:
        server: The server.
        actor: Who did it.
        key: The job.
        variables: JSON values; results of the job.
        local: JSON values that stay in the element's own scope (Camunda 7).
        lease: Token of the lease, for our own workers: an older one is refused.
        worker: Name of the worker, who must have the job then (Camunda 7).
        denied: A task listener says no: the task stays as it was.
        reason: Why it says no.
        corrections: What a task listener changes of its task.
        choice: What the worker of an ad-hoc sub-process decides (see ``CompleteJob``).

    Raises:
        NotFound: no such job, or it has ended.
        WrongState: it has an incident, or the lease has ended.
        InvalidInput: a task listener's job with variables; a job that cannot deny, correct or choose.
    """
    values = check_variables(variables)
    with transaction(server, actor) as tx:
        row, instance = _locked(tx, key)
        authorize(actor, "PROCESS_DEFINITION", "UPDATE_PROCESS_INSTANCE", row.process_id)
        check_open(row, "complete", lease, worker)
        changes = corrections or TaskValues()
        _check_listener(row, values, changes, denied=denied)
        if choice is not None and (row.kind != "ad-hoc" or (choice.get("fulfilled") and choice.get("activate"))):
            found = f"both of '{row.type}'" if row.kind == "ad-hoc" else f"a job of kind {row.kind}"
            message = f"Expected an ad-hoc sub-process's job to activate elements or to be fulfilled, but found {found}"
            raise InvalidInput(message, field="result")
        chosen = None if choice is None else dict(choice)
        step: c.AnyCommand = c.CompleteJob(
            row.element_key, values, row.chunk, check_variables(local), denied, chosen, reason, changes
        )
        if row.kind == "async":
            step = c.Continue(row.element_key, row.chunk)
        Advance(tx).run(instance, step)
        if row.kind == "task-listener":
            tx.wake("task-listeners")


def completion_step(row: JobRow, values: dict[str, Any], local: dict[str, Any]) -> c.AnyCommand:
    """The step of a plain completion: no denial, choice or correction.

    Raises:
        InvalidInput: a task listener's job with variables.
    """
    _check_listener(row, values, TaskValues(), denied=False)
    if row.kind == "async":
        return c.Continue(row.element_key, row.chunk)
    return c.CompleteJob(row.element_key, values, row.chunk, local, False, None, None, TaskValues())


def _check_listener(row: JobRow, values: Mapping[str, Any], corrections: TaskValues, *, denied: bool) -> None:
    """Task listeners set no variables; only they correct; creation and cancellation cannot be denied."""
    if row.kind == "task-listener" and values:
        message = f"Expected no variables from the task listener '{row.type}', but found {', '.join(values)}"
        raise InvalidInput(message, field="variables")
    if corrections.named() and (denied or row.kind != "task-listener"):
        found = "a denial" if denied else f"a job of kind {row.kind}"
        message = f"Expected corrections from a task listener that does not deny, but found {found}"
        raise InvalidInput(message, field="result.corrections")
    if denied and row.listener_event not in DENYING:
        message = f"Expected job '{row.key}' to be one that can deny, but found {row.listener_event or 'no listener'}"
        raise InvalidInput(message, field="result.denied")


@command
def fail_job(
    server: Server,
    actor: Actor,
    key: int,
    *,
    retries: int | None = None,
    message: str = "",
    backoff_ms: int | None = None,
    variables: Mapping[str, Any] | None = None,
    lease: str | None = None,
    worker: str | None = None,
) -> None:
    """Books a failure: tried again later, or an incident when no retries are left.

    Args:
        server: The server.
        actor: Whose try it was.
        key: The job.
        retries: How many tries are left; None: one less than before.
        message: What went wrong.
        backoff_ms: Not before so long; None: by the number of tries.
        variables: JSON values for the element's own scope.
        lease: As in :func:`complete_job`.
        worker: As in :func:`complete_job`.

    Raises:
        NotFound: no such job, or it has ended.
        WrongState: it has an incident, or the lease has ended.
    """
    values = check_variables(variables)
    with transaction(server, actor) as tx:
        row, instance = _locked(tx, key)
        authorize(actor, "PROCESS_DEFINITION", "UPDATE_PROCESS_INSTANCE", row.process_id)
        check_open(row, "fail", lease, worker)
        left = max(row.retries - 1 if retries is None else retries, 0)
        wait = backoff(row.retry_cycle, left, row.retries) if backoff_ms is None else timedelta(milliseconds=backoff_ms)
        changes: dict[str, Any] = {
            "retries": left,
            "error_message": message,
            "lease": None,
            "available_at": tx.moment.database_now + wait,
        }
        advance = Advance(tx)
        if values:
            advance.run(instance, c.SetVariables(row.element_key, values, True, row.chunk))
        if row.element_key in tx.batch.ended_jobs:
            return  # a condition became true by the variables, and that interrupted the element
        if left == 0:
            changes["state"] = JobState.FAILED
            text = message or "the job failed and has no retries left"
            advance.run(instance, c.RaiseIncident(row.element_key, "JOB_NO_RETRIES", text, row.chunk, key))
        else:
            tx.wake("jobs")
        store.update_job(tx.connection, key, **changes)


@command
def throw_job_error(
    server: Server,
    actor: Actor,
    key: int,
    code: str,
    message: str | None = None,
    variables: Mapping[str, Any] | None = None,
    *,
    lease: str | None = None,
    worker: str | None = None,
) -> None:
    """Reports a BPMN error: the process catches it, or gets an incident; ``worker`` as in :func:`complete_job`.

    Raises:
        NotFound: no such job, or it has ended.
        WrongState: it has an incident, or the lease has ended.
        InvalidInput: no error code.
    """
    if not code:
        text = "Expected an error code, but found none"
        raise InvalidInput(text, field="errorCode")
    values = check_variables(variables)
    with transaction(server, actor) as tx:
        row, instance = _locked(tx, key)
        authorize(actor, "PROCESS_DEFINITION", "UPDATE_PROCESS_INSTANCE", row.process_id)
        check_open(row, "throw an error from", lease, worker)
        if row.kind == "task-listener":
            text = f"Expected job '{key}' to be one that may throw errors, but it is a task listener"
            raise InvalidInput(text)
        store.update_job(
            tx.connection, key, state=JobState.ERROR_THROWN, error_code=code, error_message=message, lease=None
        )
        Advance(tx).run(instance, c.ThrowError(row.element_key, code, message, values, row.chunk))


@command
def update_job(
    server: Server,
    actor: Actor,
    key: int,
    *,
    retries: int | None = None,
    timeout_ms: int | None = None,
    priority: int | None = None,
    lease: str | None = None,
    worker: str | None = None,
) -> None:
    """Changes retries, priority or the end of the lease; ``worker`` as in :func:`complete_job`.

    Raises:
        NotFound: no such job, or it has ended.
        WrongState: the lease that is named has ended.
        InvalidInput: nothing is named, or a number is out of range.
    """
    if retries is None and timeout_ms is None and priority is None:
        message = "Expected retries, timeout or priority to change, but found none of them"
        raise InvalidInput(message)
    if (retries is not None and retries < 1) or (timeout_ms is not None and timeout_ms < 0):
        message = f"Expected retries from 1 and a timeout from 0, but found {retries} and {timeout_ms}"
        raise InvalidInput(message)
    with transaction(server, actor) as tx:
        row, instance = _locked(tx, key)
        authorize(actor, "PROCESS_DEFINITION", "UPDATE_PROCESS_INSTANCE", row.process_id)
        if row.state not in (JobState.CREATED, JobState.FAILED):
            message = f"Expected to update job '{key}', but it is {row.state}"
            raise NotFound(message)
        if lease is not None and row.lease != lease:
            message = f"Expected to update job '{key}' under its lease, but the lease has ended"
            raise WrongState(message, retry=False)
        check_holder(row, "update", worker)
        changes: dict[str, Any] = {}
        if retries is not None:
            changes["retries"] = retries
        if priority is not None:
            changes["priority"] = priority
        if timeout_ms is not None:
            if timeout_ms > MAX_LEASE / timedelta(milliseconds=1):
                message = f"Expected a timeout of at most {MAX_LEASE.days} days, but found {timeout_ms} ms"
                raise InvalidInput(message, field="timeout")
            changes["available_at"] = tx.moment.database_now + timedelta(milliseconds=timeout_ms)
        store.update_job(tx.connection, key, **changes)
        tx.audit_instance(
            Entity.JOB,
            Operation.UPDATE,
            key,
            instance,
            element_key=row.element_key,
            job_key=key,
            description=", ".join(changes),
        )

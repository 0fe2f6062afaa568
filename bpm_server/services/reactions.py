"""What a step of one instance causes beside it: called processes, waiting messages, jobs that go out.

Every reaction runs in the step's own transaction.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from bpm_server.bpmn.formdata import FORM_FILE
from bpm_server.domain import commands as c
from bpm_server.domain import events as e
from bpm_server.domain.approvals.policy import is_approval
from bpm_server.domain.channels import job_channel
from bpm_server.domain.notifications import Kind
from bpm_server.domain.service_levels import has_service_level
from bpm_server.kernel import json
from bpm_server.services.approval_nodes import open_node
from bpm_server.services.bindings import binding_filter, bound_process
from bpm_server.services.notifications import notify, tell_change, tell_inboxes
from bpm_server.services.outbox import cancel_deliveries, enqueue_webhook
from bpm_server.services.service_levels import pause_clocks, resume_clocks, start_clock
from bpm_server.store import approvals, jobs, tasks
from bpm_server.store import messages as message_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bpm_server.connectors.contract import Connector
    from bpm_server.engine import Instance
    from bpm_server.services.advance import Advance
    from bpm_server.store.batch import InstanceRow

MAX_DEPTH = 100
"""Called processes inside called processes."""


# --- called processes -----------------------------------------------------------------------------------


def _process_called(advance: Advance, row: InstanceRow, event: e.ProcessCalled) -> None:
    compiled = bound_process(advance.tx, advance.deployment_key(row), event)
    named = f" ({event.binding} {event.version})" if event.version else ""
    problem = None
    if compiled is None:
        problem = f"Expected process '{event.process_id}'{named} to be deployed, but found none"
    elif row.depth >= MAX_DEPTH:
        problem = f"Expected at most {MAX_DEPTH} processes calling each other, but '{event.process_id}' is one more"
    elif all(start.event is not None for start in compiled.definition.process.starts()):
        problem = f"Expected process '{event.process_id}' to have a start event without a trigger, but found none"
    if compiled is None or problem is not None:
        kind = "CALLED_ELEMENT_ERROR"
        advance.follow(row, c.RaiseIncident(event.element_key, kind, problem or "", event.chunk))
        return
    key = advance.tx.server.new_key()
    command = c.StartInstance(key, event.variables, None, event.business_key, event.element_key)
    advance.start(compiled, command, caller=(row, event.element_key, event.chunk))


def _call_canceled(advance: Advance, row: InstanceRow, event: e.CallCanceled) -> None:
    for called in advance.called_by(row, event.element_key):
        advance.follow(called, c.CancelInstance())


def _error_escaped(advance: Advance, row: InstanceRow, event: e.ErrorEscaped) -> None:
    advance.later((row, event.element_key, event.chunk), lambda: _throw_to_caller(advance, row, event))


def _throw_to_caller(advance: Advance, row: InstanceRow, event: e.ErrorEscaped) -> None:
    """The nearest caller that catches it gets it (and so ends what it called); else an incident here."""
    for parent, element_key, chunk in _callers(advance, row):
        instance = advance.peek(parent, chunk)
        if instance.throwing.catches_error(instance.find(element_key), event.code, advance.tx.now):
            advance.step(parent, c.ThrowError(element_key, event.code, event.message, event.variables, chunk))
            return
    detail = f": {event.message}" if event.message else ""
    message = f"Expected an event that catches the error '{event.code}', but found none{detail}"
    job_key = jobs.find_thrower(advance.tx.connection, event.element_key)
    advance.step(row, c.RaiseIncident(event.element_key, "UNHANDLED_ERROR_EVENT", message, event.chunk, job_key))


def _escalation_escaped(advance: Advance, row: InstanceRow, event: e.EscalationEscaped) -> None:
    for caller in islice(_callers(advance, row), 1):  # who escalates may have ended, but somebody must wait for it
        advance.later(caller, lambda: _escalate_to_caller(advance, row, event))


def _escalate_to_caller(advance: Advance, row: InstanceRow, event: e.EscalationEscaped) -> None:
    """The nearest caller that catches it; nobody: it has no effect."""
    for parent, element_key, chunk in _callers(advance, row):
        instance = advance.peek(parent, chunk)
        if instance.throwing.catches_escalation(instance.find(element_key), event.code, advance.tx.now):
            advance.step(parent, c.ThrowEscalation(element_key, event.code, event.variables, chunk))
            return


def _callers(advance: Advance, row: InstanceRow) -> Iterator[tuple[InstanceRow, int, int]]:
    """Instance, element and chunk of each call activity around an instance, nearest first."""
    while row.parent_key is not None and row.parent_element_key is not None:
        element_key, chunk = row.parent_element_key, row.parent_chunk or 0
        row = advance.instance_row(row.parent_key)
        yield row, element_key, chunk


# --- messages and signals -------------------------------------------------------------------------------


def _subscription_opened(advance: Advance, row: InstanceRow, event: e.SubscriptionOpened) -> None:
    if event.kind == "message" and event.correlation_key is not None:
        wait_for_kept_message(advance, row, event)


def wait_for_kept_message(advance: Advance, row: InstanceRow, wait: e.SubscriptionOpened) -> None:
    """The oldest message that is kept for a subscription, if there is one, reaches it when its turn comes."""
    advance.later((row, wait.element_key, wait.chunk), lambda: _take_kept_message(advance, row, wait))


def _take_kept_message(advance: Advance, row: InstanceRow, wait: e.SubscriptionOpened) -> None:
    tx, key = advance.tx, wait.correlation_key or ""
    if not tx.batch.still_waits(wait, tx.connection):
        return
    message_store.lock_key(tx.connection, wait.name, key)
    found = message_store.find_buffered(tx.connection, wait.name, key, row.process_id, tx.now)
    if found is None:
        return
    message_store.record_correlation(tx.connection, found, row.process_id, row.key, wait.event_id, wait.key, tx.now)
    advance.step(row, c.TriggerEvent(wait.element_key, wait.event_id, json.loads(found.variables), wait.chunk))


def _signal_broadcast(advance: Advance, _row: InstanceRow, _event: e.SignalBroadcast) -> None:
    advance.tx.wake("signals")


# --- jobs, tasks, decisions -----------------------------------------------------------------------------


def _job_created(advance: Advance, row: InstanceRow, event: e.JobCreated) -> None:
    tx = advance.tx
    if event.task is not None:
        _tell_form(advance, event.element_key, event.task)
    if event.kind == "async":
        tx.wake("jobs")
        return
    connector = tx.server.connectors.find(event.type)
    if connector is None:
        if event.handler:
            message = f"Expected a handler named '{event.type}' in this installation, but found none"
            advance.follow(
                row, c.RaiseIncident(event.element_key, "HANDLER_NOT_FOUND", message, event.chunk, event.key)
            )
        tx.wake("outside-jobs")
        return
    if connector.outbox:
        enqueue_webhook(advance, row, event)
        tx.wake("deliveries")
    else:
        found = advance.peek(row, event.chunk) if connector.url_input is not None else None
        channel = channel_of(connector, event.element_key, found)
        tx.batch.jobs[event.element_key]["channel"] = channel
        tx.wake("jobs")
        tx.wake(channel)


def channel_of(connector: Connector, element_key: int, instance: Instance | None) -> str:
    """The channel of an element's job; ``instance``: its live instance, needed where the connector names a URL."""
    name = connector.url_input
    if name is None or instance is None:
        return job_channel(connector.type)
    return job_channel(connector.type, instance.visible_values(element_key, lambda one: one == name).get(name))


def _tell_form(advance: Advance, task_key: int, told: dict[str, Any]) -> None:
    """A task listener is told the form too, which the engine does not know."""
    batch = advance.tx.batch
    new = batch.tasks.get(task_key)
    form_key = tasks.read_task(advance.tx.connection, task_key).form_key if new is None else new["form_key"]
    batch.jobs[task_key]["task"] = json.dumps({**told, "form_key": form_key})


def _user_task_created(advance: Advance, row: InstanceRow, event: e.UserTaskCreated) -> None:
    """Asks the signers of an approval, or tells who is asked; starts its clock, and binds its form."""
    tx = advance.tx
    node = advance.node_of(row, event.element_id)
    if is_approval(node.properties):
        open_node(advance, row, event)
    else:
        notify(tx, [event.assignee], Kind.ASSIGNED, row.key, event.key)
        tell_inboxes(tx, event.candidate_users, event.candidate_groups)
    if has_service_level(node.properties):
        start_clock(advance, row, event)
    bind_form(advance, row, event)


def bind_form(advance: Advance, row: InstanceRow, event: e.UserTaskCreated) -> None:
    """Binds the form of a task; a missing one is an incident, because nobody could do the task."""
    tx = advance.tx
    if event.form_id is None:
        if event.form_key is not None and event.form_key.startswith(FORM_FILE):
            _bind_form_file(advance, row, event.key, event.form_key.removeprefix(FORM_FILE))
        return
    wanted = binding_filter(event.form_binding or "latest", event.form_version, advance.deployment_key(row))
    form = None
    if wanted is not None and "number" not in wanted:
        form = tx.server.definitions.find_form(tx.connection, tx.moment.definition_version, event.form_id, **wanted)
    if form is not None:
        tx.batch.tasks[event.key]["form_key"] = form.key
        return
    message = f"Expected form '{event.form_id}' to be deployed, but found none"
    advance.follow(row, c.RaiseIncident(event.key, "FORM_NOT_FOUND", message, event.chunk))


def _user_task_changed(advance: Advance, row: InstanceRow, event: e.UserTaskChanged) -> None:
    if event.operation is None:
        tell_change(advance.tx, row.key, event.key, event.values)


def _user_task_ended(advance: Advance, row: InstanceRow, event: e.UserTaskCompleted | e.UserTaskCanceled) -> None:
    if advance.has_clocks(row):
        advance.tx.batch.ended_clocks.add(event.key)


def _user_task_canceled(advance: Advance, row: InstanceRow, event: e.UserTaskCanceled) -> None:
    _user_task_ended(advance, row, event)
    if advance.has_approvals(row):
        approvals.cancel_approval(advance.tx.connection, event.key, advance.tx.now)


def _instance_suspended(advance: Advance, row: InstanceRow, _event: e.InstanceSuspended) -> None:
    if advance.has_clocks(row):
        pause_clocks(advance.tx, row.key)


def _instance_resumed(advance: Advance, row: InstanceRow, _event: e.InstanceResumed) -> None:
    if advance.has_clocks(row):
        resume_clocks(advance.tx, row.key)


def _bind_form_file(advance: Advance, row: InstanceRow, task_key: int, name: str) -> None:
    """Camunda 7's form key that names a form by its file; without the file the task works, as there, without form."""
    tx = advance.tx
    form = tx.server.definitions.find_form_file(
        tx.connection, tx.moment.definition_version, name, advance.deployment_key(row)
    )
    if form is not None:
        tx.batch.tasks[task_key]["form_key"] = form.key


def _timer_scheduled(advance: Advance, _row: InstanceRow, _event: e.TimerScheduled) -> None:
    advance.tx.wake("timers")


def _job_canceled(advance: Advance, _row: InstanceRow, event: e.JobCanceled) -> None:
    cancel_deliveries(advance.tx, event.element_key)


REACTIONS: dict[type, Callable[[Advance, InstanceRow, Any], None]] = {
    e.ProcessCalled: _process_called,
    e.CallCanceled: _call_canceled,
    e.ErrorEscaped: _error_escaped,
    e.EscalationEscaped: _escalation_escaped,
    e.SubscriptionOpened: _subscription_opened,
    e.SignalBroadcast: _signal_broadcast,
    e.JobCreated: _job_created,
    e.JobCanceled: _job_canceled,
    e.UserTaskCreated: _user_task_created,
    e.UserTaskChanged: _user_task_changed,
    e.UserTaskCompleted: _user_task_ended,
    e.UserTaskCanceled: _user_task_canceled,
    e.InstanceSuspended: _instance_suspended,
    e.InstanceResumed: _instance_resumed,
    e.TimerScheduled: _timer_scheduled,
}

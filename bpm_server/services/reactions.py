"""What a step of one instance causes beside it: called processes, waiting messages, jobs that go out.

Every reaction runs in the step's own transaction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpm_server.bpmn.formdata import FORM_FILE
from bpm_server.domain import commands as c
from bpm_server.domain import events as e
from bpm_server.kernel import json
from bpm_server.services.bindings import binding_filter, bound_process
from bpm_server.services.outbox import cancel_deliveries, enqueue_webhook
from bpm_server.store import jobs
from bpm_server.store import messages as message_store

if TYPE_CHECKING:
    from collections.abc import Callable

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
    """The nearest caller that catches it gets it (and so ends what it called); else an incident here."""
    child = row
    while child.parent_key is not None and child.parent_element_key is not None:
        parent, chunk = advance.instance_row(child.parent_key), child.parent_chunk or 0
        instance = advance.peek(parent, chunk)
        origin = instance.find(child.parent_element_key)
        if instance.throwing.catches_error(origin, event.code, advance.tx.now):
            command = c.ThrowError(child.parent_element_key, event.code, event.message, event.variables, chunk)
            advance.follow(parent, command)
            return
        child = parent
    detail = f": {event.message}" if event.message else ""
    message = f"Expected an event that catches the error '{event.code}', but found none{detail}"
    job_key = jobs.find_thrower(advance.tx.connection, event.element_key)
    advance.follow(row, c.RaiseIncident(event.element_key, "UNHANDLED_ERROR_EVENT", message, event.chunk, job_key))


def _escalation_escaped(advance: Advance, row: InstanceRow, event: e.EscalationEscaped) -> None:
    """The nearest caller that catches it; nobody: it has no effect."""
    child = row
    while child.parent_key is not None and child.parent_element_key is not None:
        parent, chunk = advance.instance_row(child.parent_key), child.parent_chunk or 0
        instance = advance.peek(parent, chunk)
        origin = instance.find(child.parent_element_key)
        if instance.throwing.catches_escalation(origin, event.code, advance.tx.now):
            command = c.ThrowEscalation(child.parent_element_key, event.code, event.variables, chunk)
            advance.follow(parent, command)
            return
        child = parent


# --- messages and signals -------------------------------------------------------------------------------


def _subscription_opened(advance: Advance, row: InstanceRow, event: e.SubscriptionOpened) -> None:
    """A message that came earlier and is still kept reaches the new subscription."""
    if event.kind == "message" and event.correlation_key is not None:
        take_kept_message(advance, row, event)


def take_kept_message(advance: Advance, row: InstanceRow, wait: e.SubscriptionOpened) -> None:
    """The oldest message that is kept for a subscription, if there is one, reaches it as a step that follows."""
    tx, key = advance.tx, wait.correlation_key or ""
    message_store.lock_key(tx.connection, wait.name, key)
    found = message_store.find_buffered(tx.connection, wait.name, key, row.process_id, tx.now)
    if found is None:
        return
    message_store.record_correlation(tx.connection, found, row.process_id, row.key, wait.event_id, wait.key, tx.now)
    advance.follow(row, c.TriggerEvent(wait.element_key, wait.event_id, json.loads(found.variables), wait.chunk))


def _signal_broadcast(advance: Advance, _row: InstanceRow, _event: e.SignalBroadcast) -> None:
    advance.tx.wake("signals")


# --- jobs, tasks, decisions -----------------------------------------------------------------------------


def _job_created(advance: Advance, row: InstanceRow, event: e.JobCreated) -> None:
    tx = advance.tx
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
        tx.wake("jobs")


def _user_task_created(advance: Advance, row: InstanceRow, event: e.UserTaskCreated) -> None:
    """Binds the form; a missing one is an incident, because nobody could do the task."""
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
    e.TimerScheduled: _timer_scheduled,
}

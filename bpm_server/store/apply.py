"""What happened becomes rows: one small function per event.

Nothing else writes the tables of running processes; see ``store.batch`` for when they are written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpm_server.domain import events as e
from bpm_server.domain.lasting import lasting
from bpm_server.domain.states import ElementState, IncidentState, InstanceState, JobState, TaskState
from bpm_server.kernel import context, json
from bpm_server.store.batch import no_item
from bpm_server.store.candidates import CANDIDATES, candidate_rows
from bpm_server.store.migrated import Migrated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from bpm_server.domain.commands import Command
    from bpm_server.domain.events import Event
    from bpm_server.store.batch import Batch, InstanceRow


def record(
    batch: Batch,
    row: InstanceRow,
    command: Command,
    happened: Iterable[Event],
    written: Mapping[int, tuple[int, bytes]],
    dropped: Iterable[int],
) -> None:
    """Adds one step of one instance.

    Args:
        batch: Of the transaction.
        row: The instance, locked.
        command: What was done.
        happened: What it caused.
        written: Enclosing chunk and new stored form, by chunk key (0: the instance's own).
        dropped: Chunks that ended.
    """
    batch.instances[row.key] = row
    happened = list(happened)
    apply(batch, row, happened)
    for key, (parent, data) in written.items():
        if key:
            batch.chunks[key] = (row, parent, data)
        else:
            row.tokens = data
    for key in dropped:
        batch.chunks[key] = (row, 0, None)
    row.last_sequence = row.lock_version = row.lock_version + 1
    batch.journal.append(
        {
            "instance_key": row.key,
            "sequence": row.last_sequence,
            "at": batch.now,
            "actor": batch.actor,
            "command": batch.without_large(row, json.dumps(command)),
            "events": batch.without_large(row, json.dumps(happened)),
            "cluster_variable_version": batch.cluster_variable_version,
        }
    )


def apply(batch: Batch, row: InstanceRow, happened: Sequence[Event]) -> None:
    """The rows that the events of one step make, change and end."""
    for event in lasting(happened):
        _APPLY.get(type(event), _nothing)(batch, row, event)


def _nothing(batch: Batch, row: InstanceRow, event: Event) -> None:
    """Events that only the journal keeps."""


def _instance_completed(batch: Batch, row: InstanceRow, _event: e.InstanceCompleted) -> None:
    _end_instance(batch, row, InstanceState.COMPLETED)


def _instance_terminated(batch: Batch, row: InstanceRow, _event: e.InstanceTerminated) -> None:
    _end_instance(batch, row, InstanceState.TERMINATED)


def _instance_suspended(batch: Batch, row: InstanceRow, _event: e.InstanceSuspended) -> None:
    row.state, row.suspended_at = InstanceState.SUSPENDED, batch.now
    batch.halted[row.key] = row


def _instance_resumed(batch: Batch, row: InstanceRow, _event: e.InstanceResumed) -> None:
    row.state, row.suspended_at = InstanceState.ACTIVE, None
    batch.halted[row.key] = row


def _instance_migrated(batch: Batch, row: InstanceRow, event: e.InstanceMigrated) -> None:
    row.process_definition_key, row.process_id, row.version = event.definition_key, event.process_id, event.version
    batch.migrated[row.key] = Migrated(event)


def _element_migrated(batch: Batch, row: InstanceRow, event: e.ElementMigrated) -> None:
    batch.migrated[row.key].elements.append(event)


def _wait_migrated(batch: Batch, row: InstanceRow, event: e.WaitMigrated) -> None:
    batch.migrated[row.key].waits.append(event)


def _end_instance(batch: Batch, row: InstanceRow, state: InstanceState) -> None:
    row.state, row.ended_at, row.tokens = state, batch.now, None


def _element_activated(batch: Batch, row: InstanceRow, event: e.ElementActivated) -> None:
    batch.elements[event.key] = {
        "key": event.key,
        "instance_key": row.key,
        "element_id": event.element_id,
        "type": event.type,
        "scope_key": event.scope_key,
        "state": ElementState.ACTIVE,
        "started_at": batch.now,
        "ended_at": None,
    }


def _element_completed(batch: Batch, _row: InstanceRow, event: e.ElementCompleted) -> None:
    _end_element(batch, event.key, ElementState.COMPLETED)


def _element_terminated(batch: Batch, _row: InstanceRow, event: e.ElementTerminated) -> None:
    _end_element(batch, event.key, ElementState.TERMINATED)


def _end_element(batch: Batch, key: int, state: ElementState) -> None:
    new = batch.elements.get(key)
    if new is not None:
        new["state"], new["ended_at"] = state, batch.now
    else:
        batch.ended_elements[key] = {"b_key": key, "b_state": state, "b_at": batch.now}


def _variables_set(batch: Batch, row: InstanceRow, event: e.VariablesSet) -> None:
    for name, value in event.values.items():
        known = batch.variables.get((event.scope_key, name))
        batch.variables[event.scope_key, name] = {
            "key": batch.new_key() if known is None else known["key"],
            "instance_key": row.key,
            "scope_key": event.scope_key,
            "name": name,
            "value": json.dumps(value),
        }


def _user_task_created(batch: Batch, row: InstanceRow, event: e.UserTaskCreated) -> None:
    batch.tasks[event.key] = {
        "key": event.key,
        "instance_key": row.key,
        "root_key": row.root_key,
        "process_definition_key": row.process_definition_key,
        "process_id": row.process_id,
        "process_version": row.version,
        "element_id": event.element_id,
        "name": event.name,
        "state": TaskState.CREATED,
        "assignee": event.assignee,
        "candidate_users": json.dumps(event.candidate_users),
        "candidate_groups": json.dumps(event.candidate_groups),
        "due_date": event.due_date,
        "follow_up_date": event.follow_up_date,
        "priority": event.priority,
        "form_key": None,
        "embedded_form": event.form_key,
        "external_form": event.external_form,
        "scope_path": json.dumps(event.scope_path),
        "chunk": event.chunk,
        "created_at": batch.now,
        "claimed_at": batch.now if event.assignee else None,
        "ended_at": None,
        "ended_by": None,
        "suspended": row.suspended,
        "operation": None,
    }
    for column, kind in CANDIDATES.items():
        batch.candidates += candidate_rows(event.key, kind, getattr(event, column))


def _user_task_changed(batch: Batch, _row: InstanceRow, event: e.UserTaskChanged) -> None:
    """Who answered is known from the beginning: the last listener's worker ends the task in their name."""
    values = event.values.named()
    if "assignee" in values:
        values["claimed_at"] = batch.now if values["assignee"] else None
    answers = event.state == TaskState.COMPLETING
    if event.operation is not None or not answers:
        values["ended_by"] = batch.actor if answers else None
    batch.change_task(event.key, {**values, "state": event.state, "operation": event.operation})


def _user_task_completed(batch: Batch, _row: InstanceRow, event: e.UserTaskCompleted) -> None:
    batch.ended_tasks[event.key] = TaskState.COMPLETED


def _user_task_canceled(batch: Batch, _row: InstanceRow, event: e.UserTaskCanceled) -> None:
    batch.ended_tasks[event.key] = TaskState.CANCELED


def _job_created(batch: Batch, row: InstanceRow, event: e.JobCreated) -> None:
    batch.jobs[event.element_key] = {
        "key": event.key,
        "instance_key": row.key,
        "root_key": row.root_key,
        "process_definition_key": row.process_definition_key,
        "process_id": row.process_id,
        "process_version": row.version,
        "element_key": event.element_key,
        "element_id": event.element_id,
        "type": event.type,
        "channel": None,
        "kind": event.kind,
        "listener_event": event.listener_event,
        "state": JobState.CREATED,
        "retries": event.retries,
        "priority": event.priority,
        "headers": json.dumps(event.headers),
        "scope_path": json.dumps(event.scope_path),
        "chunk": event.chunk,
        "retry_cycle": event.retry_cycle,
        "operation": event.operation,
        "task": None if event.task is None else json.dumps(event.task),
        "denied": False,
        "denied_reason": None,
        "trace_context": context.carried(),
        "available_at": batch.database_now,
        "lease": None,
        "worker": None,
        "error_code": None,
        "error_message": None,
        "created_at": batch.now,
        "ended_at": None,
        "suspended": row.suspended,
    }


def _job_completed(batch: Batch, _row: InstanceRow, event: e.JobCompleted) -> None:
    batch.end_job(event.element_key, JobState.COMPLETED, denied=event.denied, reason=event.reason)


def _job_canceled(batch: Batch, _row: InstanceRow, event: e.JobCanceled) -> None:
    batch.end_job(event.element_key, JobState.CANCELED)


def _timer_scheduled(batch: Batch, row: InstanceRow, event: e.TimerScheduled) -> None:
    batch.timers[event.key] = {
        "key": event.key,
        "instance_key": row.key,
        "process_definition_key": None,
        "element_key": event.element_key,
        "event_id": event.event_id,
        "due_at": event.due_at,
        "repetitions": event.repetitions,
        "chunk": event.chunk,
        "failures": 0,
        "suspended": row.suspended,
    }


def _timers_canceled(batch: Batch, _row: InstanceRow, event: e.TimersCanceled) -> None:
    _end_waits(batch.timers, batch.ended_timers, event.element_key, event.event_ids)


def _end_waits(
    new: dict[int, dict[str, Any]],
    ended: list[tuple[int, tuple[str, ...] | None]],
    element_key: int,
    event_ids: tuple[str, ...] | None,
) -> None:
    """Drops rows of this transaction; what older rows there are is deleted at the end."""
    for key, values in list(new.items()):
        if values["element_key"] == element_key and (event_ids is None or values["event_id"] in event_ids):
            del new[key]
    ended.append((element_key, event_ids))


def _subscription_opened(batch: Batch, row: InstanceRow, event: e.SubscriptionOpened) -> None:
    batch.subscriptions[event.key] = {
        "key": event.key,
        "kind": event.kind,
        "name": event.name,
        "correlation_key": event.correlation_key,
        "instance_key": row.key,
        "process_definition_key": row.process_definition_key,
        "process_id": row.process_id,
        "element_key": event.element_key,
        "event_id": event.event_id,
        "interrupting": event.interrupting,
        "chunk": event.chunk,
        "opened_at": batch.now,
        "suspended": row.suspended,
    }


def _subscriptions_closed(batch: Batch, _row: InstanceRow, event: e.SubscriptionsClosed) -> None:
    _end_waits(batch.subscriptions, batch.ended_subscriptions, event.element_key, event.event_ids)


def _incident_raised(batch: Batch, row: InstanceRow, event: e.IncidentRaised) -> None:
    row.incidents += 1
    batch.incidents[event.element_key] = {
        "key": event.key,
        "instance_key": row.key,
        "process_definition_key": row.process_definition_key,
        "process_id": row.process_id,
        "root_key": row.root_key,
        "element_key": event.element_key,
        "element_id": event.element_id,
        "kind": event.kind,
        "message": event.message,
        "state": IncidentState.ACTIVE,
        "job_key": event.job_key,
        "chunk": event.chunk,
        "created_at": batch.now,
        "resolved_at": None,
    }


def _incident_resolved(batch: Batch, row: InstanceRow, event: e.IncidentResolved) -> None:
    row.incidents = max(row.incidents - 1, 0)
    new = batch.incidents.pop(event.element_key, None)
    if new is None:
        batch.resolved_incidents.add(event.element_key)
    else:
        batch.brief_incidents.append({**new, "state": IncidentState.RESOLVED, "resolved_at": batch.now})


def _item_finished(batch: Batch, row: InstanceRow, event: e.ItemFinished) -> None:
    batch.items[event.key] = {
        **no_item(event.key, row),
        "body_key": event.body_key,
        "position": event.index,
        "tokens": None,
        "output": json.dumps(event.output),
    }


def _items_gathered(batch: Batch, _row: InstanceRow, event: e.ItemsGathered) -> None:
    batch.gathered.append(event.body_key)


def _decision_evaluated(batch: Batch, row: InstanceRow, event: e.DecisionEvaluated) -> None:
    batch.decisions.append(
        {
            "key": event.key,
            "decision_key": event.decision_key,
            "instance_key": row.key,
            "element_key": event.element_key,
            "element_id": event.element_id,
            "state": "EVALUATED",
            "evaluation": json.dumps(event.evaluation),
            "evaluated_at": batch.now,
        }
    )


def _signal_broadcast(batch: Batch, _row: InstanceRow, event: e.SignalBroadcast) -> None:
    batch.signals.append(
        {
            "key": batch.new_key(),
            "name": event.name,
            "variables": json.dumps(event.variables),
            "thrown_at": batch.now,
        }
    )


_APPLY: dict[type, Callable[[Batch, InstanceRow, Any], None]] = {
    e.InstanceCompleted: _instance_completed,
    e.InstanceTerminated: _instance_terminated,
    e.InstanceSuspended: _instance_suspended,
    e.InstanceResumed: _instance_resumed,
    e.InstanceMigrated: _instance_migrated,
    e.ElementMigrated: _element_migrated,
    e.WaitMigrated: _wait_migrated,
    e.ElementActivated: _element_activated,
    e.ElementCompleted: _element_completed,
    e.ElementTerminated: _element_terminated,
    e.VariablesSet: _variables_set,
    e.UserTaskCreated: _user_task_created,
    e.UserTaskChanged: _user_task_changed,
    e.UserTaskCompleted: _user_task_completed,
    e.UserTaskCanceled: _user_task_canceled,
    e.JobCreated: _job_created,
    e.JobCompleted: _job_completed,
    e.JobCanceled: _job_canceled,
    e.TimerScheduled: _timer_scheduled,
    e.TimersCanceled: _timers_canceled,
    e.SubscriptionOpened: _subscription_opened,
    e.SubscriptionsClosed: _subscriptions_closed,
    e.IncidentRaised: _incident_raised,
    e.IncidentResolved: _incident_resolved,
    e.ItemFinished: _item_finished,
    e.ItemsGathered: _items_gathered,
    e.DecisionEvaluated: _decision_evaluated,
    e.SignalBroadcast: _signal_broadcast,
}

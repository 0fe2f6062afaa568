"""Writes what happened: events of one transaction become rows, at most one statement per table and kind.

Nothing else writes these tables while a process runs. Inserts and their later changes in the same transaction
are merged before anything is written.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server.domain import events as e
from bpm_server.domain.states import ElementState, IncidentState, InstanceState, JobState, TaskState
from bpm_server.kernel import json
from bpm_server.store import messages, rows
from bpm_server.store.tables.decisions import decision_instance
from bpm_server.store.tables.history import journal
from bpm_server.store.tables.instances import element_instance, incident, instance_item, process_instance, variable
from bpm_server.store.tables.jobs import job, timer
from bpm_server.store.tables.messages import pending_signal, subscription
from bpm_server.store.tables.tasks import user_task, user_task_candidate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from bpm_server.domain.commands import Command
    from bpm_server.domain.events import Event


@dataclass(slots=True)
class InstanceRow:
    """What the store knows of an instance while a transaction works on it."""

    key: int
    process_definition_key: int
    process_id: str
    version: int
    state: str
    lock_version: int
    root_key: int
    parent_key: int | None
    parent_element_key: int | None
    parent_chunk: int | None
    depth: int
    business_key: str | None
    incidents: int
    started_at: datetime
    started_by: str | None = None
    ended_at: datetime | None = None
    tags: str | None = None
    tokens: bytes | None = None
    is_new: bool = False
    last_sequence: int = 0


class Batch:
    """Collects the rows of one transaction and writes them at its end."""

    def __init__(self, now: datetime, database_now: datetime, actor: str | None, new_key: Callable[[], int]) -> None:
        self.now = now
        self.database_now = database_now
        self.actor = actor
        self.new_key = new_key
        self.instances: dict[int, InstanceRow] = {}
        self.chunks: dict[int, tuple[InstanceRow, int, bytes | None]] = {}
        self.items: dict[int, dict[str, Any]] = {}
        self.elements: dict[int, dict[str, Any]] = {}
        self.ended_elements: dict[int, dict[str, Any]] = {}
        self.variables: dict[tuple[int, str], dict[str, Any]] = {}
        self.tasks: dict[int, dict[str, Any]] = {}
        self.ended_tasks: dict[int, str] = {}
        self.candidates: list[dict[str, Any]] = []
        self.jobs: dict[int, dict[str, Any]] = {}
        self.ended_jobs: dict[int, str] = {}
        self.timers: dict[int, dict[str, Any]] = {}
        self.ended_timers: list[tuple[int, tuple[str, ...] | None]] = []
        self.subscriptions: dict[int, dict[str, Any]] = {}
        self.ended_subscriptions: list[tuple[int, tuple[str, ...] | None]] = []
        self.incidents: dict[int, dict[str, Any]] = {}
        self.resolved_incidents: set[int] = set()
        self.gathered: list[int] = []
        self.decisions: list[dict[str, Any]] = []
        self.signals: list[dict[str, Any]] = []
        self.journal: list[dict[str, Any]] = []
        self.ended_message_starts: list[int] = []

    # --- collecting -------------------------------------------------------------------------------------

    def record(
        self,
        row: InstanceRow,
        command: Command,
        happened: Iterable[Event],
        written: Mapping[int, tuple[int, bytes]],
        dropped: Iterable[int],
    ) -> None:
        """Adds one step of one instance.

        Args:
            row: The instance, locked.
            command: What was done.
            happened: What it caused.
            written: Enclosing chunk and new stored form, by chunk key (0: the instance's own).
            dropped: Chunks that ended.
        """
        self.instances[row.key] = row
        happened = list(happened)
        for event in happened:
            _APPLY.get(type(event), _nothing)(self, row, event)
        for key, (parent, data) in written.items():
            if key:
                self.chunks[key] = (row, parent, data)
            else:
                row.tokens = data
        for key in dropped:
            self.chunks[key] = (row, 0, None)
        row.last_sequence = row.lock_version = row.lock_version + 1
        self.journal.append(
            {
                "instance_key": row.key,
                "sequence": row.last_sequence,
                "at": self.now,
                "actor": self.actor,
                "command": json.dumps(command),
                "events": json.dumps(happened),
            }
        )

    # --- writing ----------------------------------------------------------------------------------------

    def flush(self, connection: Connection) -> None:
        """Writes everything."""
        self._flush_instances(connection)
        self._flush_chunks(connection)
        self._flush_elements(connection)
        rows.upsert(connection, variable, list(self.variables.values()), ("scope_key", "name"), ("value",))
        self._flush_tasks(connection)
        self._flush_jobs(connection)
        rows.insert(connection, timer, list(self.timers.values()))
        rows.insert(connection, subscription, list(self.subscriptions.values()))
        self._flush_incidents(connection)
        rows.insert(connection, decision_instance, self.decisions)
        rows.insert(connection, pending_signal, self.signals)
        rows.insert(connection, journal, self.journal)

    def _flush_instances(self, connection: Connection) -> None:
        new = [_instance_values(row) for row in self.instances.values() if row.is_new]
        rows.insert(connection, process_instance, new)
        changed = [
            {
                "b_key": row.key,
                "b_version": row.lock_version,
                "b_state": row.state,
                "b_ended": row.ended_at,
                "b_incidents": row.incidents,
                "b_tokens": row.tokens,
            }
            for row in self.instances.values()
            if not row.is_new
        ]
        if changed:
            _UPDATE_INSTANCE.run(connection, changed)
        for key in self.ended_message_starts:
            messages.forget_start(connection, key)

    def _flush_chunks(self, connection: Connection) -> None:
        if self.gathered:
            connection.execute(instance_item.delete().where(instance_item.c.body_key.in_(self.gathered)))
        if not self.chunks and not self.items:
            return
        changed: list[dict[str, Any]] = []
        dropped: list[int] = []
        for key, (row, parent, data) in self.chunks.items():
            output = self.items.pop(key, None)
            if data is None and output is None:
                dropped.append(key)
                continue
            changed.append({**_no_item(key, row), **(output or {}), "parent_chunk": parent, "tokens": data})
        changed += [item for item in self.items.values() if item["body_key"] not in self.gathered]
        rows.upsert(connection, instance_item, changed, ("key",), ("tokens", "output", "body_key", "position"))
        if dropped:
            connection.execute(instance_item.delete().where(instance_item.c.key.in_(dropped)))

    def _flush_elements(self, connection: Connection) -> None:
        rows.insert(connection, element_instance, list(self.elements.values()))
        if self.ended_elements:
            _END_ELEMENT.run(connection, list(self.ended_elements.values()))

    def _flush_tasks(self, connection: Connection) -> None:
        rows.insert(connection, user_task, list(self.tasks.values()))
        if self.ended_tasks:
            ended = [
                {"b_key": key, "b_state": state, "b_at": self.now, "b_by": self.actor}
                for key, state in self.ended_tasks.items()
            ]
            _END_TASK.run(connection, ended)
            _DELETE_CANDIDATES.run(connection, [{"b_key": key} for key in self.ended_tasks])
        rows.insert(connection, user_task_candidate, self.candidates)

    def _flush_jobs(self, connection: Connection) -> None:
        rows.insert(connection, job, list(self.jobs.values()))
        if self.ended_jobs:
            ended = [{"b_key": key, "b_state": state, "b_at": self.now} for key, state in self.ended_jobs.items()]
            _END_JOB.run(connection, ended)
        for table, waits in ((timer, self.ended_timers), (subscription, self.ended_subscriptions)):
            everything = [key for key, event_ids in waits if event_ids is None]
            if everything:
                connection.execute(table.delete().where(table.c.element_key.in_(everything)))
            for key, event_ids in waits:
                if event_ids is not None:
                    connection.execute(
                        table.delete().where(table.c.element_key == key, table.c.event_id.in_(event_ids))
                    )

    def _flush_incidents(self, connection: Connection) -> None:
        if self.resolved_incidents:
            connection.execute(
                incident.update()
                .where(incident.c.element_key.in_(self.resolved_incidents), incident.c.state == IncidentState.ACTIVE)
                .values(state=IncidentState.RESOLVED, resolved_at=self.now)
            )
        rows.insert(connection, incident, list(self.incidents.values()))


_UPDATE_INSTANCE = rows.Prepared(
    lambda _: (
        process_instance.update()
        .where(process_instance.c.key == sa.bindparam("b_key"))
        .values(
            lock_version=sa.bindparam("b_version"),
            state=sa.bindparam("b_state"),
            ended_at=sa.bindparam("b_ended"),
            incidents=sa.bindparam("b_incidents"),
            tokens=sa.bindparam("b_tokens"),
        )
    )
)
_END_ELEMENT = rows.Prepared(
    lambda _: (
        element_instance.update()
        .where(element_instance.c.key == sa.bindparam("b_key"))
        .values(state=sa.bindparam("b_state"), ended_at=sa.bindparam("b_at"))
    )
)
_END_TASK = rows.Prepared(
    lambda _: (
        user_task.update()
        .where(user_task.c.key == sa.bindparam("b_key"))
        .values(state=sa.bindparam("b_state"), ended_at=sa.bindparam("b_at"), ended_by=sa.bindparam("b_by"))
    )
)
_DELETE_CANDIDATES = rows.Prepared(
    lambda _: user_task_candidate.delete().where(user_task_candidate.c.task_key == sa.bindparam("b_key"))
)
_END_JOB = rows.Prepared(
    lambda _: (
        job.update()
        .where(job.c.element_key == sa.bindparam("b_key"), job.c.ended_at.is_(None))
        .values(state=sa.bindparam("b_state"), ended_at=sa.bindparam("b_at"), lease=sa.null())
    )
)


def _instance_values(row: InstanceRow) -> dict[str, Any]:
    return {column.name: getattr(row, column.name) for column in process_instance.columns}


def _no_item(key: int, row: InstanceRow) -> dict[str, Any]:
    return {"key": key, "instance_key": row.key, "parent_chunk": 0, "body_key": None, "position": None, "output": None}


# --- one small function per event -----------------------------------------------------------------------


def _nothing(batch: Batch, row: InstanceRow, event: Event) -> None:
    """Events that only the journal keeps."""


def _instance_completed(batch: Batch, row: InstanceRow, _event: e.InstanceCompleted) -> None:
    _end_instance(batch, row, InstanceState.COMPLETED)


def _instance_terminated(batch: Batch, row: InstanceRow, _event: e.InstanceTerminated) -> None:
    _end_instance(batch, row, InstanceState.TERMINATED)


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
        batch.variables[event.scope_key, name] = {
            "key": batch.new_key(),
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
    }
    for kind, names in (("u", event.candidate_users), ("g", event.candidate_groups)):
        batch.candidates += [{"kind": kind, "name": name, "task_key": event.key} for name in names]


def _user_task_completed(batch: Batch, _row: InstanceRow, event: e.UserTaskCompleted) -> None:
    batch.ended_tasks[event.key] = TaskState.COMPLETED


def _user_task_canceled(batch: Batch, _row: InstanceRow, event: e.UserTaskCanceled) -> None:
    if batch.tasks.pop(event.key, None) is not None:
        batch.candidates = [entry for entry in batch.candidates if entry["task_key"] != event.key]
    else:
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
        "kind": event.kind,
        "listener_event": event.listener_event,
        "state": JobState.CREATED,
        "retries": event.retries,
        "priority": event.priority,
        "headers": json.dumps(event.headers),
        "scope_path": json.dumps(event.scope_path),
        "chunk": event.chunk,
        "retry_cycle": event.retry_cycle,
        "available_at": batch.database_now,
        "lease": None,
        "worker": None,
        "error_code": None,
        "error_message": None,
        "created_at": batch.now,
        "ended_at": None,
    }


def _job_completed(batch: Batch, _row: InstanceRow, event: e.JobCompleted) -> None:
    batch.ended_jobs[event.element_key] = JobState.COMPLETED


def _job_canceled(batch: Batch, _row: InstanceRow, event: e.JobCanceled) -> None:
    if batch.jobs.pop(event.element_key, None) is None:
        batch.ended_jobs[event.element_key] = JobState.CANCELED


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
    if batch.incidents.pop(event.element_key, None) is None:
        batch.resolved_incidents.add(event.element_key)


def _item_finished(batch: Batch, row: InstanceRow, event: e.ItemFinished) -> None:
    batch.items[event.key] = {
        **_no_item(event.key, row),
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
    e.ElementActivated: _element_activated,
    e.ElementCompleted: _element_completed,
    e.ElementTerminated: _element_terminated,
    e.VariablesSet: _variables_set,
    e.UserTaskCreated: _user_task_created,
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

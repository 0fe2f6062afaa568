"""The rows of one transaction: collected while a command runs, written at its end, few statements in all.

Inserts and their later changes in the same transaction are merged before anything is written.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server.domain.notifications import ASKS
from bpm_server.domain.states import IncidentState
from bpm_server.store import large_values, messages, rows, service_levels, suspension
from bpm_server.store.candidates import CANDIDATES, as_columns, candidate_rows, update_task
from bpm_server.store.tables.audit import audit_log
from bpm_server.store.tables.decisions import decision_instance
from bpm_server.store.tables.history import journal
from bpm_server.store.tables.instances import element_instance, incident, instance_item, process_instance, variable
from bpm_server.store.tables.jobs import job, timer
from bpm_server.store.tables.messages import pending_signal, subscription
from bpm_server.store.tables.notifications import notification
from bpm_server.store.tables.tasks import user_task, user_task_candidate

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from bpm_server.domain.events import SubscriptionOpened
    from bpm_server.store.migrated import Migrated
    from bpm_server.store.moments import Moment


@dataclass(slots=True)
class InstanceRow:
    """What the store knows of an instance while a transaction works on it.

    Attributes:
        tokens: To be written.
        tokens_read: Where they came with the lock: as they are in this version.
    """

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
    suspended_at: datetime | None = None
    removal_at: datetime | None = None
    tokens: bytes | None = None
    tokens_read: tuple[int, bytes] | None = None
    is_new: bool = False
    last_sequence: int = 0

    @property
    def keeps_tokens(self) -> bool:
        """Whether no token of the instance's own has moved (items only, or variables): they stay as stored."""
        return self.tokens is None and self.ended_at is None

    @property
    def suspended(self) -> bool:
        """Whether nothing of it may move."""
        return self.suspended_at is not None


class Batch:
    """Collects the rows of one transaction and writes them at its end.

    What begins and ends in one transaction (``brief_...``) has a row as well: which steps share a transaction does
    not matter to what the tables hold.
    """

    def __init__(self, moment: Moment, actor: str | None, new_key: Callable[[], int]) -> None:
        self._moment = moment
        self.now = moment.now
        self.database_now = moment.database_now
        self.cluster_variable_version = moment.cluster_variable_version
        self.actor = actor
        self.new_key = new_key
        self.instances: dict[int, InstanceRow] = {}
        self.chunks: dict[int, tuple[InstanceRow, int, bytes | None]] = {}
        self.items: dict[int, dict[str, Any]] = {}
        self.elements: dict[int, dict[str, Any]] = {}
        self.ended_elements: dict[int, dict[str, Any]] = {}
        self.variables: dict[tuple[int, str], dict[str, Any]] = {}
        self.tasks: dict[int, dict[str, Any]] = {}
        self.changed_tasks: dict[int, dict[str, Any]] = {}
        self.ended_tasks: dict[int, str] = {}
        self.ended_clocks: set[int] = set()
        self.candidates: list[dict[str, Any]] = []
        self.jobs: dict[int, dict[str, Any]] = {}
        self.ended_jobs: dict[int, dict[str, Any]] = {}
        self.brief_jobs: list[dict[str, Any]] = []
        self.timers: dict[int, dict[str, Any]] = {}
        self.ended_timers: list[tuple[int, tuple[str, ...] | None]] = []
        self.subscriptions: dict[int, dict[str, Any]] = {}
        self.ended_subscriptions: list[tuple[int, tuple[str, ...] | None]] = []
        self.incidents: dict[int, dict[str, Any]] = {}
        self.resolved_incidents: set[int] = set()
        self.brief_incidents: list[dict[str, Any]] = []
        self.gathered: list[int] = []
        self.decisions: list[dict[str, Any]] = []
        self.signals: list[dict[str, Any]] = []
        self.journal: list[dict[str, Any]] = []
        self.large_values: dict[tuple[int, str], bytes] = {}
        self.audit: list[dict[str, Any]] = []
        self.notifications: dict[tuple[str, str, int], dict[str, Any]] = {}
        self.ended_message_starts: list[int] = []
        self.halted: dict[int, InstanceRow] = {}
        self.migrated: dict[int, Migrated] = {}

    def next(self) -> Batch:
        """What goes on collecting in the same transaction after this one was written."""
        following = Batch(self._moment, self.actor, self.new_key)
        for key, row in self.instances.items():
            row.is_new, row.tokens = False, None
            following.instances[key] = row
        return following

    def without_large(self, row: InstanceRow, text: str) -> str:
        """A text for the journal, whose large values get rows of their own."""
        if len(text) < large_values.LARGE or not self._moment.keeps_large_values:
            return text
        shorter, values = large_values.cut(text)
        self.large_values.update({(row.root_key, digest): value for digest, value in values.items()})
        return shorter

    def has_steps(self, instance_key: int) -> bool:
        """Whether steps of an instance wait to be written."""
        return any(entry["instance_key"] == instance_key for entry in self.journal)

    def still_waits(self, wait: SubscriptionOpened, connection: Connection) -> bool:
        """Whether a subscription is open, with what this transaction has done so far."""
        if wait.key in self.subscriptions:
            return True
        closed = any(
            key == wait.element_key and (event_ids is None or wait.event_id in event_ids)
            for key, event_ids in self.ended_subscriptions
        )
        return not closed and messages.find_subscription(connection, wait.key) is not None

    def change_task(self, key: int, values: dict[str, Any]) -> None:
        """Changes columns of an open task."""
        new = self.tasks.get(key)
        if new is None:
            self.changed_tasks.setdefault(key, {}).update(values)
            return
        new.update(as_columns(values))
        for kind, names in ((kind, values[column]) for column, kind in CANDIDATES.items() if column in values):
            others = [row for row in self.candidates if row["task_key"] != key or row["kind"] != kind]
            self.candidates = others + candidate_rows(key, kind, names)

    def operation(self, task_key: int) -> int | None:
        """Key of the change of an older task that waits for listeners since this transaction."""
        found: int | None = self.changed_tasks.get(task_key, {}).get("operation")
        return found

    def end_job(self, element_key: int, state: str, *, denied: bool = False, reason: str | None = None) -> None:
        """Ends the open job of an element."""
        new = self.jobs.pop(element_key, None)
        if new is not None:
            ended = {"state": state, "ended_at": self.now, "denied": denied, "denied_reason": reason}
            self.brief_jobs.append({**new, **ended})
            return
        self.ended_jobs[element_key] = {
            "b_key": element_key, "b_state": state, "b_at": self.now, "b_denied": denied, "b_reason": reason,
        }  # fmt: skip

    def flush(self, connection: Connection) -> None:
        """Writes everything."""
        self._flush_instances(connection)
        self._flush_chunks(connection)
        self._flush_elements(connection)
        self._flush_variables(connection)
        self._flush_tasks(connection)
        self._flush_jobs(connection)
        for moved in self.migrated.values():
            moved.write(connection)
        rows.insert(connection, timer, list(self.timers.values()))
        rows.insert(connection, subscription, list(self.subscriptions.values()))
        self._flush_incidents(connection)
        rows.insert(connection, decision_instance, self.decisions)
        rows.insert(connection, pending_signal, self.signals)
        rows.insert(connection, journal, self.journal)
        large_values.write(connection, self.large_values)
        rows.insert(connection, audit_log, self.audit)
        rows.insert(connection, notification, self._worth_telling())
        for row in self.halted.values():
            suspension.mark(connection, row.key, row.suspended_at)

    def _worth_telling(self) -> list[dict[str, Any]]:
        """Notifications, without those that ask for what is done already."""
        found = self.notifications.values()
        return [one for one in found if one["kind"] not in ASKS or one["task_key"] not in self.ended_tasks]

    def _flush_instances(self, connection: Connection) -> None:
        new = [_instance_values(row) for row in self.instances.values() if row.is_new]
        rows.insert(connection, process_instance, new)
        for prepared, keeps_tokens in ((_UPDATE_INSTANCE, False), (_UPDATE_AROUND_TOKENS, True)):
            changed = [
                {
                    "b_key": row.key,
                    "b_version": row.lock_version,
                    "b_state": row.state,
                    "b_ended": row.ended_at,
                    "b_removal": row.removal_at,
                    "b_incidents": row.incidents,
                    "b_tokens": row.tokens,
                }
                for row in self.instances.values()
                if not row.is_new and row.keeps_tokens is keeps_tokens
            ]
            prepared.run(connection, changed)
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
            if data is None and (output is None or output["body_key"] in self.gathered):
                dropped.append(key)
                continue
            changed.append({**no_item(key, row), **(output or {}), "parent_chunk": parent, "tokens": data})
        changed += [item for item in self.items.values() if item["body_key"] not in self.gathered]
        rows.upsert(connection, instance_item, changed, ("key",), ("tokens", "output", "body_key", "position"))
        if dropped:
            connection.execute(instance_item.delete().where(instance_item.c.key.in_(dropped)))

    def _flush_elements(self, connection: Connection) -> None:
        rows.insert(connection, element_instance, list(self.elements.values()))
        if self.ended_elements:
            _END_ELEMENT.run(connection, list(self.ended_elements.values()))

    def _flush_variables(self, connection: Connection) -> None:
        """What is in a scope that began just now is new; elsewhere it may be the next value."""
        new: list[dict[str, Any]] = []
        known: list[dict[str, Any]] = []
        for values in self.variables.values():
            scope = values["scope_key"]
            began = scope in self.elements or (scope in self.instances and self.instances[scope].is_new)
            (new if began else known).append(values)
        rows.insert(connection, variable, new)
        rows.upsert(connection, variable, known, ("scope_key", "name"), ("value",))

    def _flush_tasks(self, connection: Connection) -> None:
        rows.insert(connection, user_task, list(self.tasks.values()))
        for key, values in self.changed_tasks.items():
            update_task(connection, key, values)
        if self.ended_tasks:
            ended = [
                {"b_key": key, "b_state": state, "b_at": self.now, "b_by": self.actor}
                for key, state in self.ended_tasks.items()
            ]
            _END_TASK.run(connection, ended)
            _DELETE_CANDIDATES.run(connection, [{"b_key": key} for key in self.ended_tasks])
        service_levels.stop_clocks(connection, sorted(self.ended_clocks), self.now)
        candidates = [
            {**entry, "due_date": self.tasks[entry["task_key"]]["due_date"]}
            for entry in self.candidates
            if entry["task_key"] not in self.ended_tasks
        ]
        rows.insert(connection, user_task_candidate, candidates)

    def _flush_jobs(self, connection: Connection) -> None:
        # Ends before beginnings: an element's job may end and its next one begin in the same step (a safe point).
        _END_JOB.run(connection, list(self.ended_jobs.values()))
        rows.insert(connection, job, [*self.brief_jobs, *self.jobs.values()])
        for table, waits in ((timer, self.ended_timers), (subscription, self.ended_subscriptions)):
            everything = {key for key, event_ids in waits if event_ids is None}
            if everything:
                connection.execute(table.delete().where(table.c.element_key.in_(everything)))
            for key, event_ids in waits:
                if event_ids is not None and key not in everything:
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
        rows.insert(connection, incident, [*self.brief_incidents, *self.incidents.values()])


_UPDATE_AROUND_TOKENS = rows.Prepared(
    lambda _: (
        process_instance.update()
        .where(process_instance.c.key == sa.bindparam("b_key"))
        .values(
            lock_version=sa.bindparam("b_version"),
            state=sa.bindparam("b_state"),
            ended_at=sa.bindparam("b_ended"),
            incidents=sa.bindparam("b_incidents"),
        )
    )
)
_UPDATE_INSTANCE = rows.Prepared(
    lambda _: (
        process_instance.update()
        .where(process_instance.c.key == sa.bindparam("b_key"))
        .values(
            lock_version=sa.bindparam("b_version"),
            state=sa.bindparam("b_state"),
            ended_at=sa.bindparam("b_ended"),
            incidents=sa.bindparam("b_incidents"),
            removal_at=sa.bindparam("b_removal"),
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
        .values(
            state=sa.bindparam("b_state"),
            ended_at=sa.bindparam("b_at"),
            ended_by=sa.func.coalesce(user_task.c.ended_by, sa.bindparam("b_by", type_=user_task.c.ended_by.type)),
            operation=sa.null(),
        )
    )
)
_DELETE_CANDIDATES = rows.Prepared(
    lambda _: user_task_candidate.delete().where(user_task_candidate.c.task_key == sa.bindparam("b_key"))
)
_END_JOB = rows.Prepared(
    lambda _: (
        job.update()
        .where(job.c.element_key == sa.bindparam("b_key"), job.c.ended_at.is_(None))
        .values(
            state=sa.bindparam("b_state"),
            ended_at=sa.bindparam("b_at"),
            denied=sa.bindparam("b_denied"),
            denied_reason=sa.bindparam("b_reason"),
            lease=sa.null(),
        )
    )
)


def _instance_values(row: InstanceRow) -> dict[str, Any]:
    return {column.name: getattr(row, column.name) for column in process_instance.columns}


def no_item(key: int, row: InstanceRow) -> dict[str, Any]:
    """Columns of an item that has neither output nor place yet."""
    return {"key": key, "instance_key": row.key, "parent_chunk": 0, "body_key": None, "position": None, "output": None}

"""One task with everything that the person in front of it needs."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server.domain.forms.permissions import read_permissions
from bpm_server.domain.states import TaskState
from bpm_server.domain.tasks import may_work_on, signs_for_another, works_for_another
from bpm_server.kernel import json
from bpm_server.reports import sight
from bpm_server.reports.approvals import Approval, find_approval, may_look
from bpm_server.reports.form_data import embedded_schema, form_data, read_schema
from bpm_server.reports.inbox_rows import IS_PAUSED
from bpm_server.reports.represented import find_represented
from bpm_server.reports.search import forbidden
from bpm_server.reports.summaries import read_summaries
from bpm_server.reports.undo import find_undoable, taken_from
from bpm_server.store import instances, tasks
from bpm_server.store.approvals import find_approval as find_node
from bpm_server.store.moments import read_moment
from bpm_server.store.tables.instances import process_instance as p
from bpm_server.store.tables.service_levels import sla_clock
from bpm_server.store.tables.tasks import user_task as t

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from bpm_server.bpmn.model import Process
    from bpm_server.domain.identity import Actor
    from bpm_server.domain.tasks import Task
    from bpm_server.reports.undo import Undoable
    from bpm_server.services.server import Server

MOST_VARIABLES = 200


@dataclass(frozen=True, slots=True)
class TaskDetail:
    """A task, its form and its case.

    Attributes:
        form: form-js schema, None where the task has none.
        external_form: Where the form is that is no form-js form: an address, or a name that another program knows.
        data: Variables that the form shows; without a form all that the task sees.
        approval: The approval node, where it is one.
        is_mine: Assigned to who asks.
        is_paused: Its clock stands still.
        suspended: Nobody can do anything about it until its case is resumed.
        may_work: Whether they may complete it, once it is not suspended.
        may_claim: Offered to them, and nobody has it.
        undoable: What they have asked of others and can still take back.
        taken_back_by: Who has taken back what they were asked.
    """

    key: int
    instance_key: int
    root_key: int
    process: Process
    process_definition_key: int
    process_version: int
    element_id: str
    name: str | None
    state: str
    assignee: str | None
    candidate_users: tuple[str, ...]
    candidate_groups: tuple[str, ...]
    due_date: datetime | None
    is_paused: bool
    created_at: datetime
    ended_at: datetime | None
    ended_by: str | None
    started_by: str | None
    started_at: datetime
    business_key: str | None
    summary: Mapping[str, Any]
    form: dict[str, Any] | None
    external_form: str | None
    data: Mapping[str, Any]
    outcome: str | None
    comment: str | None
    approval: Approval | None
    suspended: bool
    is_mine: bool
    may_work: bool
    may_claim: bool
    undoable: Undoable | None = None
    taken_back_by: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether somebody still has to do it."""
        return self.state == TaskState.CREATED


def acts_for_another(connection: Connection, server: Server, actor: Actor, task: Task) -> bool:
    """Whether somebody acts for the assignee of a task, or for a signer whose turn it is."""
    others = find_represented(connection, server, actor)
    if not others or works_for_another(task, others):
        return bool(others)
    node = find_node(connection, task.key)
    amount = None if node is None or node.amount is None else Decimal(node.amount)
    return node is not None and signs_for_another(task, others, amount)


def task_detail(server: Server, actor: Actor, key: int) -> TaskDetail:
    """One task.

    Raises:
        NotFound: there is none.
        Forbidden: the actor may not see it.
    """
    with server.database.read() as connection:
        task = tasks.read_task(connection, key)
        for_another = not may_work_on(task, actor) and acts_for_another(connection, server, actor, task)
        if not for_another and not may_look(connection, task, actor):
            raise forbidden(actor, "user task", key, (sight.PROCESS, "READ_USER_TASK"))
        row = connection.execute(
            sa.select(
                *[t.c[name] for name in ("process_version", "due_date", "created_at", "scope_path", "external_form")],
                *[p.c[name] for name in ("started_by", "started_at", "business_key")],
                IS_PAUSED,
            )
            .join_from(t, p, p.c.key == t.c.root_key)
            .outerjoin(sla_clock, sla_clock.c.task_key == t.c.key)
            .where(t.c.key == key)
        ).one()
        version = read_moment(connection).definition_version
        process = server.definitions.process(connection, version, task.process_definition_key).definition.process
        path = json.loads(row.scope_path)
        schema = _schema(connection, task, process)
        decided = {} if task.state == TaskState.CREATED else _decided(connection, key)
        summary = read_summaries(connection, server, {task.instance_key: task.process_definition_key})
        data = _everything(connection, path) if schema is None else form_data(connection, schema, path)
        approval = find_approval(connection, process, task)
        undoable = find_undoable(connection, actor, task, approval) if task.state == TaskState.CREATED else None
    if approval is not None:
        data = {**data, **approval.submitted}
    about = summary.get(task.instance_key, {})
    permissions = read_permissions(process.nodes[task.element_id].properties)
    if permissions is not None:
        about = permissions.shown_data({"components": []} if schema is None else schema, about)
        data = permissions.shown_data(schema, data)
        schema = None if schema is None else permissions.shown_schema(schema)
    is_open, mine = task.state == TaskState.CREATED, task.assignee == actor.username
    return TaskDetail(
        key=key,
        instance_key=task.instance_key,
        root_key=task.root_key,
        process=process,
        process_definition_key=task.process_definition_key,
        process_version=row.process_version,
        element_id=task.element_id,
        name=task.name,
        state=task.state,
        assignee=task.assignee,
        candidate_users=tuple(sorted(task.candidate_users)),
        candidate_groups=tuple(sorted(task.candidate_groups)),
        due_date=row.due_date,
        is_paused=row.is_paused,
        created_at=row.created_at,
        ended_at=task.ended_at,
        ended_by=task.ended_by,
        started_by=row.started_by,
        started_at=row.started_at,
        business_key=row.business_key,
        summary=about,
        form=schema,
        external_form=row.external_form or (task.embedded_form if schema is None else None),
        data=data,
        outcome=decided.get("outcome") or (None if approval is None else approval.outcome),
        comment=decided.get("comment") or (None if approval is None else approval.last_comment),
        approval=approval,
        suspended=task.suspended,
        is_mine=mine,
        may_work=is_open
        and (for_another or (may_work_on(task, actor) if approval is None else actor.username in task.candidate_users)),
        may_claim=is_open
        and approval is None
        and not task.suspended
        and task.assignee is None
        and (actor.is_candidate(task.candidate_users, task.candidate_groups) or may_work_on(task, actor)),
        undoable=undoable,
        taken_back_by=None if approval is None else taken_from(actor, approval),
    )


def _schema(connection: Connection, task: Task, process: Process) -> dict[str, Any] | None:
    if task.form_key is not None:
        return read_schema(connection, task.form_key)
    return embedded_schema(process, task.embedded_form) if task.embedded_form else None


def _decided(connection: Connection, key: int) -> dict[str, Any]:
    """What the person decided; variables of the task's own scope."""
    found = {name: value for _, name, value in instances.load_variables(connection, [key])}
    decided = {name: json.loads(found[name]) for name in ("outcome", "comment") if name in found}
    return {name: value for name, value in decided.items() if isinstance(value, str)}


def _everything(connection: Connection, path: list[int]) -> dict[str, Any]:
    found = instances.effective_variables(connection, path)
    return {name: json.loads(found[name]) for name in sorted(found)[:MOST_VARIABLES]}


def state_of(server: Server, actor: Actor, key: int) -> Task | None:
    """How a task stands now; None where it is gone or nothing for the actor."""
    with server.database.read() as connection:
        rows = connection.execute(sa.select(t.c.key).where(t.c.key == key)).all()
        if not rows:
            return None
        task = tasks.read_task(connection, key)
        return task if may_look(connection, task, actor) or acts_for_another(connection, server, actor, task) else None

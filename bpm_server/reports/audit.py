"""Searching the audit log, and what an actor may see of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from bpm_server.domain.audit import Category
from bpm_server.reports import sight, tasks
from bpm_server.reports.query import Kind, Page, Query
from bpm_server.reports.search import Field, Search
from bpm_server.store.tables.audit import audit_log as t
from bpm_server.store.tables.tasks import user_task

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from bpm_server.domain.identity import Actor

Where = sa.ColumnElement[bool]


@dataclass(frozen=True, slots=True)
class AuditLine:
    """An entry of the audit log; see ``store.tables.audit``."""

    key: int
    at: datetime
    actor: str
    actor_type: str
    entity_type: str
    operation: str
    category: str
    result: str
    entity_key: str
    process_id: str | None
    process_definition_key: int | None
    instance_key: int | None
    root_key: int | None
    element_key: int | None
    job_key: int | None
    task_key: int | None
    decision_id: str | None
    decision_key: int | None
    requirements_id: str | None
    requirements_key: int | None
    evaluation_key: int | None
    deployment_key: int | None
    form_key: int | None
    resource_key: int | None
    batch_key: int | None
    batch_type: str | None
    related_key: str | None
    related_type: str | None
    description: str | None


_ABOUT_PROCESSES = (Category.DEPLOYED_RESOURCES, Category.USER_TASKS)


def _sight(actor: Actor) -> Where | None:
    """By category (AUDIT_LOG:READ), by process, and of the tasks that one sees.

    Source: Camunda 8.9 documentation, "Audit log", "Access control".
    """

    def others() -> Iterable[Where]:
        seen = sight.tasks(actor)
        of_tasks = t.c.category == Category.USER_TASKS
        yield sa.and_(t.c.category.in_(_ABOUT_PROCESSES), _of_processes(actor, "READ_PROCESS_INSTANCE"))
        yield sa.and_(of_tasks, _of_processes(actor, "READ_USER_TASK"))
        if seen is not None:
            yield sa.and_(of_tasks, t.c.task_key.in_(sa.select(user_task.c.key).where(seen)))

    return sight.by_permission(actor, "AUDIT_LOG", "READ", t.c.category, others)


def _of_processes(actor: Actor, action: str) -> Where:
    if actor.may(sight.PROCESS, action):
        return t.c.process_id.is_not(None)
    return t.c.process_id.in_(sight.granted_ids(actor, sight.PROCESS, action))


def _kind(column: sa.ColumnElement[object]) -> Kind:
    if isinstance(column.type, sa.String):
        return Kind.TEXT
    return Kind.KEY if isinstance(column.type, sa.Integer) else Kind.MOMENT


SEARCH = Search(
    "audit log entry",
    AuditLine,
    source=t,
    key=t.c.key,
    columns={name: t.c[name] for name in AuditLine.__slots__},
    fields_={name: Field(_kind(t.c[name]), t.c[name]) for name in AuditLine.__slots__},
    sight=_sight,
    permission=("AUDIT_LOG", "READ"),
)


def of_task(connection: Connection, actor: Actor, task_key: int, query: Query) -> Page[AuditLine]:
    """What was done with a user task; whoever sees the task sees this.

    Raises:
        NotFound: no such task.
        Forbidden: the actor may not see it.
    """
    tasks.SEARCH.get(connection, actor, task_key)
    return SEARCH.page(connection, sight.EVERYTHING, query, t.c.task_key == task_key)

"""User tasks: searching them, and finding one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server.domain.states import TaskState
from bpm_server.kernel import json
from bpm_server.reports import sight
from bpm_server.reports.conditions import compare, has_tag, has_variable
from bpm_server.reports.query import Condition, Kind
from bpm_server.reports.search import Field, Search
from bpm_server.store.tables.definitions import process_definition as d
from bpm_server.store.tables.instances import process_instance as p
from bpm_server.store.tables.tasks import user_task as t
from bpm_server.store.tables.tasks import user_task_candidate as c

if TYPE_CHECKING:
    from datetime import datetime

    from bpm_server.services.server import Server

Where = sa.ColumnElement[bool]


@dataclass(frozen=True, slots=True)
class TaskLine:
    """A user task in lists."""

    key: int
    instance_key: int
    root_key: int
    process_definition_key: int
    process_id: str
    process_name: str | None
    process_version: int
    element_id: str
    name: str | None
    state: str
    assignee: str | None
    candidate_users: tuple[str, ...]
    candidate_groups: tuple[str, ...]
    due_date: datetime | None
    follow_up_date: datetime | None
    priority: int
    form_key: int | None
    embedded_form: str | None
    external_form: str | None
    created_at: datetime
    claimed_at: datetime | None
    ended_at: datetime | None
    ended_by: str | None
    business_key: str | None
    tags: tuple[str, ...] | None


def _candidate(kind: str) -> Any:
    def where(condition: Condition, dialect: str) -> Where:
        positive = condition.operator not in ("neq", "not_in")
        mirrored = {"neq": "eq", "not_in": "in"}.get(condition.operator, condition.operator)
        test = (
            sa.true()
            if condition.operator == "exists"
            else compare(c.c.name, Kind.TEXT, mirrored, condition.value, dialect)
        )
        found = t.c.key.in_(sa.select(c.c.task_key).where(c.c.kind == kind, test))
        return found if positive and condition.value is not False else ~found

    return where


def _process_variable(condition: Condition, dialect: str) -> Where:
    return has_variable(t.c.instance_key, condition.value, dialect)


def _local_variable(condition: Condition, dialect: str) -> Where:
    return has_variable(t.c.key, condition.value, dialect)


def _tag(condition: Condition, _dialect: str) -> Where:
    return has_tag(p.c.tags, condition.value)


def _names(text: str) -> tuple[str, ...]:
    return tuple(json.loads(text)) if text != "[]" else ()


SEARCH = Search(
    "user task",
    TaskLine,
    source=sa.join(t, d, d.c.key == t.c.process_definition_key).join(p, p.c.key == t.c.instance_key),
    key=t.c.key,
    columns={
        **{name: t.c[name] for name in TaskLine.__slots__ if name in t.c},
        "process_name": d.c.name,
        "business_key": p.c.business_key,
        "tags": p.c.tags,
    },
    fields_={
        "key": Field(Kind.KEY, t.c.key),
        "instance_key": Field(Kind.KEY, t.c.instance_key),
        "process_definition_key": Field(Kind.KEY, t.c.process_definition_key),
        "process_id": Field(Kind.TEXT, t.c.process_id),
        "element_id": Field(Kind.TEXT, t.c.element_id),
        "name": Field(Kind.TEXT, t.c.name),
        "state": Field(Kind.TEXT, t.c.state),
        "assignee": Field(Kind.TEXT, t.c.assignee),
        "candidate_user": Field(Kind.TEXT, where=_candidate("u")),
        "candidate_group": Field(Kind.TEXT, where=_candidate("g")),
        "priority": Field(Kind.NUMBER, t.c.priority),
        "created_at": Field(Kind.MOMENT, t.c.created_at),
        "ended_at": Field(Kind.MOMENT, t.c.ended_at),
        "due_date": Field(Kind.MOMENT, t.c.due_date),
        "follow_up_date": Field(Kind.MOMENT, t.c.follow_up_date),
        "business_key": Field(Kind.TEXT, p.c.business_key),
        "process_variables": Field(Kind.VARIABLES, where=_process_variable),
        "local_variables": Field(Kind.VARIABLES, where=_local_variable),
        "tags": Field(Kind.TAGS, where=_tag),
    },
    sight=sight.tasks,
    permission=(sight.PROCESS, "READ_USER_TASK"),
    convert={"candidate_users": _names, "candidate_groups": _names, "tags": _names},
    alone=t,
)


def open_task(server: Server, instance_key: int, element_id: str) -> int | None:
    """Key of an instance's open task at an element; None where it has none."""
    query = (
        sa.select(t.c.key)
        .where(
            t.c.instance_key == instance_key,
            t.c.element_id == element_id,
            t.c.state == TaskState.CREATED,
        )
        .order_by(t.c.key)
    )
    with server.database.read() as connection:
        found: int | None = connection.execute(query).scalars().first()
    return found

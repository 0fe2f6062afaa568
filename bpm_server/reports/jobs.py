"""Searching jobs, and asking cheaply whether some wait."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server.domain.states import JobState
from bpm_server.kernel import json
from bpm_server.reports import sight
from bpm_server.reports.query import Condition, Kind
from bpm_server.reports.search import Field, Search
from bpm_server.store.moments import read_moment
from bpm_server.store.tables.instances import process_instance as p
from bpm_server.store.tables.jobs import job as t

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from bpm_server.domain.identity import Actor
    from bpm_server.services.server import Server

Where = sa.ColumnElement[bool]
SAFE_POINT = "async"
"""Kind of the engine's own jobs at safe points: nobody else's business."""
OUTBOX = "outbox"
"""Lease of jobs whose work the outbox does."""
NO_EVENT = "unspecified"
"""Instead of a listener's moment, of jobs that are no listeners'."""


@dataclass(frozen=True, slots=True)
class JobLine:
    """A job in lists.

    Attributes:
        deadline: End of the lease, None where nobody holds it.
        denied: What a task listener answered; None for others, and before.
    """

    key: int
    instance_key: int
    root_key: int
    process_definition_key: int
    process_id: str
    process_version: int
    element_key: int
    element_id: str
    type: str
    kind: str
    listener_event: str
    state: str
    retries: int
    priority: int
    headers: dict[str, str]
    task: dict[str, Any] | None
    denied: bool | None
    denied_reason: str | None
    deadline: datetime | None
    worker: str
    error_code: str | None
    error_message: str | None
    failed_before: bool
    created_at: datetime
    ended_at: datetime | None
    changed_at: datetime
    business_key: str | None


_LEASED = sa.and_(t.c.state == JobState.CREATED, t.c.lease.is_not(None), t.c.lease != OUTBOX)
_DEADLINE = sa.case((_LEASED, t.c.available_at), else_=sa.null())
_FAILED_BEFORE = sa.and_(t.c.state == JobState.CREATED, t.c.retries > 0, t.c.error_message.is_not(None))
_EVENT = sa.func.coalesce(t.c.listener_event, NO_EVENT)
_WORKER = sa.func.coalesce(t.c.worker, "")
_DENIED = sa.case((sa.and_(t.c.kind == "task-listener", t.c.state == JobState.COMPLETED), t.c.denied), else_=sa.null())
_CHANGED = sa.func.coalesce(t.c.ended_at, t.c.created_at)
VISIBLE: Where = t.c.kind != SAFE_POINT


def _failed_before(condition: Condition, _dialect: str) -> Where:
    return _FAILED_BEFORE if condition.value else ~_FAILED_BEFORE


def _denied(condition: Condition, _dialect: str) -> Where:
    return _DENIED.is_(sa.true()) if condition.value else _DENIED.is_(sa.false())


def _sight(actor: Actor) -> Where | None:
    return sight.of_instances(actor, t.c.instance_key)


SEARCH = Search(
    "job",
    JobLine,
    source=sa.join(t, p, p.c.key == t.c.instance_key),
    key=t.c.key,
    columns={
        **{name: t.c[name] for name in JobLine.__slots__ if name in t.c},
        "deadline": _DEADLINE,
        "listener_event": _EVENT,
        "denied": _DENIED,
        "worker": _WORKER,
        "changed_at": _CHANGED,
        "failed_before": _FAILED_BEFORE,
        "business_key": p.c.business_key,
    },
    fields_={
        "key": Field(Kind.KEY, t.c.key),
        "instance_key": Field(Kind.KEY, t.c.instance_key),
        "process_definition_key": Field(Kind.KEY, t.c.process_definition_key),
        "process_id": Field(Kind.TEXT, t.c.process_id),
        "element_key": Field(Kind.KEY, t.c.element_key),
        "element_id": Field(Kind.TEXT, t.c.element_id),
        "type": Field(Kind.TEXT, t.c.type),
        "kind": Field(Kind.TEXT, t.c.kind),
        "listener_event": Field(Kind.TEXT, _EVENT),
        "state": Field(Kind.TEXT, t.c.state),
        "retries": Field(Kind.NUMBER, t.c.retries),
        "priority": Field(Kind.NUMBER, t.c.priority),
        "deadline": Field(Kind.MOMENT, _DEADLINE),
        "worker": Field(Kind.TEXT, _WORKER),
        "error_code": Field(Kind.TEXT, t.c.error_code),
        "error_message": Field(Kind.TEXT, t.c.error_message),
        "denied": Field(Kind.FLAG, _DENIED, _denied),
        "denied_reason": Field(Kind.TEXT, t.c.denied_reason),
        "failed_before": Field(Kind.FLAG, _FAILED_BEFORE, _failed_before),
        "created_at": Field(Kind.MOMENT, t.c.created_at),
        "ended_at": Field(Kind.MOMENT, t.c.ended_at),
        "changed_at": Field(Kind.MOMENT, _CHANGED),
    },
    sight=_sight,
    permission=(sight.PROCESS, "READ_PROCESS_INSTANCE"),
    convert={"headers": json.loads, "task": json.loads},
)


_ANY_WAITING = (
    sa.select(sa.literal(1))
    .where(
        t.c.state == JobState.CREATED,
        t.c.type.in_(sa.bindparam("b_types", expanding=True)),
        t.c.available_at <= sa.bindparam("b_now", type_=t.c.available_at.type),
        t.c.retries > 0,
    )
    .limit(1)
)


def any_waiting(server: Server, types: Sequence[str]) -> bool:
    """Whether a job of these types could be handed out now; reads only, so that asking often disturbs nobody."""
    with server.database.read() as connection:
        now = read_moment(connection).database_now
        return connection.execute(_ANY_WAITING, {"b_types": types, "b_now": now}).first() is not None

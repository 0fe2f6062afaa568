"""What element instances wait for: people, jobs, timers, messages, signals, conditions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server.bpmn.model import ConditionalEvent
from bpm_server.domain.states import ElementState
from bpm_server.reports import sight
from bpm_server.reports.jobs import SAFE_POINT
from bpm_server.reports.query import Kind
from bpm_server.reports.search import Field, Search
from bpm_server.store.moments import read_moment
from bpm_server.store.tables.instances import element_instance as e
from bpm_server.store.tables.instances import process_instance as p
from bpm_server.store.tables.jobs import job, timer
from bpm_server.store.tables.messages import subscription
from bpm_server.store.tables.tasks import user_task

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from bpm_server.domain.identity import Actor
    from bpm_server.reports.query import Page
    from bpm_server.services.server import Server

Where = sa.ColumnElement[bool]


@dataclass(frozen=True, slots=True)
class WaitLine:
    """One thing that an element instance waits for; what its ``type`` does not have is None.

    Attributes:
        key: Of the task, job, timer or subscription.
        type: ``user-task``, ``job``, ``timer``, ``message``, ``signal`` or ``condition``.
        event_id: The catching event, which may be attached to the element.
        condition: Of a condition (see :func:`with_conditions`).
    """

    key: int
    type: str
    element_key: int
    instance_key: int
    root_key: int
    process_definition_key: int
    process_id: str
    element_id: str
    element_type: str
    job_type: str | None
    job_kind: str | None
    listener_event: str | None
    retries: int | None
    name: str | None
    correlation_key: str | None
    due_at: datetime | None
    repetitions: int | None
    event_id: str | None
    condition: ConditionalEvent | None


_DETAILS: dict[str, sa.ColumnElement[Any]] = {
    "job_type": job.c.type,
    "job_kind": job.c.kind,
    "listener_event": job.c.listener_event,
    "retries": job.c.retries,
    "name": subscription.c.name,
    "correlation_key": subscription.c.correlation_key,
    "due_at": timer.c.due_at,
    "repetitions": timer.c.repetitions,
    "event_id": timer.c.event_id,
}


def _select(kind: Any, table: sa.Table, element_key: Any, **details: Any) -> sa.Select[Any]:
    """Every branch has all columns, with types: PostgreSQL takes no others."""
    found = [
        details.get(name, sa.cast(sa.null(), column.type)).label(name)  # as in the table where it is one
        for name, column in _DETAILS.items()
    ]
    return sa.select(table.c.key, kind.label("type"), element_key.label("element_key"), table.c.instance_key, *found)


def _word(kind: str) -> Any:
    return sa.literal_column(f"'{kind}'", sa.Text)


WAITS = sa.union_all(
    _select(_word("user-task"), user_task, user_task.c.key, due_at=user_task.c.due_date).where(
        user_task.c.ended_at.is_(None)
    ),
    _select(
        _word("job"),
        job,
        job.c.element_key,
        job_type=job.c.type,
        job_kind=job.c.kind,
        listener_event=job.c.listener_event,
        retries=job.c.retries,
    ).where(job.c.ended_at.is_(None), job.c.kind != SAFE_POINT),
    _select(
        _word("timer"),
        timer,
        timer.c.element_key,
        due_at=timer.c.due_at,
        repetitions=timer.c.repetitions,
        event_id=timer.c.event_id,
    ),
    _select(
        subscription.c.kind,
        subscription,
        subscription.c.element_key,
        name=subscription.c.name,
        correlation_key=subscription.c.correlation_key,
        event_id=subscription.c.event_id,
    ),
).subquery("wait")
"""Everything that something waits for; start events of definitions have no element."""
_W = WAITS.c


def _sight(actor: Actor) -> Where | None:
    return sight.of_instances(actor, _W.instance_key)


SEARCH = Search(
    "wait state",
    WaitLine,
    source=sa.join(WAITS, e, sa.and_(e.c.key == _W.element_key, e.c.state == ElementState.ACTIVE)).join(
        p, p.c.key == _W.instance_key
    ),
    key=_W.key,
    columns={
        **{name: _W[name] for name in WaitLine.__slots__ if name in _W},
        "root_key": p.c.root_key,
        "process_definition_key": p.c.process_definition_key,
        "process_id": p.c.process_id,
        "element_id": e.c.element_id,
        "element_type": e.c.type,
        "condition": sa.null(),
    },
    fields_={
        "element_key": Field(Kind.KEY, _W.element_key),
        "instance_key": Field(Kind.KEY, _W.instance_key),
        "root_key": Field(Kind.KEY, p.c.root_key),
        "element_id": Field(Kind.TEXT, e.c.element_id),
        "element_type": Field(Kind.TEXT, e.c.type),
        "type": Field(Kind.TEXT, _W.type),
    },
    sight=_sight,
    permission=(sight.PROCESS, "READ_PROCESS_INSTANCE"),
)


def with_conditions(server: Server, connection: Connection, page: Page[WaitLine]) -> Page[WaitLine]:
    """A page whose conditions are there as drawn."""
    version = read_moment(connection).definition_version

    def drawn(line: WaitLine) -> WaitLine:
        compiled = server.definitions.process(connection, version, line.process_definition_key)
        event = compiled.definition.process.nodes[line.event_id or ""].event
        return replace(line, condition=event) if isinstance(event, ConditionalEvent) else line

    return replace(page, items=[drawn(line) if line.type == "condition" else line for line in page.items])

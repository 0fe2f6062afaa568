"""Handing over the work of who leaves, and looking at what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server.domain.identity import Actor
from bpm_server.kernel import json
from bpm_server.services.handover import start_handover
from bpm_server.store.tables.approvals import approval_act
from bpm_server.store.tables.batch_operations import batch_operation, batch_operation_item
from bpm_server.store.tables.handovers import handover
from bpm_server.store.tables.notifications import notification
from bpm_server.store.tables.tasks import user_task
from tests.support.bpmn_builder import Process

if TYPE_CHECKING:
    from tests.support.approvals import Desk

NOTE = "Ann has left the company"


def give(desk: Desk, hr: Actor, successor: str = "fei", of: str = "ann", **more: Any) -> int:
    """Hands over, and lets the workers finish."""
    key = start_handover(desk.bpm.server, hr, of, successor, NOTE, **more)
    desk.bpm.deliver()
    return key


def plain(name: str = "p", **assignment: str) -> bytes:
    p = Process(name)
    values = "".join(f' {key}="{value}"' for key, value in assignment.items())
    p.path(p.start(), p.user("sign", extra=f"<zeebe:assignmentDefinition{values}/>"), p.end())
    return p.xml()


def outcome(desk: Desk, key: int) -> tuple[str, int, int, int]:
    o = batch_operation.c
    return tuple(desk.bpm.rows(sa.select(o.state, o.total, o.completed, o.failed).where(o.key == key))[0])


def problems(desk: Desk, key: int) -> list[str]:
    i = batch_operation_item.c
    found = sa.select(i.error_message).where(i.operation_key == key, i.error_message.is_not(None))
    return desk.bpm.scalars(found)


def assignee(desk: Desk, key: int) -> str | None:
    return desk.bpm.scalars(sa.select(user_task.c.assignee).where(user_task.c.key == key))[0]


def history(desk: Desk, key: int) -> list[tuple[str, str, list[str], str | None]]:
    t = approval_act.c
    rows = desk.bpm.rows(sa.select(t.act, t.actor, t.people, t.comment).where(t.task_key == key).order_by(t.key))
    return [(row.act, row.actor, json.loads(row.people), row.comment) for row in rows]


def result(desk: Desk, key: int) -> Any:
    return json.loads(desk.bpm.scalars(sa.select(handover.c.result).where(handover.c.key == key))[0])


def told(desk: Desk, username: str) -> list[str]:
    t = notification.c
    return desk.bpm.scalars(sa.select(t.kind).where(t.username == username).order_by(t.key))

"""What can be undone at a task, and whether somebody has done something there since."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from bpm_server.domain.approvals.node import Act
from bpm_server.kernel import json
from bpm_server.store.approvals import ActRow
from bpm_server.store.tables.approvals import approval_act
from bpm_server.store.tables.attachments import attachment
from bpm_server.store.tables.audit import audit_log
from bpm_server.store.tables.drafts import draft
from bpm_server.store.tables.tasks import task_comment, user_task

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from bpm_server.domain.tasks import Task


def undoable_acts(connection: Connection, task_key: int, actor: str) -> list[ActRow]:
    """What somebody did at a task that can be undone, or was, newest first."""
    t = approval_act
    query = sa.select(t).where(t.c.task_key == task_key, t.c.actor == actor, t.c.before.is_not(None))
    return [ActRow.read(row) for row in connection.execute(query.order_by(t.c.key.desc()))]


def mark_undone(connection: Connection, key: int, at: datetime) -> None:
    """An act was undone."""
    connection.execute(approval_act.update().where(approval_act.c.key == key).values(undone_at=at))


def taken_back_by(connection: Connection, task_key: int, person: str) -> str | None:
    """Who has last taken back what somebody was asked at a task; None where nobody has."""
    t = approval_act
    query = sa.select(t.c.actor, t.c.people).where(t.c.task_key == task_key, t.c.act == Act.UNDO)
    rows = connection.execute(query.order_by(t.c.key.desc()))
    return next((row.actor for row in rows if person in json.loads(row.people)), None)


def claimed_at(connection: Connection, task_key: int) -> datetime | None:
    """Since when a task has its assignee."""
    query = sa.select(user_task.c.claimed_at).where(user_task.c.key == task_key)
    found: datetime | None = connection.execute(query).scalar_one()
    return found


def touched_by(connection: Connection, task: Task, people: Sequence[str], act: ActRow) -> list[str]:
    """Who of some people has done anything at a task since an act: changed, said, attached or entered something."""
    a, c, f, d, log = approval_act.c, task_comment.c, attachment.c, draft.c, audit_log.c
    since = (
        sa.select(a.actor).where(a.task_key == task.key, a.key > act.key, a.actor.in_(people)),
        sa.select(log.actor).where(log.task_key == task.key, log.key > act.key, log.actor.in_(people)),
        sa.select(c.written_by).where(
            c.instance_key == task.instance_key, c.task_key == task.key, c.key > act.key, c.written_by.in_(people)
        ),
        sa.select(f.added_by).where(
            f.instance_key == task.instance_key, f.task_key == task.key, f.key > act.key, f.added_by.in_(people)
        ),
        sa.select(d.username).where(
            d.task_key == task.key, sa.or_(d.key > act.key, d.saved_at > act.at), d.username.in_(people)
        ),
    )
    return sorted(connection.execute(sa.union(*since)).scalars())

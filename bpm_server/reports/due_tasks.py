"""The tasks of a person that are due at a moment, for their calendar."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from bpm_server.reports import sight
from bpm_server.reports.inbox_rows import task_rows
from bpm_server.store.tables.tasks import user_task as t

if TYPE_CHECKING:
    from bpm_server.domain.identity import Actor
    from bpm_server.reports.inbox_rows import TaskRow
    from bpm_server.services.server import Server

MOST = 200
"""Tasks in one calendar, those first that are due first."""


def due_tasks(server: Server, actor: Actor) -> list[TaskRow]:
    """Open tasks with a due date that are assigned to the actor, or offered to them and not taken."""
    mine = sa.or_(
        t.c.assignee == actor.username,
        sa.and_(t.c.assignee.is_(None), t.c.key.in_(sight.offered(actor).correlate(None))),
    )
    query = sa.select(t.c.key).where(t.c.ended_at.is_(None), t.c.due_date.is_not(None), mine)
    with server.database.read() as connection:
        keys = list(connection.execute(query.order_by(t.c.due_date, t.c.key).limit(MOST)).scalars())
        return task_rows(connection, server, keys)

"""Drafts of forms, for who wrote them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from bpm_server.domain.drafts import MOST
from bpm_server.domain.states import TaskState
from bpm_server.store import drafts as store
from bpm_server.store.tables.drafts import draft as t
from bpm_server.store.tables.tasks import user_task

if TYPE_CHECKING:
    from datetime import datetime

    from bpm_server.domain.drafts import Draft, Place
    from bpm_server.domain.identity import Actor
    from bpm_server.services.server import Server


@dataclass(frozen=True, slots=True)
class DraftLine:
    """A draft in the list of one's own.

    Attributes:
        task_key: Of a draft of a task, as what else is named of it; None: of a start form.
    """

    key: int
    process_id: str
    saved_at: datetime
    task_key: int | None
    process_definition_key: int | None
    element_id: str | None
    task_name: str | None


def draft_of(server: Server, actor: Actor, place: Place) -> Draft | None:
    """The actor's draft of a form; None where there is none."""
    with server.database.read() as connection:
        return store.find(connection, actor.username, place)


def my_drafts(server: Server, actor: Actor) -> list[DraftLine]:
    """The actor's drafts, the newest first; without those of tasks that cannot be done now."""
    u = user_task
    query = (
        sa.select(
            t.c.key,
            t.c.process_id,
            t.c.saved_at,
            t.c.task_key,
            u.c.process_definition_key,
            u.c.element_id,
            u.c.name.label("task_name"),
        )
        .join_from(t, u, u.c.key == t.c.task_key, isouter=True)
        .where(t.c.username == actor.username, sa.or_(t.c.task_key.is_(None), u.c.state == TaskState.CREATED))
        .order_by(t.c.saved_at.desc(), t.c.key.desc())
        .limit(MOST)
    )
    with server.database.read() as connection:
        return [DraftLine(*row) for row in connection.execute(query)]

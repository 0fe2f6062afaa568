"""What came of a change of a user task that waited for its listeners."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from bpm_server.domain.states import JobState
from bpm_server.store.tables.jobs import job
from bpm_server.store.tables.tasks import user_task

if TYPE_CHECKING:
    from bpm_server.services.server import Server


@dataclass(frozen=True, slots=True)
class Heard:
    """The listeners are done: the change counts, or one of them ``denied``, or the task was taken back (``gone``)."""

    denied: bool = False
    reason: str | None = None
    gone: bool = False


def find_heard(server: Server, task_key: int, operation: int) -> Heard | None:
    """What came of a change; None while listeners are at work."""
    with server.database.read() as connection:
        current = sa.select(user_task.c.operation).where(user_task.c.key == task_key)
        if connection.execute(current).scalar() == operation:
            return None
        asked = sa.select(job.c.state, job.c.denied, job.c.denied_reason).where(
            job.c.element_key == task_key, job.c.operation == operation
        )
        rows = connection.execute(asked).all()
    for row in rows:
        if row.denied:
            return Heard(denied=True, reason=row.denied_reason)
    return Heard(gone=any(row.state == JobState.CANCELED for row in rows))

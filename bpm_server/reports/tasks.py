"""User tasks as they are now."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from bpm_server.domain.states import TaskState
from bpm_server.store.tables.tasks import user_task

if TYPE_CHECKING:
    from bpm_server.services.server import Server


def open_task(server: Server, instance_key: int, element_id: str) -> int | None:
    """Key of an instance's open task at an element; None where it has none."""
    query = (
        sa.select(user_task.c.key)
        .where(
            user_task.c.instance_key == instance_key,
            user_task.c.element_id == element_id,
            user_task.c.state == TaskState.CREATED,
        )
        .order_by(user_task.c.key)
    )
    with server.database.read() as connection:
        found: int | None = connection.execute(query).scalars().first()
    return found

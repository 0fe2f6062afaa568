"""May this person see this case? By the instance itself, or by a task of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpm_server.kernel.errors import Forbidden
from bpm_server.reports import process_instances
from bpm_server.reports.task_details import may_look
from bpm_server.store import tasks

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from bpm_server.domain.identity import Actor
    from bpm_server.reports.process_instances import InstanceLine
    from bpm_server.services.server import Server


def readable_instance(server: Server, actor: Actor, instance_key: int) -> InstanceLine:
    """The instance, for somebody who may see it.

    Raises:
        NotFound: there is none.
        Forbidden: the actor may not see it.
    """
    with server.database.read() as connection:
        return process_instances.SEARCH.get(connection, actor, instance_key)


def instance_of_task(server: Server, actor: Actor, task_key: int) -> int:
    """The instance behind a task; whoever may see the task may see the course of its case.

    Raises:
        NotFound: there is no such task.
        Forbidden: the actor may not see it.
    """
    with server.database.read() as connection:
        return _instance_of(connection, actor, task_key)


def _instance_of(connection: Connection, actor: Actor, task_key: int) -> int:
    task = tasks.read_task(connection, task_key)
    if not may_look(task, actor):
        message = f"Expected '{actor.username}' to have a part in user task '{task_key}', but they have none"
        raise Forbidden(message)
    return task.instance_key

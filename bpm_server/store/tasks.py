"""Reading and changing user tasks beside what events write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server.domain.returning import Passed
from bpm_server.domain.states import TaskState
from bpm_server.domain.tasks import Task
from bpm_server.kernel import json
from bpm_server.kernel.errors import NotFound
from bpm_server.store import rows
from bpm_server.store.candidates import update_task
from bpm_server.store.instances import COLUMNS, LOCK_SECONDS, row_from
from bpm_server.store.tables.drafts import draft
from bpm_server.store.tables.instances import process_instance
from bpm_server.store.tables.tasks import task_comment, user_task

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from bpm_server.domain.tasks import TaskValues
    from bpm_server.store.batch import InstanceRow

_TASK = [
    user_task.c[name]
    for name in (
        "key",
        "instance_key",
        "root_key",
        "process_id",
        "element_id",
        "name",
        "state",
        "assignee",
        "candidate_users",
        "candidate_groups",
        "chunk",
        "form_key",
        "embedded_form",
        "process_definition_key",
        "ended_at",
        "ended_by",
        "suspended",
    )
]
_HAS_DRAFTS = sa.exists().where(draft.c.task_key == user_task.c.key).label("has_drafts")
"""With the task, so that completing one without drafts costs no statement more."""
_NAMES = [*(column.name for column in _TASK), "has_drafts"]
_BY_KEY = rows.Query(lambda _: sa.select(*_TASK, _HAS_DRAFTS).where(user_task.c.key == sa.bindparam("b_key")))
_LOCK = rows.Query(
    lambda _: (
        sa.select(*COLUMNS, process_instance.c.tokens)
        .join_from(user_task, process_instance, process_instance.c.key == user_task.c.root_key)
        .where(user_task.c.key == sa.bindparam("b_key"))
        .with_for_update(of=process_instance)
    )
)


def _task(row: Sequence[Any]) -> Task:
    values = dict(zip(_NAMES, row, strict=True))
    for name in ("candidate_users", "candidate_groups"):
        values[name] = frozenset(json.loads(values[name]))
    return Task(**values)


def _missing(key: int) -> NotFound:
    return NotFound(f"Expected to find user task '{key}', but there is none")


def read_task(connection: Connection, key: int) -> Task:
    """A task as it is.

    Raises:
        NotFound: there is none with this key.
    """
    row = _BY_KEY.first(connection, b_key=key)
    if row is None:
        raise _missing(key)
    return _task(row)


def lock_task(connection: Connection, key: int) -> tuple[Task, InstanceRow | None]:
    """Locks the call tree of a task's instance, then reads the task.

    Not in one statement: on PostgreSQL one that waits for a lock gets the locked row as it is then, the others as they
    were when it began, without what the command that it waited for has done to the task.

    Returns:
        The task, and its instance where that is the outermost one (and so was read with the lock).

    Raises:
        NotFound: there is no such task.
    """
    with LOCK_SECONDS.time():
        row = _LOCK.first(connection, b_key=key)
    if row is None:
        raise _missing(key)
    task = read_task(connection, key)
    if task.instance_key != task.root_key:
        return task, None
    *columns, tokens = row
    instance = row_from(columns)
    instance.tokens_read = None if tokens is None else (instance.lock_version, tokens)
    return task, instance


def open_keys(connection: Connection, instance_key: int) -> list[int]:
    """Keys of the open tasks of an instance, in order."""
    t = user_task
    query = sa.select(t.c.key).where(t.c.instance_key == instance_key, t.c.state == TaskState.CREATED)
    return list(connection.execute(query.order_by(t.c.key)).scalars())


def passed_tasks(connection: Connection, instance_key: int) -> list[Passed]:
    """Tasks that were done in an instance, oldest first."""
    t = user_task
    query = sa.select(t.c.element_id, t.c.ended_by).where(
        t.c.instance_key == instance_key, t.c.state == TaskState.COMPLETED
    )
    return [Passed(*row) for row in connection.execute(query.order_by(t.c.ended_at, t.c.key))]


def change(connection: Connection, key: int, values: TaskValues, at: datetime) -> None:
    """Changes an open task that has no listeners."""
    named = values.named()
    if "assignee" in named:
        named["claimed_at"] = at if named["assignee"] else None
    update_task(connection, key, named)


def insert_comment(
    connection: Connection, key: int, task: Task, written_by: str, written_at: datetime, text: str
) -> None:
    """Adds what somebody wrote."""
    rows.insert(
        connection,
        task_comment,
        [
            {
                "key": key,
                "task_key": task.key,
                "instance_key": task.instance_key,
                "written_by": written_by,
                "written_at": written_at,
                "text": text,
            }
        ],
    )

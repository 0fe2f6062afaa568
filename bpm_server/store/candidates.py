"""Who may claim a task: lists of its row, and rows of their own while it is open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server.kernel import json
from bpm_server.store import rows
from bpm_server.store.tables.tasks import user_task, user_task_candidate

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy.engine import Connection

CANDIDATES = {"candidate_users": "u", "candidate_groups": "g"}
"""Kind of the candidates of each list."""
_KEY = sa.bindparam("task_key", type_=user_task.c.key.type)
_DUE = sa.select(user_task.c.due_date).where(user_task.c.key == _KEY).scalar_subquery()
_INSERT = rows.Prepared(
    lambda _: user_task_candidate.insert().values(
        kind=sa.bindparam("kind"), name=sa.bindparam("name"), task_key=_KEY, due_date=_DUE
    )
)
_FOLLOW = rows.Prepared(
    lambda _: user_task_candidate.update().where(user_task_candidate.c.task_key == _KEY).values(due_date=_DUE)
)


def candidate_rows(key: int, kind: str, names: Iterable[str]) -> list[dict[str, Any]]:
    """The candidates of one list of a task."""
    return [{"kind": kind, "name": name, "task_key": key} for name in names]


def insert_candidates(connection: Connection, entries: Sequence[Mapping[str, Any]]) -> None:
    """Offers tasks that have rows already, due when these say."""
    _INSERT.run(connection, entries)


def follow_due_dates(connection: Connection, keys: Iterable[int]) -> None:
    """Due dates of tasks have changed; those of their candidates, by which inboxes are ordered, follow."""
    _FOLLOW.run(connection, [{"task_key": key} for key in keys])


def as_columns(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values of a task with its lists as they are stored."""
    return {name: json.dumps(value) if name in CANDIDATES else value for name, value in values.items()}


def update_task(connection: Connection, key: int, values: Mapping[str, Any]) -> None:
    """Changes columns of an open task, with the rows of its candidates."""
    t = user_task_candidate
    for column, kind in CANDIDATES.items():
        if column in values:
            connection.execute(t.delete().where(t.c.task_key == key, t.c.kind == kind))
            insert_candidates(connection, candidate_rows(key, kind, values[column]))
    if values:
        connection.execute(user_task.update().where(user_task.c.key == key).values(as_columns(values)))
    if "due_date" in values:
        follow_due_dates(connection, [key])

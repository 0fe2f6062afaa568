"""Who may claim a task: lists of its row, and rows of their own while it is open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpm_server.kernel import json
from bpm_server.store import rows
from bpm_server.store.tables.tasks import user_task, user_task_candidate

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy.engine import Connection

CANDIDATES = {"candidate_users": "u", "candidate_groups": "g"}
"""Kind of the candidates of each list."""


def candidate_rows(key: int, kind: str, names: Iterable[str]) -> list[dict[str, Any]]:
    """The candidates of one list of a task."""
    return [{"kind": kind, "name": name, "task_key": key} for name in names]


def as_columns(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values of a task with its lists as they are stored."""
    return {name: json.dumps(value) if name in CANDIDATES else value for name, value in values.items()}


def update_task(connection: Connection, key: int, values: Mapping[str, Any]) -> None:
    """Changes columns of an open task, with the rows of its candidates."""
    t = user_task_candidate
    for column, kind in CANDIDATES.items():
        if column in values:
            connection.execute(t.delete().where(t.c.task_key == key, t.c.kind == kind))
            rows.insert(connection, t, candidate_rows(key, kind, values[column]))
    if values:
        connection.execute(user_task.update().where(user_task.c.key == key).values(as_columns(values)))

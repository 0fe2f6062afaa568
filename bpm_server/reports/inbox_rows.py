"""Rows of somebody's inbox: tasks with what the lists show of them, and which part of a list is wanted."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server.kernel import json
from bpm_server.kernel.errors import InvalidInput
from bpm_server.reports.summaries import matches_text, read_summaries
from bpm_server.store.tables.instances import process_instance as p
from bpm_server.store.tables.instances import variable as v
from bpm_server.store.tables.service_levels import sla_clock as clock
from bpm_server.store.tables.tasks import user_task as t

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.engine import Connection

    from bpm_server.services.server import Server

Where = sa.ColumnElement[bool]
MOST_COUNTED = 501
"""Pages say "500+" then."""
IS_PAUSED = sa.and_(
    t.c.due_date.is_(None), clock.c.task_key.is_not(None), clock.c.ended_at.is_(None), clock.c.due_at.is_(None)
).label("is_paused")
"""Of a task beside its clock, where it has one."""


@dataclass(frozen=True, slots=True)
class TaskRow:
    """A task in somebody's inbox.

    Attributes:
        summary: Values of the variables that the process names in its property ``summary``.
        suspended: Nothing can be done about it until its case is resumed.
        outcome: What was decided, where it is done; of an approval what the person said.
        acted_at: When they did; None where it is to do.
        on_behalf_of: For whom the person acts there, where not for themselves.
        is_paused: Its clock stands still: it is due at no moment until the clock runs again.
    """

    key: int
    instance_key: int
    process_definition_key: int
    process_id: str
    element_id: str
    name: str | None
    state: str
    assignee: str | None
    due_date: datetime | None
    priority: int
    created_at: datetime
    ended_at: datetime | None
    ended_by: str | None
    suspended: bool
    started_by: str | None
    summary: Mapping[str, Any] = field(default_factory=dict)
    outcome: str | None = None
    acted_at: datetime | None = None
    on_behalf_of: tuple[str, ...] = ()
    is_paused: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which part of a list.

    Attributes:
        text: Must occur in the summary, the name of the task or who started it.
        process_id: Only tasks of this process.
        after: Cursor of the last row that is known already.
        due_first: Those first that are due first; those that are not due at any time come last.
        due_since, due_until: Only what is due in this span of time, in that order.
    """

    text: str = ""
    process_id: str = ""
    after: str = ""
    limit: int = 50
    newest_first: bool = False
    due_first: bool = False
    due_since: datetime | None = None
    due_until: datetime | None = None

    @property
    def has_due_span(self) -> bool:
        """Whether only what is due in some span of time is wanted."""
        return self.due_since is not None or self.due_until is not None

    @property
    def is_by_due(self) -> bool:
        """Whether the list is in the order of due dates."""
        return self.due_first or self.has_due_span


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows and, where there are more, the cursor of the last one."""

    items: tuple[TaskRow, ...]
    next_cursor: str | None = None


def filters(connection: Connection, server: Server, wanted: Wanted, definitions: Sequence[int]) -> list[Where]:
    """Which tasks a list is asked for; ``definitions``: whose summaries are looked at for a text."""
    wheres: list[Where] = []
    if wanted.process_id:
        wheres.append(t.c.process_id == wanted.process_id)
    if wanted.text:
        starter = sa.select(p.c.started_by).where(p.c.key == t.c.root_key).scalar_subquery()
        wheres.append(matches_text(connection, server, definitions, wanted.text, t.c.instance_key, t.c.name, starter))
    return wheres


def task_rows(
    connection: Connection, server: Server, keys: Sequence[int], done_by: Mapping[int, sa.Row[Any]] | None = None
) -> list[TaskRow]:
    """Tasks by key, in that order; ``done_by``: when somebody did them, and how they voted."""
    if not keys:
        return []
    names = [name for name in TaskRow.__slots__ if name in t.c]
    columns = [t.c[name] for name in names]
    query = (
        sa.select(*columns, p.c.started_by, IS_PAUSED)
        .join_from(t, p, p.c.key == t.c.root_key)
        .outerjoin(clock, clock.c.task_key == t.c.key)
        .where(t.c.key.in_(keys))
    )
    rows = {row.key: row._mapping for row in connection.execute(query)}
    scopes = {row["instance_key"]: row["process_definition_key"] for row in rows.values()}
    summaries = read_summaries(connection, server, scopes)
    outcomes = _outcomes(connection, [key for key, row in rows.items() if row["ended_at"] is not None])
    known = done_by or {}
    return [
        TaskRow(
            **rows[key],
            summary=summaries.get(rows[key]["instance_key"], {}),
            outcome=(known[key].vote if key in known else None) or outcomes.get(key),
            acted_at=known[key].at if key in known else None,
        )
        for key in keys
        if key in rows
    ]


def _outcomes(connection: Connection, keys: Sequence[int]) -> dict[int, str]:
    """What was decided at completed tasks: the variable ``outcome`` in the task's own scope."""
    if not keys:
        return {}
    query = sa.select(v.c.scope_key, v.c.value).where(v.c.scope_key.in_(keys), v.c.name == "outcome")
    found = {row.scope_key: json.loads(row.value) for row in connection.execute(query)}
    return {key: value for key, value in found.items() if isinstance(value, str)}


def read_key(text: str) -> int:
    """A key of a cursor.

    Raises:
        InvalidInput: something else.
    """
    if not text.isdigit() or len(text) > 19:
        message = f"Expected a cursor of this list, but found '{text[:40]}'"
        raise InvalidInput(message, field="after")
    return int(text)


def read_moment(text: str) -> tuple[datetime, int]:
    """Moment and key of a cursor.

    Raises:
        InvalidInput: something else.
    """
    at, _, key = text.partition("_")
    try:
        return datetime.fromisoformat(at), read_key(key)
    except ValueError as error:
        message = f"Expected a cursor of this list, but found '{text[:40]}'"
        raise InvalidInput(message, field="after") from error

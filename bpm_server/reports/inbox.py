"""What a person has to do, has done and has started.

Open tasks are found by index: those of the assignee, and for each of the person's groups the offered ones in order.
Every branch stops after one page, so the length of somebody's inbox does not matter.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server.domain.states import TaskState
from bpm_server.kernel import json
from bpm_server.kernel.errors import InvalidInput
from bpm_server.reports.summaries import matches_text, read_summaries
from bpm_server.store.tables.instances import process_instance as p
from bpm_server.store.tables.instances import variable as v
from bpm_server.store.tables.tasks import user_task as t
from bpm_server.store.tables.tasks import user_task_candidate as c

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.engine import Connection

    from bpm_server.domain.identity import Actor
    from bpm_server.services.server import Server

Where = sa.ColumnElement[bool]
MOST_COUNTED = 1_000
MOST_ROWS = 500


@dataclass(frozen=True, slots=True)
class TaskRow:
    """A task in somebody's inbox.

    Attributes:
        summary: Values of the variables that the process names in its property ``summary``.
        suspended: Nothing can be done about it until its case is resumed.
        outcome: What was decided, where it is done.
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


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which part of a list.

    Attributes:
        text: Must occur in the summary, the name of the task or who started it.
        process_id: Only tasks of this process.
        after: Cursor of the last row that is known already.
    """

    text: str = ""
    process_id: str = ""
    after: str = ""
    limit: int = 50
    newest_first: bool = False


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows and, where there are more, the cursor of the last one."""

    items: tuple[TaskRow, ...]
    next_cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """How long the lists are, counted up to ``MOST_COUNTED``."""

    todo: int
    done: int
    started: int


# --- to do ----------------------------------------------------------------------------------------------


def todo(server: Server, actor: Actor, wanted: Wanted) -> Rows:
    """Tasks that are assigned to the actor or offered to them and not taken by anybody."""
    with server.database.read() as connection:
        wheres = _filters(connection, server, wanted, _open_definitions(connection, actor))
        if wanted.after:
            after = _read_key(wanted.after)
            wheres.append(t.c.key < after if wanted.newest_first else t.c.key > after)
        keys = _first_keys(connection, actor, wheres, wanted.limit + 1, newest=wanted.newest_first)
        rows = _task_rows(connection, server, keys[: wanted.limit])
    more = len(keys) > wanted.limit
    return Rows(tuple(rows), str(keys[wanted.limit - 1]) if more else None)


def _branches(actor: Actor, wheres: Sequence[Where]) -> list[sa.Select[tuple[int]]]:
    """One select for each index range that holds tasks of this person."""
    is_open = t.c.state == TaskState.CREATED
    found = [sa.select(t.c.key).where(t.c.assignee == actor.username, is_open, *wheres)]
    offered = [("u", actor.username), *(("g", name) for name in sorted(actor.groups))]
    for kind, name in offered:
        found.append(
            sa.select(t.c.key)
            .join_from(c, t, t.c.key == c.c.task_key)
            .where(c.c.kind == kind, c.c.name == name, t.c.assignee.is_(None), is_open, *wheres)
        )
    return found


def _first_keys(
    connection: Connection, actor: Actor, wheres: Sequence[Where], limit: int, *, newest: bool = False
) -> list[int]:
    """Keys of the first tasks, each branch in the order of its index."""
    order = t.c.key.desc() if newest else t.c.key.asc()
    limited = [branch.order_by(order).limit(limit).subquery() for branch in _branches(actor, wheres)]
    keys = connection.execute(sa.union(*[sa.select(one.c.key) for one in limited])).scalars()
    return sorted(keys, reverse=newest)[:limit]


def _open_definitions(connection: Connection, actor: Actor) -> list[int]:
    """Definitions of the first thousand open tasks."""
    limited = [
        branch.with_only_columns(t.c.process_definition_key).limit(MOST_COUNTED).subquery()
        for branch in _branches(actor, ())
    ]
    found = connection.execute(sa.union(*[sa.select(one.c.process_definition_key) for one in limited])).scalars()
    return sorted(found)


def processes_to_do(server: Server, actor: Actor) -> dict[int, int]:
    """Newest definition key and number of open tasks of each process in the inbox, for the filter."""
    with server.database.read() as connection:
        limited = [
            branch.with_only_columns(t.c.key, t.c.process_id, t.c.process_definition_key).limit(MOST_COUNTED).subquery()
            for branch in _branches(actor, ())
        ]
        union = sa.union(*[sa.select(*one.columns) for one in limited]).subquery()
        newest = sa.func.max(union.c.process_definition_key)
        query = sa.select(newest, sa.func.count()).group_by(union.c.process_id).order_by(union.c.process_id)
        return {int(key): int(number) for key, number in connection.execute(query)}


# --- done -----------------------------------------------------------------------------------------------


def done(server: Server, actor: Actor, wanted: Wanted) -> Rows:
    """Tasks that the actor completed, latest first."""
    mine = [t.c.ended_by == actor.username, t.c.state == TaskState.COMPLETED]
    with server.database.read() as connection:
        recent = sa.select(t.c.process_definition_key).where(*mine).limit(MOST_COUNTED).subquery()
        definitions = connection.execute(sa.select(recent.c.process_definition_key).distinct()).scalars()
        wheres = [*mine, *_filters(connection, server, wanted, sorted(definitions))]
        if wanted.after:
            at, key = _read_moment(wanted.after)
            wheres.append(sa.or_(t.c.ended_at < at, sa.and_(t.c.ended_at == at, t.c.key < key)))
        query = sa.select(t.c.key).where(*wheres).order_by(t.c.ended_at.desc(), t.c.key.desc())
        keys = list(connection.execute(query.limit(wanted.limit + 1)).scalars())
        rows = _task_rows(connection, server, keys[: wanted.limit])
    more = len(keys) > wanted.limit and rows[-1].ended_at is not None
    cursor = f"{rows[-1].ended_at.isoformat()}_{rows[-1].key}" if more and rows[-1].ended_at else None
    return Rows(tuple(rows), cursor)


# --- counts ---------------------------------------------------------------------------------------------


def counts(server: Server, actor: Actor) -> Counts:
    """The numbers on the tabs: what is open, what was done and started in all."""
    with server.database.read() as connection:
        limited = [branch.limit(MOST_COUNTED).subquery() for branch in _branches(actor, ())]
        todo_keys = sa.union(*[sa.select(one.c.key) for one in limited]).subquery()
        done_keys = sa.select(t.c.key).where(t.c.ended_by == actor.username, t.c.state == TaskState.COMPLETED)
        started_keys = sa.select(p.c.key).where(p.c.started_by == actor.username, p.c.parent_key.is_(None))
        numbers = [
            sa.select(sa.func.count()).select_from(one).scalar_subquery()
            for one in (
                todo_keys,
                done_keys.limit(MOST_COUNTED).subquery(),
                started_keys.limit(MOST_COUNTED).subquery(),
            )
        ]
        found = connection.execute(sa.select(*numbers)).one()
    return Counts(*[min(int(number), MOST_COUNTED) for number in found])


# --- rows -----------------------------------------------------------------------------------------------


def _filters(connection: Connection, server: Server, wanted: Wanted, definitions: Sequence[int]) -> list[Where]:
    wheres: list[Where] = []
    if wanted.process_id:
        wheres.append(t.c.process_id == wanted.process_id)
    if wanted.text:
        starter = sa.select(p.c.started_by).where(p.c.key == t.c.root_key).scalar_subquery()
        wheres.append(matches_text(connection, server, definitions, wanted.text, t.c.instance_key, t.c.name, starter))
    return wheres


def _task_rows(connection: Connection, server: Server, keys: Sequence[int]) -> list[TaskRow]:
    if not keys:
        return []
    names = [name for name in TaskRow.__slots__ if name in t.c]
    columns = [t.c[name] for name in names]
    query = sa.select(*columns, p.c.started_by).join_from(t, p, p.c.key == t.c.root_key).where(t.c.key.in_(keys))
    rows = {row.key: row._mapping for row in connection.execute(query)}
    scopes = {row["instance_key"]: row["process_definition_key"] for row in rows.values()}
    summaries = read_summaries(connection, server, scopes)
    outcomes = _outcomes(connection, [key for key, row in rows.items() if row["ended_at"] is not None])
    return [
        TaskRow(**rows[key], summary=summaries.get(rows[key]["instance_key"], {}), outcome=outcomes.get(key))
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


def _read_key(text: str) -> int:
    if not text.isdigit() or len(text) > 19:
        message = f"Expected a cursor of this list, but found '{text[:40]}'"
        raise InvalidInput(message, field="after")
    return int(text)


def _read_moment(text: str) -> tuple[datetime, int]:
    at, _, key = text.partition("_")
    try:
        return datetime.fromisoformat(at), _read_key(key)
    except ValueError as error:
        message = f"Expected a cursor of this list, but found '{text[:40]}'"
        raise InvalidInput(message, field="after") from error

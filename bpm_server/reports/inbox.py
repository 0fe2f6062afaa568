"""What a person has to do, has done and has started.

Open tasks are found by index: those of the assignee, and for each of the person's groups the offered ones in order.
Every branch stops after one page, so the length of somebody's inbox does not matter. Of very many groups, those whose
first task comes first are asked first, and as a rule the others need not be asked. Numbers on tabs and filters are
counted up to ``MOST_COUNTED``, so that they do not look at all open tasks of a large group.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
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
BRANCHES = 60
"""Index ranges in one statement; more than a page has rows, and SQLite takes at most 500."""


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
        definitions = (
            sorted({row.process_definition_key for row in _some_open(connection, actor)}) if wanted.text else []
        )
        page = _Page(
            tuple(_filters(connection, server, wanted, definitions)),
            wanted.limit + 1,
            _read_key(wanted.after) if wanted.after else None,
            wanted.newest_first,
        )
        keys = _first_keys(connection, actor, page)
        rows = _task_rows(connection, server, keys[: wanted.limit])
    more = len(keys) > wanted.limit
    return Rows(tuple(rows), str(keys[wanted.limit - 1]) if more else None)


@dataclass(frozen=True, slots=True)
class _Page:
    """A part of the open tasks: those that match, in the order of keys, after a key."""

    wheres: tuple[Where, ...]
    limit: int
    after: int | None
    newest: bool

    def of(self, select: sa.Select[tuple[int]], key: sa.ColumnElement[int]) -> sa.Select[tuple[int]]:
        """The page of one index range; ``key`` is the index's column."""
        if self.after is not None:
            select = select.where(key < self.after if self.newest else key > self.after)
        return select.where(*self.wheres).order_by(key.desc() if self.newest else key.asc()).limit(self.limit)

    def comes_before(self, one: int, other: int) -> bool:
        """Whether a key is earlier in this order."""
        return one > other if self.newest else one < other


def _assigned(actor: Actor, columns: Sequence[sa.ColumnElement[Any]]) -> sa.Select[Any]:
    """Columns of open tasks that somebody has."""
    return sa.select(*columns).where(t.c.assignee == actor.username, t.c.state == TaskState.CREATED)


def _offered(kind: str, named: Where, columns: Sequence[sa.ColumnElement[Any]]) -> sa.Select[Any]:
    """Columns of open tasks that nobody has taken, and that are offered under such a name."""
    return (
        sa.select(*columns)
        .join_from(c, t, t.c.key == c.c.task_key)
        .where(c.c.kind == kind, named, t.c.assignee.is_(None), t.c.state == TaskState.CREATED)
    )


def _first_keys(connection: Connection, actor: Actor, page: _Page) -> list[int]:
    """Keys of the first tasks, each branch in the order of its index."""
    groups = sorted(actor.groups)
    first: list[int] = []
    if len(groups) > BRANCHES:
        heads = _first_of_each(connection, groups, page)
        groups, first = list(heads), list(heads.values())
    own = page.of(_offered("u", c.c.name == actor.username, [t.c.key]), c.c.task_key)
    branches = [page.of(_assigned(actor, [t.c.key]), t.c.key), own]
    keys: list[int] = []
    for start in range(0, max(len(groups), 1), BRANCHES):
        if len(keys) == page.limit and page.comes_before(keys[-1], first[start]):
            break
        some = groups[start : start + BRANCHES]
        branches += [page.of(_offered("g", c.c.name == name, [t.c.key]), c.c.task_key) for name in some]
        union = sa.union(*[sa.select(one.subquery().c.key) for one in branches])
        keys = sorted({*keys, *connection.execute(union).scalars()}, reverse=page.newest)[: page.limit]
        branches = []
    return keys


def _first_of_each(connection: Connection, groups: Sequence[str], page: _Page) -> dict[str, int]:
    """The first task of each group that has one, first ones first."""
    names = json.dumps(groups)
    if connection.dialect.name == "sqlite":
        name = sa.func.json_each(names).table_valued("value").c.value
    else:
        texts = sa.func.json_array_elements_text(sa.cast(sa.literal(names, sa.Text), sa.JSON))
        name = texts.table_valued("value").c.value
    head = replace(page, limit=1).of(_offered("g", c.c.name == name, [c.c.task_key]), c.c.task_key)
    query = sa.select(name, head.correlate(name.table).scalar_subquery())
    found = [(row[1], row[0]) for row in connection.execute(query) if row[1] is not None]
    return {group: key for key, group in sorted(found, reverse=page.newest)}


def _some_open(connection: Connection, actor: Actor) -> list[sa.Row[Any]]:
    """Key and process of the person's open tasks, each once, up to ``MOST_COUNTED``.

    A task may be offered by several groups: up to three times as many rows are looked at.
    """
    columns = [t.c.key, t.c.process_id, t.c.process_definition_key]
    parts = [
        _assigned(actor, columns),
        _offered("u", c.c.name == actor.username, columns),
        _offered("g", c.c.name.in_(sorted(actor.groups)), columns),
    ]
    limited = [part.limit(3 * MOST_COUNTED).subquery() for part in parts]
    found = connection.execute(sa.union_all(*[sa.select(*one.columns) for one in limited]))
    return list({row.key: row for row in found}.values())[:MOST_COUNTED]


def processes_to_do(server: Server, actor: Actor) -> dict[int, int]:
    """Newest definition key and number of open tasks of each process in the inbox, for the filter."""
    with server.database.read() as connection:
        found = _some_open(connection, actor)
    numbers = Counter(row.process_id for row in found)
    newest: dict[str, int] = {}
    for row in found:
        newest[row.process_id] = max(row.process_definition_key, newest.get(row.process_id, 0))
    return {newest[process_id]: numbers[process_id] for process_id in sorted(numbers)}


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
        open_tasks = len(_some_open(connection, actor))
        done_keys = sa.select(t.c.key).where(t.c.ended_by == actor.username, t.c.state == TaskState.COMPLETED)
        started_keys = sa.select(p.c.key).where(p.c.started_by == actor.username, p.c.parent_key.is_(None))
        numbers = [
            sa.select(sa.func.count()).select_from(one.limit(MOST_COUNTED).subquery()).scalar_subquery()
            for one in (done_keys, started_keys)
        ]
        found = connection.execute(sa.select(*numbers)).one()
    return Counts(open_tasks, *[int(number) for number in found])


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

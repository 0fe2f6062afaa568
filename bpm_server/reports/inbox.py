"""What a person has to do, has done and has started.

Open tasks are found by index: those of the assignee, and for each of the person's groups the offered ones in order.
Every branch stops after one page, so the length of somebody's inbox does not matter. Somebody with very many groups may
as a rule take most of what is open: the next open tasks are looked at in order, whoever they are offered to. Only where
too few of them are the person's, the groups are asked, first those whose first task comes first. Numbers on tabs and
filters are counted up to ``MOST_COUNTED``, so that they do not look at all open tasks of a large group.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from bpm_server.domain.states import TaskState
from bpm_server.reports.inbox_branches import BRANCHES, MOST_REPRESENTED, assigned, listed, offered
from bpm_server.reports.inbox_done import completed, done, signed
from bpm_server.reports.inbox_due import DuePage, due_keys
from bpm_server.reports.inbox_rows import (
    MOST_COUNTED,
    Rows,
    TaskRow,
    Wanted,
    Where,
    filters,
    read_key,
    read_moment,
    task_rows,
)
from bpm_server.reports.represented import find_represented, name_represented, work_for_others
from bpm_server.store.tables.approvals import carbon_copy as cc
from bpm_server.store.tables.instances import process_instance as p
from bpm_server.store.tables.tasks import user_task as t
from bpm_server.store.tables.tasks import user_task_candidate as c

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from bpm_server.domain.identity import Actor
    from bpm_server.domain.represented import Represented
    from bpm_server.services.server import Server

MOST_ROWS = 500
SPAN = 4
"""Open tasks that are looked at for each that is wanted, before very many groups are asked."""
PRIME = 1_000_003
"""What is summed up modulo this fits into every database's integers."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How long the lists are, counted up to ``MOST_COUNTED``.

    Attributes:
        copies: Cases that the person was informed of and has not read.
        by_process: Open tasks of each process, by its newest definition key.
        sum_of_keys: Of all open tasks, each modulo a prime, so that others in their place are noticed; 0 where there
            are more than are counted.
    """

    todo: int
    done: int
    started: int
    copies: int
    by_process: Mapping[int, int]
    sum_of_keys: int = 0


# --- to do ----------------------------------------------------------------------------------------------


def todo(server: Server, actor: Actor, wanted: Wanted) -> Rows:
    """Tasks that are assigned to the actor or offered to them and not taken by anybody, and of those they act for."""
    with server.database.read() as connection:
        others = find_represented(connection, server, actor)
        found = _found(connection, server, actor, wanted, others, wanted.limit + 1)
        shown = found[: wanted.limit]
        rows = task_rows(connection, server, [key for _, key in shown])
        rows = name_represented(connection, actor, others, rows)
    return Rows(tuple(rows), _cursor(*shown[-1]) if len(found) > wanted.limit else None)


def count_todo(connection: Connection, server: Server, actor: Actor, wanted: Wanted, most: int) -> int:
    """How many tasks a list has, counted up to ``most``."""
    others = find_represented(connection, server, actor)
    return len(_found(connection, server, actor, wanted, others, most))


def _found(
    connection: Connection,
    server: Server,
    actor: Actor,
    wanted: Wanted,
    others: Sequence[Represented],
    limit: int,
) -> list[tuple[datetime | None, int]]:
    """Key of each task on a page, and when it is due where the list is in that order."""
    definitions = sorted({row.definition for row in _some_open(connection, actor, others)}) if wanted.text else []
    wheres = tuple(filters(connection, server, wanted, definitions))
    due: list[tuple[datetime | None, int]] = []
    after = wanted.after
    if wanted.is_by_due and (not after or "_" in after):
        last = read_moment(after) if after else None
        page = DuePage(wheres, limit, last, wanted.due_since, wanted.due_until)
        due += due_keys(connection, actor, page, others)
        after = ""
    if wanted.has_due_span or len(due) == limit:
        return due
    keys = _Page(
        wheres,
        limit - len(due),
        read_key(after) if after else None,
        newest=wanted.newest_first and not wanted.is_by_due,
        without_due=wanted.is_by_due,
    )
    return [*due, *((None, key) for key in _first_keys(connection, actor, keys, others))]


def cursor_of(wanted: Wanted, due: datetime | None, key: int) -> str:
    """The cursor of a task in the order of a list."""
    return _cursor(due if wanted.is_by_due else None, key)


def _cursor(due: datetime | None, key: int) -> str:
    return str(key) if due is None else f"{due.isoformat()}_{key}"


@dataclass(frozen=True, slots=True)
class _Page:
    """A part of the open tasks: those that match, in the order of keys, after a key and at most up to another.

    Attributes:
        without_due: Only those that are not due at any time.
    """

    wheres: tuple[Where, ...]
    limit: int
    after: int | None
    newest: bool
    until: int | None = None
    without_due: bool = False

    def of(self, select: sa.Select[Any], key: sa.ColumnElement[int]) -> sa.Select[Any]:
        """The page of one index range; ``key`` is the index's column."""
        if self.after is not None:
            select = select.where(key < self.after if self.newest else key > self.after)
        if self.without_due:
            select = select.where(key.table.c.due_date.is_(None))
        if self.until is not None:
            select = select.where(key >= self.until if self.newest else key <= self.until)
        return select.where(*self.wheres).order_by(key.desc() if self.newest else key.asc()).limit(self.limit)

    def comes_before(self, one: int, other: int) -> bool:
        """Whether a key is earlier in this order."""
        return one > other if self.newest else one < other


def _first_keys(connection: Connection, actor: Actor, page: _Page, others: Sequence[Represented]) -> list[int]:
    """Keys of the first tasks, each branch in the order of its index."""
    groups = sorted(actor.groups)
    if len(groups) > BRANCHES and not others:
        near, is_all = _nearest(connection, actor, page, [t.c.key])
        found = list(connection.execute(near).scalars())
        if is_all or len(found) == page.limit:
            return found
    if len(groups) > BRANCHES:
        groups, page = _narrowed(connection, groups, page)
    own = page.of(offered("u", c.c.name == actor.username, [t.c.key]), c.c.task_key)
    branches = [page.of(assigned(actor, [t.c.key]), t.c.key), own]
    branches += [page.of(one, key) for one, key in work_for_others(others[:MOST_REPRESENTED], [t.c.key])]
    keys: set[int] = set()
    for start in range(0, max(len(groups), 1), BRANCHES):
        branches += _of_groups(connection, groups[start : start + BRANCHES], page)
        keys.update(connection.execute(sa.union(*[sa.select(one.subquery().c.key) for one in branches])).scalars())
        branches = []
    return sorted(keys, reverse=page.newest)[: page.limit]


def _nearest(
    connection: Connection, actor: Actor, page: _Page, columns: Sequence[sa.ColumnElement[Any]]
) -> tuple[sa.Select[Any], bool]:
    """Columns of the page from the open tasks that come next, and whether these are all that come.

    Whether a task is the person's is asked of each one: with very many groups that is one look at its candidates, not
    one at each group's tasks.
    """
    is_open = t.c.state == TaskState.CREATED
    last = replace(page, wheres=(), limit=1, without_due=False).of(sa.select(t.c.key).where(is_open), t.c.key)
    until = connection.execute(last.offset(SPAN * page.limit - 1)).scalar()
    by_name = sa.and_(c.c.kind == "u", c.c.name == actor.username)
    by_group = sa.and_(c.c.kind == "g", _is_listed(connection, sorted(actor.groups)))
    candidate = sa.select(c.c.task_key).where(c.c.task_key == t.c.key, sa.or_(by_name, by_group)).limit(1)
    is_offered = sa.and_(t.c.assignee.is_(None), candidate.scalar_subquery().is_not(None))
    mine = sa.select(*columns).where(is_open, sa.or_(t.c.assignee == actor.username, is_offered))
    return replace(page, until=until).of(mine, t.c.key), until is None


def _is_listed(connection: Connection, names: Sequence[str]) -> Where:
    """The candidate has one of very many names: they are made into a hash table once, not joined at each task."""
    return c.c.name.in_(sa.select(listed(connection, names))).is_(sa.true())


def _narrowed(connection: Connection, groups: Sequence[str], page: _Page) -> tuple[list[str], _Page]:
    """Which of very many groups have tasks on a page, and up to which key it can go at most.

    The first tasks of all groups are known: where they are more than the page has room for, nothing behind the last of
    them that has a place is on it.
    """
    first = _first_of_each(connection, groups, page)
    keys = sorted(set(first.values()), reverse=page.newest)
    if len(keys) < page.limit:
        return sorted(first), page
    until = keys[page.limit - 1]
    return sorted(group for group, key in first.items() if not page.comes_before(until, key)), replace(
        page, until=until
    )


def _of_groups(connection: Connection, groups: Sequence[str], page: _Page) -> list[sa.Select[Any]]:
    """A page of each group: where the database can, in one select that does not grow with their number."""
    if connection.dialect.name == "sqlite" or not groups:
        return [page.of(offered("g", c.c.name == name, [t.c.key]), c.c.task_key) for name in groups]
    name = listed(connection, groups)
    each = page.of(offered("g", c.c.name == name, [t.c.key]), c.c.task_key).correlate(name.table).lateral()
    return [sa.select(each.c.key).select_from(sa.join(name.table, each, sa.true()))]


def _offered_by_groups(
    connection: Connection, names: Sequence[str], columns: Sequence[sa.ColumnElement[Any]]
) -> sa.Select[Any]:
    """Columns of what any of the groups offers, in one statement that does not grow with their number.

    PostgreSQL looks at each element of an array to plan: good for a few, and slower than the work for a thousand. Of a
    list that is joined it would read all candidates there are; asked name by name, it takes the index.
    """
    if connection.dialect.name == "sqlite":
        return offered("g", c.c.name.in_(sa.select(listed(connection, names))), columns)
    if len(names) <= BRANCHES:
        return offered("g", c.c.name == sa.any_(sa.literal(names, postgresql.ARRAY(sa.String))), columns)
    name = listed(connection, names)
    each = offered("g", c.c.name == name, columns).limit(3 * MOST_COUNTED).correlate(name.table).lateral()
    return sa.select(*each.columns).select_from(sa.join(name.table, each, sa.true()))


def _first_of_each(connection: Connection, groups: Sequence[str], page: _Page) -> dict[str, int]:
    """The first task of each group that has one."""
    name = listed(connection, groups)
    head = replace(page, limit=1).of(offered("g", c.c.name == name, [c.c.task_key]), c.c.task_key)
    query = sa.select(name, head.correlate(name.table).scalar_subquery())
    return {group: key for group, key in connection.execute(query) if key is not None}


def _some_open(connection: Connection, actor: Actor, others: Sequence[Represented]) -> list[sa.Row[Any]]:
    """By process: its id, the newest definition key, and how many of the person's open tasks are its.

    Up to ``MOST_COUNTED`` tasks count.
    """
    columns = [t.c.key, t.c.process_id, t.c.process_definition_key]
    if len(actor.groups) > BRANCHES and not others:
        near, is_all = _nearest(connection, actor, _Page((), MOST_COUNTED, None, newest=False), columns)
        found = _by_process(connection, near)
        if is_all or sum(row.number for row in found) == MOST_COUNTED:
            return found
    parts = [
        assigned(actor, columns),
        offered("u", c.c.name == actor.username, columns),
        _offered_by_groups(connection, sorted(actor.groups), columns),
        *[one for one, _ in work_for_others(others[:MOST_REPRESENTED], columns)],
    ]
    limited = [part.limit(3 * MOST_COUNTED).subquery() for part in parts]  # several groups may offer the same task
    each_once = sa.union(*[sa.select(*one.columns) for one in limited]).subquery()
    return _by_process(connection, sa.select(*each_once.columns).limit(MOST_COUNTED))


def _by_process(connection: Connection, tasks: sa.Select[Any]) -> list[sa.Row[Any]]:
    counted = tasks.subquery()
    newest = sa.func.max(counted.c.process_definition_key).label("definition")
    which = sa.func.sum(counted.c.key % PRIME).label("which")
    query = sa.select(counted.c.process_id, newest, sa.func.count().label("number"), which)
    return list(connection.execute(query.group_by(counted.c.process_id).order_by(counted.c.process_id)))


# --- counts ---------------------------------------------------------------------------------------------


def counts(server: Server, actor: Actor) -> Counts:
    """The numbers on the tabs and in the filter: what is open, what was done and started in all."""
    with server.database.read() as connection:
        open_tasks = _some_open(connection, actor, find_represented(connection, server, actor))
        done_keys = [sa.select(one.limit(MOST_COUNTED).subquery().c.key) for one in (completed(actor), signed(actor))]
        started_keys = sa.select(p.c.key).where(p.c.started_by == actor.username, p.c.parent_key.is_(None))
        unread = sa.select(cc.c.key).where(cc.c.username == actor.username, cc.c.read_at.is_(None))
        numbers = [
            sa.select(sa.func.count()).select_from(one.limit(MOST_COUNTED).subquery()).scalar_subquery()
            for one in (sa.union_all(*done_keys), started_keys, unread)
        ]
        found = connection.execute(sa.select(*numbers)).one()
    by_process = {int(row.definition): int(row.number) for row in open_tasks}
    todo = sum(by_process.values())
    which = sum(int(row.which) for row in open_tasks) if todo < MOST_COUNTED else 0
    return Counts(todo, int(found[0]), int(found[1]), int(found[2]), by_process, which)


__all__ = [
    "MOST_COUNTED",
    "Counts",
    "Rows",
    "TaskRow",
    "Wanted",
    "count_todo",
    "counts",
    "cursor_of",
    "done",
    "task_rows",
    "todo",
]

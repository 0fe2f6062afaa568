"""Work of people for whom a person acts now: approvals whose turn it is theirs, and plain tasks that they have."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server.domain.approvals.items import ItemState
from bpm_server.domain.represented import represented_by
from bpm_server.domain.states import TaskState
from bpm_server.store.moments import read_moment
from bpm_server.store.organisation import may_be_substitute
from bpm_server.store.tables.approvals import approval as a
from bpm_server.store.tables.approvals import approval_item as i
from bpm_server.store.tables.tasks import user_task as t
from bpm_server.store.tables.tasks import user_task_candidate as c

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy.engine import Connection

    from bpm_server.domain.identity import Actor
    from bpm_server.domain.represented import Represented
    from bpm_server.reports.inbox_rows import TaskRow
    from bpm_server.services.server import Server

Branch = tuple[sa.Select[Any], sa.ColumnElement[int]]


def find_represented(connection: Connection, server: Server, actor: Actor) -> tuple[Represented, ...]:
    """For whom the actor acts now. Most people act for nobody, for which the organisation need not be read."""
    if not may_be_substitute(connection, actor.username):
        return ()
    moment = read_moment(connection)
    return represented_by(server.organisations.at(connection, moment), actor.username, moment.now)


def work_for_others(others: Iterable[Represented], columns: Sequence[sa.ColumnElement[Any]]) -> list[Branch]:
    """Columns of open tasks of each of these people, an index range each, with the column that it is ordered by."""
    found: list[Branch] = []
    for one in others:
        covered = t.c.process_id.not_in(one.processes) if one.is_for_others else t.c.process_id.in_(one.processes)
        if one.allows(None):
            had = sa.select(*columns).where(t.c.assignee == one.username, t.c.state == TaskState.CREATED, covered)
            found.append((had, t.c.key))
        asked = (
            sa.select(*columns)
            .join_from(c, t, t.c.key == c.c.task_key)
            .join(a, a.c.task_key == t.c.key)
            .where(c.c.kind == "u", c.c.name == one.username, t.c.assignee.is_(None), ~a.c.is_correcting)
            .where(t.c.state == TaskState.CREATED, covered, _allowed(one))
        )
        found.append((asked, c.c.task_key))
    return found


def _allowed(one: Represented) -> sa.ColumnElement[bool]:
    """The amount, stored as decimal text; the act itself compares it exactly."""
    amount = sa.cast(a.c.amount, sa.Numeric)
    above = [] if one.above is None else [amount > one.above]
    if one.most is not None:
        return sa.and_(amount <= one.most, *above)
    return sa.or_(a.c.amount.is_(None), *above) if above else sa.true()


def name_represented(
    connection: Connection, actor: Actor, others: Sequence[Represented], found: Sequence[TaskRow]
) -> list[TaskRow]:
    """Says at each task for whom the actor acts there, where they are not asked themselves."""
    if not others or not found:
        return list(found)
    query = (
        sa.select(i.c.task_key, i.c.person, a.c.amount)
        .join_from(i, a, sa.and_(a.c.task_key == i.c.task_key, a.c.round == i.c.round))
        .where(i.c.task_key.in_([row.key for row in found]), i.c.state == ItemState.TO_DO)
        .order_by(i.c.key)
    )
    asked: dict[int, list[tuple[str, Decimal | None]]] = {}
    for row in connection.execute(query):
        amount = None if row.amount is None else Decimal(row.amount)
        asked.setdefault(row.task_key, []).append((row.person, amount))
    return [replace(row, on_behalf_of=_whom(actor, others, row, asked.get(row.key, []))) for row in found]


def _whom(
    actor: Actor, others: Sequence[Represented], row: TaskRow, asked: Sequence[tuple[str, Decimal | None]]
) -> tuple[str, ...]:
    people = [(row.assignee, None)] if row.assignee else asked
    if any(person == actor.username for person, _ in people):
        return ()
    return tuple(
        person
        for person, amount in people
        if any(one.username == person and one.covers(row.process_id) and one.allows(amount) for one in others)
    )

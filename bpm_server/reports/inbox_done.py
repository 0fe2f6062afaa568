"""What a person has done: tasks that they completed, approvals that they signed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server.domain.states import TaskState
from bpm_server.store.tables.approvals import approval_item as i
from bpm_server.store.tables.tasks import user_task as t

if TYPE_CHECKING:
    from bpm_server.domain.identity import Actor
    from bpm_server.services.server import Server

from bpm_server.reports.inbox_rows import MOST_COUNTED, Rows, Wanted, filters, read_moment, task_rows


def done(server: Server, actor: Actor, wanted: Wanted) -> Rows:
    """Tasks that the actor completed or signed, latest first."""
    with server.database.read() as connection:
        parts = [completed(actor), signed(actor)]
        recent = sa.union_all(*[sa.select(one.limit(MOST_COUNTED).subquery().c.definition) for one in parts]).subquery()
        definitions = connection.execute(sa.select(recent.c.definition).distinct()).scalars()
        wheres = filters(connection, server, wanted, sorted(definitions))
        found: list[sa.Row[Any]] = []
        for part, at in zip(parts, (t.c.ended_at, i.c.acted_at), strict=True):
            query = part.where(*wheres)
            if wanted.after:
                before, key = read_moment(wanted.after)
                query = query.where(sa.or_(at < before, sa.and_(at == before, t.c.key < key)))
            query = query.order_by(at.desc(), t.c.key.desc()).limit(wanted.limit + 1)
            found += connection.execute(query).all()
        found.sort(key=lambda row: (row.at, row.key), reverse=True)
        shown = found[: wanted.limit]
        rows = task_rows(connection, server, [row.key for row in shown], {row.key: row for row in shown})
    cursor = f"{shown[-1].at.isoformat()}_{shown[-1].key}" if len(found) > wanted.limit else None
    return Rows(tuple(rows), cursor)


def completed(actor: Actor) -> sa.Select[Any]:
    """Tasks that somebody completed, except approvals that they signed."""
    columns = (
        t.c.key,
        t.c.ended_at.label("at"),
        sa.null().label("vote"),
        t.c.process_definition_key.label("definition"),
    )
    mine = sa.exists().where(i.c.task_key == t.c.key, i.c.acted_by == actor.username)
    return sa.select(*columns).where(t.c.ended_by == actor.username, t.c.state == TaskState.COMPLETED, ~mine)


def signed(actor: Actor) -> sa.Select[Any]:
    """Approvals that somebody signed, by what they did there last; open ones too."""
    later = i.alias("later")
    again = sa.exists().where(
        later.c.task_key == i.c.task_key, later.c.acted_by == actor.username, later.c.key > i.c.key
    )
    columns = (
        t.c.key,
        i.c.acted_at.label("at"),
        i.c.state.label("vote"),
        t.c.process_definition_key.label("definition"),
    )
    return (
        sa.select(*columns)
        .join_from(i, t, t.c.key == i.c.task_key)
        .where(i.c.acted_by == actor.username, i.c.acted_at.is_not(None), ~again)
    )

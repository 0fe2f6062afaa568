"""What a person was told: searching it, the newest for the pages, and whether anything looks different."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server.domain.approvals.items import OPEN
from bpm_server.kernel import json
from bpm_server.reports import inbox
from bpm_server.reports.query import Kind
from bpm_server.reports.search import Field, Search
from bpm_server.store.tables.approvals import approval_item as i
from bpm_server.store.tables.instances import process_instance as p
from bpm_server.store.tables.notifications import notification as n
from bpm_server.store.tables.tasks import user_task as t

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from bpm_server.domain.identity import Actor
    from bpm_server.services.server import Server

Where = sa.ColumnElement[bool]
MOST_COUNTED = 100
"""The bell says "99+" then."""
NEWEST = 50
"""Notifications on one page."""


@dataclass(frozen=True, slots=True)
class NotificationRow:
    """A notification as a search gives it."""

    key: int
    username: str
    kind: str
    instance_key: int
    task_key: int | None
    by: str | None
    at: datetime
    read_at: datetime | None
    details: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Told:
    """A notification with what a page says of it; the last four are of its task, if it has one.

    ``was_asked``: they were asked at its approval node, and have nothing to do there any more.
    """

    key: int
    kind: str
    by: str | None
    at: datetime
    read_at: datetime | None
    details: Mapping[str, str]
    task_key: int | None
    instance_key: int
    process_definition_key: int
    element_id: str | None
    name: str | None
    ended_at: datetime | None
    was_asked: bool


@dataclass(frozen=True, slots=True)
class Pulse:
    """How a person's pages look now: ``mark`` changes when they look different."""

    mark: str
    unread: int
    counts: inbox.Counts


def _mine(actor: Actor) -> Where:
    """Everybody's are their own, whatever rights somebody else has."""
    return n.c.username == actor.username


NOTIFICATIONS = Search(
    "notification",
    NotificationRow,
    source=n,
    key=n.c.key,
    columns={name: n.c[name] for name in NotificationRow.__slots__},
    fields_={
        **{name: Field(Kind.KEY, n.c[name]) for name in ("key", "instance_key", "task_key")},
        **{name: Field(Kind.TEXT, n.c[name]) for name in ("kind", "by")},
        **{name: Field(Kind.MOMENT, n.c[name]) for name in ("at", "read_at")},
    },
    sight=_mine,
    permission=("NOTIFICATION", "READ"),
    convert={"details": json.loads},
)


def unread(connection: Connection, actor: Actor) -> int:
    """How many a person has not read, counted up to ``MOST_COUNTED``."""
    return connection.execute(sa.select(_number_unread(actor))).scalar_one()


def _number_unread(actor: Actor) -> sa.ScalarSelect[int]:
    some = sa.select(sa.literal(1)).where(_mine(actor), n.c.read_at.is_(None)).limit(MOST_COUNTED).subquery()
    return sa.select(sa.func.count()).select_from(some).scalar_subquery()


def newest(server: Server, actor: Actor, before: int | None = None) -> list[Told]:
    """A page of what a person was told, newest first; one more than a page has where there are more."""
    return _told(server, actor, NEWEST + 1, *([] if before is None else [n.c.key < before]))


def told(server: Server, actor: Actor, keys: Sequence[int]) -> list[Told]:
    """Some of what a person was told, newest first."""
    return _told(server, actor, len(keys), n.c.key.in_(keys))


def _told(server: Server, actor: Actor, limit: int, *wheres: Where) -> list[Told]:
    columns: list[Any] = [
        *(n.c[name] for name in ("key", "kind", "by", "at", "read_at", "details", "task_key", "instance_key")),
        p.c.process_definition_key,
        t.c.element_id,
        t.c.name,
        t.c.ended_at,
        sa.and_(_at_node(actor), ~_at_node(actor, i.c.state.in_(OPEN))).label("was_asked"),
    ]
    joined = n.join(p, p.c.key == n.c.instance_key).outerjoin(t, t.c.key == n.c.task_key)
    query = sa.select(*columns).select_from(joined).where(_mine(actor), *wheres)
    with server.database.read() as connection:
        rows = connection.execute(query.order_by(n.c.key.desc()).limit(limit)).all()
    return [Told(**{**row._mapping, "details": json.loads(row.details)}) for row in rows]


def _at_node(actor: Actor, *wheres: Where) -> Where:
    return sa.exists().where(i.c.task_key == n.c.task_key, i.c.person == actor.username, *wheres)


def pulse(server: Server, actor: Actor) -> Pulse:
    """A mark of a person's lists and notifications, made from numbers alone: cheap enough to ask often."""
    last = sa.select(sa.func.max(n.c.key)).where(_mine(actor)).scalar_subquery()
    with server.database.read() as connection:
        newest_key, number = connection.execute(sa.select(last, _number_unread(actor))).one()
    counts = inbox.counts(server, actor)
    lists = (counts.todo, counts.done, counts.started, counts.copies)
    text = f"{newest_key} {number} {lists} {sorted(counts.by_process.items())} {counts.sum_of_keys}"
    return Pulse(hashlib.sha256(text.encode()).hexdigest()[:16], number, counts)

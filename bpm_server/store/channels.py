"""Channels of outside work: which have something due, and how they do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from bpm_server.domain.channels import WEBHOOKS
from bpm_server.store import jobs, outbox, rows
from bpm_server.store.tables.channels import channel
from bpm_server.store.tables.connectors import webhook_delivery, webhook_endpoint
from bpm_server.store.tables.jobs import job

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.engine import Connection, Row


_BLANK = {"failures": 0, "paused_until": None, "reason": None, "free_at": None}


@dataclass(frozen=True, slots=True)
class DueChannel:
    """A channel with work that may begin now; ``failures``: calls in a row that failed."""

    name: str
    failures: int


def _due_names(
    column: sa.ColumnElement[str], open_: sa.ColumnElement[bool], due: Sequence[Any], name: Any
) -> sa.Select[Any]:
    """Names, in order, of channels after ``b_after`` that have something due and do not pause.

    One look into the index for each channel, however many rows it has: the next name follows from the one before.
    """
    now = sa.bindparam("b_now", type_=channel.c.paused_until.type)
    first = sa.select(sa.func.min(column).label("one")).where(open_, column > sa.bindparam("b_after"))
    names = first.cte("names", recursive=True)
    after = sa.select(sa.func.min(column)).where(open_, column > names.c.one).scalar_subquery()
    names = names.union_all(sa.select(after).where(names.c.one.is_not(None)))
    return (
        sa.select(names.c.one, sa.func.coalesce(channel.c.failures, rows.ZERO))
        .select_from(names.outerjoin(channel, channel.c.name == name(names.c.one)))
        .where(
            names.c.one.is_not(None),
            sa.exists().where(open_, column == names.c.one, *due),
            channel.c.paused_until.is_(None) | (channel.c.paused_until <= now),
            channel.c.free_at.is_(None) | (channel.c.free_at <= now),
        )
        .order_by(names.c.one)
        .limit(sa.bindparam("b_limit", type_=sa.Integer))
        .offset(rows.ZERO)
    )


_DUE_JOBS = rows.Query(lambda _: _due_names(job.c.channel, jobs.OPEN, jobs.DUE, lambda one: one))
_DUE_DELIVERIES = rows.Query(
    lambda _: _due_names(
        webhook_delivery.c.endpoint_name,
        outbox.WAITING,
        outbox.DUE,
        lambda one: sa.literal_column(f"'{WEBHOOKS}'", sa.Text) + one,
    )
)
_PAUSING = rows.Query(
    lambda _: sa.select(webhook_endpoint.c.name).where(
        webhook_endpoint.c.paused_until > sa.bindparam("b_now", type_=webhook_endpoint.c.paused_until.type)
    )
)


def due_jobs(connection: Connection, now: datetime, after: str, limit: int) -> list[DueChannel]:
    """Channels after a name, in order, whose jobs may begin."""
    found = _DUE_JOBS.all(connection, b_now=now, b_after=after, b_limit=limit)
    return [DueChannel(name, failures) for name, failures in found]


def due_deliveries(connection: Connection, now: datetime, after: str, limit: int) -> list[DueChannel]:
    """Channels after a name, in order, whose webhooks may be sent; endpoints that asked for a pause have it."""
    found = _DUE_DELIVERIES.all(connection, b_now=now, b_after=after.removeprefix(WEBHOOKS), b_limit=limit)
    pausing = {name for (name,) in _PAUSING.all(connection, b_now=now)} if found else set()
    return [DueChannel(WEBHOOKS + name, failures) for name, failures in found if name not in pausing]


def _next_moments(_dialect: str) -> sa.Select[Any]:
    e, d = webhook_endpoint, webhook_delivery
    now = sa.bindparam("b_now", type_=channel.c.paused_until.type)
    moments = [
        sa.select(sa.func.min(job.c.available_at)).where(
            jobs.OPEN, job.c.channel.is_not(None), job.c.retries > rows.ZERO, ~job.c.suspended, job.c.available_at > now
        ),
        sa.select(sa.func.min(d.c.next_at)).where(outbox.WAITING, ~d.c.suspended, d.c.next_at > now),
        sa.select(sa.func.min(channel.c.paused_until)).where(channel.c.paused_until > now),
        sa.select(sa.func.min(channel.c.free_at)).where(channel.c.free_at > now),
        sa.select(sa.func.min(e.c.paused_until)).where(e.c.paused_until > now),
    ]
    return sa.select(*[one.scalar_subquery().label(f"moment_{place}") for place, one in enumerate(moments)])


_NEXT_MOMENTS = rows.Query(_next_moments)


def next_due(connection: Connection, now: datetime) -> datetime | None:
    """When something more may begin: the next row is due, or a channel's time to wait is over (database time)."""
    (found,) = _NEXT_MOMENTS.all(connection, b_now=now)
    return min((moment for moment in found if moment is not None), default=None)


def lock(connection: Connection, name: str) -> Row[Any]:
    """A channel's row, locked; made where it has none."""
    query = sa.select(*channel.columns).where(channel.c.name == name).with_for_update()
    found = connection.execute(query).one_or_none()
    if found is None:
        insert: Any = (sqlite if connection.dialect.name == "sqlite" else postgresql).insert(channel)
        connection.execute(insert.values({**_BLANK, "name": name}).on_conflict_do_nothing())
        found = connection.execute(query).one()
    return found


def update(connection: Connection, name: str, **values: Any) -> None:
    """Changes a channel's row, which is locked."""
    connection.execute(channel.update().where(channel.c.name == name).values(values))


def mend(connection: Connection, name: str) -> bool:
    """A call worked: failures count from nothing again; False where none had failed."""
    query = channel.update().where(channel.c.name == name, channel.c.failures > 0)
    return bool(connection.execute(query.values(failures=0, paused_until=None, reason=None)).rowcount)


def adopt_jobs(connection: Connection, channels: dict[str, str]) -> int:
    """Jobs that waited before there was a connector for their type get its channel; returns how many."""
    query = (
        job.update()
        .where(jobs.OPEN, job.c.type.in_(channels), job.c.channel.is_(None), job.c.kind != "async")
        .values(channel=sa.case(channels, value=job.c.type))
    )
    return connection.execute(query).rowcount


def has_strays(connection: Connection, types: Sequence[str]) -> bool:
    """Whether :func:`adopt_jobs` has something to do."""
    query = sa.select(job.c.key).where(jobs.OPEN, job.c.type.in_(types), job.c.channel.is_(None), job.c.kind != "async")
    return connection.execute(query.limit(1)).first() is not None

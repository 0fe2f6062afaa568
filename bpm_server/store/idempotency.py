"""Rows of requests that count once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.dialects import postgresql, sqlite

from bpm_server.domain.idempotency import HELD, KEPT, ClaimLost, InProgress
from bpm_server.store import rows
from bpm_server.store.tables.idempotency import idempotent_request as t

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.engine import Connection, Row

    from bpm_server.domain.idempotency import Asked, KeptReply

_LOCK_NOT_AVAILABLE = "55P03"
_REPLY = rows.Prepared(
    lambda _: (
        t.update()
        .where(t.c.id == sa.bindparam("b_id"))
        .values(
            status=sa.bindparam("b_status", type_=t.c.status.type),
            content_type=sa.bindparam("b_type", type_=t.c.content_type.type),
            body=sa.bindparam("b_body", type_=t.c.body.type),
            progress=sa.null(),
        )
    )
)
_PROGRESS = rows.Prepared(
    lambda _: (
        t.update()
        .where(t.c.id == sa.bindparam("b_id"))
        .values(
            progress=sa.bindparam("b_progress", type_=t.c.progress.type),
            held_until=sa.bindparam("b_until", type_=t.c.held_until.type),
        )
    )
)


def find(connection: Connection, request_id: str) -> Row[Any] | None:
    """A request by its id."""
    return connection.execute(sa.select(*t.columns).where(t.c.id == request_id)).one_or_none()


def claim(connection: Connection, asked: Asked, now: datetime) -> None:
    """Takes a request for this transaction; another one with the same id waits until this one ends.

    A request that was left without a reply is taken over.

    Raises:
        ClaimLost: another one was faster.
        InProgress: it is still at work.
    """
    values = {"id": asked.id, "fingerprint": asked.fingerprint, "held_until": now + HELD, "expires_at": now + KEPT}
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    plain = dialect.insert(t).values(values)
    left = t.c.status.is_(None) & (t.c.held_until <= now) & (t.c.fingerprint == asked.fingerprint)
    taking = plain.on_conflict_do_update(
        index_elements=[t.c.id], set_={"held_until": plain.excluded.held_until}, where=left
    ).returning(t.c.id)
    try:
        taken = connection.execute(taking).first()
    except exc.OperationalError as error:
        if getattr(error.orig, "sqlstate", None) == _LOCK_NOT_AVAILABLE:
            message = "Expected the first request with this key to be done, but it is still at work"
            raise InProgress(message, retry_after=1, retry=False) from error
        raise
    if taken is None:
        message = "Expected to be the first request with this key, but another one was faster"
        raise ClaimLost(message, retry=False)


def keep_reply(connection: Connection, request_id: str, reply: KeptReply) -> None:
    """What was answered."""
    values = {"b_id": request_id, "b_status": reply.status, "b_type": reply.content_type, "b_body": reply.body}
    _REPLY.run(connection, [values])


def keep_progress(connection: Connection, request_id: str, progress: bytes | None, held_until: datetime) -> None:
    """What a request without a reply has done, and until when somebody works on it."""
    _PROGRESS.run(connection, [{"b_id": request_id, "b_progress": progress, "b_until": held_until}])


def forget(connection: Connection, request_id: str) -> None:
    """A request that came to nothing."""
    connection.execute(t.delete().where(t.c.id == request_id, t.c.status.is_(None)))


def delete_expired(connection: Connection, now: datetime, limit: int) -> int:
    """Removes requests whose time is over, some at a time; returns how many."""
    old = sa.select(t.c.id).where(t.c.expires_at <= now).order_by(t.c.expires_at).limit(limit)
    ids = list(connection.execute(old.with_for_update(skip_locked=True)).scalars())
    if ids:
        connection.execute(t.delete().where(t.c.id.in_(ids)))
    return len(ids)


def next_due(connection: Connection) -> datetime | None:
    """When the next one goes (database time)."""
    found: datetime | None = connection.execute(sa.select(sa.func.min(t.c.expires_at))).scalar()
    return found

"""Reading and changing what people are told; new rows are written with the transaction's batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server.domain.notifications import ASKS
from bpm_server.store import rows
from bpm_server.store.tables.notifications import calendar_feed
from bpm_server.store.tables.notifications import notification as t

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.engine import Connection


@dataclass(frozen=True, slots=True)
class About:
    """What a notification is about."""

    kind: str
    instance_key: int
    task_key: int | None


def mark_read(connection: Connection, username: str, keys: Sequence[int] | None, at: datetime) -> int:
    """Somebody has seen notifications of theirs; None: all. The first time counts. Returns how many were new."""
    wheres = [t.c.username == username, t.c.read_at.is_(None)]
    if keys is not None:
        wheres.append(t.c.key.in_(keys))
    return connection.execute(t.update().where(*wheres).values(read_at=at)).rowcount


def find_about(connection: Connection, username: str, key: int) -> About | None:
    """What a notification of somebody is about; None where they have no such."""
    query = sa.select(t.c.kind, t.c.instance_key, t.c.task_key).where(t.c.key == key, t.c.username == username)
    row = connection.execute(query).one_or_none()
    return None if row is None else About(*row)


def asked_since(connection: Connection, username: str, task_key: int, at: datetime) -> list[sa.Row[Any]]:
    """Key, ``read_at``, ``mail_at`` and ``push_at`` of what asks something of somebody at a task since a moment."""
    mine = (t.c.username == username, t.c.task_key == task_key, t.c.at >= at, t.c.kind.in_(ASKS))
    return list(connection.execute(sa.select(t.c.key, t.c.read_at, t.c.mail_at, t.c.push_at).where(*mine)))


def delete(connection: Connection, keys: Sequence[int]) -> None:
    """Removes notifications."""
    if keys:
        connection.execute(t.delete().where(t.c.key.in_(keys)))


def delete_before(connection: Connection, at: datetime, limit: int) -> int:
    """Removes the oldest of those before a moment, at most so many; returns how many."""
    old = sa.select(t.c.key).where(t.c.at < at).order_by(t.c.at).limit(limit)
    return connection.execute(t.delete().where(t.c.key.in_(old))).rowcount


def forget_person(connection: Connection, username: str) -> None:
    """Removes what a person was told, with the person."""
    for table in (t, calendar_feed):
        connection.execute(table.delete().where(table.c.username == username))


def feed_nonce(connection: Connection, username: str) -> str | None:
    """What makes the address of a person's calendar now; None where it has none."""
    found: str | None = connection.execute(
        sa.select(calendar_feed.c.nonce).where(calendar_feed.c.username == username)
    ).scalar_one_or_none()
    return found


def set_feed(connection: Connection, username: str, nonce: str, at: datetime) -> None:
    """Gives a person's calendar another address."""
    values = {"username": username, "nonce": nonce, "created_at": at}
    rows.upsert(connection, calendar_feed, [values], ("username",), ("nonce", "created_at"))


def delete_feed(connection: Connection, username: str) -> None:
    """A person's calendar has no address any more."""
    connection.execute(calendar_feed.delete().where(calendar_feed.c.username == username))

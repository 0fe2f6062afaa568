"""Which notifications wait for a mail, and mails on their way."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server.domain.mails import Choices, Letter
from bpm_server.domain.states import MailState
from bpm_server.kernel import json
from bpm_server.store import rows
from bpm_server.store.tables.identity import user
from bpm_server.store.tables.mails import mail as t
from bpm_server.store.tables.notifications import notification as n

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from sqlalchemy.engine import Connection, Row

_LOCK = 7301736
MAILED = n.c.mail_at.is_not(None)
WAITING = t.c.state == sa.literal_column(f"'{MailState.WAITING}'")
"""As the partial index says it."""


_MADE_OF = (n.c.key, n.c.username, n.c.kind, n.c.mail_daily)


@dataclass(frozen=True, slots=True)
class NewMail:
    """A mail to be sent; ``daily``: it tells of a day."""

    key: int
    username: str
    notifications: tuple[int, ...]
    daily: bool = False


@dataclass(frozen=True, slots=True)
class Receiver:
    """Somebody who works here, and what they have chosen."""

    choices: Choices
    time_zone: str | None


def try_lock(connection: Connection) -> bool:
    """Until the commit nobody else makes mails; False where somebody does. SQLite has one writer anyway."""
    if connection.dialect.name != "postgresql":
        return True
    found: bool = connection.execute(sa.select(sa.func.pg_try_advisory_xact_lock(_LOCK))).scalar_one()
    return found


# --- notifications ----------------------------------------------------------------------------------------


def due_notifications(connection: Connection, now: datetime, limit: int) -> list[Row[Any]]:
    """Notifications whose mails are to be made, the longest due first."""
    query = sa.select(*_MADE_OF).where(MAILED, n.c.mail_at <= now)
    return list(connection.execute(query.order_by(n.c.mail_at, n.c.key).limit(limit)))


def due_daily(connection: Connection, now: datetime, usernames: Iterable[str]) -> list[Row[Any]]:
    """All that is due of the daily mails of some people, oldest first."""
    names = sorted(usernames)
    if not names:
        return []
    query = sa.select(*_MADE_OF).where(MAILED, n.c.mail_at <= now, n.c.mail_daily, n.c.username.in_(names))
    return list(connection.execute(query.order_by(n.c.key)))


def settle(connection: Connection, keys: Sequence[int]) -> None:
    """Nothing more is to be made of these."""
    if keys:
        connection.execute(n.update().where(n.c.key.in_(keys)).values(mail_at=None))


def keep_for_daily(connection: Connection, by_key: dict[int, datetime]) -> None:
    """These wait for the daily mail of their people."""
    if by_key:
        connection.execute(
            n.update().where(n.c.key == sa.bindparam("b_key")).values(mail_at=sa.bindparam("b_at"), mail_daily=True),
            [{"b_key": key, "b_at": at} for key, at in by_key.items()],
        )


# --- people -----------------------------------------------------------------------------------------------


def read_choices(connection: Connection, username: str) -> Choices:
    """What somebody has chosen; nothing where there is no such person."""
    query = sa.select(user.c.mail_hour, user.c.mail_choices).where(user.c.username == username)
    row = connection.execute(query).one_or_none()
    return Choices() if row is None else _choices(row.mail_hour, row.mail_choices)


def receivers(connection: Connection, usernames: Iterable[str]) -> dict[str, Receiver]:
    """Those of these people who work here, by name."""
    columns = (user.c.username, user.c.time_zone, user.c.mail_hour, user.c.mail_choices)
    query = sa.select(*columns).where(user.c.username.in_(sorted(usernames)), user.c.active)
    return {
        row.username: Receiver(_choices(row.mail_hour, row.mail_choices), row.time_zone)
        for row in connection.execute(query)
    }


def _choices(hour: int | None, by_kind: str | None) -> Choices:
    return Choices(hour, json.loads(by_kind or "{}"))


# --- mails ------------------------------------------------------------------------------------------------


def insert_mails(connection: Connection, mails: Sequence[NewMail], now: datetime) -> None:
    """Adds mails that are due now."""
    values = [
        {
            "key": one.key,
            "username": one.username,
            "notifications": json.dumps(one.notifications),
            "daily": one.daily,
            "state": MailState.WAITING,
            "attempts": 0,
            "next_at": now,
            "lease": None,
            "leased_until": None,
            "reason": None,
            "created_at": now,
            "ended_at": None,
        }
        for one in mails
    ]
    rows.insert(connection, t, values)


def lease_mails(
    connection: Connection, now: datetime, database_now: datetime, until: datetime, limit: int
) -> list[Letter]:
    """Hands out mails whose time has come, oldest first, under a lease that ends by the database's clock."""
    query = (
        sa.select(t.c.key)
        .where(WAITING, t.c.next_at <= now, _free(database_now))
        .order_by(t.c.next_at, t.c.key)
        .limit(limit)
    )
    keys = list(connection.execute(query.with_for_update(skip_locked=True)).scalars())
    if not keys:
        return []
    lease = secrets.token_hex(16)
    connection.execute(t.update().where(t.c.key.in_(keys)).values(lease=lease, leased_until=until))
    columns = (t.c.key, t.c.username, t.c.notifications, t.c.daily, t.c.attempts)
    found = connection.execute(sa.select(*columns).where(t.c.key.in_(keys)).order_by(t.c.next_at, t.c.key))
    return [
        Letter(row.key, row.username, tuple(json.loads(row.notifications)), row.daily, row.attempts, lease)
        for row in found
    ]


def _free(database_now: datetime) -> sa.ColumnElement[bool]:
    return sa.or_(t.c.leased_until.is_(None), t.c.leased_until <= database_now)


def lock_mail(connection: Connection, key: int) -> Row[Any] | None:
    """A mail as it is."""
    query = sa.select(*t.columns).where(t.c.key == key)
    return connection.execute(query.with_for_update()).one_or_none()


def update_mail(connection: Connection, key: int, **values: Any) -> None:
    """Changes a mail, which nobody has leased any more."""
    connection.execute(t.update().where(t.c.key == key).values(lease=None, leased_until=None, **values))


def next_due(connection: Connection, database_now: datetime) -> datetime | None:
    """When there is something to do that nobody does already."""
    made = connection.execute(sa.select(sa.func.min(n.c.mail_at)).where(MAILED)).scalar_one()
    sent = connection.execute(sa.select(sa.func.min(t.c.next_at)).where(WAITING, _free(database_now))).scalar_one()
    return min((at for at in (made, sent) if at is not None), default=None)


def delete_before(connection: Connection, at: datetime, limit: int) -> int:
    """Removes the oldest of those before a moment, at most so many; returns how many."""
    old = sa.select(t.c.key).where(t.c.created_at < at).order_by(t.c.created_at).limit(limit)
    return connection.execute(t.delete().where(t.c.key.in_(old))).rowcount


def forget_person(connection: Connection, username: str) -> None:
    """Removes a person's mails, with the person."""
    connection.execute(t.delete().where(t.c.username == username))

"""Buffered messages, correlations and subscriptions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server.store import rows
from bpm_server.store.tables.instances import process_instance
from bpm_server.store.tables.messages import correlation, message, started_by_key, subscription

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.engine import Connection, Row


def find_buffered(
    connection: Connection, name: str, correlation_key: str, process_id: str, now: datetime
) -> Row[Any] | None:
    """The oldest kept message for this name and key that has not reached the process yet.

    Args:
        connection: The command's transaction.
        name: Message name.
        correlation_key: As text.
        process_id: BPMN id: a message reaches each process once.
        now: Engine time; expired messages do not count.
    """
    reached = sa.exists().where(correlation.c.message_key == message.c.key, correlation.c.process_id == process_id)
    query = (
        sa.select(*message.columns)
        .where(
            message.c.name == name,
            message.c.correlation_key == correlation_key,
            message.c.expires_at > now,
            ~reached,
        )
        .order_by(message.c.key)
        .limit(1)
    )
    return connection.execute(query).one_or_none()


def record_correlation(
    connection: Connection,
    found: Row[Any],
    process_id: str,
    instance_key: int,
    element_id: str,
    subscription_key: int,
    at: datetime,
) -> None:
    """Remembers that a kept message (``found``) reached a process."""
    rows.insert(
        connection,
        correlation,
        [
            {
                "message_key": found.key,
                "process_id": process_id,
                "instance_key": instance_key,
                "element_id": element_id,
                "subscription_key": subscription_key,
                "name": found.name,
                "correlation_key": found.correlation_key,
                "correlated_at": at,
            }
        ],
    )


def find_subscriptions(
    connection: Connection, kind: str, name: str, correlation_key: str | None = None, *, any_key: bool = False
) -> list[Row[Any]]:
    """Open waits of instances for a message or signal, oldest first; not those of suspended instances.

    Args:
        connection: Any transaction.
        kind: ``message`` or ``signal``.
        name: Its name.
        correlation_key: Must be equal.
        any_key: Take those with any key (signals, Camunda 7).
    """
    t = subscription
    query = sa.select(*t.columns).where(
        t.c.kind == kind, t.c.name == name, t.c.instance_key.is_not(None), ~t.c.suspended
    )
    if not any_key:
        query = query.where(t.c.correlation_key == correlation_key)
    return list(connection.execute(query.order_by(t.c.key)))


def find_subscription(connection: Connection, key: int) -> Row[Any] | None:
    """One subscription, if it is still open."""
    return connection.execute(sa.select(*subscription.columns).where(subscription.c.key == key)).one_or_none()


def find_starts(connection: Connection, kind: str, name: str) -> list[Row[Any]]:
    """Start events of latest definitions that wait for this message or signal."""
    t = subscription
    query = sa.select(*t.columns).where(t.c.kind == kind, t.c.name == name, t.c.instance_key.is_(None))
    return list(connection.execute(query.order_by(t.c.key)))


def lock_key(connection: Connection, name: str, correlation_key: str) -> None:
    """Keeps "message arrives" and "subscription opens" for one name and key apart until the commit.

    Taken after the instance's lock. SQLite has one writer anyway.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(
            sa.select(
                sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(f"{len(name)}:{name}:{correlation_key}", 0))
            )
        )


def insert_message(connection: Connection, values: dict[str, Any]) -> None:
    """Keeps a message; an expired one with the same id makes way."""
    t = message
    if values["message_id"] is not None:
        query = sa.select(t.c.key).where(
            t.c.name == values["name"],
            t.c.correlation_key == values["correlation_key"],
            t.c.message_id == values["message_id"],
            t.c.expires_at <= values["published_at"],
            ~t.c.pending,
        )
        _forget(connection, list(connection.execute(query.with_for_update()).scalars()))
    rows.insert(connection, message, [values])


def _forget(connection: Connection, keys: list[int]) -> None:
    """Deletes messages, and what is left of instances that they reached and that are deleted."""
    if keys:
        c = correlation
        nobody = ~sa.exists().where(process_instance.c.key == c.c.instance_key)
        connection.execute(c.delete().where(c.c.message_key.in_(keys), nobody))
        connection.execute(message.delete().where(message.c.key.in_(keys)))


def find_message(connection: Connection, key: int) -> Row[Any] | None:
    """One kept message."""
    return connection.execute(sa.select(*message.columns).where(message.c.key == key)).one_or_none()


def pending_messages(connection: Connection, limit: int) -> list[int]:
    """Keys of messages that the worker should deliver, oldest first."""
    query = sa.select(message.c.key).where(message.c.pending).order_by(message.c.key).limit(limit)
    return list(connection.execute(query).scalars())


def settle(connection: Connection, found: Row[Any], now: datetime) -> None:
    """Nobody waits for this message now: it is kept for later receivers, or forgotten if its time is over."""
    ours = message.c.key == found.key
    if found.expires_at <= now:
        _forget(connection, [found.key])
    else:
        connection.execute(message.update().where(ours).values(pending=False))


def reached_processes(connection: Connection, message_key: int) -> set[str]:
    """Process ids that a message has reached."""
    query = sa.select(correlation.c.process_id).where(correlation.c.message_key == message_key)
    return set(connection.execute(query).scalars())


def message_exists(connection: Connection, name: str, correlation_key: str, message_id: str, now: datetime) -> bool:
    """Whether a message with this id is being kept, or still on its way to those who wait."""
    t = message
    query = sa.select(t.c.key).where(
        t.c.name == name,
        t.c.correlation_key == correlation_key,
        t.c.message_id == message_id,
        sa.or_(t.c.expires_at > now, t.c.pending),
    )
    return connection.execute(query).first() is not None


def delete_expired(connection: Connection, now: datetime, limit: int) -> None:
    """Forgets some messages that nobody came for in time; ``correlation`` keeps the history of the others."""
    query = (
        sa.select(message.c.key)
        .where(message.c.expires_at <= now, ~message.c.pending)
        .order_by(message.c.expires_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    _forget(connection, list(connection.execute(query).scalars()))


def is_running_by_key(connection: Connection, process_id: str, name: str, correlation_key: str) -> bool:
    """Whether an instance started by this message and key is still running."""
    t = started_by_key
    query = sa.select(t.c.instance_key).where(
        t.c.process_id == process_id, t.c.message_name == name, t.c.correlation_key == correlation_key
    )
    return connection.execute(query).first() is not None


def remember_start(connection: Connection, process_id: str, name: str, correlation_key: str, instance_key: int) -> None:
    """Notes that an instance was started by this message and key."""
    rows.insert(
        connection,
        started_by_key,
        [
            {
                "process_id": process_id,
                "message_name": name,
                "correlation_key": correlation_key,
                "instance_key": instance_key,
            }
        ],
    )


def forget_start(connection: Connection, instance_key: int) -> None:
    """The instance ended: the next kept message of its name and key may start another."""
    t = started_by_key
    # Nothing is read: this is part of a batch, and PostgreSQL's pipeline gives no rows before its end.
    begun = sa.select(t.c.message_name, t.c.correlation_key).where(t.c.instance_key == instance_key)
    same = sa.tuple_(message.c.name, message.c.correlation_key).in_(begun)
    connection.execute(message.update().where(same).values(pending=True))
    connection.execute(t.delete().where(t.c.instance_key == instance_key))

"""Signals on their way to everyone who waits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server.store import rows
from bpm_server.store.tables.messages import pending_signal, signal_receipt

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.engine import Connection, Row


def insert(connection: Connection, key: int, name: str, variables: str, thrown_at: datetime) -> None:
    """A broadcast begins."""
    values = {"key": key, "name": name, "variables": variables, "thrown_at": thrown_at}
    rows.insert(connection, pending_signal, [values])


def find(connection: Connection, key: int) -> Row[Any] | None:
    """A broadcast that is not over."""
    query = sa.select(*pending_signal.columns).where(pending_signal.c.key == key)
    return connection.execute(query).one_or_none()


def pending(connection: Connection, limit: int) -> list[int]:
    """Keys of broadcasts that are not over, oldest first."""
    query = sa.select(pending_signal.c.key).order_by(pending_signal.c.key).limit(limit)
    return list(connection.execute(query).scalars())


def note(connection: Connection, key: int, subscription_key: int) -> bool:
    """Notes that a subscription got the signal; False if it had it already."""
    t = signal_receipt
    query = sa.select(t.c.signal_key).where(t.c.signal_key == key, t.c.subscription_key == subscription_key)
    if connection.execute(query).first() is not None:
        return False
    rows.insert(connection, t, [{"signal_key": key, "subscription_key": subscription_key}])
    return True


def delete(connection: Connection, key: int) -> None:
    """The broadcast is over."""
    connection.execute(signal_receipt.delete().where(signal_receipt.c.signal_key == key))
    connection.execute(pending_signal.delete().where(pending_signal.c.key == key))

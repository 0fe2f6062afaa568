"""Batch operations: making the list of items, handing items out, booking what came of them.

Who locks several rows takes them in the order operation, then items; so whoever books a result and whoever stops the
operation do not wait for each other in a circle.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server.domain.batch_operations import RUNNING, AskerKind, Kind, LeasedItem
from bpm_server.domain.states import BatchItemState, BatchOperationState
from bpm_server.kernel.errors import NotFound, WrongState
from bpm_server.store import rows
from bpm_server.store.tables.batch_operations import batch_operation as o
from bpm_server.store.tables.batch_operations import batch_operation_item as i
from bpm_server.store.types import UtcDateTime

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.engine import Connection

SERVED_TOGETHER = 5
"""Operations that take turns; later ones wait until one of them has ended."""
Targets = sa.Select[Any]
"""What an operation is for: item key, instance key and root key, named ``item_key``, ``instance_key``, ``root_key``."""


def insert_operation(connection: Connection, values: dict[str, Any]) -> None:
    """Adds an operation."""
    rows.insert(connection, o, [values])


def insert_items(connection: Connection, operation_key: int, targets: Targets, now: datetime) -> int:
    """Makes the list of items, within the database and as of one moment; returns how many there are.

    Args:
        connection: The command's transaction.
        operation_key: Whose items they are.
        targets: Finds them.
        now: Database time, from which they are handed out.
    """
    found = targets.subquery()
    values: dict[str, sa.ColumnElement[Any]] = {
        "operation_key": sa.literal(operation_key, i.c.operation_key.type),
        **{name: found.c[name] for name in ("item_key", "instance_key", "root_key")},
        "state": sa.literal(BatchItemState.ACTIVE.value),
        "available_at": sa.literal(now, UtcDateTime),
    }
    labeled = [value.label(name) for name, value in values.items()]
    statement = i.insert().from_select(list(values), sa.select(*labeled))
    return connection.execute(statement, execution_options={"preserve_rowcount": True}).rowcount


def lock_state(connection: Connection, key: int) -> str:
    """Locks an operation; returns its state.

    Raises:
        NotFound: there is none with this key.
    """
    state: str | None = connection.execute(sa.select(o.c.state).where(o.c.key == key).with_for_update()).scalar()
    if state is None:
        message = f"Expected to find batch operation '{key}', but there is none"
        raise NotFound(message)
    return state


def set_state(connection: Connection, key: int, state: BatchOperationState, ended_at: datetime | None = None) -> None:
    """Changes the state of a locked operation."""
    connection.execute(o.update().where(o.c.key == key).values(state=state, ended_at=ended_at))


def cancel_items(connection: Connection, key: int) -> None:
    """Nothing more is done to the items of a locked operation that wait."""
    waiting = i.update().where(i.c.operation_key == key, i.c.state == BatchItemState.ACTIVE)
    connection.execute(waiting.values(state=BatchItemState.CANCELED, lease=None))


# --- handing out ----------------------------------------------------------------------------------------


def lease_items(
    connection: Connection, now: datetime, database_now: datetime, until: datetime, limit: int
) -> list[LeasedItem]:
    """Hands out items of the operations that run, shared out among them.

    Args:
        connection: The command's transaction.
        now: Engine time: when an operation begins.
        database_now: Items that somebody else has until later are passed over.
        until: When the lease ends, by database time.
        limit: At most so many.
    """
    running = sa.select(o).where(o.c.state.in_(RUNNING)).order_by(o.c.key).limit(SERVED_TOGETHER)
    operations = connection.execute(running).all()
    fresh = [one.key for one in operations if one.started_at is None]
    if fresh:
        begun = o.update().where(o.c.key.in_(fresh), o.c.started_at.is_(None), o.c.state.in_(RUNNING))
        connection.execute(begun.values(state=BatchOperationState.ACTIVE, started_at=now))
    lease = secrets.token_hex(16)
    leased: list[LeasedItem] = []
    for one in operations:
        keys = _lease(connection, one.key, lease, database_now, until, max(limit // len(operations), 1))
        leased += [
            LeasedItem(one.key, key, lease, Kind(one.kind), one.plan, AskerKind(one.asker_kind), one.asker)
            for key in keys
        ]
    return leased


def _lease(
    connection: Connection, operation_key: int, lease: str, now: datetime, until: datetime, limit: int
) -> list[int]:
    query = (
        sa.select(i.c.item_key)
        .where(i.c.operation_key == operation_key, i.c.state == BatchItemState.ACTIVE, i.c.available_at <= now)
        .order_by(i.c.item_key)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    keys = list(connection.execute(query).scalars())
    if keys:
        mine = i.update().where(i.c.operation_key == operation_key, i.c.item_key.in_(keys))
        connection.execute(mine.values(lease=lease, available_at=until))
    return keys


def is_due(connection: Connection, item: LeasedItem) -> bool:
    """Whether the worker still has this item, and its operation is neither held nor stopped."""
    query = (
        sa.select(i.c.item_key)
        .join_from(i, o, o.c.key == i.c.operation_key)
        .where(*_held(item), o.c.state == BatchOperationState.ACTIVE)
    )
    return connection.execute(query).first() is not None


def book_item(
    connection: Connection, item: LeasedItem, state: BatchItemState, message: str | None, now: datetime
) -> None:
    """Writes what came of an item, and ends the operation with its last one.

    Raises:
        WrongState: the lease has ended, or the operation was stopped; the transaction must change nothing.
    """
    counter = o.c.failed if state == BatchItemState.FAILED else o.c.completed
    is_last = o.c.completed + o.c.failed + 1 == o.c.total
    counted = {
        counter.name: counter + 1,
        "state": sa.case((is_last, BatchOperationState.COMPLETED.value), else_=o.c.state),
        "ended_at": sa.case((is_last, sa.literal(now, UtcDateTime)), else_=o.c.ended_at),
    }
    connection.execute(o.update().where(o.c.key == item.operation_key).values(counted))
    booked = i.update().where(*_held(item)).values(state=state, error_message=message, processed_at=now, lease=None)
    if not connection.execute(booked).rowcount:
        text = f"Expected item '{item.item_key}' to be this worker's, but its lease has ended or it was canceled"
        raise WrongState(text, retry=False)


def _held(item: LeasedItem) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        i.c.operation_key == item.operation_key,
        i.c.item_key == item.item_key,
        i.c.state == BatchItemState.ACTIVE,
        i.c.lease == item.lease,
    )

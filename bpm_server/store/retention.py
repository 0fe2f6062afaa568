"""Ended call trees whose time is over: finding them, reading everything of them, deleting it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server.domain.states import DeliveryState
from bpm_server.store.deletion import BY_INSTANCE, delete_instances, some_at_a_time
from bpm_server.store.large_values import fill_rows
from bpm_server.store.tables.connectors import webhook_attempt, webhook_delivery
from bpm_server.store.tables.history import journal, large_value
from bpm_server.store.tables.instances import process_instance
from bpm_server.store.tables.messages import correlation, message

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from bpm_server.domain.retention import Ended

_ROOT = process_instance
_CALLED = process_instance.alias("called")
_CALLED_BY_ROOT = sa.and_(_CALLED.c.root_key == _ROOT.c.key, _CALLED.c.parent_key.is_not(None))


@dataclass(frozen=True, slots=True)
class Removable:
    """How much of a process there is to remove: call trees, and when the first and the last of them ended."""

    process_id: str
    instances: int
    first_ended_at: datetime
    last_ended_at: datetime


def _over(which: Ended, now: datetime) -> sa.ColumnElement[bool]:
    """Roots whose time is over and that nothing needs any more."""
    if which.before is None:
        over = _ROOT.c.removal_at <= now
    else:
        over = sa.and_(_ROOT.c.ended_at <= which.before, _ROOT.c.parent_key.is_(None))
    own = sa.true() if which.process_id is None else _ROOT.c.process_id == which.process_id
    return sa.and_(over, own, *[~still for still in _needed(now)])


def _needed(now: datetime) -> list[sa.ColumnElement[bool]]:
    """Why a tree is still needed.

    A part of it still ends; a delivery is on its way; a message that is kept has reached it, and that row is why the
    message does not reach the process a second time.
    """
    needed: list[sa.ColumnElement[bool]] = [sa.exists().where(_CALLED_BY_ROOT, _CALLED.c.ended_at.is_(None))]
    for member, belongs in ((_ROOT, sa.true()), (_CALLED, _CALLED_BY_ROOT)):
        delivery = sa.exists().where(
            belongs, webhook_delivery.c.instance_key == member.c.key, webhook_delivery.c.state == DeliveryState.WAITING
        )
        reached = sa.exists().where(
            belongs,
            correlation.c.instance_key == member.c.key,
            message.c.key == correlation.c.message_key,
            sa.or_(message.c.expires_at > now, message.c.pending),
        )
        needed += [delivery.correlate(_ROOT), reached.correlate(_ROOT)]
    return needed


def removable_trees(connection: Connection, which: Ended, now: datetime, after: int, limit: int) -> list[int]:
    """Roots to remove: those whose removal time came first, or (by their end) in the order of keys.

    Args:
        connection: Any transaction.
        which: Which of them.
        now: Engine time.
        after: Only keys above it, where ``which`` goes by the end: there the order is that of keys.
        limit: At most so many.
    """
    query = sa.select(_ROOT.c.key).where(_over(which, now)).limit(limit)
    if which.before is None:
        query = query.order_by(_ROOT.c.removal_at)
    else:
        query = query.where(_ROOT.c.key > after).order_by(_ROOT.c.key)
    return list(connection.execute(query).scalars())


def lock_removable(connection: Connection, which: Ended, now: datetime, keys: Sequence[int]) -> list[int]:
    """Those of the roots that may still be removed and that nobody else works on; locked."""
    query = sa.select(_ROOT.c.key).where(_ROOT.c.key.in_(keys), _over(which, now)).order_by(_ROOT.c.key)
    return list(connection.execute(query.with_for_update(of=_ROOT, skip_locked=True)).scalars())


def removable_by_process(connection: Connection, which: Ended, now: datetime) -> list[Removable]:
    """What there is to remove, by process."""
    ended = _ROOT.c.ended_at
    query = (
        sa.select(_ROOT.c.process_id, sa.func.count(), sa.func.min(ended), sa.func.max(ended))
        .where(_over(which, now))
        .group_by(_ROOT.c.process_id)
        .order_by(_ROOT.c.process_id)
    )
    return [Removable(*row) for row in connection.execute(query)]


def next_removal(connection: Connection, now: datetime) -> datetime | None:
    """Engine time of the next removal; those whose time has come but that are still needed are looked at again."""
    query = sa.select(sa.func.min(_ROOT.c.removal_at)).where(_ROOT.c.removal_at > now)
    found: datetime | None = connection.execute(query).scalar()
    return found


def read_tree(connection: Connection, instance_keys: Sequence[int]) -> dict[str, list[dict[str, Any]]]:
    """Every row of a call tree, by table; tables without any are left out, large values are in their journals."""
    found: dict[str, list[dict[str, Any]]] = {}

    def read(table: sa.Table, where: sa.ColumnElement[bool]) -> None:
        query = sa.select(table).where(where).order_by(*table.primary_key.columns)
        read_rows = [dict(row) for row in connection.execute(query).mappings()]
        if read_rows:
            found.setdefault(table.name, []).extend(read_rows)

    for keys in some_at_a_time(instance_keys):
        read(process_instance, process_instance.c.key.in_(keys))
        for table in (*(table for table in BY_INSTANCE if table is not large_value), webhook_delivery):
            read(table, table.c.instance_key.in_(keys))
        read(webhook_attempt, webhook_attempt.c.delivery_key.in_(_deliveries(keys)))
    for key, steps in groupby(found.get(journal.name, ()), key=itemgetter("instance_key")):
        fill_rows(connection, key, steps)
    return found


def delete_trees(connection: Connection, instance_keys: Sequence[int]) -> dict[str, int]:
    """Deletes the rows that :func:`read_tree` reads; returns how many of which table."""
    attempts = deliveries = 0
    for keys in some_at_a_time(instance_keys):
        t = webhook_attempt
        attempts += connection.execute(t.delete().where(t.c.delivery_key.in_(_deliveries(keys)))).rowcount
        gone = connection.execute(webhook_delivery.delete().where(webhook_delivery.c.instance_key.in_(keys)))
        deliveries += gone.rowcount
    deleted = delete_instances(connection, instance_keys)
    return {**deleted, "webhook_delivery": deliveries, "webhook_attempt": attempts}


def _deliveries(instance_keys: Sequence[int]) -> sa.Select[tuple[int]]:
    return sa.select(webhook_delivery.c.key).where(webhook_delivery.c.instance_key.in_(instance_keys))

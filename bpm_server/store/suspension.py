"""Suspended instances: marking what waits for them, and the commands that wait until they are resumed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from bpm_server.domain.events import SubscriptionOpened
from bpm_server.domain.states import DeliveryState, JobState
from bpm_server.store import rows
from bpm_server.store.tables.connectors import webhook_delivery
from bpm_server.store.tables.instances import deferred_command, process_instance
from bpm_server.store.tables.jobs import job, timer
from bpm_server.store.tables.messages import subscription
from bpm_server.store.tables.tasks import user_task

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.engine import Connection


def mark(connection: Connection, instance_key: int, since: datetime | None) -> None:
    """Suspends (or, without a moment, frees) an instance with what waits for it: tasks, jobs, timers, messages."""
    suspended = since is not None
    t = process_instance
    connection.execute(t.update().where(t.c.key == instance_key).values(suspended_at=since))
    for table, open_ in (
        (user_task, user_task.c.ended_at.is_(None)),
        (job, job.c.state.in_((JobState.CREATED, JobState.FAILED))),
        (timer, sa.true()),
        (subscription, sa.true()),
        (
            webhook_delivery,
            (webhook_delivery.c.state == DeliveryState.WAITING) & webhook_delivery.c.job_key.is_not(None),
        ),
    ):
        # What the resumed instance has ended already is free too.
        marked = open_ if suspended else table.c.suspended
        connection.execute(
            table.update().where(table.c.instance_key == instance_key, marked).values(suspended=suspended)
        )


def defer(connection: Connection, key: int, instance_key: int, command: str) -> None:
    """Keeps a command (JSON) for a suspended instance."""
    rows.insert(connection, deferred_command, [{"key": key, "instance_key": instance_key, "command": command}])


def take_deferred(connection: Connection, instance_key: int) -> list[str]:
    """The commands that were kept, oldest first; they are kept no longer."""
    t = deferred_command
    query = sa.select(t.c.command).where(t.c.instance_key == instance_key).order_by(t.c.key)
    found = list(connection.execute(query).scalars())
    if found:
        connection.execute(t.delete().where(t.c.instance_key == instance_key))
    return found


def message_waits(connection: Connection, instance_key: int) -> list[SubscriptionOpened]:
    """An instance's open waits for messages that are kept by key, oldest first."""
    t = subscription
    names = SubscriptionOpened.__struct_fields__
    query = (
        sa.select(*[t.c[name] for name in names])
        .where(t.c.instance_key == instance_key, t.c.kind == "message", t.c.correlation_key.is_not(None))
        .order_by(t.c.key)
    )
    return [SubscriptionOpened(**row._mapping) for row in connection.execute(query)]

"""Suspending and resuming process instances, each for itself: neither callers nor called instances follow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from bpm_server.domain import commands as c
from bpm_server.domain.audit import Entity, Operation
from bpm_server.domain.states import InstanceState
from bpm_server.kernel import json
from bpm_server.kernel.errors import NotFound, WrongState
from bpm_server.services.advance import Advance
from bpm_server.services.authorization import authorize
from bpm_server.services.reactions import wait_for_kept_message
from bpm_server.services.transaction import command, transaction
from bpm_server.store import suspension as store

if TYPE_CHECKING:
    from bpm_server.domain.identity import Actor
    from bpm_server.services.server import Server
    from bpm_server.services.transaction import Transaction
    from bpm_server.store.batch import InstanceRow


@command
def suspend_instance(server: Server, actor: Actor, key: int) -> None:
    """Lets nothing of an instance move until it is resumed (see ``domain.suspension``).

    Raises:
        NotFound: there is no such active instance.
        WrongState: it is suspended already.
        Forbidden: the permission SUSPEND_PROCESS_INSTANCE is missing.
    """
    with transaction(server, actor) as tx:
        row = tx.lock_instance(key)
        authorize(actor, "PROCESS_DEFINITION", "SUSPEND_PROCESS_INSTANCE", row.process_id)
        suspend(tx, row)


def suspend(tx: Transaction, row: InstanceRow) -> None:
    """See :func:`suspend_instance`; ``row`` is locked."""
    _check(row, "suspend", InstanceState.ACTIVE)
    tx.audit_instance(Entity.PROCESS_INSTANCE, Operation.SUSPEND, row.key, row)
    Advance(tx).run(row, c.SuspendInstance())


@command
def resume_instance(server: Server, actor: Actor, key: int) -> None:
    """Lets an instance go on: what waited for it happens now, what became due meanwhile is due.

    Raises:
        NotFound: there is no such instance that has not ended.
        WrongState: it is not suspended.
        Forbidden: the permission SUSPEND_PROCESS_INSTANCE is missing.
    """
    with transaction(server, actor) as tx:
        row = tx.lock_instance(key)
        authorize(actor, "PROCESS_DEFINITION", "SUSPEND_PROCESS_INSTANCE", row.process_id)
        resume(tx, row)


def resume(tx: Transaction, row: InstanceRow) -> None:
    """See :func:`resume_instance`; ``row`` is locked."""
    _check(row, "resume", InstanceState.SUSPENDED)
    tx.audit_instance(Entity.PROCESS_INSTANCE, Operation.RESUME, row.key, row)
    waits = store.message_waits(tx.connection, row.key)
    advance = Advance(tx)
    advance.run(row, c.ResumeInstance())
    for text in store.take_deferred(tx.connection, row.key):
        advance.follow(row, msgspec.convert(json.loads(text), c.AnyCommand))
        advance.drain()
    for wait in waits:
        wait_for_kept_message(advance, row, wait)
        advance.drain()
    for topic in ("jobs", "timers", "deliveries"):
        tx.wake(topic)


def _check(row: InstanceRow, act: str, wanted: InstanceState) -> None:
    if row.ended_at is not None:
        message = f"Expected to {act} process instance '{row.key}', but it is {row.state}"
        raise NotFound(message)
    if row.state != wanted:
        message = f"Expected to {act} process instance '{row.key}', but it is {row.state} already"
        raise WrongState(message, state=row.state, retry=False)

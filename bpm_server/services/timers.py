"""Firing timers that are due; each in a transaction of its own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from bpm_server.bpmn.model import TimerEvent
from bpm_server.bpmn.timers import parse_cycle
from bpm_server.domain import commands as c
from bpm_server.domain.identity import SYSTEM
from bpm_server.kernel.errors import WrongState
from bpm_server.services.advance import Advance
from bpm_server.services.authorization import authorize
from bpm_server.services.transaction import command, transaction
from bpm_server.store import instances
from bpm_server.store import timers as store
from bpm_server.store.moments import read_moment

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.engine import Row

    from bpm_server.services.server import Server
    from bpm_server.services.transaction import Transaction

LONGEST_POSTPONE = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class DueTimer:
    """A timer that should fire now."""

    key: int
    due_at: datetime


def due_timers(server: Server, limit: int) -> list[DueTimer]:
    """Timers that should have fired by now, earliest first."""
    with server.database.read() as connection:
        found = store.due_timers(connection, read_moment(connection).now, limit)
    return [DueTimer(row.key, row.due_at) for row in found]


@command
def fire_timer(server: Server, key: int) -> bool:
    """Fires one timer; False if it has ended, another worker was faster, or somebody works on its instance just now.

    Who works there is not waited for: the timer stays due, and the others that are due go on.
    """
    with transaction(server, SYSTEM) as tx:
        authorize(tx.actor, "PROCESS_DEFINITION", "UPDATE_PROCESS_INSTANCE")
        found = store.read_timer(tx.connection, key)
        if found is None or found.due_at > tx.now:
            return False
        if found.instance_key is None:
            return _start(tx, key)
        row = instances.try_lock_instance(tx.connection, found.instance_key)
        found = store.read_timer(tx.connection, key)
        if row is None or found is None or row.suspended:
            return False
        step = c.FireTimer(found.element_key, found.event_id, found.due_at, found.repetitions, found.chunk)
        try:
            Advance(tx).run(row, step)
        except WrongState:
            # The row outlived what it belonged to: nobody waits for it.
            message = f"Expected timer '{key}' to belong to a waiting element, but it does not"
            raise WrongState(message, retry=False) from None
    return True


def _start(tx: Transaction, key: int) -> bool:
    """A timer start event: starts an instance and schedules the next turn."""
    found = store.read_timer(tx.connection, key, lock=True)
    if found is None or not store.delete_timer(tx.connection, key):
        return False
    server = tx.server
    compiled = server.definitions.process(tx.connection, tx.moment.definition_version, found.process_definition_key)
    event = compiled.definition.process.nodes[found.event_id].event
    if isinstance(event, TimerEvent) and event.kind == "cycle" and found.repetitions != 0:
        _schedule_next(tx, event, found)
    Advance(tx).start(compiled, c.StartInstance(server.new_key(), {}, found.event_id))
    return True


def _schedule_next(tx: Transaction, event: TimerEvent, found: Row[Any]) -> None:
    text = event.value.evaluate({}, now=tx.now).value
    following = parse_cycle(str(text)).following(found.due_at.astimezone(tx.server.settings.zone()))
    if following is None:
        return
    values = dict(found._mapping)
    values.update(
        key=tx.server.new_key(),
        due_at=following,
        repetitions=None if found.repetitions is None else found.repetitions - 1,
    )
    store.insert_timer(tx.connection, values)


@command
def postpone_timer(server: Server, key: int) -> None:
    """Firing failed for a reason of ours: tries again later, each time after a longer pause."""
    with transaction(server, SYSTEM) as tx:
        authorize(tx.actor, "PROCESS_DEFINITION", "UPDATE_PROCESS_INSTANCE")
        found = store.read_timer(tx.connection, key, lock=True)
        if found is not None:
            pause = min(timedelta(seconds=5) * 2 ** min(found.failures, 10), LONGEST_POSTPONE)
            store.postpone(tx.connection, key, tx.now + pause)


@command
def drop_timer(server: Server, key: int) -> None:
    """Removes a timer that belongs to nobody."""
    with transaction(server, SYSTEM) as tx:
        authorize(tx.actor, "PROCESS_DEFINITION", "UPDATE_PROCESS_INSTANCE")
        store.delete_timer(tx.connection, key)

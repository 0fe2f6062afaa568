"""Clocks of service levels inside a transaction: started with a task, paused and resumed with its case."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from bpm_server.domain import commands as c
from bpm_server.domain import sla
from bpm_server.domain.service_levels import read_service_level
from bpm_server.feel.temporal.values import DaysDuration
from bpm_server.kernel.errors import InvalidInput, NotFound, WrongState
from bpm_server.services.property_values import evaluate
from bpm_server.store import service_levels as store

if TYPE_CHECKING:
    from datetime import datetime

    from bpm_server.domain import events as e
    from bpm_server.domain.property_values import Values
    from bpm_server.domain.service_levels import ServiceLevel
    from bpm_server.services.advance import Advance
    from bpm_server.services.transaction import Transaction
    from bpm_server.store.batch import InstanceRow
    from bpm_server.store.service_levels import ClockRow

SERVICE_LEVEL_ERROR = "SERVICE_LEVEL_ERROR"


def start_clock(advance: Advance, row: InstanceRow, event: e.UserTaskCreated) -> None:
    """Starts the clock of a user task that has just come about; one that cannot be started is an incident."""
    try:
        due = _start(advance, row, event.key, event.element_id, event.chunk)
    except (InvalidInput, NotFound) as error:
        advance.follow(row, c.RaiseIncident(event.key, SERVICE_LEVEL_ERROR, error.message, event.chunk))
        return
    if event.due_date is None:
        advance.tx.batch.change_task(event.key, {"due_date": due})


def start_late(advance: Advance, row: InstanceRow, key: int, element_id: str, chunk: int) -> None:
    """Starts the clock of a task now that could not be started when the task came about.

    Raises:
        WrongState: it still cannot; says why.
    """
    try:
        due = _start(advance, row, key, element_id, chunk)
    except (InvalidInput, NotFound) as error:
        raise WrongState(error.message, retry=False) from error
    store.move_due_dates(advance.tx.connection, [(key, None, due)])


def _start(advance: Advance, row: InstanceRow, key: int, element_id: str, chunk: int) -> datetime | None:
    """When the task is due."""
    tx = advance.tx
    level = read_service_level(advance.node_of(row, element_id).properties)
    known = tx.server.calendars.find(tx.connection, tx.moment, level.calendar_id)
    clock = _clock(tx, level, advance.seen_at(row, key, chunk))
    if row.suspended:
        clock = sla.pause_clock(clock, known.calendar, tx.now)
    started = store.ClockRow(key, row.key, level.calendar_id, known.revision, clock)
    started.set_by(known.calendar, known.revision)
    store.insert_clock(tx.connection, started)
    tx.wake("alarms")
    return started.due_at


def _clock(tx: Transaction, level: ServiceLevel, values: Values) -> sla.SlaClock:
    """Warnings that a target by FEEL leaves no time for are left out."""
    target = _working_time(tx, level.target, values)
    timeout = None if level.timeout is None else _working_time(tx, level.timeout, values)
    warnings = [left for left in level.warnings if left < target]
    return sla.start_clock(level.calendar_id, target, warnings, tx.now, timeout)


def _working_time(tx: Transaction, text: str, values: Values) -> timedelta:
    if not text.startswith("="):
        return sla.read_working_time(text)
    result = evaluate(tx, text, values)
    found: Any = result.value
    if isinstance(found, DaysDuration):  # a day of 24 hours of work where FEEL says so
        return timedelta(microseconds=found.nanos // 1_000)
    if isinstance(found, str):
        return sla.read_working_time(found)
    why = f": {result.diagnostics[0].message}" if result.diagnostics else ""
    message = f"Expected a working time such as PT16H by '{text[:80]}', but found {type(found).__name__}{why}"
    raise InvalidInput(message)


def pause_clocks(tx: Transaction, instance_key: int, task_key: int | None = None) -> None:
    """Time does not count for the tasks of an instance, or for one of them; those that wait already go on waiting."""
    changed = []
    for row, _ in store.lock_clocks(tx.connection, instance_key, task_key):
        if row.clock.running_since is not None:
            known = tx.server.calendars.find(tx.connection, tx.moment, row.calendar_id)
            row.clock = sla.pause_clock(row.clock, known.calendar, tx.now)
            changed.append(row)
    _set(tx, changed)


def resume_clocks(tx: Transaction, instance_key: int, task_key: int | None = None) -> None:
    """Time counts again, but not where the initiator corrects the request."""
    changed = []
    for row, is_correcting in store.lock_clocks(tx.connection, instance_key, task_key):
        if row.clock.is_paused and (task_key is not None or not is_correcting):
            row.clock = sla.resume_clock(row.clock, tx.now)
            changed.append(row)
    _set(tx, changed)
    if changed:
        tx.wake("alarms")


def set_anew(tx: Transaction, outdated: list[ClockRow]) -> None:
    """By their calendars as they are now."""
    _set(tx, outdated)
    if outdated:
        tx.wake("alarms")


def _set(tx: Transaction, changed: list[ClockRow]) -> None:
    moved = []
    for row in changed:
        before = row.due_at
        known = tx.server.calendars.find(tx.connection, tx.moment, row.calendar_id)
        row.set_by(known.calendar, known.revision)
        moved.append((row.task_key, before, row.due_at))
    store.update_clocks(tx.connection, changed)
    store.move_due_dates(tx.connection, moved)

"""Business calendars: saving, changing days of and removing them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bpm_server.domain.audit import Entity, Operation
from bpm_server.domain.calendars import check_calendar
from bpm_server.kernel.errors import Conflict, NotFound
from bpm_server.services.authorization import authorize
from bpm_server.services.transaction import command, transaction
from bpm_server.store import calendars as store
from bpm_server.store import service_levels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bpm_server.domain.calendars import Calendar, SpecialDay
    from bpm_server.domain.identity import Actor
    from bpm_server.services.server import Server
    from bpm_server.services.transaction import Transaction

RESOURCE = "CALENDAR"


@command
def save_calendar(server: Server, actor: Actor, calendar: Calendar) -> None:
    """Adds a calendar, or makes the one of its id like this, days included.

    Raises:
        InvalidInput: it cannot be counted on.
        Forbidden: the permission CALENDAR:CREATE or CALENDAR:UPDATE is missing.
    """
    check_calendar(calendar)
    with transaction(server, actor) as tx:
        before = store.find_calendar(tx.connection, calendar.calendar_id, lock=True)
        if before is None:
            authorize(actor, RESOURCE, "CREATE")
        else:
            authorize(actor, RESOURCE, "UPDATE", calendar.calendar_id)
        _save(tx, before, calendar)


@command
def save_days(server: Server, actor: Actor, calendar_id: str, days: Sequence[SpecialDay]) -> int:
    """Adds holidays and make-up days, or changes those there are; others stay. Gives how many are otherwise now.

    Raises:
        NotFound: there is no such calendar.
        InvalidInput: a day cannot be.
        Forbidden: the permission CALENDAR:UPDATE is missing.
    """
    with transaction(server, actor) as tx:
        authorize(actor, RESOURCE, "UPDATE", calendar_id)
        before = _find(tx, calendar_id)
        after = replace(before, days={**before.days, **{one.day: one for one in days}})
        check_calendar(after)
        changed = sum(before.days.get(day) != one for day, one in after.days.items())
        if changed:
            _save(tx, before, after)
    return changed


@command
def delete_calendar(server: Server, actor: Actor, calendar_id: str) -> None:
    """Removes a calendar with its days.

    Raises:
        NotFound: there is no such calendar.
        Conflict: clocks of open tasks run on it.
        Forbidden: the permission CALENDAR:DELETE is missing.
    """
    with transaction(server, actor) as tx:
        authorize(actor, RESOURCE, "DELETE", calendar_id)
        _find(tx, calendar_id)
        if service_levels.is_used(tx.connection, calendar_id):
            message = f"Expected to remove a calendar that no clock runs on, but open tasks go by '{calendar_id}'"
            raise Conflict(message)
        store.delete_calendar(tx.connection, calendar_id)
        tx.audit(Entity.RESOURCE, Operation.DELETE, calendar_id, description=f"calendar: {calendar_id}")


def _find(tx: Transaction, calendar_id: str) -> Calendar:
    found = store.find_calendar(tx.connection, calendar_id, lock=True)
    if found is None:
        message = f"Expected to find calendar '{calendar_id}', but there is none"
        raise NotFound(message)
    return found


def _save(tx: Transaction, before: Calendar | None, after: Calendar) -> None:
    """Clocks that run on it are set anew by the worker, some at a time."""
    store.save_calendar(tx.connection, after)
    tx.wake("clocks")
    operation = Operation.CREATE if before is None else Operation.UPDATE
    tx.audit(Entity.RESOURCE, operation, after.calendar_id, description=f"calendar: {_told(before, after)}")


def _told(before: Calendar | None, after: Calendar) -> str:
    """What is otherwise, for the audit log: the parts that changed, and each day as it was and is."""
    if before is None:
        return f"{after.time_zone}, {len(after.days)} days"
    parts = ("name", "name_en", "time_zone", "week")
    told = [f"{part} changed" for part in parts if getattr(before, part) != getattr(after, part)]
    for day in sorted({*before.days, *after.days}):
        old, new = before.days.get(day), after.days.get(day)
        if old != new:
            told.append(f"{day}: {'-' if old is None else old.kind} -> {'-' if new is None else new.kind}")
    return "; ".join(told) or "unchanged"

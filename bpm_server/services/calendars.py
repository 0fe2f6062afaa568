"""Business calendars: saving, changing days of and removing them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpm_server.domain.audit import Entity, Operation
from bpm_server.domain.calendar_changes import calendar_changes, with_days
from bpm_server.domain.calendars import check_calendar
from bpm_server.kernel.errors import Conflict, NotFound, StaleVersion
from bpm_server.services.authorization import authorize
from bpm_server.services.transaction import command, transaction
from bpm_server.store import calendars as store
from bpm_server.store import service_levels

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import date

    from bpm_server.domain.calendars import Calendar, SpecialDay
    from bpm_server.domain.identity import Actor
    from bpm_server.services.server import Server
    from bpm_server.services.transaction import Transaction

RESOURCE = "CALENDAR"
NOT_THERE = -1
"""The revision of a calendar that is to be added."""


@command
def save_calendar(server: Server, actor: Actor, calendar: Calendar, *, expected: int | None = None) -> None:
    """Adds a calendar, or makes the one of its id like this, days included.

    Args:
        server: The server.
        actor: Who asks.
        calendar: What it is to be.
        expected: The revision that the actor has seen, ``NOT_THERE`` for none; None overwrites whatever there is.

    Raises:
        InvalidInput: it cannot be counted on.
        StaleVersion: it is of another revision.
        Forbidden: the permission CALENDAR:CREATE or CALENDAR:UPDATE is missing.
    """
    check_calendar(calendar)
    with transaction(server, actor) as tx:
        found = store.find_revision(tx.connection, calendar.calendar_id, lock=True)
        if found is None:
            authorize(actor, RESOURCE, "CREATE")
        else:
            authorize(actor, RESOURCE, "UPDATE", calendar.calendar_id)
        before, revision = found or (None, NOT_THERE)
        _check_revision(calendar.calendar_id, revision, expected)
        _save(tx, before, calendar)


@command
def save_days(
    server: Server,
    actor: Actor,
    calendar_id: str,
    days: Sequence[SpecialDay],
    *,
    without: Collection[date] = (),
    expected: int | None = None,
) -> int:
    """Adds holidays and make-up days, or changes those there are; others stay. Gives how many are otherwise now.

    Args:
        server: The server.
        actor: Who asks.
        calendar_id: Which calendar.
        days: What is added or changed.
        without: Days that are to be like their weekday again.
        expected: The revision that the actor has seen; None for whatever there is.

    Raises:
        NotFound: there is no such calendar.
        InvalidInput: a day cannot be.
        StaleVersion: it is of another revision.
        Forbidden: the permission CALENDAR:UPDATE is missing.
    """
    with transaction(server, actor) as tx:
        authorize(actor, RESOURCE, "UPDATE", calendar_id)
        before, revision = _find(tx, calendar_id)
        _check_revision(calendar_id, revision, expected)
        after = with_days(before, days, without)
        changed = len(calendar_changes(before, after).days)
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


def _check_revision(calendar_id: str, revision: int, expected: int | None) -> None:
    if expected not in (None, revision):
        message = f"Expected revision {expected} of calendar '{calendar_id}', but found {revision}"
        raise StaleVersion(message, revision=revision)


def _find(tx: Transaction, calendar_id: str) -> tuple[Calendar, int]:
    found = store.find_revision(tx.connection, calendar_id, lock=True)
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
    changes = calendar_changes(before, after)
    told = [f"{part} changed" for part, *_ in changes.names]
    told += ["week changed"] if changes.week else []
    for day, old, new in changes.days:
        told.append(f"{day}: {'-' if old is None else old.kind} -> {'-' if new is None else new.kind}")
    return "; ".join(told) or "unchanged"

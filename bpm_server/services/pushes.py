"""Notifications on people's devices: leased, sent outside any transaction, and booked.

A notification says in the transaction of what happened that it may go to devices (``notification.push_at``); whether it
does depends on what its person has chosen and has, at which nobody looks on the way. A lease moves ``push_at`` forward:
a crash between sending and booking sends a message again, with the same tag, so that a device shows one.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from bpm_server.domain.identity import SYSTEM
from bpm_server.domain.notifications import Kind
from bpm_server.domain.pushes import (
    WORTH_IT,
    Fate,
    Push,
    Subscription,
    Target,
    Trial,
    wait_after,
)
from bpm_server.kernel import json
from bpm_server.kernel.errors import InvalidInput
from bpm_server.kernel.log import get_logger
from bpm_server.services.authorization import authorize
from bpm_server.services.push_subscriptions import PURPOSE
from bpm_server.services.transaction import command, transaction
from bpm_server.store import pushes as store
from bpm_server.store.moments import read_moment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from sqlalchemy.engine import Row

    from bpm_server.domain.pushes import Posted
    from bpm_server.services.server import Server
    from bpm_server.services.transaction import Transaction

LEASE = timedelta(minutes=5)
LONGEST_REASON = 500
UNREADABLE = "it was sealed with a secret key that this installation does not have any more"

log = get_logger(__name__)


def are_due(server: Server) -> bool:
    """Whether there is something to do; looked at without locks."""
    with server.database.read() as connection:
        due = store.next_due(connection)
        return due is not None and due <= read_moment(connection).now


@command
def take_pushes(server: Server, limit: int) -> tuple[int, list[Push]]:
    """Leases notifications to send; how many it looked at, and those that go to somebody's device."""
    with transaction(server, SYSTEM, synced=False) as tx:
        authorize(tx.actor, "PUSH", "SEND")
        until = tx.now + LEASE
        due = store.lease_notifications(tx.connection, tx.now, until, limit)
        worth = [row for row in due if row.read_at is None and tx.now - row.at <= WORTH_IT]
        people = store.receivers(tx.connection, {row.username for row in worth}) if worth else {}
        wanted = [row for row in worth if row.username in people and people[row.username].wants(Kind(row.kind))]
        targets = _targets(tx, {row.username for row in wanted})
        found = [
            Push(
                row.key,
                row.username,
                row.kind,
                row.at,
                row.at + WORTH_IT - tx.now,
                until,
                _left(row, targets.get(row.username, [])),
            )
            for row in wanted
        ]
        pushes = [push for push in found if push.targets]
        going = {push.key for push in pushes}
        store.settle(tx.connection, [row.key for row in due if row.key not in going])
        return len(due), pushes


def _left(row: Row[Any], targets: Sequence[Target]) -> tuple[Target, ...]:
    """All devices at first, later those that have not had it."""
    left = None if row.push_to is None else frozenset(json.loads(row.push_to))
    return tuple(one for one in targets if left is None or one.key in left)


def _targets(tx: Transaction, usernames: set[str]) -> dict[str, list[Target]]:
    found: dict[str, list[Target]] = {}
    if usernames:
        rows = store.subscriptions(tx.connection, usernames)
        for row, target in zip(rows, _opened(tx, rows), strict=True):
            if target is not None:
                found.setdefault(row.username, []).append(target)
    return found


def _opened(tx: Transaction, rows: Sequence[Row[Any]]) -> list[Target | None]:
    """The subscriptions of rows; None for one that no key of the installation opens (any more), which is noted."""
    opened: list[Target | None] = []
    for row in rows:
        try:
            plain = tx.server.secrets.open(row.sealed, PURPOSE, row.endpoint_digest)
        except InvalidInput:
            opened.append(None)
        else:
            opened.append(Target(row.key, Subscription.from_bytes(plain)))
    closed = {row.key: UNREADABLE for row, target in zip(rows, opened, strict=True) if target is None}
    if closed:
        log.warning("push.unreadable", subscriptions=len(closed))
        store.note_problems(tx.connection, closed)
    return opened


@command
def book_push(server: Server, push: Push, posted: Mapping[int, Posted]) -> None:
    """Books what came of sending a notification to devices.

    What failed goes on later, to those devices alone, unless another worker has it by now.

    Args:
        server: The server.
        push: As it was leased.
        posted: What came of it, by the key of each device; nothing where there was nothing to say any more.
    """
    with transaction(server, SYSTEM) as tx:
        authorize(tx.actor, "PUSH", "SEND")
        later = {key: one for key, one in posted.items() if one.fate is Fate.LATER}
        waits = [one.wait for one in later.values() if one.wait is not None]
        wait = wait_after(tx.now - push.at, max(waits, default=None)) if later else None
        if wait is not None:
            store.postpone(tx.connection, push.key, push.leased_until, tx.now + wait, sorted(later))
        else:
            store.settle(tx.connection, [push.key])
            if later:
                log.warning("push.given_up", notification_key=push.key, devices=len(later))
        _note(tx, posted)


def _note(tx: Transaction, posted: Mapping[int, Posted]) -> None:
    keys: dict[Fate, list[int]] = {fate: [] for fate in Fate}
    for key, one in posted.items():
        keys[one.fate].append(key)
    store.note_used(tx.connection, keys[Fate.SENT], tx.now)
    store.remove(tx.connection, keys[Fate.GONE])
    failed = (*keys[Fate.LATER], *keys[Fate.REFUSED])
    store.note_problems(tx.connection, {key: (posted[key].reason or "")[:LONGEST_REASON] for key in failed})


@command
def take_tests(server: Server, limit: int) -> list[Trial]:
    """Takes tests that people have asked for; one that is lost in a crash is asked for again."""
    with transaction(server, SYSTEM, synced=False) as tx:
        authorize(tx.actor, "PUSH", "SEND")
        rows = store.take_tests(tx.connection, tx.now, limit)
        opened = zip(rows, _opened(tx, rows), strict=True)
        return [Trial(row.username, target) for row, target in opened if target is not None]


@command
def book_test(server: Server, trial: Trial, posted: Posted) -> None:
    """Books what came of a test; it is not tried again."""
    with transaction(server, SYSTEM) as tx:
        authorize(tx.actor, "PUSH", "SEND")
        _note(tx, {trial.target.key: posted})

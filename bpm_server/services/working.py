"""What waits for a worker: looked at without locks before each piece is taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpm_server.domain.drafts import KEPT
from bpm_server.store import (
    documents,
    drafts,
    idempotency,
    jobs,
    mails,
    messages,
    pushes,
    retention,
    service_levels,
    signals,
    timers,
)
from bpm_server.store.moments import read_moment

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from bpm_server.services.server import Server

SAFE_POINT = "async"
"""Job type of ``asyncBefore`` and ``asyncAfter``."""


def pending_messages(server: Server, limit: int) -> list[int]:
    """Keys of messages to deliver."""
    with server.database.read() as connection:
        return messages.pending_messages(connection, limit)


def pending_signals(server: Server, limit: int) -> list[int]:
    """Keys of broadcasts to deliver."""
    with server.database.read() as connection:
        return signals.pending(connection, limit)


def wait_s(server: Server, topics: Sequence[str], at_most: float) -> float:
    """Seconds until the next piece of work of these topics is due, as far as is known now.

    Args:
        server: The server.
        topics: ``timers``, ``alarms``, ``safe-points``, ``documents``, ``replies``, ``history``, ``drafts``, ``mails``,
            ``pushes``; others are never due by time.
        at_most: Where nothing is due before.
    """
    waits = [at_most]
    with server.database.read() as connection:
        moment = read_moment(connection)
        if "timers" in topics:
            waits += _until(timers.next_due(connection), moment.now)
        if "alarms" in topics:
            waits += _until(service_levels.next_due(connection), moment.now)
        if "safe-points" in topics:
            waits += _until(jobs.next_available(connection, [SAFE_POINT]), moment.database_now)
        if "documents" in topics:
            waits += _until(documents.next_due(connection), moment.now)
        if "replies" in topics:
            waits += _until(idempotency.next_due(connection), moment.database_now)
        if "history" in topics:
            waits += _until(retention.next_removal(connection, moment.now), moment.now)
        if "drafts" in topics and (oldest := drafts.oldest(connection)) is not None:
            waits += _until(oldest + KEPT, moment.now)
        if "mails" in topics:
            waits += _until(mails.next_due(connection, moment.database_now), moment.now)
        if "pushes" in topics:
            waits += _until(pushes.next_due(connection), moment.now)
    return max(min(waits), 0.01)


def _until(due: datetime | None, now: datetime) -> list[float]:
    return [] if due is None else [(due - now).total_seconds()]

"""What waits for a worker: looked at without locks before each piece is taken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bpm_server.store import jobs, messages, outbox, signals, timers
from bpm_server.store.moments import read_moment

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from bpm_server.services.server import Server


def pending_messages(server: Server, limit: int) -> list[int]:
    """Keys of messages to deliver."""
    with server.database.read() as connection:
        return messages.pending_messages(connection, limit)


def pending_signals(server: Server, limit: int) -> list[int]:
    """Keys of broadcasts to deliver."""
    with server.database.read() as connection:
        return signals.pending(connection, limit)


@dataclass(frozen=True, slots=True)
class Agenda:
    """Seconds until the next piece of work of each topic is due; None where there is none."""

    timers: float | None
    jobs: float | None
    deliveries: float | None

    def soonest(self, at_most: float) -> float:
        """Seconds until anything is due."""
        known = [wait for wait in (self.timers, self.jobs, self.deliveries) if wait is not None]
        return max(min([*known, at_most]), 0.0)


def agenda(server: Server, job_types: Sequence[str]) -> Agenda:
    """When to look again, for a worker that has nothing to do."""
    with server.database.read() as connection:
        moment = read_moment(connection)

        def wait(due: datetime | None, now: datetime) -> float | None:
            return None if due is None else (due - now).total_seconds()

        return Agenda(
            wait(timers.next_due(connection), moment.now),
            wait(jobs.next_available(connection, job_types), moment.database_now),
            wait(outbox.next_due(connection), moment.database_now),
        )

"""Work that is due and not done: how much of each kind, and since when. For whoever watches, and for back-pressure.

What outside workers are to do is not in it: theirs to do, however long it waits.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server.domain.batch_operations import RUNNING
from bpm_server.domain.states import BatchItemState, DeliveryState, JobState
from bpm_server.kernel.errors import Unavailable
from bpm_server.store.moments import read_moment
from bpm_server.store.tables.batch_operations import batch_operation, batch_operation_item
from bpm_server.store.tables.connectors import webhook_delivery
from bpm_server.store.tables.jobs import job, timer
from bpm_server.store.tables.messages import message, pending_signal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.engine import Connection

    from bpm_server.services.server import Server
    from bpm_server.store.moments import Moment

MOST = 100_000
"""Nothing is counted beyond this."""
SAFE_POINT = "async"
FRESH_S = 2.0
NEW_WORK = ("jobs", "timers", "messages", "signals", "deliveries")
"""Kinds that starting and messages add to; batch operations are meant to be long."""


@dataclass(frozen=True, slots=True)
class Due:
    """Work of one kind: rows that are due, and for how many seconds the oldest has been."""

    rows: int = 0
    oldest_s: float = 0.0


def due_work(server: Server, most: int = MOST) -> dict[str, Due]:
    """What is due now, by kind; the names are the worker's topics."""
    types = [SAFE_POINT, *server.connectors.handled_types()]
    with server.database.read() as connection:
        moment = read_moment(connection)
        return {kind: _due(connection, query, since, most) for kind, (query, since) in _queries(moment, types).items()}


def _queries(moment: Moment, types: list[str]) -> dict[str, tuple[Any, Any]]:
    """For each kind the moments since which its rows are due, and the clock that they are of."""
    now, raw = moment.now, moment.database_now
    j, t, d, i = job.c, timer.c, webhook_delivery.c, batch_operation_item.c
    ready = (j.state == JobState.CREATED, j.type.in_(types), j.available_at <= raw, j.retries > 0, ~j.suspended)
    running = sa.select(batch_operation.c.key).where(batch_operation.c.state.in_(RUNNING))
    return {
        "jobs": (sa.select(j.available_at.label("since")).where(*ready), raw),
        "timers": (sa.select(t.due_at.label("since")).where(t.due_at <= now, ~t.suspended), now),
        "messages": (sa.select(message.c.published_at.label("since")).where(message.c.pending), now),
        "signals": (sa.select(pending_signal.c.thrown_at.label("since")), now),
        "deliveries": (
            sa.select(d.next_at.label("since")).where(d.state == DeliveryState.WAITING, d.next_at <= raw, ~d.suspended),
            raw,
        ),
        "batch-operations": (
            sa.select(i.available_at.label("since")).where(
                i.operation_key.in_(running), i.state == BatchItemState.ACTIVE, i.available_at <= raw
            ),
            raw,
        ),
    }


def _due(connection: Connection, query: Any, now: Any, most: int) -> Due:
    some = query.limit(most).subquery()
    found = connection.execute(sa.select(sa.func.count(), sa.func.min(some.c.since)).select_from(some)).one()
    return Due(found[0], 0.0 if found[1] is None else max((now - found[1]).total_seconds(), 0.0))


class Backlog:
    """The newest sample, taken at most every ``FRESH_S`` seconds, by one thread while the others go on with the old."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._lock = threading.Lock()
        self._taken_at = float("-inf")
        self._sample: dict[str, Due] = {}

    def sample(self) -> Mapping[str, Due]:
        """What is due, by kind. Where the database does not answer, what was known last."""
        monotonic = self._server.clock.monotonic
        if monotonic() - self._taken_at < FRESH_S or not self._lock.acquire(blocking=False):
            return self._sample
        try:
            self._sample = due_work(self._server)
        except Unavailable:
            pass  # whoever asked is told so by the command that follows
        finally:
            self._taken_at = monotonic()
            self._lock.release()
        return self._sample

    def new_work(self) -> int:
        """How much is due of what starting and messages add to."""
        return sum(due.rows for kind, due in self.sample().items() if kind in NEW_WORK)

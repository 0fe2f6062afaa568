"""Outside work of our own workers: found and taken channel by channel, given back, and how channels do (ADR 16)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from bpm_server.domain.channels import (
    WEBHOOKS,
    allowance,
    is_on_trial,
    job_channel,
    pause_after,
    type_of,
)
from bpm_server.domain.identity import SYSTEM
from bpm_server.kernel.log import get_logger
from bpm_server.services.authorization import authorize
from bpm_server.services.deliveries import take_deliveries
from bpm_server.services.jobs import activated
from bpm_server.services.transaction import command, transaction
from bpm_server.store import channels as store
from bpm_server.store import jobs, outbox
from bpm_server.store.moments import read_moment

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from bpm_server.domain.webhooks import Delivery
    from bpm_server.services.jobs import ActivatedJob
    from bpm_server.services.server import Server
    from bpm_server.services.transaction import Transaction
    from bpm_server.store.channels import DueChannel

log = get_logger(__name__)
OUR_WORKER = "bpm-server"
MOST_CHANNELS = 200
"""Channels of each kind that one look finds; the next look goes on behind them."""


class DueChannels:
    """Looks for channels with work that may begin; one after the other where there are very many."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._after = {"jobs": "", "deliveries": ""}

    def find(self) -> list[DueChannel]:
        """Channels of jobs and of webhooks."""
        found: list[DueChannel] = []
        with self._server.database.read() as connection:
            now = read_moment(connection).database_now
            for kind, look in (("jobs", store.due_jobs), ("deliveries", store.due_deliveries)):
                names = look(connection, now, self._after[kind], MOST_CHANNELS)
                if self._after[kind] and not names:
                    names = look(connection, now, "", MOST_CHANNELS)
                self._after[kind] = names[-1].name if len(names) == MOST_CHANNELS else ""
                found += names
        return found


def wait_s(server: Server, at_most: float) -> float:
    """Seconds until more outside work may begin, as far as is known now."""
    with server.database.read() as connection:
        now = read_moment(connection).database_now
        due = store.next_due(connection, now)
    return at_most if due is None else max(min((due - now).total_seconds(), at_most), 0.01)


@command
def take_work(
    server: Server, shares: Mapping[str, int], on_trial: frozenset[str] = frozenset(), *, sound_only: bool = False
) -> list[ActivatedJob | Delivery]:
    """Leases work of channels for threads that begin it now.

    Args:
        server: The server.
        shares: How many pieces, by channel; a rate may allow less.
        on_trial: Channels whose pause is over: each gets one call, over all workers.
        sound_only: Nothing of channels whose last call failed.
    """
    with transaction(server, SYSTEM, synced=False) as tx:
        authorize(tx.actor, "PROCESS_DEFINITION", "UPDATE_PROCESS_INSTANCE")
        rows: list[jobs.JobRow] = []
        taken: list[ActivatedJob | Delivery] = []
        for channel, wanted in sorted(shares.items()):  # one order: their rows may be locked
            number = _permitted(tx, channel, wanted, on_trial=channel in on_trial)
            if number and channel.startswith(WEBHOOKS):
                taken += take_deliveries(tx, channel.removeprefix(WEBHOOKS), number)
            elif number:
                rows += _take_jobs(tx, channel, number, sound_only=sound_only)
        return [*taken, *activated(tx, rows, labeled=False)]


def _take_jobs(tx: Transaction, channel: str, number: int, *, sound_only: bool) -> list[jobs.JobRow]:
    connector = tx.server.connectors.find(type_of(channel))
    if connector is None or connector.handler is None:
        return []  # of a worker with other connectors
    now = tx.moment.database_now
    until = now + timedelta(seconds=connector.lease_s)
    return jobs.lease_channel(tx.connection, channel, number, now, until, OUR_WORKER, sound_only=sound_only)


def _permitted(tx: Transaction, channel: str, wanted: int, *, on_trial: bool) -> int:
    """What the channel's state and its rate allow."""
    rate = _rate(tx, channel)
    if rate is None and not on_trial:
        return wanted
    state = store.lock(tx.connection, channel)
    now = tx.moment.database_now
    if on_trial and is_on_trial(state.failures):
        if state.paused_until is not None and state.paused_until > now:
            return 0  # another worker was first
        store.update(tx.connection, channel, paused_until=now + (pause_after(state.failures) or timedelta()))
        wanted = 1
    if rate is None:
        return wanted
    allowed = allowance(rate, state.free_at, now, wanted)
    if allowed.number:
        store.update(tx.connection, channel, free_at=allowed.free_at)
    return allowed.number


def _rate(tx: Transaction, channel: str) -> int | None:
    if channel.startswith(WEBHOOKS):
        endpoint = outbox.find_endpoint(tx.connection, channel.removeprefix(WEBHOOKS))
        return None if endpoint is None else endpoint.most_per_minute
    connector = tx.server.connectors.find(type_of(channel))
    return None if connector is None else connector.most_per_minute


@command
def note_failure(server: Server, channel: str, reason: str, *, on_trial: bool = False) -> None:
    """A call got no answer that counts: after some in a row the channel pauses, and nothing uses up retries there.

    What began before the pause and fails in it is no news; ``on_trial``: it was the call that had to show something.
    """
    with transaction(server, SYSTEM) as tx:
        authorize(tx.actor, "PROCESS_DEFINITION", "UPDATE_PROCESS_INSTANCE")
        state = store.lock(tx.connection, channel)
        if not on_trial and state.paused_until is not None and state.paused_until > tx.moment.database_now:
            return
        failures = state.failures + 1
        pause = pause_after(failures)
        until: datetime | None = None if pause is None else tx.moment.database_now + pause
        store.update(tx.connection, channel, failures=failures, paused_until=until, reason=reason)
    if pause is not None:
        log.warning("channel.paused", channel=channel, failures=failures, pause_s=pause.total_seconds())


@command
def note_success(server: Server, channel: str) -> None:
    """A call worked in a channel that had failed: it goes on as before."""
    with transaction(server, SYSTEM) as tx:
        authorize(tx.actor, "PROCESS_DEFINITION", "UPDATE_PROCESS_INSTANCE")
        if store.mend(tx.connection, channel):
            tx.wake("jobs")


@command
def give_back(server: Server, job_leases: Mapping[int, str], delivery_leases: Mapping[int, str]) -> None:
    """Frees at once what was taken and is not finished, by key and lease; no try is used up."""
    with transaction(server, SYSTEM) as tx:
        authorize(tx.actor, "PROCESS_DEFINITION", "UPDATE_PROCESS_INSTANCE")
        now = tx.moment.database_now
        jobs.free(tx.connection, job_leases, now)
        outbox.free(tx.connection, delivery_leases, now)
        tx.wake("jobs")


@command
def adopt_jobs(server: Server, types: Iterable[str]) -> int:
    """Jobs that waited before there was a connector for their type get a channel; returns how many."""
    with transaction(server, SYSTEM) as tx:
        authorize(tx.actor, "PROCESS_DEFINITION", "UPDATE_PROCESS_INSTANCE")
        return store.adopt_jobs(tx.connection, {kind: job_channel(kind) for kind in types})


def has_strays(server: Server, types: Iterable[str]) -> bool:
    """Whether :func:`adopt_jobs` has something to do."""
    with server.database.read() as connection:
        return store.has_strays(connection, list(types))

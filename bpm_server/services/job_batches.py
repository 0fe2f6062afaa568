"""Booking many jobs' results at once: one transaction, one round of reading, for jobs of different instances."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bpm_server.engine.state import token_keys
from bpm_server.kernel import context, tracing
from bpm_server.kernel.errors import BpmError, NotFound
from bpm_server.services.advance import Advance
from bpm_server.services.authorization import authorize
from bpm_server.services.jobs import check_open, completion_step
from bpm_server.services.transaction import command, transaction
from bpm_server.services.variables import check_variables
from bpm_server.store import instances
from bpm_server.store import jobs as store

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bpm_server.domain.identity import Actor
    from bpm_server.services.server import Server
    from bpm_server.services.transaction import Transaction
    from bpm_server.store.batch import InstanceRow
    from bpm_server.store.instances import StoredTokens
    from bpm_server.store.jobs import JobRow

MOST = 100
"""Completions of one transaction: their instances are locked that long."""


@dataclass(frozen=True, slots=True)
class Completion:
    """A job's result, as in :func:`bpm_server.services.jobs.complete_job`."""

    key: int
    lease: str | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)
    local: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Booked:
    """What came of a batch, by job key: refused for a reason, or busy: somebody else works on the instance."""

    refused: dict[int, BpmError] = field(default_factory=dict)
    busy: set[int] = field(default_factory=set)


@command
def complete_jobs(server: Server, actor: Actor, completions: Sequence[Completion]) -> Booked:
    """Books results of jobs in one transaction. Jobs that may not be completed are left out, and told.

    It waits for nobody: instances that others have locked are left out too.

    Raises:
        BpmError: a step of one instance failed; nothing is booked.
    """
    booked = Booked()
    with transaction(server, actor) as tx:
        rows, locked = _locked(tx, [one.key for one in completions])
        stored = _stored(tx, rows, locked)
        for one in completions:
            row = rows.get(one.key)
            try:
                if row is None:
                    message = f"Expected to find job '{one.key}', but there is none"
                    raise NotFound(message)
                authorize(actor, "PROCESS_DEFINITION", "UPDATE_PROCESS_INSTANCE", row.process_id)
                instance = tx.batch.instances.get(row.instance_key) or locked.get(row.instance_key)
                if instance is None:
                    booked.busy.add(one.key)
                    continue
                check_open(row, "complete", one.lease)
                step = completion_step(row, check_variables(one.variables), check_variables(one.local))
            except BpmError as error:
                booked.refused[one.key] = error
                continue
            cause = context.of_row(row.trace_context)
            parent = None if cause is None else cause.traceparent  # what follows is of its trace, not of the batch's
            with context.working_for(cause, instance_key=row.instance_key), tracing.span("complete_job", parent):
                Advance(tx, stored).run(instance, step)
            if row.kind == "task-listener":
                tx.wake("task-listeners")
    return booked


def _locked(tx: Transaction, keys: list[int]) -> tuple[dict[int, JobRow], dict[int, InstanceRow]]:
    """Instances first, as far as nobody else has them, then the jobs as they are under those locks."""
    before = store.read_jobs(tx.connection, keys)
    places = {row.instance_key: row.root_key for row in before}
    locked = instances.lock_free(tx.connection, places)
    return {row.key: row for row in store.read_jobs(tx.connection, keys)}, locked


def _stored(tx: Transaction, rows: Mapping[int, JobRow], locked: Mapping[int, InstanceRow]) -> dict[int, StoredTokens]:
    """The tokens of instances that are not in memory, but for jobs inside of items."""
    in_items = {row.instance_key for row in rows.values() if row.chunk}
    hot = tx.server.hot
    wanted = [key for key, row in locked.items() if key not in in_items and not hot.holds(key, row.lock_version)]
    return instances.load_many(tx.connection, wanted, token_keys)

"""Taking and freeing one job by hand, as Camunda 7's workers do."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING

from bpm_server.domain.states import JobState
from bpm_server.kernel.errors import InvalidInput, NotFound, WrongState
from bpm_server.services.authorization import authorize
from bpm_server.services.jobs import MAX_LEASE
from bpm_server.services.transaction import command, transaction
from bpm_server.store import jobs as store

if TYPE_CHECKING:
    from bpm_server.domain.identity import Actor
    from bpm_server.services.server import Server
    from bpm_server.services.transaction import Transaction
    from bpm_server.store.jobs import JobRow


@command
def lock_job(server: Server, actor: Actor, key: int, worker: str, lease_ms: int) -> None:
    """Leases one job that nobody has now.

    Args:
        server: The server.
        actor: Who asks.
        key: The job.
        worker: Name of the worker whose it becomes; taking one's own again begins a new lease.
        lease_ms: How long it belongs to them.

    Raises:
        NotFound: no such job, or it has ended.
        WrongState: another worker has it, or it has an incident.
        InvalidInput: no worker, or a lease out of range.
    """
    if not worker or not 1 <= lease_ms <= MAX_LEASE / timedelta(milliseconds=1):
        message = f"Expected a worker and a lease of 1 ms to {MAX_LEASE.days} days, but found '{worker}' and {lease_ms}"
        raise InvalidInput(message)
    with transaction(server, actor) as tx:
        row = _open_job(tx, actor, key, "lock")
        now = tx.moment.database_now
        if row.lease is not None and row.available_at > now and row.worker != worker:
            message = f"Expected to lock job '{key}', but worker '{row.worker}' has it"
            raise WrongState(message, retry=False)
        until = now + timedelta(milliseconds=lease_ms)
        store.update_job(tx.connection, key, lease=secrets.token_hex(16), worker=worker, available_at=until)


@command
def unlock_job(server: Server, actor: Actor, key: int) -> None:
    """Takes a job from its worker, who may not finish it any more; others can have it now.

    Raises:
        NotFound: no such job, or it has ended.
        WrongState: it has an incident.
    """
    with transaction(server, actor) as tx:
        _open_job(tx, actor, key, "unlock")
        store.update_job(tx.connection, key, lease=None, worker=None, available_at=tx.moment.database_now)
        tx.wake("jobs")


def _open_job(tx: Transaction, actor: Actor, key: int, act: str) -> JobRow:
    """The job under the lock of its instance; not one of our own, at safe points or in the outbox."""
    row = store.read_job(tx.connection, key)
    tx.lock_instance(row.instance_key, row.root_key)
    row = store.read_job(tx.connection, key)
    authorize(actor, "PROCESS_DEFINITION", "UPDATE_PROCESS_INSTANCE", row.process_id)
    if row.kind != "element" or row.lease == "outbox":
        message = f"Expected to {act} job '{key}', but it is none for outside workers"
        raise NotFound(message)
    if row.state != JobState.CREATED:
        message = f"Expected to {act} job '{key}', but it is {row.state}"
        raise WrongState(message, retry=False) if row.state == JobState.FAILED else NotFound(message)
    return row

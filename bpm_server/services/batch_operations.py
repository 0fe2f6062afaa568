"""Batch operations: asking for one, holding, going on, stopping; and the worker's part, item by item.

An item is done by the function that does the same to a single instance, in one transaction that also books the item.
So a worker that dies in between has done both or neither, and another takes the item when the lease has ended.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from bpm_server.domain.audit import Entity, Operation
from bpm_server.domain.batch_operations import RESOURCE, RUNNING, UNFINISHED, AskerKind, Kind, check_state
from bpm_server.domain.identity import ANONYMOUS, SYSTEM, Actor
from bpm_server.domain.states import BatchItemState, BatchOperationState
from bpm_server.kernel import json
from bpm_server.kernel.errors import NotSignedIn
from bpm_server.services.authorization import authorize
from bpm_server.services.batch_kinds import ACTS
from bpm_server.services.identities import actor_by_name
from bpm_server.services.organisations import RESOURCE as ORGANISATION
from bpm_server.services.transaction import command, transaction
from bpm_server.store import batch_operations as store

if TYPE_CHECKING:
    from bpm_server.domain.batch_operations import LeasedItem
    from bpm_server.services.server import Server
    from bpm_server.services.transaction import Transaction

LEASE = timedelta(seconds=30)
"""How long the items of a dead worker wait. One that takes longer loses nothing: it books under the lease."""


@command
def create_operation(server: Server, actor: Actor, kind: Kind, targets: store.Targets, plan: Any = None) -> int:
    """Asks for an operation; the list of its items is made now, workers go through it.

    Args:
        server: The server.
        actor: Who asks; their rights count for each item when its turn comes.
        kind: What is done.
        targets: Finds the items, see ``reports.batch_targets``.
        plan: JSON of what the kind needs to know beside the items.

    Returns:
        Key of the operation.

    Raises:
        Forbidden: neither CREATE nor the right for this kind was granted.
    """
    with transaction(server, actor) as tx:
        authorize_operation(actor, kind, plan)
        return add_operation(tx, kind, targets, plan)


def add_operation(tx: Transaction, kind: Kind, targets: store.Targets, plan: Any = None) -> int:
    """See :func:`create_operation`."""
    key, actor = tx.server.new_key(), tx.actor
    total = store.insert_items(tx.connection, key, targets, tx.moment.database_now)
    store.insert_operation(
        tx.connection,
        {
            "key": key,
            "kind": kind,
            "state": BatchOperationState.CREATED if total else BatchOperationState.COMPLETED,
            "plan": None if plan is None else json.dumps(plan),
            "asker_kind": AskerKind.ANONYMOUS if actor == ANONYMOUS else AskerKind.USER,
            "asker": actor.username,
            "total": total,
            "completed": 0,
            "failed": 0,
            "created_at": tx.now,
            "started_at": None if total else tx.now,
            "ended_at": None if total else tx.now,
        },
    )
    tx.audit(Entity.BATCH, Operation.CREATE, key, description=kind)
    tx.wake("batch-operations")
    return key


def authorize_operation(actor: Actor, kind: Kind, plan: Any = None) -> None:
    """Operations of all kinds, or of this one; a handover is for who may change the organisation.

    Raises:
        Forbidden: neither right was granted.
    """
    if kind is Kind.HANDOVER:
        authorize(actor, ORGANISATION, "UPDATE", plan["person"])
    elif not actor.may(RESOURCE, "CREATE"):
        authorize(actor, RESOURCE, kind.permission)


@command
def suspend_operation(server: Server, actor: Actor, key: int) -> None:
    """Holds an operation: items that are not begun wait until it is resumed.

    Raises:
        NotFound: there is none with this key.
        WrongState: it does not run.
    """
    with transaction(server, actor) as tx:
        authorize(actor, RESOURCE, "UPDATE")
        check_state(key, store.lock_state(tx.connection, key), "suspend", RUNNING)
        store.set_state(tx.connection, key, BatchOperationState.SUSPENDED)
        tx.audit(Entity.BATCH, Operation.SUSPEND, key)


@command
def resume_operation(server: Server, actor: Actor, key: int) -> None:
    """Lets a suspended operation go on.

    Raises:
        NotFound: there is none with this key.
        WrongState: it is not suspended.
    """
    with transaction(server, actor) as tx:
        authorize(actor, RESOURCE, "UPDATE")
        check_state(key, store.lock_state(tx.connection, key), "resume", [BatchOperationState.SUSPENDED])
        store.set_state(tx.connection, key, BatchOperationState.ACTIVE)
        tx.audit(Entity.BATCH, Operation.RESUME, key)
        tx.wake("batch-operations")


@command
def cancel_operation(server: Server, actor: Actor, key: int) -> None:
    """Stops an operation for good; what it has done stays done.

    Raises:
        NotFound: there is none with this key.
        WrongState: it has ended.
    """
    with transaction(server, actor) as tx:
        authorize(actor, RESOURCE, "UPDATE")
        check_state(key, store.lock_state(tx.connection, key), "cancel", UNFINISHED)
        store.cancel_items(tx.connection, key)
        store.set_state(tx.connection, key, BatchOperationState.CANCELED, tx.now)
        tx.audit(Entity.BATCH, Operation.CANCEL, key)


# --- the worker's part ----------------------------------------------------------------------------------


@command
def lease_items(server: Server, limit: int) -> list[LeasedItem]:
    """Takes items to do, of all operations that run."""
    with transaction(server, SYSTEM) as tx:
        authorize(tx.actor, RESOURCE, "UPDATE")
        now = tx.moment.database_now
        return store.lease_items(tx.connection, tx.now, now, now + LEASE, limit)


@command
def do_item(server: Server, item: LeasedItem) -> bool:
    """Does one item with the rights that who asked has now; False where it is not this worker's any more.

    Raises:
        BpmError: as the single command does; nothing has changed then.
    """
    with transaction(server, _asker(server, item)) as tx:
        if not store.is_due(tx.connection, item):
            return False
        plan = None if item.plan is None else json.loads(item.plan)
        authorize_operation(tx.actor, item.kind, plan)
        ACTS[item.kind](tx, item.item_key, plan)
        store.book_item(tx.connection, item, BatchItemState.COMPLETED, None, tx.now)
    return True


def _asker(server: Server, item: LeasedItem) -> Actor:
    """Who asked, with today's rights; without any where they have left or nobody may come in unnamed any more."""
    if item.asker_kind is AskerKind.ANONYMOUS:
        return ANONYMOUS if server.settings.anonymous_v2 else Actor(item.asker)
    try:
        return actor_by_name(server, item.asker)
    except NotSignedIn:
        return Actor(item.asker)


@command
def book_failure(server: Server, item: LeasedItem, state: BatchItemState, reason: str) -> None:
    """Writes why an item was not done.

    Raises:
        WrongState: it is not this worker's any more.
    """
    with transaction(server, SYSTEM) as tx:
        authorize(tx.actor, RESOURCE, "UPDATE")
        store.book_item(tx.connection, item, state, reason, tx.now)

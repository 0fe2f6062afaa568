"""Deleting what has ended: process instances and decisions that were taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpm_server.domain.audit import Entity, Operation
from bpm_server.kernel.errors import NotFound, WrongState
from bpm_server.services.authorization import authorize
from bpm_server.services.transaction import command, transaction
from bpm_server.store import deletion as store

if TYPE_CHECKING:
    from bpm_server.domain.identity import Actor
    from bpm_server.services.server import Server
    from bpm_server.services.transaction import Transaction


@command
def delete_instance(server: Server, actor: Actor, key: int) -> None:
    """Deletes an ended instance, everything that it called, and their history.

    Raises:
        NotFound: there is no such instance.
        WrongState: it is active, or was called by another instance.
        Forbidden: the permission DELETE_PROCESS_INSTANCE is missing.
    """
    with transaction(server, actor) as tx:
        delete(tx, key)


def delete(tx: Transaction, key: int) -> None:
    """What :func:`delete_instance` does, in a transaction that is open."""
    row = tx.lock_instance(key)
    authorize(tx.actor, "PROCESS_DEFINITION", "DELETE_PROCESS_INSTANCE", row.process_id)
    found = None
    if row.ended_at is None:
        found = "it is active: cancel it first"
    elif row.parent_key is not None:
        found = f"'{row.root_key}' called it: delete that one"
    elif store.has_active(tx.connection, key):
        found = "a process that it called has not ended yet"
    if found is not None:
        message = f"Expected to delete process instance '{key}', but {found}"
        raise WrongState(message, retry=False)
    store.delete_instances(tx.connection, store.members(tx.connection, [key])[key])
    tx.audit_instance(Entity.PROCESS_INSTANCE, Operation.DELETE, key, row)


@command
def delete_decision(server: Server, actor: Actor, key: int) -> None:
    """Deletes an evaluation: the decision that was asked for, and those that it needed.

    Raises:
        NotFound: there is no such evaluation.
        Forbidden: the permission DELETE_DECISION_INSTANCE is missing.
    """
    with transaction(server, actor) as tx:
        decision_id = store.find_evaluation(tx.connection, key)
        if decision_id is None:
            message = f"Expected to find decision evaluation '{key}', but there is none"
            raise NotFound(message)
        authorize(actor, "DECISION_DEFINITION", "DELETE_DECISION_INSTANCE", decision_id)
        store.delete_evaluation(tx.connection, key)
        tx.audit(Entity.DECISION, Operation.DELETE, key, decision_id=decision_id, evaluation_key=key)

"""What a batch operation does to one item: the plain functions behind the single commands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpm_server.domain import commands as c
from bpm_server.domain.batch_operations import Kind
from bpm_server.domain.handover import Handover
from bpm_server.services import (
    deletion,
    handover_items,
    incidents,
    migration,
    modification,
    process_instances,
    suspension,
)
from bpm_server.services.authorization import authorize

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bpm_server.services.transaction import Transaction
    from bpm_server.store.batch import InstanceRow


def _cancel(tx: Transaction, key: int, _plan: Any) -> None:
    process_instances.cancel(tx, key)


def _delete(tx: Transaction, key: int, _plan: Any) -> None:
    deletion.delete(tx, key)


def _resolve(tx: Transaction, key: int, _plan: Any) -> None:
    incidents.resolve(tx, key)


def _modify(tx: Transaction, key: int, plan: Any) -> None:
    moves = tuple(c.Move(source, target, "source-parent", None, ()) for source, target in plan["moves"])
    modification.modify(tx, _permitted(tx, key, "MODIFY_PROCESS_INSTANCE"), c.ModifyInstance((), moves, ()))


def _migrate(tx: Transaction, key: int, plan: Any) -> None:
    mapping = [(source, target) for source, target in plan["mapping"]]
    migration.migrate(tx, _permitted(tx, key, "UPDATE_PROCESS_INSTANCE"), plan["target_key"], mapping)


def _suspend(tx: Transaction, key: int, _plan: Any) -> None:
    suspension.suspend(tx, _permitted(tx, key, "SUSPEND_PROCESS_INSTANCE"))


def _resume(tx: Transaction, key: int, _plan: Any) -> None:
    suspension.resume(tx, _permitted(tx, key, "SUSPEND_PROCESS_INSTANCE"))


def _hand_over(tx: Transaction, key: int, plan: Any) -> None:
    handover_items.hand_over_task(tx, key, Handover(**plan))


def _permitted(tx: Transaction, key: int, action: str) -> InstanceRow:
    """The instance, locked, if the actor may do this to it."""
    row = tx.lock_instance(key)
    authorize(tx.actor, "PROCESS_DEFINITION", action, row.process_id)
    return row


ACTS: Mapping[Kind, Callable[[Transaction, int, Any], None]] = {
    Kind.CANCEL_PROCESS_INSTANCE: _cancel,
    Kind.DELETE_PROCESS_INSTANCE: _delete,
    Kind.RESOLVE_INCIDENT: _resolve,
    Kind.MODIFY_PROCESS_INSTANCE: _modify,
    Kind.MIGRATE_PROCESS_INSTANCE: _migrate,
    Kind.SUSPEND_PROCESS_INSTANCE: _suspend,
    Kind.RESUME_PROCESS_INSTANCE: _resume,
    Kind.HANDOVER: _hand_over,
}
"""By kind: given the transaction of this one item, its key, and the operation's plan (JSON, None without)."""

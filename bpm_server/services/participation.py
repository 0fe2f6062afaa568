"""Who has a part in the case of a task, beside those whom a permission lets see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpm_server.domain.tasks import may_see
from bpm_server.services.authorization import authorize
from bpm_server.store import approvals as store
from bpm_server.store import carbon_copies

if TYPE_CHECKING:
    from bpm_server.domain.identity import Actor
    from bpm_server.domain.tasks import Task
    from bpm_server.services.transaction import Transaction


def has_part(tx: Transaction, task: Task, actor: Actor) -> bool:
    """Who may see the task, who started its case, and who is asked or has acted at its approval."""
    if may_see(task, actor) or actor.username in (task.ended_by, tx.lock_instance(task.root_key).started_by):
        return True
    return any(
        actor.username in (one.item.person, one.item.acted_by) for one in store.read_items(tx.connection, task.key)
    )


def authorize_part(tx: Transaction, task: Task) -> None:
    """The actor must have a part in the case of a task.

    Raises:
        Forbidden: none, and the permission READ_USER_TASK is missing.
    """
    if not has_part(tx, task, tx.actor):
        authorize(tx.actor, "PROCESS_DEFINITION", "READ_USER_TASK", task.process_id)


def takes_part(tx: Transaction, task: Task, actor: Actor) -> bool:
    """The same, and who is informed of the case or may see it by a permission."""
    return (
        has_part(tx, task, actor)
        or actor.may("PROCESS_DEFINITION", "READ_PROCESS_INSTANCE", task.process_id)
        or carbon_copies.is_informed(tx.connection, task.root_key, actor.username)
    )

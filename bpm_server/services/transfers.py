"""Handing a task over for good, whether it is an approval or a plain one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpm_server.domain.approvals import acts
from bpm_server.domain.approvals.node import Act
from bpm_server.domain.notifications import Kind
from bpm_server.domain.tasks import TaskValues, check_comment, check_open
from bpm_server.kernel.errors import InvalidInput
from bpm_server.services.acts import note_act
from bpm_server.services.approval_nodes import authorize_signer, is_approval_task, node_of
from bpm_server.services.approvals import check_people, finish
from bpm_server.services.notifications import notify, notify_mentioned
from bpm_server.services.tasks import authorize_work, change_task, has_listeners
from bpm_server.services.transaction import command, transaction
from bpm_server.store import tasks as store
from bpm_server.store.undo import claimed_at

if TYPE_CHECKING:
    from bpm_server.domain.identity import Actor
    from bpm_server.domain.tasks import Task
    from bpm_server.services.server import Server
    from bpm_server.services.transaction import Transaction


@command
def transfer_task(
    server: Server, actor: Actor, key: int, person: str, comment: str, *, item: int | None = None
) -> int | None:
    """Hands a task over for good, with a reason.

    Args:
        server: The server.
        actor: Who may work on it.
        key: The task.
        person: Whose it becomes.
        comment: Why.
        item: At an approval, which item, where there are several (see ``services.approvals``).

    Returns:
        Key of the change where it waits for listeners (see ``reports.listening``), None where it counts already.

    Raises:
        NotFound: no such task, or the person does not work here.
        WrongState: it has ended, or it is not the actor's turn.
        Forbidden: it is somebody else's.
        InvalidInput: no reason, or to somebody who has it already.
    """
    with transaction(server, actor) as tx:
        task, row = store.lock_task(tx.connection, key)
        if is_approval_task(tx, task):
            at = node_of(tx, task, row, "transfer")
            authorize_signer(at)
            check_people(tx, [person])
            acts.transfer(at.node, at.hand, person, check_comment(comment) or "", item=item)
            finish(at, Act.TRANSFER)
            return None
        check_open(task, "transfer")
        authorize_work(tx, task, "transfer")
        check_people(tx, [person])
        _prepare(tx, task, person, _check_reason(comment))
        return change_task(tx, task, "assigning", TaskValues(assignee=person), "transfer", "transfer")


def _check_reason(comment: str) -> str:
    said = check_comment(comment)
    if said is None:
        message = "Expected a comment that says why it is transferred, but found none"
        raise InvalidInput(message, field="comment")
    return said


def _prepare(tx: Transaction, task: Task, person: str, why: str) -> None:
    """What is told and kept. Where listeners hear of it first, they may deny it: then only the reason, as a comment."""
    if task.assignee == person:
        message = f"Expected to transfer task '{task.key}' to somebody else, but it is {person}'s"
        raise InvalidInput(message, field="people")
    if has_listeners(tx, task):
        store.insert_comment(tx.connection, tx.server.new_key(), task, tx.actor.username, tx.now, why)
    else:
        since = claimed_at(tx.connection, task.key)
        before = {"assignee": task.assignee, "claimedAt": None if since is None else since.isoformat()}
        note_act(tx, Act.TRANSFER, task.instance_key, task.key, why, people=[person], before=before)
        notify(tx, [person], Kind.TRANSFERRED, task.instance_key, task.key)
        tx.told.add(person)
    notify_mentioned(tx, task, why)

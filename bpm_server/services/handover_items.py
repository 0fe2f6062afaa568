"""One task of a handover: it goes to the successor, in a transaction of its own (see ``services.batch_operations``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET

from bpm_server.domain.approvals.handover import hand_over
from bpm_server.domain.approvals.node import Act
from bpm_server.domain.audit import Entity, Operation
from bpm_server.domain.signers import Case
from bpm_server.domain.tasks import ENDED, TaskValues, check_open
from bpm_server.kernel.errors import NotFound, WrongState
from bpm_server.services.acts import note_act
from bpm_server.services.approval_nodes import is_approval_task, node_of
from bpm_server.services.approval_signers import find_administrators
from bpm_server.services.approvals import finish
from bpm_server.services.notifications import tell_inboxes
from bpm_server.services.tasks import change_task
from bpm_server.store import approvals as approval_store
from bpm_server.store import tasks as store
from bpm_server.store.candidates import update_task

if TYPE_CHECKING:
    from bpm_server.domain.handover import Handover
    from bpm_server.domain.tasks import Task
    from bpm_server.services.approval_nodes import NodeAtWork
    from bpm_server.services.transaction import Transaction


def hand_over_task(tx: Transaction, key: int, handover: Handover) -> None:
    """What is somebody's of a task becomes the successor's, who is told of the whole handover and not of each task.

    Raises:
        NotFound: there is nothing left to hand over: the task has ended, or is not theirs any more.
        WrongState: the case is suspended, the successor has left, or nobody may have it by the rules of approvals.
    """
    task, row = store.lock_task(tx.connection, key)
    if task.state in ENDED:
        message = f"Expected an open task of '{handover.person}', but task '{key}' has ended"
        raise NotFound(message)
    check_open(task, "hand over")
    heir = handover.heir(task.process_id)
    if not tx.server.organisations.at(tx.connection, tx.moment).is_active(heir):
        message = f"Expected an active person as successor, but '{heir}' has left"
        raise WrongState(message, retry=False)
    tx.told.add(heir)
    if not is_approval_task(tx, task):
        _hand_over_plain(tx, task, handover, heir)
        return
    stored = approval_store.find_approval(tx.connection, key)
    if stored is not None and stored.is_correcting:
        _hand_over_correction(tx, task, stored, handover, heir)
    else:
        _hand_over_node(node_of(tx, task, row, "hand over"), handover, heir)


def _nothing(task: Task, handover: Handover) -> NotFound:
    return NotFound(f"Expected something of '{handover.person}' at task '{task.key}', but there is nothing any more")


def _hand_over_plain(tx: Transaction, task: Task, handover: Handover, heir: str) -> None:
    person = handover.person
    assignee = heir if task.assignee == person else UNSET
    users = tuple(dict.fromkeys(heir if name == person else name for name in sorted(task.candidate_users)))
    values = TaskValues(assignee, users if person in task.candidate_users else UNSET)
    if not values.named():
        raise _nothing(task, handover)
    note_act(tx, Act.HANDOVER, task.instance_key, task.key, handover.note, people=(person, heir))
    change_task(tx, task, "assigning", values, "handover", _told(person, heir))


def _hand_over_correction(
    tx: Transaction, task: Task, stored: approval_store.ApprovalRow, handover: Handover, heir: str
) -> None:  # fmt: skip
    """The successor corrects the request in the place of who made it, and so does not sign it here."""
    if stored.initiator != handover.person:
        raise _nothing(task, handover)
    stored.initiator = heir
    approval_store.update_approval(tx.connection, stored)
    update_task(tx.connection, task.key, {"candidate_users": (heir,)})
    note_act(tx, Act.HANDOVER, task.instance_key, task.key, handover.note, people=(handover.person, heir))
    told = _told(handover.person, heir)
    tx.audit_task(Operation.ASSIGN, task, related_type=Entity.USER, related_key=heir, description=told)
    tell_inboxes(tx, (handover.person, heir))


def _hand_over_node(at: NodeAtWork, handover: Handover, heir: str) -> None:
    """Whoever made the request gets nothing of it: as where no signer is found, the administrator is asked."""
    tx, person = at.tx, handover.person
    if not any(one.is_open and one.person == person for one in at.node.items.values()):
        raise _nothing(at.task, handover)
    case = Case(at.stored.initiator, at.task.process_id, tx.now)
    instead = find_administrators(tx, at.process, at.task.element_id, case)
    problem = f"{person} has handed over to {heir}, who may not sign here"
    heirs = list(dict.fromkeys([heir, *instead]))
    reasons = {name: {"noSigner": problem} for name in heirs if name != heir}
    stays = hand_over(at.node, tx.actor.username, person, heirs, handover.note, reasons=reasons)
    if stays:
        why = "made the request" if heir == at.stored.initiator else "is asked here by another signer"
        message = f"Expected '{heir}' or an administrator to sign for '{person}', but '{heir}' {why}, and no other may"
        raise WrongState(message, retry=False)
    finish(at, _told(person, heir))


def _told(person: str, heir: str) -> str:
    return f"{Act.HANDOVER}: '{person}' -> '{heir}'"

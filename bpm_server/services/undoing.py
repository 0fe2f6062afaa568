"""Undo of what one has asked of others at a task: a transfer, a delegation, added signers.

It counts as long as whoever was asked has done nothing with it. The task is as it was before, the history tells of both
acts, and who has not read that something was asked of them never hears of it.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from bpm_server.domain.approvals.node import Act, Outcome
from bpm_server.domain.approvals.undo import undo
from bpm_server.domain.audit import Operation
from bpm_server.domain.tasks import check_open
from bpm_server.kernel.errors import Forbidden, WrongState
from bpm_server.services.acts import note_act
from bpm_server.services.approval_nodes import is_approval_task, node_of
from bpm_server.services.approvals import finish
from bpm_server.services.notifications import take_notices_back, tell_inboxes, tell_task
from bpm_server.services.tasks import has_listeners
from bpm_server.services.transaction import command, transaction
from bpm_server.store import tasks as task_store
from bpm_server.store import undo as store
from bpm_server.store.candidates import update_task

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bpm_server.domain.identity import Actor
    from bpm_server.domain.tasks import Task
    from bpm_server.services.approval_nodes import NodeAtWork
    from bpm_server.services.server import Server
    from bpm_server.services.transaction import Transaction
    from bpm_server.store.approvals import ActRow


@command
def undo_act(server: Server, actor: Actor, key: int, act_key: int | None = None) -> Outcome | None:
    """Undoes what the actor has asked of others at a task.

    Args:
        server: The server.
        actor: Who has done it.
        key: The task.
        act_key: Which of their acts; None: the last one.

    Returns:
        What an approval has decided by it: votes that came meanwhile may be enough without added signers.

    Raises:
        NotFound: no such task.
        Forbidden: the actor has done no such thing there.
        WrongState: it was undone already, or has been overtaken. Where somebody has acted since, ``actedSince`` says
            who, and where the approval is decided ``decidedBy``.
    """
    with transaction(server, actor) as tx:
        task, row = task_store.lock_task(tx.connection, key)
        act = authorize_undo(tx, task, act_key)
        if not is_approval_task(tx, task):
            _undo_transfer(tx, task, act)
            return None
        at = node_of(tx, task, row, "undo an act at")
        _undo_at_node(at, act)
        return at.node.outcome


def authorize_undo(tx: Transaction, task: Task, act_key: int | None) -> ActRow:
    """The act that is to be undone: nobody undoes what others have done.

    Raises:
        Forbidden: the actor has done none, or not this one.
        WrongState: it was undone already.
    """
    found = [
        one for one in store.undoable_acts(tx.connection, task.key, tx.actor.username) if act_key in (None, one.key)
    ]
    if not found:
        message = (
            f"Expected '{tx.actor.username}' to have asked something of others at task '{task.key}', but found none"
        )
        raise Forbidden(message)
    if found[0].undone_at is not None:
        message = f"Expected an act at task '{task.key}' that is not undone, but {found[0].act} was undone already"
        raise WrongState(message, undone=True, retry=False)
    return found[0]


def _undo_at_node(at: NodeAtWork, act: ActRow) -> None:
    if act.item_key not in at.node.items:
        raise _overtaken(act, "signers were asked anew since")
    undo(at.node, at.hand, act.done())
    _check_untouched(at.tx, at.task, act)
    let_off = next(done.to for done in at.node.history if done.act is Act.UNDO)
    _settle(at.tx, at.task, act, let_off)
    finish(at, Act.UNDO)


def _undo_transfer(tx: Transaction, task: Task, act: ActRow) -> None:
    """A plain task goes back to whose it was, or to those whom it was offered to."""
    check_open(task, "undo an act at")
    if has_listeners(tx, task):  # the case was moved to another version meanwhile
        raise _overtaken(act, "listeners of the task would have to hear of it")
    if task.assignee not in act.people or store.claimed_at(tx.connection, task.key) != act.at:
        raise _overtaken(act, f"it is {task.assignee}'s since" if task.assignee else "it is offered again")
    _check_untouched(tx, task, act)
    before = act.before or {}
    whose, since = before.get("assignee"), before.get("claimedAt")
    restored = {"assignee": whose, "claimed_at": None if since is None else datetime.fromisoformat(since)}
    update_task(tx.connection, task.key, restored)
    _settle(tx, task, act, act.people)
    note_act(tx, Act.UNDO, task.instance_key, task.key, people=act.people, place=act.act)
    tx.audit_task(Operation.ASSIGN if whose else Operation.UNASSIGN, task, description=Act.UNDO)
    tell_task(tx, task)
    tell_inboxes(tx, [whose])


def _check_untouched(tx: Transaction, task: Task, act: ActRow) -> None:
    """Whoever was asked has done nothing else with the task either: no comment, no file, no draft."""
    since = store.touched_by(tx.connection, task, act.people, act)
    if since:
        message = f"Expected nobody to have acted since '{act.actor}' did, but {', '.join(since)} did"
        raise WrongState(message, actedSince=since, retry=False)


def _settle(tx: Transaction, task: Task, act: ActRow, let_off: Sequence[str]) -> None:
    store.mark_undone(tx.connection, act.key, tx.now)
    take_notices_back(tx, let_off, task.instance_key, task.key, act.at)


def _overtaken(act: ActRow, found: str) -> WrongState:
    message = f"Expected to undo: {act.act} by {act.actor}, but {found}"
    return WrongState(message, overtaken=True, retry=False)

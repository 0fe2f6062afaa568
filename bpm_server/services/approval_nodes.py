"""Approval nodes inside a transaction: opened when their user task is, locked for an act, written after it.

The signers whose turn it is are the task's candidate users, and whoever may act for them now. When the outcome is
decided the engine completes the task, once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from bpm_server.domain import commands as c
from bpm_server.domain.approvals.items import ItemState
from bpm_server.domain.approvals.node import Act, Hand, Node, Outcome
from bpm_server.domain.approvals.policy import is_approval, read_policy
from bpm_server.domain.audit import Operation
from bpm_server.domain.notifications import Kind
from bpm_server.domain.tasks import check_open
from bpm_server.kernel import json
from bpm_server.kernel.errors import Forbidden, WrongState
from bpm_server.services.approval_signers import find_asked, initiator_of, substitutes, superior_of
from bpm_server.services.notifications import notify, notify_mentioned, tell_inboxes
from bpm_server.services.process_copies import send_copies_of_process
from bpm_server.store import approvals as store
from bpm_server.store import instances
from bpm_server.store import tasks as task_store
from bpm_server.store.candidates import update_task

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from bpm_server.bpmn.model import Process
    from bpm_server.domain import events as e
    from bpm_server.domain.property_values import Values
    from bpm_server.domain.tasks import Task
    from bpm_server.services.advance import Advance
    from bpm_server.services.approval_signers import Signing
    from bpm_server.services.transaction import Transaction
    from bpm_server.store.batch import InstanceRow

VOTED = {ItemState.APPROVED: "yes", ItemState.REJECTED: "no", ItemState.RETURNED: "returned"}
NO_SIGNER = "NO_SIGNER"
TOLD_AS = {Act.ADD: Kind.ADDED, Act.NAME: Kind.ADDED, Act.TRANSFER: Kind.TRANSFERRED, Act.DELEGATE: Kind.DELEGATED}
"""What somebody hears whom such an act asks."""


def process_of(tx: Transaction, definition_key: int) -> Process:
    """The process of a definition."""
    compiled = tx.server.definitions.process(tx.connection, tx.moment.definition_version, definition_key)
    return compiled.definition.process


def is_approval_task(tx: Transaction, task: Task) -> bool:
    """Whether a task is an approval node."""
    return is_approval(process_of(tx, task.process_definition_key).nodes[task.element_id].properties)


def refuse_approval(tx: Transaction, task: Task, act: str) -> None:
    """What people do with plain tasks is not for approval nodes, whose signers are rows.

    Raises:
        WrongState: the task is one.
    """
    if is_approval_task(tx, task):
        message = (
            f"Expected to {act} a task without signers, but '{task.key}' is an approval: use "
            f"/api/tasks/{task.key}/decide, or the other acts beside it"
        )
        raise WrongState(message, decide=f"/api/tasks/{task.key}/decide", retry=False)


@dataclass(slots=True)
class NodeAtWork:
    """An approval node under the lock of its instance, and who acts on it.

    Attributes:
        row: The task's instance.
        known: Items as they were read, by key.
        asked: Whose turn it was, and whoever could act for them.
        values: What the act entered into the task's form.
    """

    tx: Transaction
    task: Task
    row: InstanceRow
    stored: store.ApprovalRow
    node: Node
    known: dict[int, store.KnownItem]
    hand: Hand
    asked: frozenset[str] = frozenset()
    values: dict[str, Any] = field(default_factory=dict)

    @property
    def process(self) -> Process:
        """The task's process."""
        return process_of(self.tx, self.task.process_definition_key)

    @property
    def submitted(self) -> dict[str, Any]:
        """What signers have entered into the task's form so far."""
        before: dict[str, Any] = json.loads(self.stored.submitted) if self.stored.submitted else {}
        return {**before, **self.values}


# --- opening ----------------------------------------------------------------------------------------------


def open_node(advance: Advance, row: InstanceRow, event: e.UserTaskCreated) -> None:
    """Asks the signers of a user task that has just come about; nobody to ask is an incident."""
    tx = advance.tx
    process = process_of(tx, row.process_definition_key)
    root = row if row.root_key == row.key else advance.instance_row(row.root_key)
    initiator = initiator_of(tx, root.started_by)
    stored = store.ApprovalRow(
        event.key, row.key, initiator, 0, False, None, None, None, None, None, None, tx.now, None
    )  # fmt: skip
    drawn = [
        *([event.assignee] if event.assignee else ()),
        *event.candidate_users,
        *(f"group:{name}" for name in event.candidate_groups),
    ]
    values = advance.seen_at(row, event.key, event.chunk)
    signing = find_asked(tx, process, event.element_id, row.key, initiator, drawn, values)
    send_copies_of_process(tx, process, event.element_id, stored, row.root_key, "copyAtStart", values)
    node = _ask(tx, process, event.element_id, stored, signing)
    store.insert_approval(tx.connection, stored, event.element_id)
    items = (store.KnownItem(item, stored.round, None) for item in node.items.values())
    store.write_items(tx.connection, stored, items)
    users = _whose_turn(tx, node, process.id, stored)
    tx.batch.change_task(event.key, {"assignee": None, "candidate_users": users, "candidate_groups": ()})
    if not signing.asked:
        message = why_nobody(event.element_id, signing)
        advance.follow(row, c.RaiseIncident(event.key, NO_SIGNER, message, event.chunk))
    elif node.outcome is not None:
        result = result_of(node, {}, {})
        send_copies_of_process(tx, process, event.element_id, stored, row.root_key, "copyAtEnd", _and(values, result))
        advance.follow(row, c.CompleteTask(event.key, result, event.chunk, "skip"))
    else:
        notify(tx, users, Kind.TURN, row.key, event.key)


def why_nobody(element_id: str, signing: Signing) -> str:
    """What to say where not even an administrator was found."""
    return f"Expected somebody to sign at '{element_id}', but found nobody: {signing.problem}"


def _and(values: Values, result: Mapping[str, Any]) -> Values:
    """What a node decides is seen by whoever is informed of it."""
    return lambda names: {**values(names), **result}


def _ask(tx: Transaction, process: Process, element_id: str, stored: store.ApprovalRow, signing: Signing) -> Node:
    """A new round: asks the signers; ``stored`` and the items are for the caller to write."""
    policy = read_policy(process.nodes[element_id].properties)
    node = Node(policy, stored.initiator, tx.server.new_key)
    node.open(
        signing.asked,
        approved_before=signing.approved_before,
        superior_of=lambda _: superior_of(tx, stored.initiator, process.id),
    )
    stored.round += 1
    stored.amount = None if signing.amount is None else str(signing.amount)
    _decided(stored, node, tx.now)
    return node


def ask_again(at: NodeAtWork, advance: Advance) -> Signing:
    """The signers of the node are asked once more, by the rules as they apply now; the caller writes the node.

    Where the task's own assignment named them, it is those whom it named when the task came about.
    """
    tx, task = at.tx, at.task
    first = store.read_items(tx.connection, task.key, 1)
    signing = find_asked(
        tx, at.process, task.element_id, task.instance_key, at.stored.initiator,
        [one.item.person for one in first if one.item.added_by is None],
        advance.seen_at(at.row, task.key, task.chunk),
    )  # fmt: skip
    at.stored.is_correcting, at.stored.target = False, None
    at.node, at.known = _ask(tx, at.process, task.element_id, at.stored, signing), {}
    return signing


# --- acting -----------------------------------------------------------------------------------------------


def lock_node(tx: Transaction, key: int, act: str) -> NodeAtWork:
    """Locks a task's instance and reads its approval node.

    Raises:
        NotFound: there is no such task.
        WrongState: it has ended, or it is no approval node, or the request is being corrected.
    """
    task, row = task_store.lock_task(tx.connection, key)
    return node_of(tx, task, row, act)


def node_of(tx: Transaction, task: Task, row: InstanceRow | None, act: str) -> NodeAtWork:
    """See :func:`lock_node`; the task's instance is locked."""
    _check_undecided(tx, task, act)
    at = _read(tx, task, row)
    if at.stored.is_correcting:
        message = f"Expected to {act} task '{task.key}', but '{at.stored.initiator}' is correcting the request"
        raise WrongState(message, retry=False)
    return at


def correcting_node(tx: Transaction, key: int) -> NodeAtWork:
    """The node of a request that its initiator corrects.

    Raises:
        NotFound: there is no such task.
        WrongState: it has ended, is no approval node, or nothing is to be corrected there.
    """
    task, row = task_store.lock_task(tx.connection, key)
    check_open(task, "resubmit")
    at = _read(tx, task, row)
    if not at.stored.is_correcting:
        message = f"Expected a request that is to be corrected, but at task '{key}' signers are asked"
        raise WrongState(message, retry=False)
    return at


def _check_undecided(tx: Transaction, task: Task, act: str) -> None:
    """Who is too late is told by whom it was decided."""
    if task.ended_at is not None:
        stored = store.find_approval(tx.connection, task.key)
        if stored is not None and stored.outcome is not None:
            by = f" by {stored.decided_by}" if stored.decided_by else ""
            message = f"Expected to {act} task '{task.key}', but it was {stored.outcome}{by}"
            raise WrongState(message, outcome=stored.outcome, decidedBy=stored.decided_by, retry=False)
    check_open(task, act)


def _read(tx: Transaction, task: Task, row: InstanceRow | None) -> NodeAtWork:
    stored = store.find_approval(tx.connection, task.key)
    if stored is None:
        message = f"Expected an approval node, but task '{task.key}' is none"
        raise WrongState(message, retry=False)
    if row is None:
        row = instances.read_instance(tx.connection, task.instance_key)
    process = process_of(tx, task.process_definition_key)
    known = {one.item.key: one for one in store.read_items(tx.connection, task.key, stored.round)}
    node = Node(
        read_policy(process.nodes[task.element_id].properties),
        stored.initiator,
        tx.server.new_key,
        {key: one.item for key, one in known.items()},
    )
    people = [one.item.person for one in known.values() if one.item.state is ItemState.TO_DO]
    others = substitutes(tx, people, process.id, _amount(stored))
    hand = Hand(
        tx.actor.username,
        frozenset(person for person, other in others.items() if other == tx.actor.username),
        tx.actor.may("PROCESS_DEFINITION", "UPDATE_USER_TASK", task.process_id),
    )
    return NodeAtWork(tx, task, row, stored, node, known, hand, frozenset([*people, *others.values()]))


def authorize_signer(at: NodeAtWork) -> None:
    """Signers, whoever acts for them, and who may update tasks of the process.

    Raises:
        Forbidden: none of these.
    """
    names = {at.hand.actor, *at.hand.stands_for}
    if not at.hand.is_admin and not any(one.person in names for one in at.node.items.values()):
        message = f"Expected '{at.hand.actor}' to be asked at task '{at.task.key}', but others are"
        raise Forbidden(message)


# --- what an act leaves -----------------------------------------------------------------------------------


def write_node(at: NodeAtWork, act: str) -> None:
    """Writes what an act has changed, and who is asked now; a decided node is written before its task completes."""
    tx, node, stored = at.tx, at.node, at.stored
    known = []
    for key in sorted(node.changed):
        item, before = node.items[key], at.known.get(key)
        acted_at = None if item.acted_by is None else (before and before.acted_at) or tx.now
        known.append(store.KnownItem(item, stored.round, acted_at))
    store.write_items(tx.connection, stored, known)
    acts = [store.ActRow.of(tx.server.new_key(), stored, done, tx.now, node.target) for done in node.history]
    store.insert_acts(tx.connection, acts)
    if at.values:
        stored.submitted = json.dumps(at.submitted)
    _decided(stored, node, tx.now)
    store.update_approval(tx.connection, stored)
    users: tuple[str, ...] = ()
    if node.outcome is None:
        users = _whose_turn(tx, node, at.task.process_id, stored)
        update_task(tx.connection, at.task.key, {"candidate_users": users})
    _tell(at, users)
    operation = Operation.UPDATE if node.outcome is None else Operation.COMPLETE
    tx.audit_task(operation, at.task, description=act)


def _tell(at: NodeAtWork, users: Sequence[str]) -> None:
    """Tells whose turn it has become, with the act that asked them; who made the request, what became of it."""
    tx, task = at.tx, at.task
    kinds = {name: TOLD_AS[done.act] for done in at.node.history if done.act in TOLD_AS for name in done.to}
    for name in users:
        if name not in at.asked:
            notify(tx, [name], kinds.get(name, Kind.TURN), task.instance_key, task.key)
    outcome = at.node.outcome
    if outcome is not None:
        kind = Kind.RETURNED if outcome is Outcome.RETURNED else Kind.DECIDED
        notify(tx, [at.stored.initiator], kind, task.instance_key, task.key, outcome=outcome)
    for done in at.node.history:
        notify_mentioned(tx, task, done.comment)
    tell_inboxes(tx, [tx.actor.username, *at.asked, *users])


def complete_node(advance: Advance, at: NodeAtWork, *, go_to: str | None = None) -> None:
    """The outcome is decided: the task completes, and the process goes on."""
    values = {**at.submitted, **result_of(at.node, at.known, dict.fromkeys(at.node.changed, at.tx.now))}
    if any(done.act is Act.TIMEOUT for done in at.node.history):
        values["votes"].append(_timed_out(at.node, at.tx.now))
    name = at.process.nodes[at.task.element_id].properties.get("completedBy")
    if name:
        values[name] = at.node.decided_by
    if at.node.outcome is not Outcome.RETURNED:
        seen = advance.seen_at(at.row, at.task.key, at.task.chunk)
        send_copies_of_process(
            at.tx, at.process, at.task.element_id, at.stored, at.task.root_key, "copyAtEnd", _and(seen, values)
        )
    command = c.CompleteTask(at.task.key, values, at.task.chunk, str(at.node.outcome), go_to)
    advance.run(at.row, command)


def result_of(node: Node, known: Mapping[int, store.KnownItem], acted_now: Mapping[int, datetime]) -> dict[str, Any]:
    """What the process sees: the outcome, all votes, and what the one said whose act decided."""
    voted = [item for item in node.items.values() if item.state in VOTED and item.acted_by is not None]
    last = [item.comment for item in voted if item.acted_by == node.decided_by and item.key in acted_now]
    votes = []
    for item in voted:
        before = known.get(item.key)
        at = before.acted_at if before is not None and before.acted_at else acted_now.get(item.key)
        votes.append(
            {
                "signer": item.person,
                "vote": VOTED[item.state],
                "by": item.acted_by,
                "comment": item.comment or "",
                "at": None if at is None else json.timestamp(at),
            }
        )
    return {"outcome": str(node.outcome), "votes": votes, "comment": (last[-1] if last else None) or ""}


def _timed_out(node: Node, now: datetime) -> dict[str, Any]:
    """What the policy decided when the time was over, told apart from what a person said: nobody signs it."""
    vote = "yes" if node.outcome is Outcome.APPROVED else "no"
    return {
        "signer": None,
        "vote": vote,
        "by": node.decided_by,
        "comment": "",
        "at": json.timestamp(now),
        "timeout": True,
    }


def _decided(stored: store.ApprovalRow, node: Node, now: datetime) -> None:
    if node.outcome is not None:
        stored.outcome, stored.decided_by, stored.ended_at = str(node.outcome), node.decided_by, now


def _whose_turn(tx: Transaction, node: Node, process_id: str, stored: store.ApprovalRow) -> tuple[str, ...]:
    """Who may act now: signers whose turn it is, and whoever acts for them, except who made the request."""
    people = [item.person for item in node.items.values() if item.state is ItemState.TO_DO]
    others = substitutes(tx, people, process_id, _amount(stored)).values()
    return tuple(dict.fromkeys([*people, *(one for one in others if one != node.initiator)]))


def _amount(stored: store.ApprovalRow) -> Decimal | None:
    return None if stored.amount is None else Decimal(stored.amount)


# --- returned, and back -----------------------------------------------------------------------------------


def where_to_resume(tx: Transaction, task: Task, *, agrees: bool) -> str | None:
    """The element that a corrected task goes straight back to; None where it takes its flows.

    Who does not agree ends the correction: nothing comes straight back from there later.
    """
    compiled = tx.server.definitions.process(tx.connection, tx.moment.definition_version, task.process_definition_key)
    if not compiled.comes_back:
        return None
    pending = store.pending_return(tx.connection, task.instance_key, task.element_id)
    if pending is None:
        return None
    store.settle_return(tx.connection, pending.task_key)
    is_there = pending.resumes_at in compiled.definition.process.nodes  # not where it was migrated meanwhile
    return pending.resumes_at if agrees and is_there else None


def check_outcome_word(outcome: str | None, key: int) -> Outcome:
    """A vote by its word.

    Raises:
        WrongState: anything else; says where to decide.
    """
    if outcome in (Outcome.APPROVED, Outcome.REJECTED):
        return Outcome(outcome)
    message = (
        f"Expected the variable 'outcome' to be 'approved' or 'rejected', since task '{key}' is an approval, but found "
        f"{outcome!r}: use /api/tasks/{key}/decide"
    )
    raise WrongState(message, decide=f"/api/tasks/{key}/decide", retry=False)

"""What people do with user tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import UNSET

from bpm_server.domain import commands as c
from bpm_server.domain.approvals.bulk import bulk_rule, check_bulk
from bpm_server.domain.audit import Entity, Operation
from bpm_server.domain.represented import represented_by
from bpm_server.domain.tasks import (
    POSITIVE,
    TaskValues,
    check_claim,
    check_comment,
    check_open,
    check_outcome,
    check_work,
    decision_among,
    may_work_on,
    works_for_another,
)
from bpm_server.kernel.errors import InvalidInput, WrongState
from bpm_server.services.advance import Advance
from bpm_server.services.approval_nodes import (
    authorize_signer,
    check_outcome_word,
    is_approval_task,
    node_of,
    refuse_approval,
    where_to_resume,
)
from bpm_server.services.approvals import vote
from bpm_server.services.authorization import authorize
from bpm_server.services.notifications import notify_mentioned, tell_change, tell_task
from bpm_server.services.participation import authorize_part
from bpm_server.services.references import adopt_files
from bpm_server.services.submissions import check_submission
from bpm_server.services.transaction import command, transaction
from bpm_server.services.variables import check_variables
from bpm_server.store import drafts, instances
from bpm_server.store import tasks as store
from bpm_server.store.undo import taken_back_by

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from types import EllipsisType

    from bpm_server.domain.identity import Actor
    from bpm_server.domain.tasks import Task
    from bpm_server.services.approval_nodes import NodeAtWork
    from bpm_server.services.server import Server
    from bpm_server.services.transaction import Transaction
    from bpm_server.store.batch import InstanceRow


@command
def complete_task(
    server: Server,
    actor: Actor,
    key: int,
    variables: Mapping[str, Any] | None = None,
    *,
    from_form: bool = False,
    whole: bool = False,
    outcome: str | None = None,
    comment: str | None = None,
    time_zone: str | None = None,
    item: int | None = None,
    action: str | None = None,
    in_bulk: bool = False,
) -> int | None:
    """Completes a user task; the process goes on.

    Args:
        server: The server.
        actor: Who completes it.
        key: The task.
        variables: JSON values; results of the task.
        from_form: They come from outside: checked and cleaned as the task's form says, where it has one. Where the
            task offers outcomes, the variables ``outcome`` and ``comment`` count as the arguments of these names.
        whole: With ``from_form``, they come from the viewer: a list that is not there has lost all its rows.
        outcome: One of those that the task offers (its property ``outcomes``), for instance ``approved``.
        comment: Why; becomes the variable ``comment`` and part of the timeline.
        time_zone: Of the browser, for what the form says about dates; None: the actor's, or the installation's.
        item: At an approval, on which item the actor votes, where there are several (see ``services.approvals``).
        action: The caller's word for it, told to listeners.
        in_bulk: Together with others, which the process must allow for this task.

    Returns:
        Key of the change where it waits for listeners (see ``reports.listening``), None where it counts already.

    Raises:
        NotFound: no such task.
        WrongState: it has ended; says who ended it and when. Or its listeners are at work. Or it is not for bulk.
        Forbidden: it is somebody else's.
        InvalidInput: the submission does not satisfy the form; ``details["errors"]`` by field.
    """
    values = check_variables(variables)
    with transaction(server, actor) as tx:
        task, row = store.lock_task(tx.connection, key)
        if is_approval_task(tx, task):
            at = node_of(tx, task, row, "complete")
            authorize_signer(at)
            if in_bulk:
                _check_bulk(tx, task, at.row)
            _vote(at, values, outcome, comment, whole=whole, time_zone=time_zone, item=item)
            return None
        check_open(task, "complete")
        authorize_work(tx, task, "complete")
        offered = offered_outcomes(tx, task)
        if from_form and outcome is None and offered:
            outcome, comment = decision_among(values, comment)
        if outcome is not None:
            check_outcome(offered, outcome, comment)
        if row is None:
            row = instances.read_instance(tx.connection, task.instance_key)
        if in_bulk:
            _check_bulk(tx, task, row)
        if from_form:
            complete = outcome in (None, *POSITIVE)
            values = check_submission(tx, task, values, row=row, complete=complete, whole=whole, time_zone=time_zone)
            adopt_files(tx, values, row, key)
        if outcome is not None:
            values.update(outcome=outcome, comment=comment or "")
        _set_completer(tx, task, actor, values)
        if comment:
            store.insert_comment(tx.connection, server.new_key(), task, actor.username, tx.now, comment)
            notify_mentioned(tx, task, comment)
        tx.audit_task(Operation.COMPLETE, task)
        tell_task(tx, task)
        go_to = where_to_resume(tx, task, agrees=outcome in (None, *POSITIVE))
        Advance(tx).run(row, c.CompleteTask(key, values, task.chunk, action or "complete", go_to))
        waits = tx.batch.operation(key)
        if task.has_drafts and waits is None:  # a listener may deny it: then the drafts are needed again
            drafts.delete_of_task(tx.connection, key)
        return waits


def _check_bulk(tx: Transaction, task: Task, row: InstanceRow) -> None:
    rule = bulk_rule(_properties(tx, task))
    seen = Advance(tx).seen_at(row, task.key, task.chunk)
    check_bulk(task.key, rule, lambda names: {**tx.outer_variables, **seen(names)}, tx.now)


def _vote(
    at: NodeAtWork,
    values: dict[str, Any],
    outcome: str | None,
    comment: str | None,
    *,
    whole: bool,
    time_zone: str | None,
    item: int | None,
) -> None:
    """Completing an approval is the actor's vote: the variable ``outcome`` where the argument is not given."""
    if outcome is None:
        outcome, comment = decision_among(values, comment)
    entered = {name: value for name, value in values.items() if name not in ("outcome", "comment")}
    vote(at, check_outcome_word(outcome, at.task.key), comment, entered, whole=whole, time_zone=time_zone, item=item)


def _audit_change(tx: Transaction, task: Task, values: TaskValues, why: str | None) -> None:
    """Where listeners hear of the change first, the entry says that somebody wanted it."""
    if values.assignee is UNSET:
        tx.audit_task(Operation.UPDATE, task, description=why or ", ".join(values.named()))
    elif values.assignee is None:
        tx.audit_task(Operation.UNASSIGN, task)
    else:
        tx.audit_task(Operation.ASSIGN, task, related_type=Entity.USER, related_key=values.assignee, description=why)


def offered_outcomes(tx: Transaction, task: Task) -> tuple[str, ...]:
    """The outcomes that a review offers, from the task's extension property ``outcomes``."""
    text = _properties(tx, task).get("outcomes", "")
    return tuple(filter(None, (name.strip() for name in text.split(","))))


def _set_completer(tx: Transaction, task: Task, actor: Actor, values: dict[str, Any]) -> None:
    """The variable that the task's extension property ``completedBy`` names holds who completed it, whatever came."""
    name = _properties(tx, task).get("completedBy")
    if name:
        values[name] = actor.username


def _properties(tx: Transaction, task: Task) -> Mapping[str, str]:
    compiled = tx.server.definitions.process(tx.connection, tx.moment.definition_version, task.process_definition_key)
    return compiled.definition.process.nodes[task.element_id].properties


def change_task(
    tx: Transaction, task: Task, moment: str, values: TaskValues, action: str, why: str | None = None
) -> int | None:
    """Changes an open task; where it has listeners, in its instance, so that they hear of it first.

    ``why``: said in the audit log, beside what changes.

    Returns:
        Key of the change where it waits for listeners, None where it counts already.
    """
    if not {"assignee", "candidate_users", "candidate_groups"}.isdisjoint(values.named()):
        refuse_approval(tx, task, action)
    _audit_change(tx, task, values, why)
    tell_task(tx, task)
    if not has_listeners(tx, task):
        store.change(tx.connection, task.key, values, tx.now)
        tell_change(tx, task.instance_key, task.key, values)
        return None
    row = tx.lock_instance(task.instance_key, task.root_key)
    Advance(tx).run(row, c.ChangeTask(task.key, moment, values, action, task.chunk))
    return tx.batch.operation(task.key)


def has_listeners(tx: Transaction, task: Task) -> bool:
    """Whether somebody hears of changes of a task first, and may deny them."""
    compiled = tx.server.definitions.process(tx.connection, tx.moment.definition_version, task.process_definition_key)
    return compiled.definition.has_task_listeners(task.element_id)


def authorize_work(tx: Transaction, task: Task, act: str) -> None:
    """Assignee, whoever acts for them, candidate, or the permission UPDATE_USER_TASK for the process.

    Raises:
        Forbidden: somebody else; says whose task it is.
        WrongState: it was theirs, and whoever had handed it over has taken it back; ``takenBackBy`` says who.
    """
    if may_work_on(task, tx.actor):
        return
    organisation = tx.server.organisations.at(tx.connection, tx.moment)
    if works_for_another(task, represented_by(organisation, tx.actor.username, tx.now)):
        return
    by = taken_back_by(tx.connection, task.key, tx.actor.username)
    if by is not None:
        message = f"Expected to {act} task '{task.key}', but {by} has taken it back"
        raise WrongState(message, takenBackBy=by, assignee=task.assignee, retry=False)
    check_work(task, tx.actor, act)


@command
def claim_task(server: Server, actor: Actor, key: int) -> int | None:
    """Takes an offered task for oneself; claiming one's own task again changes nothing.

    Returns:
        As :func:`complete_task`.

    Raises:
        NotFound: no such task.
        WrongState: it has ended, or somebody else has claimed it.
        Forbidden: it is not offered to the actor.
    """
    with transaction(server, actor) as tx:
        task, _ = store.lock_task(tx.connection, key)
        check_open(task, "claim")
        check_claim(task, actor)
        if task.assignee == actor.username:
            return None
        return change_task(tx, task, "assigning", TaskValues(assignee=actor.username), "claim")


@command
def release_task(server: Server, actor: Actor, key: int) -> int | None:
    """Gives a claimed task back to its candidates.

    Returns:
        As :func:`complete_task`.

    Raises:
        NotFound: no such task.
        WrongState: it has ended.
        Forbidden: it is somebody else's.
    """
    with transaction(server, actor) as tx:
        task, _ = store.lock_task(tx.connection, key)
        check_open(task, "release")
        authorize_work(tx, task, "release")
        return change_task(tx, task, "assigning", TaskValues(assignee=None), "unassign")


@command
def assign_task(
    server: Server, actor: Actor, key: int, assignee: str, *, allow_override: bool = True, action: str | None = None
) -> int | None:
    """Gives a task to somebody; any name is accepted, as in Camunda.

    Args:
        server: The server.
        actor: Who assigns.
        key: The task.
        assignee: Whose task it becomes.
        allow_override: Also where somebody has it already.
        action: The caller's word for it, told to listeners.

    Returns:
        As :func:`complete_task`.

    Raises:
        NotFound: no such task.
        WrongState: it has ended, or is assigned and must not be taken.
        Forbidden: the permission UPDATE_USER_TASK is missing (claiming for oneself needs to be a candidate).
    """
    if not assignee:
        message = "Expected an assignee, but found none"
        raise InvalidInput(message, field="assignee")
    with transaction(server, actor) as tx:
        task, _ = store.lock_task(tx.connection, key)
        check_open(task, "assign")
        if assignee == actor.username and task.assignee is None:
            check_claim(task, actor)
        else:
            authorize(actor, "PROCESS_DEFINITION", "UPDATE_USER_TASK", task.process_id)
        if task.assignee and not allow_override:
            message = f"Expected to assign task '{key}', but it is assigned to {task.assignee}"
            raise WrongState(message, assignee=task.assignee, retry=False)
        return change_task(tx, task, "assigning", TaskValues(assignee=assignee), action or "assign")


@command
def unassign_task(server: Server, actor: Actor, key: int) -> int | None:
    """Takes a task from its assignee.

    Returns:
        As :func:`complete_task`.

    Raises:
        NotFound: no such task.
        WrongState: it has ended.
        Forbidden: neither the assignee's own act nor the permission UPDATE_USER_TASK.
    """
    with transaction(server, actor) as tx:
        task, _ = store.lock_task(tx.connection, key)
        check_open(task, "unassign")
        if task.assignee != actor.username:
            authorize(actor, "PROCESS_DEFINITION", "UPDATE_USER_TASK", task.process_id)
        return change_task(tx, task, "assigning", TaskValues(assignee=None), "unassign")


@command
def update_task(
    server: Server,
    actor: Actor,
    key: int,
    *,
    due_date: datetime | EllipsisType | None = ...,
    follow_up_date: datetime | EllipsisType | None = ...,
    priority: int | None = None,
    candidate_users: Sequence[str] | None = None,
    candidate_groups: Sequence[str] | None = None,
    action: str | None = None,
) -> int | None:
    """Changes dates, priority or candidates of an open task; what is not named stays.

    Returns:
        As :func:`complete_task`.

    Raises:
        NotFound: no such task.
        WrongState: it has ended.
        Forbidden: the permission UPDATE_USER_TASK is missing.
    """
    if priority is not None and not 0 <= priority <= 100:
        message = f"Expected a priority from 0 to 100, but found {priority}"
        raise InvalidInput(message, field="priority")
    with transaction(server, actor) as tx:
        task, _ = store.lock_task(tx.connection, key)
        check_open(task, "update")
        authorize(actor, "PROCESS_DEFINITION", "UPDATE_USER_TASK", task.process_id)
        values = TaskValues(
            due_date=UNSET if due_date is ... else due_date,
            follow_up_date=UNSET if follow_up_date is ... else follow_up_date,
            priority=UNSET if priority is None else priority,
            candidate_users=UNSET if candidate_users is None else tuple(dict.fromkeys(candidate_users)),
            candidate_groups=UNSET if candidate_groups is None else tuple(dict.fromkeys(candidate_groups)),
        )
        return change_task(tx, task, "updating", values, action or "update")


@command
def comment_task(server: Server, actor: Actor, key: int, text: str) -> int:
    """Writes a comment beside a task; also when it has ended.

    Returns:
        The comment's key.

    Raises:
        NotFound: no such task.
        Forbidden: the actor has no part in it.
        InvalidInput: empty or too long.
    """
    plain = check_comment(text, "text")
    if plain is None:
        message = "Expected a comment, but found none"
        raise InvalidInput(message, field="text")
    with transaction(server, actor) as tx:
        task, _ = store.lock_task(tx.connection, key)  # nobody removes the instance meanwhile
        authorize_part(tx, task)
        comment_key = server.new_key()
        store.insert_comment(tx.connection, comment_key, task, actor.username, tx.now, plain)
        notify_mentioned(tx, task, plain)
    return comment_key

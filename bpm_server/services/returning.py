"""Returning a request for correction, and what follows: corrected, recalled by who made it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server import engine
from bpm_server.domain import commands as c
from bpm_server.domain import returning as rules
from bpm_server.domain.approvals import acts
from bpm_server.domain.approvals.node import Act, Outcome
from bpm_server.domain.approvals.policy import AfterReturn
from bpm_server.domain.audit import Entity, Operation
from bpm_server.domain.drafts import Place
from bpm_server.domain.identity import SYSTEM
from bpm_server.domain.states import TaskState
from bpm_server.domain.tasks import check_comment
from bpm_server.kernel.errors import Forbidden, InvalidInput, WrongState
from bpm_server.services.acts import note_act
from bpm_server.services.advance import Advance
from bpm_server.services.approval_nodes import (
    NO_SIGNER,
    ask_again,
    authorize_signer,
    complete_node,
    correcting_node,
    lock_node,
    why_nobody,
    write_node,
)
from bpm_server.services.approvals import finish
from bpm_server.services.authorization import authorize
from bpm_server.services.process_instances import initiator_variables
from bpm_server.services.references import adopt_files
from bpm_server.services.service_levels import pause_clocks, resume_clocks
from bpm_server.services.submissions import check_correction
from bpm_server.services.transaction import command, transaction
from bpm_server.services.variables import check_variables
from bpm_server.store import approvals as store
from bpm_server.store import drafts, handovers
from bpm_server.store import tasks as task_store
from bpm_server.store.candidates import update_task
from bpm_server.store.tables.tasks import user_task

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bpm_server.domain.identity import Actor
    from bpm_server.services.approval_nodes import NodeAtWork
    from bpm_server.services.server import Server
    from bpm_server.services.transaction import Transaction


@command
def give_back(
    server: Server, actor: Actor, key: int, target: str, comment: str, *, item: int | None = None
) -> str | None:
    """Returns a request for correction: one person's act, which ends the node.

    Args:
        server: The server.
        actor: Who returns it.
        key: The task.
        target: ``initiator``, ``previous`` or the id of a task that was passed on every way here.
        comment: Why.
        item: On which item, where there are several.

    Returns:
        The element where it goes on; None where the initiator corrects it beside this task.

    Raises:
        NotFound: no such task.
        WrongState: it is decided, or not their turn.
        Forbidden: nobody asked them.
        InvalidInput: no such target, with those there are; or no reason.
    """
    with transaction(server, actor) as tx:
        at = lock_node(tx, key, "return")
        authorize_signer(at)
        passed = task_store.passed_tasks(tx.connection, at.task.instance_key)
        found = rules.targets(at.process, at.task.element_id, passed, at.stored.initiator, at.node.policy.return_to)
        chosen = rules.choose(found, target)
        acts.give_back(at.node, at.hand, target, check_comment(comment) or "", item=item)
        if chosen.element_id is None:
            _let_correct(at)
        else:
            _go_back(at, chosen.element_id)
        return chosen.element_id


def _let_correct(at: NodeAtWork) -> None:
    """The initiator is asked to correct the request; the task stays open for them meanwhile."""
    tx, stored = at.tx, at.stored
    before, stored.initiator = str(stored.initiator), _who_corrects(at)
    write_node(at, Act.RETURN)
    if stored.initiator != before:
        note_act(tx, Act.HANDOVER, at.task.instance_key, at.task.key, people=(before, stored.initiator), by=SYSTEM)
    stored.is_correcting, stored.target = True, rules.INITIATOR
    stored.outcome, stored.ended_at = None, None
    store.update_approval(tx.connection, stored)
    update_task(tx.connection, at.task.key, {"candidate_users": (stored.initiator,)})
    pause_clocks(tx, at.task.instance_key, at.task.key)


def _who_corrects(at: NodeAtWork) -> str:
    """Who made the request, or who has their work now that they have left.

    Raises:
        WrongState: they have left, and nobody who works here has their work.
    """
    tx = at.tx
    organisation = tx.server.organisations.at(tx.connection, tx.moment)
    person, asked = str(at.stored.initiator), set[str]()
    while person in organisation.people and not organisation.is_active(person):
        asked.add(person)
        plan = handovers.latest_plan(tx.connection, person)
        if plan is None or plan.heir(at.task.process_id) in asked:
            message = (
                f"Expected somebody to correct the request, but '{at.stored.initiator}' has left: "
                "hand their work over first, or return it to another step"
            )
            raise WrongState(message, retry=False)
        person = plan.heir(at.task.process_id)
    return person


def _go_back(at: NodeAtWork, target: str) -> None:
    """Goes on at a passed task. Where other branches end with that, there is no straight way."""
    at.node.target = at.stored.target = target
    advance = Advance(at.tx)
    if at.node.policy.after_return is AfterReturn.DIRECT:
        is_alone = engine.is_alone(advance.look(at.row, at.task.chunk), at.task.key, target)
        at.stored.resumes_at = at.task.element_id if is_alone else None
    write_node(at, Act.RETURN)
    complete_node(advance, at, go_to=target)


@command
def resubmit(
    server: Server,
    actor: Actor,
    key: int,
    variables: Mapping[str, Any] | None = None,
    comment: str | None = None,
    *,
    whole: bool = False,
    time_zone: str | None = None,
) -> None:
    """The initiator has corrected the request: it comes straight back, or all is walked again, as the policy says.

    Args:
        server: The server.
        actor: Who made the request.
        key: The task that returned it.
        variables: What was corrected; checked by the start form, where the process has one.
        comment: What was corrected, in words.
        whole: They come from the viewer (see ``services.tasks.complete_task``).
        time_zone: Of the browser.

    Raises:
        NotFound: no such task.
        WrongState: nothing is to be corrected there.
        Forbidden: somebody else made the request.
        InvalidInput: the values do not satisfy the form.
    """
    values = check_variables(variables)
    with transaction(server, actor) as tx:
        at = correcting_node(tx, key)
        check_initiator(actor, at.stored.initiator, "correct it")
        if values:
            values = check_correction(tx, at.task, values, row=at.row, whole=whole, time_zone=time_zone)
        for name in initiator_variables(at.process):
            values.pop(name, None)
        advance = Advance(tx)
        if values:
            adopt_files(tx, values, at.row, None)
            advance.run(at.row, c.SetVariables(at.row.key, values))
        if at.task.has_drafts:
            drafts.delete_at(tx.connection, actor.username, Place(at.task.process_id, key))
        note_act(tx, Act.RESUBMIT, at.row.key, key, comment)
        _go_on(at, advance)


def _go_on(at: NodeAtWork, advance: Advance) -> None:
    tx = at.tx
    first = rules.first_of(at.process, at.task.element_id, task_store.passed_tasks(tx.connection, at.task.instance_key))
    if first is not None and at.node.policy.after_return is AfterReturn.REWALK:
        at.node.outcome, at.stored.is_correcting = Outcome.RETURNED, False
        write_node(at, Act.RESUBMIT)
        complete_node(advance, at, go_to=first)
        return
    signing = ask_again(at, advance)
    if not signing.asked:
        message = why_nobody(at.task.element_id, signing)
        advance.run(at.row, c.RaiseIncident(at.task.key, NO_SIGNER, message, at.task.chunk))
    resume_clocks(tx, at.task.instance_key, at.task.key)
    finish(at, Act.RESUBMIT)


@command
def recall(server: Server, actor: Actor, instance_key: int, comment: str | None = None) -> None:
    """The initiator takes a request back before anybody else has acted: its instance ends.

    Raises:
        NotFound: no such instance.
        WrongState: it has ended, or somebody has acted; says who.
        Forbidden: somebody else made the request.
    """
    with transaction(server, actor) as tx:
        row = tx.lock_instance(instance_key)
        check_initiator(actor, row.started_by, "recall it")
        _check_nobody_acted(tx, instance_key, actor.username)
        note_act(tx, Act.RECALL, instance_key, comment=comment)
        _end(tx, instance_key, Act.RECALL)


@command
def terminate(server: Server, actor: Actor, instance_key: int, comment: str) -> None:
    """An administrator ends a case, with a reason.

    Raises:
        NotFound: no such instance.
        WrongState: it has ended.
        Forbidden: the permission CANCEL_PROCESS_INSTANCE is missing.
        InvalidInput: no reason.
    """
    with transaction(server, actor) as tx:
        row = tx.lock_instance(instance_key)
        authorize(actor, "PROCESS_DEFINITION", "CANCEL_PROCESS_INSTANCE", row.process_id)
        if check_comment(comment) is None:
            message = "Expected a comment that says why it is terminated, but found none"
            raise InvalidInput(message, field="comment")
        note_act(tx, Act.TERMINATE, instance_key, comment=comment)
        _end(tx, instance_key, Act.TERMINATE)


def _end(tx: Transaction, instance_key: int, act: Act) -> None:
    row = tx.lock_instance(instance_key)
    if row.ended_at is not None:
        message = f"Expected to {act} process instance '{instance_key}', but it is {row.state}"
        raise WrongState(message, retry=False)
    if row.parent_key is not None:
        message = f"Expected to {act} a whole case, but '{instance_key}' was called by '{row.parent_key}'"
        raise WrongState(message, retry=False)
    tx.audit_instance(Entity.PROCESS_INSTANCE, Operation.CANCEL, row.key, row, description=str(act))
    Advance(tx).run(row, c.CancelInstance())


def _check_nobody_acted(tx: Transaction, instance_key: int, initiator: str) -> None:
    t = user_task
    others = sa.select(t.c.ended_by).where(
        t.c.root_key == instance_key, t.c.state == TaskState.COMPLETED, t.c.ended_by != initiator
    )
    found = set(tx.connection.execute(others).scalars())
    found |= set(store.actors(tx.connection, instance_key)) - {initiator}
    if found:
        who = ", ".join(sorted(name for name in found if name))
        message = f"Expected nobody to have acted on '{instance_key}' yet, but {who} did"
        raise WrongState(message, actedSince=sorted(name for name in found if name), retry=False)


def check_initiator(actor: Actor, initiator: str | None, act: str) -> None:
    """Only who made the request.

    Raises:
        Forbidden: somebody else did.
    """
    if initiator is None or actor.username != initiator:
        message = f"Expected who made the request to {act}, but that is {initiator or 'a program'}"
        raise Forbidden(message)

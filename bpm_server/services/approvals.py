"""What people do at approval nodes; the rules are in ``domain.approvals``, one function for each act.

Every command locks the task's instance, lets the rules change the node and writes what they changed. All of them raise
NotFound (no such task), WrongState (decided already, with by whom; not their turn), Forbidden (nobody asked them) and
InvalidInput (what they say is not possible); ``item`` names on which item somebody acts, where there are several.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpm_server.domain import commands as c
from bpm_server.domain.approvals import acts
from bpm_server.domain.approvals.items import GroupMode
from bpm_server.domain.approvals.node import Act, Outcome, Where
from bpm_server.domain.drafts import Place
from bpm_server.domain.tasks import check_comment
from bpm_server.kernel.errors import InvalidInput, NotFound, WrongState
from bpm_server.services.advance import Advance
from bpm_server.services.approval_nodes import (
    NO_SIGNER,
    ask_again,
    authorize_signer,
    complete_node,
    lock_node,
    node_of,
    where_to_resume,
    why_nobody,
    write_node,
)
from bpm_server.services.references import adopt_files
from bpm_server.services.submissions import check_submission
from bpm_server.services.transaction import command, transaction
from bpm_server.services.variables import check_variables
from bpm_server.store import drafts, incidents
from bpm_server.store import tasks as task_store

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bpm_server.domain.identity import Actor
    from bpm_server.services.approval_nodes import NodeAtWork
    from bpm_server.services.server import Server
    from bpm_server.services.transaction import Transaction
    from bpm_server.store.batch import InstanceRow


@command
def decide(
    server: Server,
    actor: Actor,
    key: int,
    outcome: str,
    comment: str | None = None,
    *,
    variables: Mapping[str, Any] | None = None,
    whole: bool = False,
    time_zone: str | None = None,
    item: int | None = None,
) -> Outcome | None:
    """Agrees or does not: a vote, which may decide the node.

    Args:
        server: The server.
        actor: Who votes, for themselves or as substitute.
        key: The task.
        outcome: ``approved`` or ``rejected``.
        comment: Why; needed for a reject.
        variables: What was entered into the task's form.
        whole: They come from the viewer (see ``services.tasks.complete_task``).
        time_zone: Of the browser.
        item: See the module's text.

    Returns:
        What the node has decided; None while others are asked.
    """
    values = check_variables(variables)
    with transaction(server, actor) as tx:
        at = lock_node(tx, key, "decide")
        authorize_signer(at)
        return vote(at, outcome, comment, values, whole=whole, time_zone=time_zone, item=item)


def vote(
    at: NodeAtWork,
    outcome: str,
    comment: str | None,
    values: dict[str, Any],
    *,
    whole: bool = False,
    time_zone: str | None = None,
    item: int | None = None,
) -> Outcome | None:
    """See :func:`decide`."""
    if outcome not in (Outcome.APPROVED, Outcome.REJECTED):
        message = f"Expected the outcome approved or rejected, but found '{outcome[:40]}'"
        raise InvalidInput(message, field="outcome")
    said = check_comment(comment)
    agrees = outcome == Outcome.APPROVED
    if not agrees and said is None:
        message = "Expected a comment that says why it is rejected, but found none"
        raise InvalidInput(message, field="comment")
    at.values = check_submission(
        at.tx, at.task, values, row=at.row, complete=agrees, whole=whole, time_zone=time_zone, before=at.submitted
    )
    adopt_files(at.tx, at.values, at.row, at.task.key)
    (acts.approve if agrees else acts.reject)(at.node, at.hand, said, item=item)
    finish(at, outcome)
    if at.task.has_drafts:
        drafts.delete_at(at.tx.connection, at.hand.actor, Place(at.task.process_id, at.task.key))
    return at.node.outcome


def ask_signers(tx: Transaction, row: InstanceRow, key: int) -> None:
    """Asks once more where nobody was found to sign.

    Args:
        tx: The transaction.
        row: The task's instance, which is locked.
        key: The task.

    Raises:
        NotFound, WrongState: as :func:`decide`; or there still is nobody.
    """
    at = node_of(tx, task_store.read_task(tx.connection, key), row, "ask signers of")
    if at.asked:
        return
    signing = ask_again(at, Advance(tx))
    if not signing.asked:
        raise WrongState(why_nobody(at.task.element_id, signing), retry=False)
    finish(at, "ask")


def finish(at: NodeAtWork, act: str) -> None:
    """Writes an act; a decided node completes its task."""
    write_node(at, act)
    if at.node.outcome is not None:
        if at.task.has_drafts:
            drafts.delete_of_task(at.tx.connection, at.task.key)
        go_to = where_to_resume(at.tx, at.task, agrees=at.node.outcome is Outcome.APPROVED)
        complete_node(Advance(at.tx), at, go_to=go_to)


@command
def add_signers(
    server: Server,
    actor: Actor,
    key: int,
    people: Sequence[str],
    where: Where,
    *,
    mode: GroupMode = GroupMode.ALL,
    comment: str | None = None,
    item: int | None = None,
) -> Outcome | None:
    """Asks more people: before the actor (who decides then), after them (they agree with this), or beside them."""
    with transaction(server, actor) as tx:
        at = lock_node(tx, key, "add signers")
        authorize_signer(at)
        check_people(tx, people)
        acts.add_signers(at.node, at.hand, people, where, mode=mode, comment=check_comment(comment), item=item)
        finish(at, Act.ADD)
        return at.node.outcome


@command
def name_signers(server: Server, actor: Actor, key: int, people: Sequence[str], comment: str) -> None:
    """Asks more people, as an administrator; also where the rules found nobody."""
    with transaction(server, actor) as tx:
        at = lock_node(tx, key, "name signers")
        authorize_signer(at)
        check_people(tx, people)
        acts.name_signers(at.node, at.hand, people, check_comment(comment) or "")
        if incidents.is_active(tx.connection, key, NO_SIGNER):
            Advance(tx).run(at.row, c.ResolveIncident(key, at.task.chunk))
        finish(at, Act.NAME)


@command
def remove_signer(server: Server, actor: Actor, key: int, item: int, comment: str | None = None) -> Outcome | None:
    """Lets somebody off who has not acted: by who added them, or an administrator. It may decide the node."""
    with transaction(server, actor) as tx:
        at = lock_node(tx, key, "remove a signer")
        authorize_signer(at)
        acts.remove_signer(at.node, at.hand, item, check_comment(comment))
        finish(at, Act.REMOVE)
        return at.node.outcome


@command
def delegate(
    server: Server, actor: Actor, key: int, person: str, comment: str | None = None, *, item: int | None = None
) -> None:
    """Asks somebody what they think; it comes back, and the actor decides."""
    with transaction(server, actor) as tx:
        at = lock_node(tx, key, "delegate")
        authorize_signer(at)
        check_people(tx, [person])
        acts.delegate(at.node, at.hand, person, check_comment(comment), item=item)
        finish(at, Act.DELEGATE)


@command
def take_back(server: Server, actor: Actor, key: int, *, item: int | None = None) -> None:
    """Takes the actor's vote back, as long as the node is open and nobody has acted after it."""
    with transaction(server, actor) as tx:
        at = lock_node(tx, key, "take a vote back")
        authorize_signer(at)
        acts.take_back(at.node, at.hand, item=item)
        finish(at, Act.TAKE_BACK)


def check_people(tx: Transaction, people: Sequence[str]) -> None:
    """Everybody named must work here.

    Raises:
        NotFound: somebody is not known, or has left.
    """
    organisation = tx.server.organisations.at(tx.connection, tx.moment)
    for person in people:
        if not organisation.is_active(person):
            known = "has left" if person in organisation.people else "is not known"
            message = f"Expected active people, but '{person[:80]}' {known}"
            raise NotFound(message, field="people")

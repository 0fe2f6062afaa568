"""Informing people of a case without asking them: carbon copies 抄送, urging 催办, and having read 已阅."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from bpm_server.domain.approvals.node import Act
from bpm_server.domain.notifications import Kind
from bpm_server.domain.tasks import check_comment, check_open
from bpm_server.kernel.errors import Forbidden, LimitExceeded, WrongState
from bpm_server.services.acts import note_act
from bpm_server.services.approvals import check_people
from bpm_server.services.notifications import notify, notify_mentioned
from bpm_server.services.participation import authorize_part
from bpm_server.services.transaction import command, transaction
from bpm_server.store import approvals as store
from bpm_server.store import carbon_copies
from bpm_server.store import tasks as task_store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bpm_server.domain.identity import Actor
    from bpm_server.domain.tasks import Task
    from bpm_server.services.server import Server
    from bpm_server.services.transaction import Transaction

URGED_AGAIN = timedelta(hours=1)


@command
def send_copies(server: Server, actor: Actor, key: int, people: Sequence[str], comment: str | None = None) -> list[str]:
    """Informs people of the case of a task, each once.

    Returns:
        Those who were not informed before.

    Raises:
        NotFound: no such task, or somebody who does not work here.
        Forbidden: the actor may not see the task.
    """
    with transaction(server, actor) as tx:
        task, _ = task_store.lock_task(tx.connection, key)
        authorize_part(tx, task)
        check_people(tx, people)
        said = check_comment(comment)
        new = carbon_copies.insert_copies(
            tx.connection, server.new_key, task.root_key, people, actor.username, tx.now, said
        )
        if new:
            note_act(tx, Act.COPY, task.instance_key, key, said, people=new)
            notify(tx, new, Kind.COPIED, task.root_key)
            notify_mentioned(tx, task, said)
        return new


@command
def urge(server: Server, actor: Actor, key: int, comment: str | None = None) -> list[str]:
    """Reminds whoever a task waits for; it is in the history.

    Returns:
        Who was reminded.

    Raises:
        NotFound: no such task.
        WrongState: it has ended, or waits for nobody.
        Forbidden: the actor has no part in it.
        LimitExceeded: it was urged within the last hour; says when again (``retry_after``, seconds).
    """
    with transaction(server, actor) as tx:
        task, _ = task_store.lock_task(tx.connection, key)
        check_open(task, "urge")
        authorize_part(tx, task)
        return _urge(tx, [task], comment)


@command
def urge_case(server: Server, actor: Actor, instance_key: int, comment: str | None = None) -> list[str]:
    """Reminds whoever a case waits for, at all its open tasks; see :func:`urge`.

    Raises:
        NotFound: no such instance.
        WrongState: it waits for nobody by name.
        Forbidden: the actor has no part in it.
        LimitExceeded: all of them were urged within the last hour.
    """
    with transaction(server, actor) as tx:
        row = tx.lock_instance(instance_key)
        open_tasks = [task_store.read_task(tx.connection, key) for key in task_store.open_keys(tx.connection, row.key)]
        for task in open_tasks:
            authorize_part(tx, task)
        return _urge(tx, open_tasks, comment)


def _urge(tx: Transaction, tasks: Sequence[Task], comment: str | None) -> list[str]:
    """Reminds at those tasks that were not urged within the last hour; refuses where there is none."""
    waiting = [(task, people) for task in tasks if (people := waits_for(tx, task))]
    if not waiting:
        message = "Expected a task that waits for somebody, but it is offered to groups alone or to nobody"
        raise WrongState(message, retry=False)
    reminded: list[str] = []
    wait = 0
    for task, people in waiting:
        last = store.last_act(tx.connection, task.key, Act.URGE)
        if last is not None and tx.now < last + URGED_AGAIN:
            wait = int((last + URGED_AGAIN - tx.now).total_seconds()) + 1
            continue
        note_act(tx, Act.URGE, task.instance_key, task.key, comment, people=people)
        notify(tx, people, Kind.URGED, task.instance_key, task.key)
        notify_mentioned(tx, task, comment)
        reminded += people
    if not reminded:
        message = f"Expected at most one reminder an hour, but the last was {60 - wait // 60} minutes ago"
        raise LimitExceeded(message, retry_after=wait)
    return list(dict.fromkeys(reminded))


def remind(tx: Transaction, task: Task, people: Sequence[str]) -> None:
    """The clock of a task reminds people of it; it is in the history, also where it waits for groups alone."""
    note_act(tx, Act.REMIND, task.instance_key, task.key, people=people)
    notify(tx, people, Kind.URGED, task.instance_key, task.key)


def waits_for(tx: Transaction, task: Task) -> list[str]:
    """People a task waits for by name."""
    asked = store.asked_now(tx.connection, task.key)
    if asked is not None:
        return asked
    return [task.assignee] if task.assignee else sorted(task.candidate_users)


@command
def mark_read(server: Server, actor: Actor, instance_key: int) -> bool:
    """The actor has seen a case that they were informed of.

    Returns:
        Whether it was new to them.

    Raises:
        Forbidden: nobody informed them.
    """
    with transaction(server, actor) as tx:
        check_informed(tx, instance_key)
        return carbon_copies.mark_read(tx.connection, instance_key, actor.username, tx.now)


def check_informed(tx: Transaction, instance_key: int) -> None:
    """The actor must have been informed of a case.

    Raises:
        Forbidden: they were not.
    """
    if not carbon_copies.is_informed(tx.connection, instance_key, tx.actor.username):
        message = f"Expected '{tx.actor.username}' to be informed of '{instance_key}', but nobody did"
        raise Forbidden(message)

"""An approval node as people see it: who is asked, what each said, what happened, where it can be returned to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server.domain import returning
from bpm_server.domain.approvals.policy import is_approval, read_policy
from bpm_server.domain.tasks import may_see
from bpm_server.kernel import json
from bpm_server.kernel.errors import NotFound
from bpm_server.reports import sight
from bpm_server.reports.search import forbidden
from bpm_server.reports.summaries import read_summaries
from bpm_server.store import approvals as store
from bpm_server.store import tasks
from bpm_server.store.moments import read_moment
from bpm_server.store.tables.approvals import approval as approval_table
from bpm_server.store.tables.approvals import approval_act, approval_item, carbon_copy
from bpm_server.store.tables.tasks import user_task as t

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from bpm_server.bpmn.model import Process
    from bpm_server.domain.approvals.policy import Policy
    from bpm_server.domain.identity import Actor
    from bpm_server.domain.tasks import Task
    from bpm_server.reports.task_details import TaskDetail
    from bpm_server.services.server import Server


@dataclass(frozen=True, slots=True)
class Signature:
    """Somebody who is asked, or was.

    Attributes:
        round: How often signers had been asked then.
        reason: Why they are asked, as ``services.approval_signers`` tells it.
    """

    key: int
    round: int
    person: str
    state: str
    place: str
    parent: int | None
    added_by: str | None
    reason: Mapping[str, Any]
    acted_by: str | None
    acted_at: datetime | None
    comment: str | None


@dataclass(frozen=True, slots=True)
class Approval:
    """An approval node.

    Attributes:
        signatures: Of all rounds, in the order in which they came about.
        submitted: What signers have entered into the form so far.
    """

    policy: Policy
    initiator: str | None
    round: int
    is_correcting: bool
    outcome: str | None
    target: str | None
    decided_by: str | None
    signatures: tuple[Signature, ...]
    submitted: Mapping[str, Any]

    @property
    def last_comment(self) -> str | None:
        """What the one said whose act decided."""
        said = [one.comment for one in self.present if one.acted_by == self.decided_by and one.comment]
        return said[-1] if said and self.outcome is not None else None

    @property
    def present(self) -> tuple[Signature, ...]:
        """Of this round."""
        return tuple(one for one in self.signatures if one.round == self.round)


def approval(server: Server, actor: Actor, key: int) -> Approval:
    """The approval node of a task.

    Raises:
        NotFound: there is no such task, or it is no approval.
        Forbidden: the actor may not see it.
    """
    with server.database.read() as connection:
        task = tasks.read_task(connection, key)
        if not may_look(connection, task, actor):
            raise forbidden(actor, "user task", key, (sight.PROCESS, "READ_USER_TASK"))
        version = read_moment(connection).definition_version
        process = server.definitions.process(connection, version, task.process_definition_key).definition.process
        found = find_approval(connection, process, task)
    if found is None:
        message = f"Expected an approval, but task '{key}' is none"
        raise NotFound(message)
    return found


def may_look(connection: Connection, task: Task, actor: Actor) -> bool:
    """Whether somebody may see a task.

    Assignee, candidates (also when it is done), who completed it; at an approval who signs there or made the request;
    who is informed of the case; and by permission.
    """
    if may_see(task, actor) or task.ended_by == actor.username:
        return True
    i, a, k, name = approval_item.c, approval_table.c, carbon_copy.c, actor.username
    parts = (
        sa.select(i.key).where(i.task_key == task.key, sa.or_(i.person == name, i.acted_by == name)).limit(1),
        sa.select(a.task_key).where(a.task_key == task.key, a.initiator == name),
        sa.select(k.key).where(k.instance_key == task.root_key, k.username == name),
    )
    found = sa.union_all(*[sa.select(one.subquery().c[0]) for one in parts])
    return connection.execute(found.limit(1)).first() is not None


def find_approval(connection: Connection, process: Process, task: Task) -> Approval | None:
    """The approval node of a task; None where it is a plain one. Who may see the task may see it."""
    properties = process.nodes[task.element_id].properties
    row = store.find_approval(connection, task.key) if is_approval(properties) else None
    if row is None:
        return None
    return Approval(
        read_policy(properties),
        row.initiator,
        row.round,
        row.is_correcting,
        row.outcome,
        row.target,
        row.decided_by,
        tuple(_signature(one) for one in store.read_items(connection, task.key)),
        json.loads(row.submitted) if row.submitted else {},
    )


def _signature(known: store.KnownItem) -> Signature:
    item = known.item
    return Signature(
        item.key, known.round, item.person, str(item.state), str(item.place), item.parent, item.added_by, item.reason,
        item.acted_by, known.acted_at, item.comment,
    )  # fmt: skip


def return_targets(server: Server, key: int) -> list[returning.Target]:
    """Where a task can be returned to, nearest first, with those that cannot and why; who may see it is asked before.

    Raises:
        NotFound: there is no such task.
    """
    with server.database.read() as connection:
        task = tasks.read_task(connection, key)
        version = read_moment(connection).definition_version
        process = server.definitions.process(connection, version, task.process_definition_key).definition.process
        found = find_approval(connection, process, task)
    return [] if found is None else targets_from(server, process, task, found)


def targets_from(server: Server, process: Process, task: Task | TaskDetail, found: Approval) -> list[returning.Target]:
    """``return_targets`` of an approval that has been read already."""
    with server.database.read() as connection:
        passed = tasks.passed_tasks(connection, task.instance_key)
    return returning.targets(process, task.element_id, passed, found.initiator, found.policy.return_to)


@dataclass(frozen=True, slots=True)
class Done:
    """One act of the history."""

    at: datetime
    act: str
    actor: str
    task_key: int | None
    item_key: int | None
    comment: str | None
    people: tuple[str, ...]
    place: str | None
    target: str | None


def acts_of(connection: Connection, instance_key: int, limit: int = 1_000) -> list[Done]:
    """What people did with a request, oldest first."""
    a = approval_act
    query = sa.select(a).where(a.c.instance_key == instance_key).order_by(a.c.key).limit(limit)
    return [
        Done(
            row.at, row.act, row.actor, row.task_key, row.item_key, row.comment, tuple(json.loads(row.people)),
            row.place, row.target,
        )
        for row in connection.execute(query)
    ]  # fmt: skip


def first_signers(connection: Connection, instance_key: int) -> dict[int, list[str]]:
    """Whom the rules have found at each approval of an instance when it came about, by task."""
    i = approval_item.c
    found: dict[int, list[str]] = {}
    mine = (i.instance_key == instance_key, i.round == 1, i.added_by.is_(None))
    query = sa.select(i.task_key, i.person, i.reason).where(*mine)
    for task_key, who, reason in connection.execute(query.order_by(i.key)):
        if {"transferred_from", "handed_over_from"}.isdisjoint(json.loads(reason)):
            found.setdefault(task_key, []).append(who)
    return found


def unread_copies(server: Server, actor: Actor, instance_keys: Sequence[int]) -> frozenset[int]:
    """Which of some cases the actor was informed of and has not read."""
    k = carbon_copy
    mine = (k.c.username == actor.username, k.c.read_at.is_(None), k.c.instance_key.in_(instance_keys))
    with server.database.read() as connection:
        return frozenset(connection.execute(sa.select(k.c.instance_key).where(*mine)).scalars())


def card(server: Server, actor: Actor, key: int) -> dict[str, Any]:
    """What a chat shows of an approval; see ``web.api.approvals.CardResult``.

    Raises:
        NotFound: there is no such task, or it is no approval.
        Forbidden: the actor may not see it.
    """
    found = approval(server, actor, key)
    with server.database.read() as connection:
        task = tasks.read_task(connection, key)
        facts = read_summaries(connection, server, {task.instance_key: task.process_definition_key})
        created = connection.execute(sa.select(t.c.created_at).where(t.c.key == key)).scalar_one()
    return {
        "title": task.name,
        "process_id": task.process_id,
        "initiator": found.initiator,
        "created_at": created,
        "facts": [{"name": name, "value": value} for name, value in facts.get(task.instance_key, {}).items()],
    }

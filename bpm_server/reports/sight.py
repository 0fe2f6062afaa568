"""What an actor may see: the one place where reports ask.

Own tasks and tasks that are offered; instances that one started (with all they called) or took part in; beyond
that, what the permissions say, for everything or for single processes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from bpm_server.domain.identity import ANY, Actor
from bpm_server.store.tables.approvals import approval_item, carbon_copy
from bpm_server.store.tables.instances import process_instance
from bpm_server.store.tables.tasks import user_task, user_task_candidate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Where = sa.ColumnElement[bool]
PROCESS = "PROCESS_DEFINITION"
EVERYTHING = Actor("report", is_system=True)
"""For what somebody may see because of something else that was checked already."""


def granted_ids(actor: Actor, resource: str, action: str) -> list[str]:
    """The ids for which a right was given singly."""
    return sorted(
        p.resource_id
        for p in actor.permissions
        if p.resource == resource and p.action in (action, ANY) and p.resource_id != ANY
    )


def by_permission(
    actor: Actor,
    resource: str,
    action: str,
    column: sa.ColumnElement[str],
    others: Callable[[], Iterable[Where]] = tuple,
) -> Where | None:
    """None where the right was given for everything; else rows whose ``column`` it was given for, and ``others``."""
    if actor.may(resource, action):
        return None
    granted = granted_ids(actor, resource, action)
    return sa.or_(sa.false(), *([column.in_(granted)] if granted else []), *others())


def offered(actor: Actor) -> sa.Select[tuple[int]]:
    """Keys of open tasks that are offered to the actor, by name or by group; claimed ones count too."""
    t = user_task_candidate
    mine = sa.and_(t.c.kind == "u", t.c.name == actor.username)
    if not actor.groups:
        return sa.select(t.c.task_key).where(mine)
    return sa.select(t.c.task_key).where(sa.or_(mine, sa.and_(t.c.kind == "g", t.c.name.in_(sorted(actor.groups)))))


def own_tasks(actor: Actor) -> Where:
    """Tasks that are assigned to the actor, offered to them, done or signed by them."""
    t, i = user_task, approval_item
    parts = (
        sa.select(t.c.key).where(t.c.assignee == actor.username),
        sa.select(t.c.key).where(t.c.ended_by == actor.username),
        sa.select(i.c.task_key).where(i.c.acted_by == actor.username),
        offered(actor),
    )
    return t.c.key.in_(sa.union_all(*[part.correlate(None) for part in parts]))


def tasks(actor: Actor) -> Where | None:
    """Tasks: the actor's own, or by the permission READ_USER_TASK."""
    return by_permission(actor, PROCESS, "READ_USER_TASK", user_task.c.process_id, lambda: (own_tasks(actor),))


def instances(actor: Actor) -> Where | None:
    """Instances: started by the actor or told to them (with all called), taken part in, or READ_PROCESS_INSTANCE."""
    p, t, i = process_instance, user_task, approval_item

    def mine() -> Iterable[Where]:
        started = p.alias("started")
        took_part = sa.union_all(
            sa.select(t.c.instance_key).where(t.c.assignee == actor.username),
            sa.select(t.c.instance_key).where(t.c.ended_by == actor.username),
            sa.select(i.c.instance_key).where(i.c.acted_by == actor.username),
            sa.select(t.c.instance_key).where(t.c.key.in_(offered(actor))),
        )
        told = sa.select(carbon_copy.c.instance_key).where(carbon_copy.c.username == actor.username)
        return (
            p.c.root_key.in_(sa.select(started.c.key).where(started.c.started_by == actor.username)),
            p.c.root_key.in_(told),
            p.c.key.in_(took_part),
        )

    return by_permission(actor, PROCESS, "READ_PROCESS_INSTANCE", p.c.process_id, mine)


def of_instances(actor: Actor, instance_key: sa.ColumnElement[int]) -> Where | None:
    """What belongs to an instance: as the instance."""
    seen = instances(actor)
    return None if seen is None else instance_key.in_(sa.select(process_instance.c.key).where(seen))

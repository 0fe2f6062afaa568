"""Where the tokens of running instances are, and what they wait for: what one moves or maps by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from bpm_server.domain.states import ElementState
from bpm_server.kernel import json
from bpm_server.store.tables.instances import element_instance as e
from bpm_server.store.tables.instances import process_instance as p
from bpm_server.store.tables.jobs import timer
from bpm_server.store.tables.messages import subscription
from bpm_server.store.tables.tasks import user_task as t

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from bpm_server.services.server import Server


@dataclass(frozen=True, slots=True)
class ActiveElement:
    """An active element instance in which no other is active.

    Attributes:
        name: What its user task is called; None for other elements.
        groups: To whom the task is offered, as ``users``.
    """

    key: int
    element_id: str
    started_at: datetime
    name: str | None = None
    assignee: str | None = None
    groups: tuple[str, ...] = ()
    users: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ActiveElements:
    """The innermost active element instances, oldest first. ``is_cut``: there are more."""

    items: tuple[ActiveElement, ...]
    is_cut: bool


def active_elements(server: Server, instance_key: int, limit: int) -> ActiveElements:
    """The tokens of one instance; whether the reader may see it is the caller's question."""
    inner = e.alias("inner")
    has_inner = sa.exists().where(
        inner.c.instance_key == instance_key, inner.c.scope_key == e.c.key, inner.c.state == ElementState.ACTIVE
    )
    task = [t.c[name] for name in ("name", "assignee", "candidate_groups", "candidate_users")]
    query = (
        sa.select(e.c.key, e.c.element_id, e.c.started_at, *task)
        .join_from(e, t, t.c.key == e.c.key, isouter=True)
        .where(e.c.instance_key == instance_key, e.c.state == ElementState.ACTIVE, ~has_inner)
        .order_by(e.c.key)
        .limit(limit + 1)
    )
    with server.database.read() as connection:
        rows = connection.execute(query).all()
    items = [
        ActiveElement(
            row.key,
            row.element_id,
            row.started_at,
            row.name,
            row.assignee,
            *[tuple(json.loads(text or b"[]")) for text in (row.candidate_groups, row.candidate_users)],
        )
        for row in rows[:limit]
    ]
    return ActiveElements(tuple(items), len(rows) > limit)


def places(server: Server, instance_keys: Sequence[int]) -> tuple[dict[str, int], dict[str, int]]:
    """What is active in some instances, and for which events they wait: how many by element id.

    An event that is an element of its own is counted with the elements only.
    """
    keys = list(instance_keys)
    is_active = sa.and_(e.c.instance_key.in_(keys), e.c.state == ElementState.ACTIVE)
    active = sa.select(e.c.element_id, sa.func.count()).where(is_active).group_by(e.c.element_id)
    with server.database.read() as connection:
        elements = {row[0]: int(row[1]) for row in connection.execute(active)}
        events: dict[str, int] = {}
        for table in (timer, subscription):
            who = sa.or_(table.c.element_key.in_(sa.select(e.c.key).where(is_active)), table.c.element_key.in_(keys))
            waits = sa.select(table.c.event_id, sa.func.count()).where(who).group_by(table.c.event_id)
            for event_id, number in connection.execute(waits):
                events[event_id] = events.get(event_id, 0) + int(number)
    return elements, {event_id: number for event_id, number in events.items() if event_id not in elements}


@dataclass(frozen=True, slots=True)
class Running:
    """Instances of one definition that have not ended, oldest first, and how many there are in all."""

    keys: tuple[int, ...]
    number: int


def running(server: Server, definition_key: int, limit: int) -> Running:
    """The first instances that follow a definition; whether the reader may see them is the caller's question."""
    wheres = (p.c.process_definition_key == definition_key, p.c.ended_at.is_(None))
    with server.database.read() as connection:
        keys = tuple(connection.execute(sa.select(p.c.key).where(*wheres).order_by(p.c.key).limit(limit)).scalars())
        number = len(keys) if len(keys) < limit else _count(connection, wheres)
    return Running(keys, number)


def _count(connection: Connection, wheres: tuple[sa.ColumnElement[bool], ...]) -> int:
    return connection.execute(sa.select(sa.func.count()).select_from(p).where(*wheres)).scalar_one()

"""Figures by element, the path that an instance took, and who called whom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server.domain.states import ElementState, IncidentState
from bpm_server.kernel import json
from bpm_server.reports import process_instances, sight
from bpm_server.reports.wait_states import WAITS
from bpm_server.store.large_values import emptied
from bpm_server.store.tables.history import journal
from bpm_server.store.tables.instances import element_instance as t
from bpm_server.store.tables.instances import incident
from bpm_server.store.tables.instances import process_instance as p

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from bpm_server.domain.identity import Actor
    from bpm_server.reports.process_instances import InstanceLine
    from bpm_server.reports.query import Query

MAX_DEPTH = 200
FLOW_TAKEN = ">"
"""Tag of ``domain.events.FlowTaken`` in the journal."""


@dataclass(frozen=True, slots=True)
class ElementFigures:
    """How often an element ran."""

    element_id: str
    active: int
    canceled: int
    incidents: int
    completed: int


@dataclass(frozen=True, slots=True)
class WaitingFigures:
    """How many runs of an element wait."""

    element_id: str
    waiting: int


@dataclass(frozen=True, slots=True)
class TakenFlow:
    """A sequence flow that a token took."""

    flow_id: str
    instance: InstanceLine


def of_instance(connection: Connection, actor: Actor, instance_key: int) -> list[ElementFigures]:
    """Figures of one instance.

    Raises:
        NotFound: there is no such instance.
        Forbidden: the actor may not see it.
    """
    process_instances.SEARCH.get(connection, actor, instance_key)
    return _figures(connection, t.c.instance_key == instance_key, incident.c.instance_key == instance_key)


def of_definition(connection: Connection, actor: Actor, definition_key: int, query: Query) -> list[ElementFigures]:
    """Figures over the instances of a definition that match a query and that the actor may see."""
    keys = process_instances.SEARCH.keys(
        actor, query, connection.dialect.name, p.c.process_definition_key == definition_key
    )
    return _figures(connection, t.c.instance_key.in_(keys), incident.c.instance_key.in_(keys))


def _figures(
    connection: Connection, elements: sa.ColumnElement[bool], incidents: sa.ColumnElement[bool]
) -> list[ElementFigures]:
    def number(state: ElementState) -> Any:
        return sa.func.sum(sa.case((t.c.state == state, 1), else_=0)).label(state.lower())

    states = (ElementState.ACTIVE, ElementState.TERMINATED, ElementState.COMPLETED)
    rows = connection.execute(
        sa.select(t.c.element_id, *[number(state) for state in states]).where(elements).group_by(t.c.element_id)
    ).all()
    counted = (
        sa.select(incident.c.element_id, sa.func.count(incident.c.element_key.distinct()))
        .where(incidents, incident.c.state == IncidentState.ACTIVE)
        .group_by(incident.c.element_id)
    )
    stuck: dict[str, int] = {row[0]: row[1] for row in connection.execute(counted)}
    return [
        ElementFigures(row.element_id, row.active, row.terminated, stuck.get(row.element_id, 0), row.completed)
        for row in rows
    ]


def waiting(connection: Connection, actor: Actor, instance_key: int) -> list[WaitingFigures]:
    """How many runs of each element of an instance wait for something (see ``reports.wait_states``).

    Raises:
        NotFound: there is no such instance.
        Forbidden: the actor may not see it.
    """
    process_instances.SEARCH.get(connection, actor, instance_key)
    waits = sa.select(WAITS.c.element_key).where(WAITS.c.instance_key == instance_key)
    query = (
        sa.select(t.c.element_id, sa.func.count())
        .where(t.c.instance_key == instance_key, t.c.state == ElementState.ACTIVE, t.c.key.in_(waits))
        .group_by(t.c.element_id)
        .order_by(t.c.element_id)
    )
    return [WaitingFigures(*row) for row in connection.execute(query)]


def taken_flows(connection: Connection, actor: Actor, instance_key: int) -> list[TakenFlow]:
    """The sequence flows that an instance took, each once, in order of first taking.

    Raises:
        NotFound: there is no such instance.
        Forbidden: the actor may not see it.
    """
    instance = process_instances.SEARCH.get(connection, actor, instance_key)
    query = sa.select(journal.c.events).where(journal.c.instance_key == instance_key).order_by(journal.c.sequence)
    taken = dict.fromkeys(
        event[1]
        for text in connection.execute(query).scalars()
        for event in json.loads(emptied(text))
        if event[0] == FLOW_TAKEN
    )
    return [TakenFlow(flow, instance) for flow in taken]


def callers(connection: Connection, actor: Actor, instance_key: int) -> list[InstanceLine]:
    """An instance and those that called it, outermost first.

    Raises:
        NotFound: there is no such instance.
        Forbidden: the actor may not see it.
    """
    found = [process_instances.SEARCH.get(connection, actor, instance_key)]
    while found[0].parent_key is not None and len(found) < MAX_DEPTH:
        found.insert(0, process_instances.SEARCH.get(connection, sight.EVERYTHING, found[0].parent_key))
    return found

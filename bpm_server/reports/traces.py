"""Where the tokens of an instance are and which way they came: what a diagram shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from bpm_server.domain.states import ElementState, IncidentState
from bpm_server.kernel import json
from bpm_server.store.large_values import emptied
from bpm_server.store.moments import read_moment
from bpm_server.store.tables.history import journal as j
from bpm_server.store.tables.instances import element_instance as e
from bpm_server.store.tables.instances import incident as i

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.engine import Connection

    from bpm_server.services.server import Server

FLOW_TAKEN = ">"
MOST_STEPS = 2_000
MOST_ELEMENTS = 20_000


@dataclass(frozen=True, slots=True)
class ElementTrace:
    """What happened at one element.

    Attributes:
        spent: Time of all visits together, running ones until now.
    """

    active: int = 0
    done: int = 0
    interrupted: int = 0
    incidents: int = 0
    spent: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class Trace:
    """Elements by id, and the sequence flows that were taken."""

    elements: Mapping[str, ElementTrace]
    flows: frozenset[str]


def trace(server: Server, instance_key: int) -> Trace:
    """The trace of an instance; whether the reader may see it is the caller's question."""
    with server.database.read() as connection:
        elements = _elements(connection, instance_key)
        events = connection.execute(
            sa.select(j.c.events).where(j.c.instance_key == instance_key).order_by(j.c.sequence).limit(MOST_STEPS)
        ).scalars()
        flows = frozenset(
            event[1] for text in events for event in json.loads(emptied(text)) if event and event[0] == FLOW_TAKEN
        )
    return Trace(elements, flows)


def _elements(connection: Connection, instance_key: int) -> dict[str, ElementTrace]:
    now = read_moment(connection).now
    states: dict[str, dict[str, int]] = {}
    spent: dict[str, timedelta] = {}
    query = sa.select(e.c.element_id, e.c.state, e.c.started_at, e.c.ended_at).where(e.c.instance_key == instance_key)
    for row in connection.execute(query.limit(MOST_ELEMENTS)):
        counted = states.setdefault(row.element_id, {})
        counted[row.state] = counted.get(row.state, 0) + 1
        took = (row.ended_at or now) - row.started_at
        spent[row.element_id] = spent.get(row.element_id, timedelta()) + max(took, timedelta())
    stuck = sa.select(i.c.element_id, sa.func.count()).where(
        i.c.instance_key == instance_key, i.c.state == IncidentState.ACTIVE
    )
    incidents: dict[str, int] = {row[0]: row[1] for row in connection.execute(stuck.group_by(i.c.element_id))}
    return {
        element_id: ElementTrace(
            active=counted.get(ElementState.ACTIVE, 0),
            done=counted.get(ElementState.COMPLETED, 0),
            interrupted=counted.get(ElementState.TERMINATED, 0),
            incidents=incidents.get(element_id, 0),
            spent=spent[element_id],
        )
        for element_id, counted in states.items()
    }

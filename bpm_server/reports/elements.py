"""Searching element instances; names of elements."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import sqlalchemy as sa

from bpm_server.domain.states import IncidentState
from bpm_server.reports import sight
from bpm_server.reports.query import Condition, Kind
from bpm_server.reports.search import Field, Search
from bpm_server.store.moments import read_moment
from bpm_server.store.tables.instances import element_instance as t
from bpm_server.store.tables.instances import incident
from bpm_server.store.tables.instances import process_instance as p

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from bpm_server.domain.identity import Actor
    from bpm_server.reports.query import Page
    from bpm_server.services.server import Server

Where = sa.ColumnElement[bool]


@dataclass(frozen=True, slots=True)
class ElementLine:
    """An element instance in lists. ``name``: as drawn (see :func:`with_names`), else the element's id."""

    key: int
    instance_key: int
    root_key: int
    process_definition_key: int
    process_id: str
    element_id: str
    type: str
    scope_key: int
    state: str
    started_at: datetime
    ended_at: datetime | None
    incident_key: int | None
    has_incident: bool
    name: str


_INCIDENT = (
    sa.select(sa.func.min(incident.c.key))
    .where(incident.c.element_key == t.c.key, incident.c.state == IncidentState.ACTIVE)
    .scalar_subquery()
)


def _has_incident(condition: Condition, _dialect: str) -> Where:
    return _INCIDENT.is_not(None) if condition.value else _INCIDENT.is_(None)


def _sight(actor: Actor) -> Where | None:
    return sight.of_instances(actor, t.c.instance_key)


SEARCH = Search(
    "element instance",
    ElementLine,
    source=sa.join(t, p, p.c.key == t.c.instance_key),
    key=t.c.key,
    columns={
        **{name: t.c[name] for name in ElementLine.__slots__ if name in t.c},
        "root_key": p.c.root_key,
        "process_definition_key": p.c.process_definition_key,
        "process_id": p.c.process_id,
        "incident_key": _INCIDENT,
        "has_incident": _INCIDENT.is_not(None),
        "name": t.c.element_id,
    },
    fields_={
        "key": Field(Kind.KEY, t.c.key),
        "instance_key": Field(Kind.KEY, t.c.instance_key),
        "process_definition_key": Field(Kind.KEY, p.c.process_definition_key),
        "process_id": Field(Kind.TEXT, p.c.process_id),
        "element_id": Field(Kind.TEXT, t.c.element_id),
        "type": Field(Kind.TEXT, t.c.type),
        "scope_key": Field(Kind.KEY, t.c.scope_key),
        "state": Field(Kind.TEXT, t.c.state),
        "started_at": Field(Kind.MOMENT, t.c.started_at),
        "ended_at": Field(Kind.MOMENT, t.c.ended_at),
        "incident_key": Field(Kind.KEY, _INCIDENT),
        "has_incident": Field(Kind.FLAG, where=_has_incident),
    },
    sight=_sight,
    permission=(sight.PROCESS, "READ_PROCESS_INSTANCE"),
)


def element_names(server: Server, connection: Connection, definition_keys: Iterable[int]) -> dict[tuple[int, str], str]:
    """Names as drawn, by process definition key and element id; elements without a name have none here."""
    wanted = set(definition_keys)
    if not wanted:
        return {}
    version = read_moment(connection).definition_version
    return {
        (key, node.id): node.name
        for key in wanted
        for node in server.definitions.process(connection, version, key).definition.process.nodes.values()
        if node.name
    }


def with_names(server: Server, connection: Connection, lines: Sequence[ElementLine]) -> list[ElementLine]:
    """Element instances with the names of their elements."""
    names = element_names(server, connection, {line.process_definition_key for line in lines})
    return [
        replace(line, name=names.get((line.process_definition_key, line.element_id), line.element_id)) for line in lines
    ]


def named(server: Server, connection: Connection, page: Page[ElementLine]) -> Page[ElementLine]:
    """A page whose element instances have the names of their elements."""
    return replace(page, items=with_names(server, connection, page.items))

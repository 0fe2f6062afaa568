"""Searching process instances."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server.domain.states import IncidentState, JobState
from bpm_server.kernel import json
from bpm_server.reports import sight
from bpm_server.reports.conditions import compare, has_tag, has_variable
from bpm_server.reports.query import Condition, Kind
from bpm_server.reports.search import Field, Search
from bpm_server.store.tables.batch_operations import batch_operation_item as item
from bpm_server.store.tables.definitions import process_definition as d
from bpm_server.store.tables.instances import HAS_INCIDENTS, element_instance, incident, variable
from bpm_server.store.tables.instances import process_instance as p
from bpm_server.store.tables.jobs import job

if TYPE_CHECKING:
    from datetime import datetime

    from bpm_server.domain.identity import Actor
    from bpm_server.reports.query import Operator
    from bpm_server.services.server import Server

Where = sa.ColumnElement[bool]


@dataclass(frozen=True, slots=True)
class InstanceLine:
    """A process instance in lists. ``called``: who called it and where."""

    key: int
    process_definition_key: int
    process_id: str
    process_name: str | None
    version: int
    version_tag: str | None
    state: str
    started_at: datetime
    started_by: str | None
    ended_at: datetime | None
    suspended_at: datetime | None
    has_incident: bool
    root_key: int
    parent_key: int | None
    parent_element_key: int | None
    business_key: str | None
    tags: tuple[str, ...] | None


def _of_element(column: sa.ColumnElement[Any], kind: Kind) -> Any:
    def where(condition: Condition, dialect: str) -> Where:
        test = compare(column, kind, condition.operator, condition.value, dialect)
        return sa.exists().where(element_instance.c.instance_key == p.c.key, test)

    return where


def _incident_text(condition: Condition, dialect: str) -> Where:
    test = compare(incident.c.message, Kind.TEXT, condition.operator, condition.value, dialect)
    return sa.exists().where(incident.c.instance_key == p.c.key, incident.c.state == IncidentState.ACTIVE, test)


def _retries_left(condition: Condition, _dialect: str) -> Where:
    failed = sa.and_(job.c.state == JobState.CREATED, job.c.retries > 0, job.c.error_message.is_not(None))
    found = sa.exists().where(job.c.instance_key == p.c.key, failed)
    return found if condition.value else ~found


def _element_incident(condition: Condition, _dialect: str) -> Where:
    found = sa.exists().where(incident.c.instance_key == p.c.key, incident.c.state == IncidentState.ACTIVE)
    return found if condition.value else ~found


def _incident(condition: Condition, _dialect: str) -> Where:
    return HAS_INCIDENTS if condition.value else p.c.incidents == 0


def _variable(condition: Condition, dialect: str) -> Where:
    return has_variable(p.c.key, condition.value, dialect)


_POSITIVE: dict[str, Operator] = {"neq": "eq", "not_in": "in"}


def _in_operation(condition: Condition, dialect: str) -> Where:
    """An instance may be in many operations; a negative test is for none of them."""
    positive = _POSITIVE.get(condition.operator, condition.operator)
    is_negative = positive != condition.operator or (positive == "exists" and not condition.value)
    value = True if positive == "exists" else condition.value
    test = compare(item.c.operation_key, Kind.KEY, positive, value, dialect)
    found = sa.exists().where(item.c.instance_key == p.c.key, test)
    return ~found if is_negative else found


def _tag(condition: Condition, _dialect: str) -> Where:
    return has_tag(p.c.tags, condition.value)


SEARCH = Search(
    "process instance",
    InstanceLine,
    source=sa.join(p, d, d.c.key == p.c.process_definition_key),
    key=p.c.key,
    columns={
        **{name: p.c[name] for name in ("key", "process_definition_key", "process_id", "version", "state")},
        **{
            name: p.c[name]
            for name in ("started_at", "started_by", "ended_at", "suspended_at", "root_key", "parent_key", "tags")
        },
        "parent_element_key": p.c.parent_element_key,
        "business_key": p.c.business_key,
        "process_name": d.c.name,
        "version_tag": d.c.version_tag,
        "has_incident": p.c.incidents > 0,
    },
    fields_={
        "key": Field(Kind.KEY, p.c.key),
        "process_definition_key": Field(Kind.KEY, p.c.process_definition_key),
        "process_id": Field(Kind.TEXT, p.c.process_id),
        "process_name": Field(Kind.TEXT, d.c.name),
        "version": Field(Kind.NUMBER, p.c.version),
        "version_tag": Field(Kind.TEXT, d.c.version_tag),
        "state": Field(Kind.TEXT, p.c.state),
        "started_at": Field(Kind.MOMENT, p.c.started_at),
        "started_by": Field(Kind.TEXT, p.c.started_by),
        "ended_at": Field(Kind.MOMENT, p.c.ended_at),
        "suspended_at": Field(Kind.MOMENT, p.c.suspended_at),
        "has_incident": Field(Kind.FLAG, p.c.incidents > 0, _incident),
        "parent_key": Field(Kind.KEY, p.c.parent_key),
        "parent_element_key": Field(Kind.KEY, p.c.parent_element_key),
        "root_key": Field(Kind.KEY, p.c.root_key),
        "business_key": Field(Kind.TEXT, p.c.business_key),
        "tags": Field(Kind.TAGS, where=_tag),
        "variables": Field(Kind.VARIABLES, where=_variable),
        "batch_operation_key": Field(Kind.KEY, where=_in_operation),
        "incident_message": Field(Kind.TEXT, where=_incident_text),
        "has_retries_left": Field(Kind.FLAG, where=_retries_left),
        "element_id": Field(Kind.TEXT, where=_of_element(element_instance.c.element_id, Kind.TEXT)),
        "element_state": Field(Kind.TEXT, where=_of_element(element_instance.c.state, Kind.TEXT)),
        "has_element_incident": Field(Kind.FLAG, where=_element_incident),
    },
    sight=sight.instances,
    permission=(sight.PROCESS, "READ_PROCESS_INSTANCE"),
    convert={"tags": lambda text: tuple(json.loads(text))},
    alone=p,
)


def read_instance(server: Server, actor: Actor, key: int) -> InstanceLine:
    """One instance, for somebody who may see it.

    Raises:
        NotFound: there is none.
        Forbidden: the actor may not see it.
    """
    with server.database.read() as connection:
        return SEARCH.get(connection, actor, key)


@dataclass(frozen=True, slots=True)
class Ended:
    """How an instance ended, with the variables of its process scope."""

    state: str
    variables: dict[str, Any]


def find_ended(server: Server, key: int) -> Ended | None:
    """How an instance ended; None while it runs."""
    with server.database.read() as connection:
        state = connection.execute(sa.select(p.c.state).where(p.c.key == key, p.c.ended_at.is_not(None))).scalar()
        if state is None:
            return None
        rows = connection.execute(sa.select(variable.c.name, variable.c.value).where(variable.c.scope_key == key))
        return Ended(state, {row.name: json.loads(row.value) for row in rows})

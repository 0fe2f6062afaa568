"""What a batch operation is for: a filter of instances, narrowed to those to which its kind can be done.

The answer is a query and not a list: the command makes its items of it within the database.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server.domain.batch_operations import Kind
from bpm_server.domain.states import IncidentState, InstanceState
from bpm_server.kernel.errors import InvalidInput
from bpm_server.reports import cases, process_instances
from bpm_server.store.tables.instances import incident
from bpm_server.store.tables.instances import process_instance as p

if TYPE_CHECKING:
    from bpm_server.domain.identity import Actor
    from bpm_server.reports.query import Condition, Query
    from bpm_server.services.server import Server

Targets = sa.Select[Any]
t = p.alias("target")


@dataclass(frozen=True, slots=True)
class Aim:
    """To what a kind can be done.

    Attributes:
        states: Of the instances.
        overrides: Fields of a filter that do not count, as the contract says.
        only_roots: Not to instances that others called: they go with their caller.
        incidents: Its items are the open incidents of the instances.
        checked: A filter may narrow ``states``, but not name others.
    """

    states: tuple[InstanceState, ...]
    overrides: frozenset[str] = frozenset({"state"})
    only_roots: bool = False
    incidents: bool = False
    checked: bool = False


AIMS: dict[Kind, Aim] = {
    Kind.CANCEL_PROCESS_INSTANCE: Aim(
        (InstanceState.ACTIVE, InstanceState.SUSPENDED), frozenset({"parent_key"}), only_roots=True, checked=True
    ),
    Kind.DELETE_PROCESS_INSTANCE: Aim(
        (InstanceState.COMPLETED, InstanceState.TERMINATED), frozenset(), only_roots=True
    ),
    Kind.RESOLVE_INCIDENT: Aim((InstanceState.ACTIVE,), incidents=True),
    Kind.MODIFY_PROCESS_INSTANCE: Aim((InstanceState.ACTIVE,)),
    Kind.MIGRATE_PROCESS_INSTANCE: Aim((InstanceState.ACTIVE,)),
    Kind.SUSPEND_PROCESS_INSTANCE: Aim((InstanceState.ACTIVE,), frozenset({"state", "parent_key"})),
    Kind.RESUME_PROCESS_INSTANCE: Aim((InstanceState.SUSPENDED,), frozenset({"state", "parent_key"})),
}


def of_query(server: Server, actor: Actor, kind: Kind, query: Query) -> Targets:
    """The instances of a search that the actor may see.

    Raises:
        InvalidInput: the filter names states to which this cannot be done.
    """
    aim = AIMS[kind]
    if aim.checked:
        _check_states(query, aim)
    kept = replace(query, conditions=_kept(query.conditions, aim), any_of=tuple(_kept(g, aim) for g in query.any_of))
    keys = process_instances.SEARCH.keys(actor, kept, server.database.engine.dialect.name)
    return _narrowed(aim, keys)


def of_cases(server: Server, actor: Actor, kind: Kind, wanted: cases.Filter) -> Targets:
    """The cases of a list as people see it."""
    with server.database.read() as connection:
        keys = sa.select(p.c.key).where(*cases.wheres(connection, server, actor, wanted))
    return _narrowed(AIMS[kind], keys)


def of_instance(key: int) -> Targets:
    """The open incidents of one instance; whether the reader may see it is the caller's question."""
    return _narrowed(AIMS[Kind.RESOLVE_INCIDENT], sa.select(p.c.key).where(p.c.key == key))


def count(server: Server, targets: Targets) -> int:
    """How many items there would be now."""
    with server.database.read() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(targets.subquery())).scalar_one()


def _check_states(query: Query, aim: Aim) -> None:
    for group in (query.conditions, *query.any_of):
        for one in group:
            named = {"eq": (one.value,), "in": one.value}.get(one.operator, ()) if one.field == "state" else ()
            other = next((state for state in named if state not in aim.states), None)
            if other is not None:
                message = f"Expected states among {', '.join(aim.states)} in filter.state, but found {other}"
                raise InvalidInput(message, field="filter.state")


def _kept(conditions: tuple[Condition, ...], aim: Aim) -> tuple[Condition, ...]:
    return tuple(one for one in conditions if one.field not in aim.overrides)


def _narrowed(aim: Aim, keys: sa.Select[Any]) -> Targets:
    found: list[sa.ColumnElement[bool]] = [t.c.key.in_(keys), t.c.state.in_(aim.states)]
    if aim.only_roots:
        found.append(t.c.parent_key.is_(None))
    item_key = incident.c.key if aim.incidents else t.c.key
    query = sa.select(item_key.label("item_key"), t.c.key.label("instance_key"), t.c.root_key.label("root_key"))
    if aim.incidents:
        query = query.join_from(t, incident, incident.c.instance_key == t.c.key)
        found.append(incident.c.state == IncidentState.ACTIVE)
    return query.where(*found)

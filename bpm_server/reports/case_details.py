"""What an operator looks at in one case: data by scope, jobs, deliveries, incidents, called cases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server.reports import elements, incidents, jobs, process_definitions, sight, variables, webhooks
from bpm_server.reports.query import Condition, Order, PageOf, Query
from bpm_server.store.tables.definitions import process_definition as d
from bpm_server.store.tables.instances import process_instance as p

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from bpm_server.domain.identity import Actor
    from bpm_server.reports.incidents import IncidentLine
    from bpm_server.reports.jobs import JobLine
    from bpm_server.reports.variables import VariableLine
    from bpm_server.reports.webhooks import AttemptLine, DeliveryLine
    from bpm_server.services.server import Server

MOST = 200


@dataclass(frozen=True, slots=True)
class Scope:
    """Variables of one scope; ``element_id`` is None for the process itself."""

    key: int
    element_id: str | None
    variables: tuple[VariableLine, ...]


@dataclass(frozen=True, slots=True)
class CaseDetails:
    """Everything of one case beside its timeline. ``called``: key, process id and state of cases that it called."""

    incidents: tuple[IncidentLine, ...] = ()
    scopes: tuple[Scope, ...] = ()
    jobs: tuple[JobLine, ...] = ()
    deliveries: tuple[tuple[DeliveryLine, tuple[AttemptLine, ...]], ...] = ()
    called: tuple[tuple[int, str, str], ...] = ()


def case_details(server: Server, actor: Actor, instance_key: int, *, all_of_it: bool) -> CaseDetails:
    """The details of an instance that the actor may see.

    Args:
        server: The server.
        actor: Who asks.
        instance_key: The instance.
        all_of_it: Also data, jobs and deliveries, for operators.
    """
    with server.database.read() as connection:
        stuck = incidents.SEARCH.page(connection, actor, _of(instance_key, "key", descending=True)).items
        called = _called(connection, instance_key)
        if not all_of_it:
            return CaseDetails(tuple(stuck), called=called)
        sent = webhooks.DELIVERIES.page(connection, actor, _of(instance_key, "key", descending=True)).items
        attempts = webhooks.attempts(connection, [one.key for one in sent])
        return CaseDetails(
            tuple(stuck),
            _scopes(connection, actor, instance_key),
            tuple(jobs.SEARCH.page(connection, actor, _of(instance_key, "key", descending=True), jobs.VISIBLE).items),
            tuple((one, tuple(attempts.get(one.key, ()))) for one in sent),
            called,
        )


def _of(instance_key: int, order: str, *, descending: bool = False) -> Query:
    return Query(
        (Condition("instance_key", "eq", instance_key),), order=(Order(order, descending),), page=PageOf(limit=MOST)
    )


def _scopes(connection: Connection, actor: Actor, instance_key: int) -> tuple[Scope, ...]:
    found = variables.SEARCH.page(connection, actor, _of(instance_key, "name")).items
    by_scope: dict[int, list[VariableLine]] = {}
    for one in found:
        by_scope.setdefault(one.scope_key, []).append(one)
    inner = Query((Condition("key", "in", tuple(by_scope)),), page=PageOf(limit=MOST))
    places = {line.key: line.element_id for line in elements.SEARCH.page(connection, actor, inner).items}
    ordered = sorted(by_scope, key=lambda key: (key != instance_key, key))
    return tuple(Scope(key, places.get(key), tuple(by_scope[key])) for key in ordered)


def _called(connection: Connection, instance_key: int) -> tuple[tuple[int, str, str], ...]:
    query = sa.select(p.c.key, p.c.process_id, p.c.state).where(p.c.parent_key == instance_key).order_by(p.c.key)
    rows: list[Any] = list(connection.execute(query.limit(MOST)))
    return tuple((row.key, row.process_id, row.state) for row in rows)


def process_choices(server: Server, actor: Actor) -> list[int]:
    """Newest definition of each process that the actor may know of."""
    seen = sight.by_permission(actor, sight.PROCESS, "READ_PROCESS_DEFINITION", d.c.process_id)
    query = sa.select(sa.func.max(d.c.key)).where(process_definitions.PRESENT).group_by(d.c.process_id)
    with server.database.read() as connection:
        return list(connection.execute(query if seen is None else query.where(seen)).scalars())

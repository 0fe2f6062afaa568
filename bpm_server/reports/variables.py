"""Searching variables, and what a task sees of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from bpm_server.kernel import json
from bpm_server.reports import field_sight, sight, tasks
from bpm_server.reports.conditions import compare_json
from bpm_server.reports.query import Condition, Kind, Page, PageOf, Query
from bpm_server.reports.search import Field, Search, forbidden
from bpm_server.store.tables.instances import process_instance as p
from bpm_server.store.tables.instances import variable as t
from bpm_server.store.tables.tasks import user_task

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.engine import Connection

    from bpm_server.domain.identity import Actor
    from bpm_server.services.server import Server

Where = sa.ColumnElement[bool]
SHOWN = 8_191
"""Characters of a value that lists show."""


@dataclass(frozen=True, slots=True)
class VariableLine:
    """A variable. ``value``: JSON text, cut off where ``is_truncated``."""

    key: int
    instance_key: int
    root_key: int
    scope_key: int
    name: str
    value: str
    is_truncated: bool


_LONG = sa.func.length(t.c.value) > SHOWN


def _truncated(condition: Condition, _dialect: str) -> Where:
    return _LONG if condition.value else ~_LONG


def _value(condition: Condition, dialect: str) -> Where:
    return compare_json(t.c.value, condition.operator, condition.value, dialect)


def _sight(actor: Actor) -> Where | None:
    return sight.of_instances(actor, t.c.instance_key)


_FIELDS: Mapping[str, Field] = {
    "key": Field(Kind.KEY, t.c.key),
    "instance_key": Field(Kind.KEY, t.c.instance_key),
    "scope_key": Field(Kind.KEY, t.c.scope_key),
    "name": Field(Kind.TEXT, t.c.name),
    "value": Field(Kind.TEXT, t.c.value, _value),
    "is_truncated": Field(Kind.FLAG, where=_truncated),
}


def _search(value: sa.ColumnElement[str], is_truncated: sa.ColumnElement[bool]) -> Search[VariableLine]:
    columns = {name: t.c[name] for name in ("key", "instance_key", "scope_key", "name")}
    return Search(
        "variable",
        VariableLine,
        source=sa.join(t, p, p.c.key == t.c.instance_key),
        key=t.c.key,
        columns={**columns, "root_key": p.c.root_key, "value": value, "is_truncated": is_truncated},
        fields_=_FIELDS,
        sight=_sight,
        permission=(sight.PROCESS, "READ_PROCESS_INSTANCE"),
    )


SEARCH = _search(sa.func.substr(t.c.value, 1, SHOWN), _LONG)
FULL = _search(t.c.value, sa.false())


def page(
    server: Server, connection: Connection, actor: Actor, query: Query, *, full: bool = False
) -> Page[VariableLine]:
    """Variables that somebody may see, without what their tasks hide or mask from them."""
    hidden = field_sight.of_variables(server, connection, actor)
    return (FULL if full else SEARCH).page(connection, actor, query, *hidden)


def get(server: Server, connection: Connection, actor: Actor, key: int) -> VariableLine:
    """A variable with its whole value.

    Raises:
        NotFound: there is none.
        Forbidden: the actor may not see it.
    """
    line = FULL.get(connection, actor, key)
    if not page(server, connection, actor, Query((Condition("key", "eq", key),), page=PageOf(limit=1))).items:
        raise forbidden(actor, "variable", key, (sight.PROCESS, field_sight.EVERYTHING))
    return line


def of_task(
    server: Server,
    connection: Connection,
    actor: Actor,
    task_key: int,
    query: Query,
    *,
    full: bool = False,
    effective: bool = False,
) -> Page[VariableLine]:
    """Variables that a task sees, without those in which its properties hide or mask something.

    Args:
        server: The server.
        connection: Any transaction.
        actor: Who asks; whoever sees the task sees these.
        task_key: The task.
        query: Which of them.
        full: Values are not cut off.
        effective: Of each name only the innermost.

    Raises:
        NotFound: no such task.
        Forbidden: the actor may not see it.
    """
    tasks.SEARCH.get(connection, actor, task_key)
    found = connection.execute(sa.select(user_task.c.scope_path).where(user_task.c.key == task_key)).scalar_one()
    path: list[int] = json.loads(found)
    wheres: list[Where] = [t.c.scope_key.in_(path), *field_sight.of_task_variables(server, connection, actor, task_key)]
    if effective:
        wheres.append(~_shadowed(path))
    return (FULL if full else SEARCH).page(connection, sight.EVERYTHING, query, *wheres)


def _shadowed(path: list[int]) -> Where:
    """An inner scope of the path has a variable of this name."""
    inner = t.alias("inner")
    depth = {key: position for position, key in enumerate(path)}
    order = sa.case(depth, value=t.c.scope_key)
    inner_order = sa.case(depth, value=inner.c.scope_key)
    return sa.exists().where(inner.c.scope_key.in_(path), inner.c.name == t.c.name, inner_order < order)

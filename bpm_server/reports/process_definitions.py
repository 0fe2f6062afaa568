"""Searching process definitions, and reading their files and start forms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from bpm_server.reports import sight
from bpm_server.reports.query import Condition, Kind
from bpm_server.reports.search import Field, Search
from bpm_server.store import definitions as store
from bpm_server.store.tables.definitions import process_definition as d
from bpm_server.store.tables.instances import process_instance as p

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from bpm_server.domain.identity import Actor

Where = sa.ColumnElement[bool]
ACTIVE, DRAINING, DELETED = "ACTIVE", "DRAINING", "DELETED"
"""A deleted definition drains while instances of it still run."""


@dataclass(frozen=True, slots=True)
class ProcessLine:
    """A process definition in lists."""

    key: int
    process_id: str
    version: int
    name: str | None
    version_tag: str | None
    resource_key: int
    resource_name: str
    has_start_form: bool
    startable: bool
    state: str
    deleted_at: datetime | None


_RUNNING = sa.exists().where(p.c.process_definition_key == d.c.key, p.c.ended_at.is_(None))
_STATE = sa.case((d.c.deleted_at.is_(None), ACTIVE), (_RUNNING, DRAINING), else_=DELETED)
PRESENT: Where = d.c.deleted_at.is_(None)


def _latest(condition: Condition, _dialect: str) -> Where:
    other = d.alias("other")
    newest = (
        sa.select(sa.func.max(other.c.version))
        .where(other.c.process_id == d.c.process_id, other.c.deleted_at.is_(None))
        .scalar_subquery()
    )
    return d.c.version == newest if condition.value else d.c.version != newest


def _sight(actor: Actor) -> Where | None:
    return sight.by_permission(actor, sight.PROCESS, "READ_PROCESS_DEFINITION", d.c.process_id)


SEARCH = Search(
    "process definition",
    ProcessLine,
    source=d,
    key=d.c.key,
    columns={**{name: d.c[name] for name in ProcessLine.__slots__ if name != "state"}, "state": _STATE},
    fields_={
        "key": Field(Kind.KEY, d.c.key),
        "process_id": Field(Kind.TEXT, d.c.process_id),
        "version": Field(Kind.NUMBER, d.c.version),
        "name": Field(Kind.TEXT, d.c.name),
        "version_tag": Field(Kind.TEXT, d.c.version_tag),
        "resource_name": Field(Kind.TEXT, d.c.resource_name),
        "has_start_form": Field(Kind.FLAG, d.c.has_start_form),
        "startable": Field(Kind.FLAG, d.c.startable),
        "state": Field(Kind.TEXT, _STATE),
        "is_latest": Field(Kind.FLAG, where=_latest),
    },
    sight=_sight,
    permission=(sight.PROCESS, "READ_PROCESS_DEFINITION"),
)


def diagram(connection: Connection, actor: Actor, key: int) -> bytes:
    """The BPMN file of a process definition.

    Raises:
        NotFound: there is none.
        Forbidden: the actor may not see it.
    """
    return store.content(connection, SEARCH.get(connection, actor, key).resource_key)

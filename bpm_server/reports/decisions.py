"""Searching decision definitions and the files that hold them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from bpm_server.reports import sight
from bpm_server.reports.query import Condition, Kind
from bpm_server.reports.search import Field, Search
from bpm_server.store import definitions as store
from bpm_server.store.tables.definitions import decision_definition as d
from bpm_server.store.tables.definitions import decision_requirements as r

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from bpm_server.domain.identity import Actor

Where = sa.ColumnElement[bool]
RESOURCE = "DECISION_DEFINITION"
ACTION = "READ_DECISION_DEFINITION"
PRESENT: Where = d.c.deleted_at.is_(None)
REQUIREMENTS_PRESENT: Where = r.c.deleted_at.is_(None)


@dataclass(frozen=True, slots=True)
class DecisionLine:
    """A decision definition in lists."""

    key: int
    decision_id: str
    name: str
    version: int
    version_tag: str | None
    requirements_key: int
    requirements_id: str
    requirements_name: str
    requirements_version: int
    resource_key: int


@dataclass(frozen=True, slots=True)
class RequirementsLine:
    """A version of a DMN file."""

    key: int
    requirements_id: str
    name: str
    version: int
    resource_key: int
    resource_name: str


def _latest(condition: Condition, _dialect: str) -> Where:
    other = d.alias("other")
    newest = (
        sa.select(sa.func.max(other.c.version))
        .where(other.c.decision_id == d.c.decision_id, other.c.deleted_at.is_(None))
        .scalar_subquery()
    )
    return d.c.version == newest if condition.value else d.c.version != newest


def _sight(actor: Actor) -> Where | None:
    return sight.by_permission(actor, RESOURCE, ACTION, d.c.decision_id)


def _requirements_sight(actor: Actor) -> Where | None:
    """Whoever may read the file's decisions."""
    seen = _sight(actor)
    if seen is None or actor.may("DECISION_REQUIREMENTS_DEFINITION", "READ"):
        return None
    return r.c.key.in_(sa.select(d.c.requirements_key).where(seen))


_NAME = sa.func.coalesce(d.c.name, d.c.decision_id)
_REQUIREMENTS_NAME = sa.func.coalesce(r.c.name, r.c.requirements_id)
SEARCH = Search(
    "decision definition",
    DecisionLine,
    source=sa.join(d, r, r.c.key == d.c.requirements_key),
    key=d.c.key,
    columns={
        **{name: d.c[name] for name in ("key", "decision_id", "version", "version_tag", "requirements_key")},
        "name": _NAME,
        "requirements_id": r.c.requirements_id,
        "requirements_name": _REQUIREMENTS_NAME,
        "requirements_version": r.c.version,
        "resource_key": r.c.resource_key,
    },
    fields_={
        "key": Field(Kind.KEY, d.c.key),
        "decision_id": Field(Kind.TEXT, d.c.decision_id),
        "name": Field(Kind.TEXT, _NAME),
        "version": Field(Kind.NUMBER, d.c.version),
        "version_tag": Field(Kind.TEXT, d.c.version_tag),
        "requirements_key": Field(Kind.KEY, d.c.requirements_key),
        "requirements_id": Field(Kind.TEXT, r.c.requirements_id),
        "requirements_name": Field(Kind.TEXT, _REQUIREMENTS_NAME),
        "requirements_version": Field(Kind.NUMBER, r.c.version),
        "is_latest": Field(Kind.FLAG, where=_latest),
    },
    sight=_sight,
    permission=(RESOURCE, ACTION),
)
REQUIREMENTS = Search(
    "decision requirements",
    RequirementsLine,
    source=r,
    key=r.c.key,
    columns={
        **{name: r.c[name] for name in RequirementsLine.__slots__ if name != "name"},
        "name": _REQUIREMENTS_NAME,
    },
    fields_={
        "key": Field(Kind.KEY, r.c.key),
        "requirements_id": Field(Kind.TEXT, r.c.requirements_id),
        "name": Field(Kind.TEXT, _REQUIREMENTS_NAME),
        "version": Field(Kind.NUMBER, r.c.version),
        "resource_name": Field(Kind.TEXT, r.c.resource_name),
    },
    sight=_requirements_sight,
    permission=("DECISION_REQUIREMENTS_DEFINITION", "READ"),
)


def table(connection: Connection, actor: Actor, key: int) -> bytes:
    """The DMN file of a decision definition.

    Raises:
        NotFound: there is none.
        Forbidden: the actor may not see it.
    """
    return store.content(connection, SEARCH.get(connection, actor, key).resource_key)


def requirements_diagram(connection: Connection, actor: Actor, key: int) -> bytes:
    """The DMN file itself.

    Raises:
        NotFound: there is none.
        Forbidden: the actor may not see it.
    """
    return store.content(connection, REQUIREMENTS.get(connection, actor, key).resource_key)

"""Searching incidents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bpm_server.reports import sight
from bpm_server.reports.query import Kind
from bpm_server.reports.search import Field, Search
from bpm_server.store.tables.instances import incident as t

if TYPE_CHECKING:
    from datetime import datetime

    import sqlalchemy as sa

    from bpm_server.domain.identity import Actor


@dataclass(frozen=True, slots=True)
class IncidentLine:
    """An incident in lists."""

    key: int
    instance_key: int
    root_key: int
    process_definition_key: int
    process_id: str
    element_key: int
    element_id: str
    kind: str
    message: str
    state: str
    job_key: int | None
    created_at: datetime
    resolved_at: datetime | None


def _sight(actor: Actor) -> sa.ColumnElement[bool] | None:
    return sight.of_instances(actor, t.c.instance_key)


SEARCH = Search(
    "incident",
    IncidentLine,
    source=t,
    key=t.c.key,
    columns={name: t.c[name] for name in IncidentLine.__slots__},
    fields_={
        "key": Field(Kind.KEY, t.c.key),
        "instance_key": Field(Kind.KEY, t.c.instance_key),
        "process_definition_key": Field(Kind.KEY, t.c.process_definition_key),
        "process_id": Field(Kind.TEXT, t.c.process_id),
        "element_key": Field(Kind.KEY, t.c.element_key),
        "element_id": Field(Kind.TEXT, t.c.element_id),
        "kind": Field(Kind.TEXT, t.c.kind),
        "message": Field(Kind.TEXT, t.c.message),
        "state": Field(Kind.TEXT, t.c.state),
        "job_key": Field(Kind.KEY, t.c.job_key),
        "created_at": Field(Kind.MOMENT, t.c.created_at),
    },
    sight=_sight,
    permission=(sight.PROCESS, "READ_PROCESS_INSTANCE"),
)

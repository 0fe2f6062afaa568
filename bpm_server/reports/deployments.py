"""Deployments: every press of the Deploy button."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bpm_server.reports.query import Kind
from bpm_server.reports.search import Field, Search
from bpm_server.store.tables.definitions import deployment as t

if TYPE_CHECKING:
    from datetime import datetime

    import sqlalchemy as sa

    from bpm_server.domain.identity import Actor

READ = ("RESOURCE", "READ")


@dataclass(frozen=True, slots=True)
class DeploymentLine:
    """A deployment. ``source``: the program that sent it, where it said so."""

    key: int
    name: str | None
    source: str | None
    deployed_at: datetime
    deployed_by: str | None


def _sight(actor: Actor) -> sa.ColumnElement[bool] | None:
    return None if actor.may(*READ) else t.c.deployed_by == actor.username


SEARCH = Search(
    "deployment",
    DeploymentLine,
    source=t,
    key=t.c.key,
    columns={name: t.c[name] for name in DeploymentLine.__slots__},
    fields_={
        "key": Field(Kind.KEY, t.c.key),
        "name": Field(Kind.TEXT, t.c.name),
        "source": Field(Kind.TEXT, t.c.source),
        "deployed_at": Field(Kind.MOMENT, t.c.deployed_at),
    },
    sight=_sight,
    permission=READ,
)

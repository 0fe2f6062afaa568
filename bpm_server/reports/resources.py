"""Deployed files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from bpm_server.reports.query import Kind
from bpm_server.reports.search import Field, Search
from bpm_server.store import definitions as store
from bpm_server.store.tables.definitions import resource as t

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from bpm_server.domain.identity import Actor
    from bpm_server.services.server import Server

READ = ("RESOURCE", "READ")


@dataclass(frozen=True, slots=True)
class ResourceLine:
    """A deployed file. Files are not versioned by themselves: ``version`` is 1."""

    key: int
    name: str
    resource_id: str
    version: int
    version_tag: str | None
    deployment_key: int
    kind: str
    digest: str


def _sight(actor: Actor) -> sa.ColumnElement[bool] | None:
    return None if actor.may(*READ) else sa.false()


_ONE = sa.literal(1)
_NO_TAG: sa.ColumnElement[str | None] = sa.cast(sa.null(), sa.String)
SEARCH = Search(
    "resource",
    ResourceLine,
    source=t,
    key=t.c.key,
    columns={
        **{name: t.c[name] for name in ("key", "name", "deployment_key", "kind", "digest")},
        "resource_id": t.c.name,
        "version": _ONE,
        "version_tag": _NO_TAG,
    },
    fields_={
        "key": Field(Kind.KEY, t.c.key),
        "name": Field(Kind.TEXT, t.c.name),
        "resource_id": Field(Kind.TEXT, t.c.name),
        "version": Field(Kind.NUMBER, _ONE),
        "version_tag": Field(Kind.TEXT, _NO_TAG),
        "deployment_key": Field(Kind.KEY, t.c.deployment_key),
    },
    sight=_sight,
    permission=READ,
)


def content(connection: Connection, actor: Actor, key: int) -> tuple[ResourceLine, bytes]:
    """A file with its bytes.

    Raises:
        NotFound: there is none.
        Forbidden: the permission RESOURCE:READ is missing.
    """
    return SEARCH.get(connection, actor, key), store.content(connection, key)


def deployed_digests(server: Server) -> frozenset[tuple[str, str]]:
    """Name and digest of every file that was ever deployed."""
    with server.database.read() as connection:
        rows = connection.execute(sa.select(t.c.name, t.c.digest).distinct()).all()
    return frozenset((row.name, row.digest) for row in rows)

"""How the channels of outside work do: those that failed, pause or have a rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from bpm_server.reports import sight
from bpm_server.reports.query import Kind
from bpm_server.reports.search import Field, Search
from bpm_server.store.tables.channels import channel as t

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from bpm_server.domain.identity import Actor

MOST_FAILING = 100


@dataclass(frozen=True, slots=True)
class ChannelLine:
    """A channel; see ``store.tables.channels``."""

    name: str
    failures: int
    paused_until: datetime | None
    reason: str | None


def failing(connection: Connection, actor: Actor) -> list[ChannelLine]:
    """Channels whose last call failed, by name; none for who may not see them."""
    if not actor.may("SYSTEM", "READ"):
        return []
    query = sa.select(*[t.c[name] for name in ChannelLine.__slots__]).where(t.c.failures > 0).order_by(t.c.name)
    return [ChannelLine(*row) for row in connection.execute(query.limit(MOST_FAILING))]


CHANNELS = Search(
    "channel",
    ChannelLine,
    source=t,
    key=t.c.name,
    columns={name: t.c[name] for name in ChannelLine.__slots__},
    fields_={"name": Field(Kind.TEXT, t.c.name)},
    sight=lambda actor: sight.by_permission(actor, "SYSTEM", "READ", t.c.name),
    permission=("SYSTEM", "READ"),
)

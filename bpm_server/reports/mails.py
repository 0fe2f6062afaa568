"""The log of mails: to whom, what became of them; not what they said, which is kept nowhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bpm_server.reports import sight
from bpm_server.reports.query import Kind
from bpm_server.reports.search import Field, Search
from bpm_server.store.tables.mails import mail as t

if TYPE_CHECKING:
    from datetime import datetime

    import sqlalchemy as sa

    from bpm_server.domain.identity import Actor

RESOURCE = "MAIL"


@dataclass(frozen=True, slots=True)
class MailLine:
    """A mail. ``reason``: why the last try failed, or there was none."""

    key: int
    username: str
    daily: bool
    state: str
    attempts: int
    next_at: datetime
    reason: str | None
    created_at: datetime
    ended_at: datetime | None


def _sight(actor: Actor) -> sa.ColumnElement[bool] | None:
    return sight.by_permission(actor, RESOURCE, "READ", t.c.username)


MAILS = Search(
    "mail",
    MailLine,
    source=t,
    key=t.c.key,
    columns={name: t.c[name] for name in MailLine.__slots__},
    fields_={
        "key": Field(Kind.KEY, t.c.key),
        "username": Field(Kind.TEXT, t.c.username),
        "state": Field(Kind.TEXT, t.c.state),
        "created_at": Field(Kind.MOMENT, t.c.created_at),
    },
    sight=_sight,
    permission=(RESOURCE, "READ"),
)

"""Saved searches that a person sees, and how much each finds for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from bpm_server.domain.inbox_filters import Sort, Tab, due_span
from bpm_server.reports.inbox import Wanted, count_todo
from bpm_server.reports.inbox_newest import newest_of
from bpm_server.store import inbox_filters as store

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, tzinfo

    from sqlalchemy.engine import Connection

    from bpm_server.domain.identity import Actor
    from bpm_server.domain.inbox_filters import Criteria
    from bpm_server.services.server import Server
    from bpm_server.store.inbox_filters import FilterRow

MOST_SHARED = 20
"""Filters of others that one person sees; of more the oldest."""
MOST_COUNTED = 100
"""Pages say "99+" then."""
MOST_LOOKED_AT = 1_000
"""Of what somebody has done, started or was sent, the newest: more is not looked through for one process."""


@dataclass(frozen=True, slots=True)
class Count:
    """How much a filter finds, at most ``MOST_COUNTED``; ``or_more``: there may be more among what is older."""

    number: int
    or_more: bool = False


@dataclass(frozen=True, slots=True)
class Filters:
    """A person's own filters in their order, then those that others share with them."""

    own: tuple[FilterRow, ...]
    shared: tuple[FilterRow, ...]

    @property
    def all(self) -> tuple[FilterRow, ...]:
        """In the order of the page."""
        return (*self.own, *self.shared)


def filters_of(server: Server, actor: Actor) -> Filters:
    """What somebody sees."""
    with server.database.read() as connection:
        own = store.own_filters(connection, actor.username)
        shared = store.shared_filters(connection, actor.username, actor.groups, MOST_SHARED)
    return Filters(tuple(own), tuple(shared))


def wanted_by(criteria: Criteria, limit: int, at: datetime | None, zone: tzinfo, after: str = "") -> Wanted:
    """What the inbox is asked for by a search; ``at``: the moment, needed where it says when something is due."""
    since, until = (None, None) if at is None else due_span(criteria.due, at, zone)
    return Wanted(
        criteria.text,
        criteria.process_id,
        after,
        limit,
        newest_first=criteria.sort is Sort.NEWEST,
        due_first=criteria.sort is Sort.DUE,
        due_since=since,
        due_until=until,
    )


def count_filters(
    server: Server, actor: Actor, filters: Sequence[FilterRow], at: datetime, zone: tzinfo
) -> dict[int, Count]:
    """How much each filter finds for the actor, by key.

    Texts are looked for only in what is to do, which is never much: elsewhere such filters have no number.
    """
    with server.database.read() as connection:
        found = {one.key: _count(connection, server, actor, one.criteria, at, zone) for one in filters}
    return {key: number for key, number in found.items() if number is not None}


def _count(
    connection: Connection, server: Server, actor: Actor, criteria: Criteria, at: datetime, zone: tzinfo
) -> Count | None:
    if criteria.tab is Tab.TODO:
        return Count(count_todo(connection, server, actor, wanted_by(criteria, 1, at, zone), MOST_COUNTED))
    if criteria.text:
        return None
    process = criteria.process_id
    limit = MOST_LOOKED_AT if process else MOST_COUNTED
    parts = [one.limit(limit).subquery() for one in newest_of(criteria.tab, actor)]
    fits = [
        sa.func.sum(sa.case((one.c.process_id == process, 1), else_=0)) if process else sa.func.count() for one in parts
    ]
    query = sa.union_all(
        *(sa.select(sa.func.count().label("seen"), number.label("fits")).select_from(one)
          for one, number in zip(parts, fits, strict=True))
    )  # fmt: skip
    rows = connection.execute(query).all()
    number = min(sum(row.fits or 0 for row in rows), MOST_COUNTED)
    is_cut = bool(process) and any(row.seen == limit for row in rows)
    return Count(number, is_cut and number < MOST_COUNTED)

"""Saved searches that a person sees, and how much each finds for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bpm_server.domain.inbox_filters import Sort, Tab, due_span
from bpm_server.reports.inbox import Wanted, count_todo
from bpm_server.store import inbox_filters as store

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, tzinfo

    from bpm_server.domain.identity import Actor
    from bpm_server.domain.inbox_filters import Criteria
    from bpm_server.services.server import Server
    from bpm_server.store.inbox_filters import FilterRow

MOST_SHARED = 20
"""Filters of others that one person sees; of more the oldest."""
MOST_COUNTED = 100
"""Pages say "99+" then."""


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
) -> dict[int, int]:
    """How many tasks each filter finds for the actor, up to ``MOST_COUNTED``; only of what is to do, by key."""
    with server.database.read() as connection:
        return {
            one.key: count_todo(connection, server, actor, wanted_by(one.criteria, 1, at, zone), MOST_COUNTED)
            for one in filters
            if one.criteria.tab is Tab.TODO
        }

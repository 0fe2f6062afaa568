"""Tasks of somebody's inbox in the order in which they are due; each index range stops after one page.

Tasks that are not due at any time are not in these ranges: the list shows them behind, in the order of keys.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server.reports.inbox_branches import BRANCHES, MOST_REPRESENTED, Where, assigned, listed, offered
from bpm_server.reports.represented import work_for_others
from bpm_server.store.tables.tasks import user_task as t
from bpm_server.store.tables.tasks import user_task_candidate as c
from bpm_server.store.types import Key, UtcDateTime

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from bpm_server.domain.identity import Actor
    from bpm_server.domain.represented import Represented

INDEXED = {
    t: sa.text("user_task.state = 'CREATED' AND user_task.due_date IS NOT NULL"),
    c: sa.text("user_task_candidate.due_date IS NOT NULL"),
}
"""In the words of the indexes."""
Branch = tuple[sa.Select[Any], sa.ColumnElement[int]]


@dataclass(frozen=True, slots=True)
class DuePage:
    """Some of the open tasks that are due: those that match, after one of them, due in a span of time."""

    wheres: tuple[Where, ...]
    limit: int
    after: tuple[datetime, int] | None = None
    since: datetime | None = None
    until: datetime | None = None

    def of(self, branch: Branch) -> sa.Select[Any]:
        """Moment and key of what is on the page, of one index range."""
        select, key = branch
        due = key.table.c.due_date
        select = select.where(INDEXED[key.table], *self.wheres, *self._span(due))
        if self.after is not None:
            last = sa.tuple_(sa.literal(self.after[0], UtcDateTime()), sa.literal(self.after[1], Key))
            select = select.where(sa.tuple_(due, key) > last)
        columns = select.with_only_columns(due.label("due"), key.label("key"), maintain_column_froms=True)
        return columns.order_by(due, key).limit(self.limit)

    def _span(self, due: sa.ColumnElement[Any]) -> list[Where]:
        since = max(filter(None, (self.since, self.after and self.after[0])), default=None)
        return [*([due >= since] if since else []), *([due < self.until] if self.until else [])]


def due_keys(
    connection: Connection, actor: Actor, page: DuePage, others: Sequence[Represented]
) -> list[tuple[datetime, int]]:
    """Moment and key of the first tasks of a page."""
    groups = sorted(actor.groups)
    if len(groups) > BRANCHES:
        groups, page = _narrowed(connection, groups, page)
    branches = [
        page.of((assigned(actor, [t.c.key]), t.c.key)),
        page.of((offered("u", c.c.name == actor.username, [t.c.key]), c.c.task_key)),
        *[page.of(one) for one in work_for_others(others[:MOST_REPRESENTED], [t.c.key])],
    ]
    found: set[tuple[datetime, int]] = set()
    for start in range(0, max(len(groups), 1), BRANCHES):
        names = groups[start : start + BRANCHES]
        branches += [page.of((offered("g", c.c.name == name, [t.c.key]), c.c.task_key)) for name in names]
        each = [sa.select(*one.subquery().columns) for one in branches]
        found.update((row.due, row.key) for row in connection.execute(sa.union(*each)))
        branches = []
    return sorted(found)[: page.limit]


def _narrowed(connection: Connection, groups: Sequence[str], page: DuePage) -> tuple[list[str], DuePage]:
    """Which of very many groups have tasks on a page, and before when it ends at the latest.

    Where the first tasks of all groups fill the page, nothing behind the last of them that has a place is on it. Their
    moments count once: several groups may offer the same task.
    """
    name = listed(connection, groups)
    first = replace(page, limit=1).of((offered("g", c.c.name == name, [t.c.key]), c.c.task_key))
    moment = first.with_only_columns(c.c.due_date, maintain_column_froms=True).correlate(name.table)
    rows = connection.execute(sa.select(name, moment.scalar_subquery()))
    found: dict[str, datetime] = {group: due for group, due in rows if due is not None}
    moments = sorted(set(found.values()))
    if len(moments) < page.limit:
        return sorted(found), page
    last = moments[page.limit - 1]
    until = last + timedelta(microseconds=1)
    until = until if page.until is None else min(until, page.until)
    return sorted(group for group, due in found.items() if due <= last), replace(page, until=until)

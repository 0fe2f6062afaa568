"""Reading and writing saved searches of the inbox."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server.domain.inbox_filters import EVERYBODY, GROUP, as_json, from_json
from bpm_server.kernel import json
from bpm_server.kernel.errors import NotFound
from bpm_server.store import rows
from bpm_server.store.tables.inbox_filters import inbox_filter as t

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from bpm_server.domain.inbox_filters import Criteria


@dataclass(frozen=True, slots=True)
class FilterRow:
    """The row of a filter; see ``store.tables.inbox_filters.InboxFilter``."""

    key: int
    owner: str
    name: str
    place: int
    criteria: Criteria
    shared_with: str | None
    created_at: datetime
    version: int = 1

    def values(self) -> dict[str, Any]:
        """The columns."""
        found = {name: getattr(self, name) for name in self.__slots__}
        return {**found, "criteria": json.dumps(as_json(self.criteria))}


def _row(found: Any) -> FilterRow:
    values = {name: found._mapping[name] for name in FilterRow.__slots__}
    return FilterRow(**{**values, "criteria": from_json(json.loads(values["criteria"]))})


def own_filters(connection: Connection, owner: str, *, lock: bool = False) -> list[FilterRow]:
    """A person's filters in their order."""
    query = sa.select(t).where(t.c.owner == owner).order_by(t.c.place, t.c.key)
    return [_row(found) for found in connection.execute(query.with_for_update() if lock else query)]


def shared_filters(connection: Connection, owner: str, groups: Iterable[str], limit: int) -> list[FilterRow]:
    """What others share with everybody or with one of some groups, the oldest first."""
    names = [EVERYBODY, *(GROUP + name for name in sorted(groups))]
    query = sa.select(t).where(t.c.shared_with.is_not(None), t.c.shared_with.in_(names), t.c.owner != owner)
    return [_row(found) for found in connection.execute(query.order_by(t.c.key).limit(limit))]


def lock_filter(connection: Connection, key: int) -> FilterRow:
    """A filter, locked.

    Raises:
        NotFound: there is none.
    """
    found = connection.execute(sa.select(t).where(t.c.key == key).with_for_update()).first()
    if found is None:
        message = f"Expected to find inbox filter '{key}', but there is none"
        raise NotFound(message)
    return _row(found)


def insert(connection: Connection, row: FilterRow) -> None:
    """Adds a filter."""
    rows.insert(connection, t, [row.values()])


def update(connection: Connection, changed: Iterable[FilterRow]) -> None:
    """Writes what can change of filters."""
    values = [row.values() for row in changed]
    rows.upsert(connection, t, values, ("key",), ("name", "place", "criteria", "shared_with", "version"))


def delete(connection: Connection, key: int) -> None:
    """Removes a filter."""
    connection.execute(t.delete().where(t.c.key == key))

"""Reading and writing drafts of forms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server.domain.drafts import Draft
from bpm_server.kernel import json
from bpm_server.kernel.errors import StaleVersion
from bpm_server.store import rows
from bpm_server.store.tables.drafts import draft as t

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from sqlalchemy.engine import Connection, Row

    from bpm_server.domain.drafts import Place

_DELETE_OF_TASK = rows.Prepared(lambda _: t.delete().where(t.c.task_key == sa.bindparam("b_key")))


def find(connection: Connection, username: str, place: Place, *, lock: bool = False) -> Draft | None:
    """Somebody's draft of a form."""
    query = sa.select(*t.columns).where(t.c.username == username, t.c.place == str(place))
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    return None if row is None else _draft(row)


def _draft(row: Row[Any]) -> Draft:
    content = json.loads(row.content)
    return Draft(row.key, row.version, content["values"], content["comment"], row.saved_at)


def count(connection: Connection, username: str) -> int:
    """How many drafts somebody has."""
    found: int = connection.execute(sa.select(sa.func.count()).where(t.c.username == username)).scalar_one()
    return found


def insert(connection: Connection, key: int, username: str, place: Place, content: str, now: datetime) -> None:
    """Keeps the first version of a draft.

    Raises:
        StaleVersion: another window has kept one in the same moment.
    """
    values: Mapping[str, Any] = {
        "key": key,
        "username": username,
        "place": str(place),
        "process_id": place.process_id,
        "task_key": place.task_key,
        "instance_key": place.instance_key,
        "version": 1,
        "content": content,
        "saved_at": now,
    }
    rows.upsert(connection, t, [dict(values)], ("username", "place"), ())
    there = find(connection, username, place)
    if there is None or there.key != key:
        message = "Expected to keep the first version of a draft, but another window was faster"
        raise StaleVersion(message)


def update(connection: Connection, key: int, version: int, content: str, now: datetime) -> None:
    """Keeps a new version; the row is locked."""
    connection.execute(t.update().where(t.c.key == key).values(version=version, content=content, saved_at=now))


def delete(connection: Connection, username: str, key: int) -> bool:
    """Removes one of somebody's drafts; False where it is not there or somebody else's."""
    return connection.execute(t.delete().where(t.c.key == key, t.c.username == username)).rowcount > 0


def delete_at(connection: Connection, username: str, place: Place) -> None:
    """Removes somebody's draft of a form, if there is one."""
    connection.execute(t.delete().where(t.c.username == username, t.c.place == str(place)))


def delete_of_tasks(connection: Connection, task_keys: Iterable[int]) -> None:
    """Removes everybody's drafts of tasks; on PostgreSQL in the round trip of what follows."""
    _DELETE_OF_TASK.run(connection, [{"b_key": key} for key in task_keys])


def delete_untouched(connection: Connection, before: datetime, limit: int) -> int:
    """Removes drafts that were last saved before a moment, some at a time; returns how many."""
    old = sa.select(t.c.key).where(t.c.saved_at <= before).order_by(t.c.saved_at).limit(limit)
    keys = list(connection.execute(old.with_for_update(skip_locked=True)).scalars())
    if keys:
        connection.execute(t.delete().where(t.c.key.in_(keys)))
    return len(keys)


def oldest(connection: Connection) -> datetime | None:
    """When the draft was saved that nobody has touched for longest."""
    found: datetime | None = connection.execute(sa.select(sa.func.min(t.c.saved_at))).scalar()
    return found

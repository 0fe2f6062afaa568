"""Reading and writing drafts of forms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server.domain.drafts import Draft
from bpm_server.kernel import json
from bpm_server.kernel.errors import StaleVersion
from bpm_server.store import rows
from bpm_server.store.tables.drafts import draft as t
from bpm_server.store.tables.tasks import user_task

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy.engine import Connection, Row

    from bpm_server.domain.drafts import Place


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


def delete_of_task(connection: Connection, task_key: int) -> None:
    """Removes everybody's drafts of a task."""
    connection.execute(t.delete().where(t.c.task_key == task_key))


def delete_useless(connection: Connection, before: datetime, limit: int) -> int:
    """Removes drafts that nobody can go on with, some at a time; returns how many.

    Those that were last saved before a moment, and those of tasks that their process has ended.
    """
    is_open = sa.exists().where(user_task.c.key == t.c.task_key, user_task.c.ended_at.is_(None))
    useless = sa.or_(t.c.saved_at <= before, sa.and_(t.c.task_key.is_not(None), ~is_open))
    query = sa.select(t.c.key).where(useless).order_by(t.c.key).limit(limit)
    keys = list(connection.execute(query.with_for_update(of=t, skip_locked=True)).scalars())
    if keys:
        connection.execute(t.delete().where(t.c.key.in_(keys)))
    return len(keys)


def oldest(connection: Connection) -> datetime | None:
    """When the draft was saved that nobody has touched for longest."""
    found: datetime | None = connection.execute(sa.select(sa.func.min(t.c.saved_at))).scalar()
    return found

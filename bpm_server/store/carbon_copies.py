"""Who is informed of a case, each person once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from bpm_server.store import rows
from bpm_server.store.tables.approvals import carbon_copy as t

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from sqlalchemy.engine import Connection


def insert_copies(
    connection: Connection,
    new_key: Callable[[], int],
    instance_key: int,
    people: Iterable[str],
    sent_by: str | None,
    sent_at: datetime,
    comment: str | None = None,
) -> list[str]:
    """Informs people of a case; the instance is locked.

    Returns:
        Those who are new.
    """
    wanted = list(dict.fromkeys(people))
    known = set(connection.execute(sa.select(t.c.username).where(t.c.instance_key == instance_key)).scalars())
    new = [name for name in wanted if name not in known]
    rows.insert(
        connection,
        t,
        [
            {
                "key": new_key(),
                "instance_key": instance_key,
                "username": name,
                "sent_by": sent_by,
                "sent_at": sent_at,
                "comment": comment,
                "read_at": None,
            }
            for name in new
        ],
    )
    return new


def mark_read(connection: Connection, instance_key: int, username: str, at: datetime) -> bool:
    """Somebody has seen what they were informed of; the first time counts.

    Returns:
        Whether there was something unread.
    """
    mine = (t.c.instance_key == instance_key, t.c.username == username, t.c.read_at.is_(None))
    return connection.execute(t.update().where(*mine).values(read_at=at)).rowcount > 0


def is_informed(connection: Connection, instance_key: int, username: str) -> bool:
    """Whether somebody is informed of a case, and so may see it."""
    mine = (t.c.instance_key == instance_key, t.c.username == username)
    return connection.execute(sa.select(t.c.key).where(*mine)).first() is not None

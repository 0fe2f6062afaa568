"""Reading and writing the stars of people."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from bpm_server.store import rows
from bpm_server.store.tables.favourites import favourite as t

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.engine import Connection


def favourites(connection: Connection, username: str) -> list[str]:
    """Process ids that somebody has marked, the newest first."""
    query = sa.select(t.c.process_id).where(t.c.username == username).order_by(t.c.since.desc(), t.c.process_id)
    return list(connection.execute(query).scalars())


def insert(connection: Connection, username: str, process_id: str, since: datetime) -> None:
    """Marks a process; once more changes nothing."""
    values = {"username": username, "process_id": process_id, "since": since}
    rows.upsert(connection, t, [values], ("username", "process_id"), ())


def delete(connection: Connection, username: str, process_id: str) -> None:
    """Takes the mark away; where there is none, nothing changes."""
    connection.execute(t.delete().where(t.c.username == username, t.c.process_id == process_id))

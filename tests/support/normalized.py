"""What a database holds, so that two that went through the same can be compared: keys become their rank."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from bpm_server.engine.state import _unpack
from bpm_server.store.tables import db

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from bpm_server.store.database import Database

FIRST_KEY = 10**15
"""Keys of comparable databases begin here: no other number in them has so many digits."""
OF_THE_DATABASE_CLOCK = {"job": {"available_at"}, "webhook_delivery": {"next_at"}}
DRAWN_ANEW = {"job": {"lease"}}
"""Two servers differ in these columns whatever they do."""
_KEY = re.compile(r"\b\d{16}\b")
_QUERIES: dict[str, str] = {}


def contents(database: Database) -> dict[str, list[str]]:
    """Every row of every table as text, with ranks for keys; tables without rows are left out."""
    with database.read() as connection:
        found = {name: rows for name in db.metadata.tables if (rows := _rows(connection, name))}
    keys = sorted({key for rows in found.values() for row in rows for key in _KEY.findall(row)})
    ranks = {key: f"#{rank}" for rank, key in enumerate(keys)}
    return {
        name: sorted(_KEY.sub(lambda match: ranks[match[0]], row) for row in rows) for name, rows in found.items()
    }


def _rows(connection: Connection, name: str) -> list[str]:
    query = _QUERIES.get(name)
    if query is None:
        left_out = OF_THE_DATABASE_CLOCK.get(name, set()) | DRAWN_ANEW.get(name, set())
        columns = [column.name for column in db.metadata.tables[name].columns if column.name not in left_out]
        query = _QUERIES[name] = f"SELECT {', '.join(columns)} FROM \"{name}\""  # noqa: S608 (names of our own tables)
    return [repr(tuple(map(_plain, row))) for row in connection.exec_driver_sql(query)]


def _plain(value: Any) -> Any:
    """Stored tokens as the values they hold."""
    return _unpack(value) if isinstance(value, bytes) and value[:1] in (b"m", b"z") else value

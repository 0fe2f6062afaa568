"""What a database holds, so that two that went through the same can be compared: keys become their rank."""

from __future__ import annotations

import re
import zlib
from typing import TYPE_CHECKING, Any

from bpm_server.engine.state import _unpack
from bpm_server.store.large_values import HOLE
from bpm_server.store.tables import db

if TYPE_CHECKING:
    from bpm_server.store.database import Database

    Rows = list[dict[str, Any]]

FIRST_KEY = 10**15
"""Keys of comparable databases begin here: no other number in them has so many digits."""
OTHERWISE = {
    "job": {"available_at", "lease"},
    "webhook_delivery": {"next_at"},
    "audit_seal": {"entries", "previous", "digest"},
}
"""Columns in which two servers differ whatever they do: by the database's clock, drawn anew, or made from keys."""
COLUMNS = {
    name: [column.name for column in table.columns if column.name not in OTHERWISE.get(name, ())]
    for name, table in db.metadata.tables.items()
}
QUERIES = {name: f'SELECT {", ".join(columns)} FROM "{name}"' for name, columns in COLUMNS.items()}
_KEY = re.compile(r"\b\d{16}\b")


class Snapshot:
    """Every row of every table, in the driver's own values.

    Args of the constructor:
        database: The database; what SQLAlchemy would do for each of the many statements costs several times theirs.
    """

    def __init__(self, database: Database) -> None:
        self._tables: dict[str, list[tuple[Any, ...]]] = {}
        with database.read() as connection:
            cursor = connection.connection.cursor()
            for name, query in QUERIES.items():
                cursor.execute(query)
                self._tables[name] = cursor.fetchall()
            cursor.close()
        self._put_back(self._tables.pop("large_value"))

    def _put_back(self, large: list[tuple[Any, ...]]) -> None:
        """Large values into the journal: they may hold keys, which their digests do not show."""
        values = {digest: zlib.decompress(data).decode() for _, digest, data in large}
        if values:
            holes = re.compile(HOLE + "([0-9a-f]{64})")
            self._tables["journal"] = [
                tuple(
                    holes.sub(lambda hole: values[hole[1]], value) if isinstance(value, str) else value for value in row
                )
                for row in self._tables["journal"]
            ]

    def rows(self, table: str, **equal: Any) -> Rows:
        """Rows with these values, in the order of keys."""
        found = [dict(zip(COLUMNS[table], row, strict=True)) for row in self._tables[table]]
        chosen = [row for row in found if all(row[name] == value for name, value in equal.items())]
        return sorted(chosen, key=lambda row: row["key"])

    def normalized(self) -> dict[str, list[str]]:
        """Every row as text, with ranks for keys."""
        texts = {name: [repr([*map(_plain, row)]) for row in rows] for name, rows in self._tables.items()}
        keys = sorted({key for rows in texts.values() for row in rows for key in _KEY.findall(row)})
        ranks = {key: f"#{rank}" for rank, key in enumerate(keys)}
        return {
            name: sorted(_KEY.sub(lambda match: ranks[match[0]], row) for row in rows) for name, rows in texts.items()
        }


def _plain(value: Any) -> Any:
    """Stored tokens as the values they hold."""
    return _unpack(value) if isinstance(value, bytes) and value[:1] in (b"m", b"z") else value


def difference(one: Snapshot, other: Snapshot) -> dict[str, tuple[list[str], list[str]]]:
    """Rows by table that only one of two has."""
    first, second = one.normalized(), other.normalized()
    return {
        name: ([row for row in rows if row not in second[name]], [row for row in second[name] if row not in rows])
        for name, rows in first.items()
        if rows != second[name]
    }

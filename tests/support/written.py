"""How many bytes a piece of work writes: SQLite's write-ahead log, or PostgreSQL's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bpm_server.store.database import Database

PAGES = 6 * 4_120
"""SQLite writes whole pages: two steps that write the same may differ by a few of them."""


def written(database: Database, act: Callable[[], object]) -> int:
    """Bytes that ``act`` adds to the log of the database."""
    before = _logged(database, begin=True)
    act()
    return _logged(database, begin=False) - before


def least_written(database: Database, acts: Iterable[Callable[[], object]]) -> int:
    """The least of several that do the same: others write into PostgreSQL's log, too, now and then."""
    return min([written(database, act) for act in acts])


def _logged(database: Database, *, begin: bool) -> int:
    with database.engine.connect() as connection:
        if not database.is_sqlite:
            query = "SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn"
            return int(connection.exec_driver_sql(query).scalar_one())
        if begin:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            return 0
    log = Path(f"{database.url.database}-wal")
    return log.stat().st_size if log.exists() else 0

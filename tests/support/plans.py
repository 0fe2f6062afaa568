"""How much of the database a piece of work looks at: rows on PostgreSQL, steps of the virtual machine on SQLite.

Both are counts, the same in every run. Every SELECT of the work is run once more by itself (``look``), or all that it
does is counted as it happens, writing too (``worked``).
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bpm_server.store.database import Database

STEPS = 50
"""SQLite tells of every so many steps of its machine."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What one statement looked at.

    Attributes:
        read: Rows of tables (PostgreSQL), or steps (SQLite).
        whole: Tables that were read from end to end, by plan.
        plan: For messages.
    """

    text: str
    read: int
    whole: tuple[str, ...]
    plan: str


@contextmanager
def statements(database: Database) -> Iterator[list[tuple[str, Any]]]:
    """Collects the SELECTs of the block with their parameters."""
    found: list[tuple[str, Any]] = []

    def sent(_connection: Any, _cursor: Any, text: str, parameters: Any, _context: Any, _many: bool) -> None:
        if text.lstrip().upper().startswith(("SELECT", "WITH")):
            found.append((text, parameters))

    event.listen(database.engine, "before_cursor_execute", sent)
    try:
        yield found
    finally:
        event.remove(database.engine, "before_cursor_execute", sent)


def worked(database: Database, act: Callable[[], Any]) -> int:
    """How much work of this thread looks at, whichever way its statements go to the driver."""
    with database.read() as connection:  # the one that the work will be given, as it is the last one used
        driver: Any = connection.connection.driver_connection
        before = 0 if database.is_sqlite else _rows_so_far(driver)
    steps = 0

    def step() -> int:
        nonlocal steps
        steps += STEPS
        return 0

    if not database.is_sqlite:
        act()
        return _rows_so_far(driver) - before
    driver.set_progress_handler(step, STEPS)
    try:
        act()
    finally:
        driver.set_progress_handler(None, 0)
    return steps


def _rows_so_far(driver: Any) -> int:
    """Rows and index entries that all connections have read, as far as they have told; this one tells now."""
    driver.autocommit = True
    driver.execute("SELECT pg_stat_force_next_flush()")
    tables = "SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) FROM pg_stat_user_tables"
    indexes = "SELECT sum(idx_tup_read) FROM pg_stat_user_indexes"
    return sum(int(driver.execute(text).fetchone()[0]) for text in (tables, indexes))


def look(database: Database, found: list[tuple[str, Any]]) -> list[Looked]:
    """Runs the statements again, one by one, and counts."""
    one = _look_sqlite if database.is_sqlite else _look_postgresql
    return [one(database, text, parameters) for text, parameters in found]


def _look_sqlite(database: Database, text: str, parameters: Any) -> Looked:
    pooled = database.engine.raw_connection()
    connection: Any = pooled.driver_connection
    steps = 0

    def step() -> int:
        nonlocal steps
        steps += STEPS
        return 0

    try:
        lines = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {text}", parameters)]
        connection.set_progress_handler(step, STEPS)
        connection.execute(text, parameters).fetchall()
    finally:
        connection.set_progress_handler(None, 0)
        pooled.close()
    whole = tuple(line.split()[1] for line in lines if line.startswith("SCAN") and "INDEX" not in line)
    return Looked(text, steps, whole, "\n".join(lines))


def _look_postgresql(database: Database, text: str, parameters: Any) -> Looked:
    pooled = database.engine.raw_connection()
    try:
        cursor = pooled.cursor()
        cursor.execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {text}", parameters)
        plan = cursor.fetchone()[0][0]["Plan"]
    finally:
        pooled.rollback()
        pooled.close()
    nodes = list(_nodes(plan, 0))
    read = sum(_rows(node) for _, node in nodes if "Relation Name" in node)
    whole = tuple(node["Relation Name"] for _, node in nodes if node["Node Type"] == "Seq Scan")
    lines = [
        f"{'  ' * depth}{node['Node Type']} {node.get('Relation Name', '')} {node.get('Index Name', '')} "
        f"{node.get('Index Cond', node.get('Filter', ''))} rows={_rows(node)}"
        for depth, node in nodes
    ]
    return Looked(text, read, whole, "\n".join(lines))


def _nodes(plan: dict[str, Any], depth: int) -> Iterator[tuple[int, dict[str, Any]]]:
    yield depth, plan
    for inner in plan.get("Plans", ()):
        yield from _nodes(inner, depth + 1)


def _rows(node: dict[str, Any]) -> int:
    """Rows that a node has read, with those that it threw away."""
    removed = sum(node.get(f"Rows Removed by {why}", 0) for why in ("Filter", "Index Recheck"))
    return int((node["Actual Rows"] + removed) * node["Actual Loops"])

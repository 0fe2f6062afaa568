"""How much of the database a piece of work looks at: rows on PostgreSQL, steps of the virtual machine on SQLite.

Both are counts, the same in every run. Every SELECT of the work is run once more by itself.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import event

if TYPE_CHECKING:
    from collections.abc import Iterator

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

"""Tables as years leave them: finished instances and open tasks by the hundred thousand, copied by SQL.

An instance is run through the services; all its rows are copied with other keys, earlier moments and other names. So a
copy has whatever the present tables have of an instance. Copies cannot go on: their tokens are those of the original.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bpm_server.store.deletion import BY_INSTANCE
from bpm_server.store.tables.instances import process_instance
from bpm_server.store.tables.tasks import user_task_candidate
from bpm_server.store.types import Key, UtcDateTime
from tests.support.bpmn_builder import Process, extensions

if TYPE_CHECKING:
    from collections.abc import Mapping

    import sqlalchemy as sa
    from sqlalchemy.engine import Connection

    from bpm_server.store.database import Database
    from tests.support.product import Product

STRIDE = 1 << 34
"""Between the keys of two copies; more than the keys of one instance differ."""
MANY = 50_000
"""Copies in one statement."""
SHARED = {"process_definition_key", "decision_key", "form_key"}
PEOPLE = 1_000


@dataclass(frozen=True, slots=True)
class Copies:
    """How often an instance is copied.

    Attributes:
        seconds: By how much each copy is older than the one before it.
        first: Number of the first copy; those of one instance must differ.
        names: SQL by "table.column" for what differs from copy to copy; ``n.i`` is its number.
    """

    count: int
    seconds: int = 30
    first: int = 1
    names: Mapping[str, str] | None = None


NAMES = {
    "process_instance.business_key": "'B-' || n.i",
    "process_instance.started_by": f"'person' || (n.i % {PEOPLE})",
    "user_task.ended_by": f"CASE WHEN t.ended_by IS NULL THEN NULL ELSE 'person' || (n.i % {PEOPLE}) END",
    "user_task_candidate.name": f"'group' || (n.i % {PEOPLE})",
}


def copy_instance(database: Database, key: int, copies: Copies) -> None:
    """Copies an instance that has called none."""
    with database.engine.connect().execution_options(bpm_writes=True) as connection:
        for start in range(copies.first, copies.first + copies.count, MANY):
            end = min(start + MANY, copies.first + copies.count) - 1
            for table in (process_instance, *BY_INSTANCE):
                column = "key" if table is process_instance else "instance_key"
                connection.exec_driver_sql(_copy(connection, table, f"t.{column} = {key}", copies, start, end))
            mine = f"t.task_key IN (SELECT key FROM user_task WHERE instance_key = {key})"
            connection.exec_driver_sql(_copy(connection, user_task_candidate, mine, copies, start, end))
            connection.commit()


def _copy(connection: Connection, table: sa.Table, where: str, copies: Copies, start: int, end: int) -> str:
    names = {**NAMES, **(copies.names or {})}
    columns = [column.name for column in table.columns]
    values = [
        names.get(f"{table.name}.{column.name}") or _value(connection.dialect.name, column, copies.seconds)
        for column in table.columns
    ]
    series = f"WITH RECURSIVE n(i) AS (SELECT {start} UNION ALL SELECT i + 1 FROM n WHERE i < {end})"
    quoted = ", ".join(f'"{column}"' for column in columns)
    select = f"{series} SELECT {', '.join(values)} FROM {table.name} AS t CROSS JOIN n WHERE {where}"
    text = f"INSERT INTO {table.name} ({quoted}) {select}"
    return text if connection.dialect.name == "sqlite" else text.replace("%", "%%")


def _value(dialect: str, column: sa.Column[object], seconds: int) -> str:
    name = f't."{column.name}"'
    if isinstance(column.type, UtcDateTime):
        if dialect == "postgresql":
            return f"{name} - n.i * interval '{seconds} seconds'"
        return f"strftime('%Y-%m-%dT%H:%M:%f000Z', {name}, '-' || (n.i * {seconds}) || ' seconds')"
    if column.type is Key and column.name not in SHARED:
        return f"CASE WHEN {name} < {STRIDE} THEN {name} ELSE {name} - n.i * CAST({STRIDE} AS BIGINT) END"
    return name


def analyze(database: Database) -> None:
    """Lets the database look at what it has, as it does by itself after a while."""
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE")


def order(process_id: str = "order") -> bytes:
    """Two people and a job, with a summary for lists."""
    p = Process(process_id)
    named = '<zeebe:property name="summary" value="number, customer, amount"/>'
    p.elements.append(extensions(f"<zeebe:properties>{named}</zeebe:properties>"))
    sales = '<zeebe:assignmentDefinition candidateGroups="sales"/>'
    p.path(p.start(), p.user("a", extra=sales), p.service("j", "work"), p.user("b", extra=sales), p.end())
    return p.xml()


def fill(bpm: Product, finished: int, waiting: int) -> tuple[int, int]:
    """A database with so many finished instances, and so many whose first task is offered to one of many groups.

    Returns:
        The instances that were copied: the finished one and the other.
    """
    bpm.deploy(order())
    done, open_one = (bpm.start("order", number=f"SO-{n}", customer="ACME", amount=500_000) for n in (1, 2))
    bpm.task("a", instance=done).complete()
    bpm.complete_job("j")
    bpm.task("b", instance=done).complete()
    copy_instance(bpm.server.database, done, Copies(finished))
    copy_instance(bpm.server.database, open_one, Copies(waiting))
    if not bpm.server.database.is_sqlite:  # in production nobody lets SQLite analyze its tables
        analyze(bpm.server.database)
    return done, open_one

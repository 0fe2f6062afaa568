"""Tables as years leave them: finished instances and open tasks by the hundred thousand, copied by SQL.

An instance is run through the services; all its rows are copied with other keys, earlier moments and other names. So a
copy has whatever the present tables have of an instance. Copies cannot go on: their tokens are those of the original.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bpm_server.services import tasks
from bpm_server.store.deletion import BY_INSTANCE
from bpm_server.store.tables.audit import audit_log
from bpm_server.store.tables.instances import process_instance
from bpm_server.store.tables.tasks import user_task_candidate
from bpm_server.store.types import Key, UtcDateTime
from tests.support.bpmn_builder import Process, extensions
from tests.support.product import ADMIN

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
    "user_task.candidate_groups": f"'[\"group' || (n.i % {PEOPLE}) || '\"]'",
    "user_task_candidate.name": f"'group' || (n.i % {PEOPLE})",
    "audit_log.entity_key": f"CAST(CAST(t.entity_key AS BIGINT) - n.i * CAST({STRIDE} AS BIGINT) AS VARCHAR)",
}


def copy_instance(database: Database, key: int, copies: Copies) -> None:
    """Copies an instance that has called none; the oldest copy is written first, as it was in life.

    Very many are written without indexes, which are made again afterwards.
    """
    with database.engine.connect().execution_options(bpm_writes=True) as connection:
        tables = {
            process_instance: f"t.key = {key}",
            **dict.fromkeys((*BY_INSTANCE, audit_log), f"t.instance_key = {key}"),
            user_task_candidate: f"t.task_key IN (SELECT key FROM user_task WHERE instance_key = {key})",
        }
        indexes = [index for table in tables for index in table.indexes] if copies.count > MANY else []
        wheres = {table: _frozen(connection, table, where) for table, where in tables.items()}
        for index in indexes:
            index.drop(connection)
        for end in range(copies.first + copies.count - 1, copies.first - 1, -MANY):
            start = max(copies.first, end - MANY + 1)
            for table, where in wheres.items():
                if where:
                    connection.exec_driver_sql(_copy(connection, table, where, copies, start, end))
            connection.commit()
        for index in indexes:
            index.create(connection)
        connection.commit()


def _frozen(connection: Connection, table: sa.Table, where: str) -> str:
    """The condition in terms of the primary key, which is there without other indexes; empty where no row fits."""
    names = [column.name for column in table.primary_key]
    rows = connection.exec_driver_sql(f"SELECT {', '.join(names)} FROM {table.name} AS t WHERE {where}").all()
    return " OR ".join(
        "(" + " AND ".join(f"t.{name} = {value!r}" for name, value in zip(names, row, strict=True)) + ")"
        for row in rows
    )


def _copy(connection: Connection, table: sa.Table, where: str, copies: Copies, start: int, end: int) -> str:
    names = {**NAMES, **(copies.names or {})}
    columns = [column.name for column in table.columns]
    values = [
        names.get(f"{table.name}.{column.name}") or _value(connection.dialect.name, column, copies.seconds)
        for column in table.columns
    ]
    series = f"WITH RECURSIVE n(i) AS (SELECT {end} UNION ALL SELECT i - 1 FROM n WHERE i > {start})"
    quoted = ", ".join(f'"{column}"' for column in columns)
    first = next(iter(table.primary_key)).name
    select = f"{series} SELECT {', '.join(values)} FROM n CROSS JOIN {table.name} AS t WHERE {where}"
    text = f"INSERT INTO {table.name} ({quoted}) {select} ORDER BY n.i DESC, t.{first}"
    return text if connection.dialect.name == "sqlite" else text.replace("%", "%%")


def _value(dialect: str, column: sa.Column[object], seconds: int) -> str:
    name = f't."{column.name}"'
    if isinstance(column.type, UtcDateTime):
        if dialect == "postgresql":
            return f"{name} - n.i * interval '{seconds} seconds'"
        return f"strftime('%Y-%m-%dT%H:%M:%f000Z', {name}, '-' || (n.i * {seconds}) || ' seconds')"
    if column.type is Key and column.name not in SHARED:
        return _older(name)
    return name


def _older(key: str) -> str:
    return f"CASE WHEN {key} < {STRIDE} THEN {key} ELSE {key} - n.i * CAST({STRIDE} AS BIGINT) END"


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
    tasks.update_task(bpm.server, ADMIN, bpm.task("a", instance=open_one).key, due_date=bpm.server.clock.now())
    copy_instance(bpm.server.database, done, Copies(finished))
    copy_instance(bpm.server.database, open_one, Copies(waiting))
    if not bpm.server.database.is_sqlite:  # in production nobody lets SQLite analyze its tables
        analyze(bpm.server.database)
    return done, open_one

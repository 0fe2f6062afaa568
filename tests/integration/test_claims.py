"""Finding and claiming work asks an index, however many rows are done, on both databases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from bpm_server.domain.identity import SYSTEM
from bpm_server.services import channels, jobs
from bpm_server.services.channels import DueChannels
from bpm_server.store.tables.connectors import webhook_delivery
from bpm_server.store.tables.jobs import job
from bpm_server.store.wire import PostgresWire, SqliteWire
from tests.support.outside_work import Installation, one_job

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bpm_server.store.database import Database

ROWS = 100_000
OPEN_ONE_IN = 1_000


def fill(database: Database, table: sa.Table, values: dict[str, Any], state: Callable[[Any], Any]) -> None:
    """Copies of a row, most of them done, with keys from 1."""
    numbers = sa.select(sa.literal(1).label("n")).cte("numbers", recursive=True)
    numbers = numbers.union_all(sa.select(numbers.c.n + 1).where(numbers.c.n < ROWS))
    columns_of = [column.name for column in table.columns]
    chosen = {**values, "key": numbers.c.n, "state": state(numbers.c.n)}
    columns = [
        chosen[name] if isinstance(chosen[name], sa.ColumnElement) else sa.literal(chosen[name], table.c[name].type)
        for name in columns_of
    ]
    with database.write() as connection:
        connection.execute(table.insert().from_select(columns_of, sa.select(*columns)))
        connection.commit()
    with database.engine.connect().execution_options(bpm_writes=True) as connection:
        connection.exec_driver_sql(f"ANALYZE {table.name}")
        connection.commit()


@pytest.fixture
def company(database: Database, tmp_path: Path) -> Installation:
    found = Installation(database, tmp_path, "ours")
    found.bpm.deploy(one_job("ours"))
    found.bpm.start("ours")
    with database.read() as connection:
        row = dict(connection.execute(sa.select(*job.columns)).one()._mapping)

    def open_now_and_then(open_: str, done: str) -> Callable[[Any], Any]:
        return lambda n: sa.case((n % OPEN_ONE_IN == 0, open_), else_=done)

    fill(database, job, {**row, "lease": None}, open_now_and_then("CREATED", "COMPLETED"))
    delivery = {column.name: None for column in webhook_delivery.columns} | {
        "endpoint_name": "e", "webhook_id": "w", "event_type": "t", "payload": b"{}", "attempts": 0, "chunk": 0,
        "next_at": row["available_at"], "created_at": row["created_at"], "suspended": False,
    }  # fmt: skip
    fill(database, webhook_delivery, delivery, open_now_and_then("waiting", "delivered"))
    return found


def plans(database: Database, work: Callable[[], Any]) -> list[str]:
    """The plans of the queries on these tables that a piece of work asks, prepared ones as they are when kept."""
    asked: list[tuple[str, Any]] = []

    def noted(text: str, parameters: Any) -> None:
        if text.startswith(("SELECT", "WITH")) and ("FROM job" in text or "FROM webhook_delivery" in text):
            asked.append((text, parameters))

    def sent(_c: Any, _cursor: Any, text: str, parameters: Any, _context: Any, _many: bool) -> None:
        noted(text, parameters)

    wire = SqliteWire if database.is_sqlite else PostgresWire
    read = wire.read

    def read_noted(self: Any, compiled: Any, values: Any) -> Any:
        noted(compiled.text, [None] * len(values))
        return read(self, compiled, values)

    event.listen(database.engine, "before_cursor_execute", sent)
    wire.read = read_noted  # type: ignore[method-assign]  # these go past SQLAlchemy and its events
    try:
        work()
    finally:
        wire.read = read  # type: ignore[method-assign]
        event.remove(database.engine, "before_cursor_execute", sent)
    with database.read() as connection:
        return ["\n".join(_plan(connection, text, parameters)) for text, parameters in asked]


def _plan(connection: sa.Connection, text: str, parameters: Any) -> list[str]:
    if connection.dialect.name == "sqlite":
        found = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", tuple(parameters))
    elif "$1" in text:
        found = connection.exec_driver_sql(f"EXPLAIN (GENERIC_PLAN) {text}")
    else:
        found = connection.exec_driver_sql(f"EXPLAIN {text}", parameters)
    return [str(tuple(line)) for line in found]


def test_claims_use_indexes(company: Installation, database: Database) -> None:
    server = company.bpm.server
    everything = {
        "find": (lambda: DueChannels(server).find(), ["ix_job_channel", "ix_webhook_delivery_due"]),
        "wait": (lambda: channels.wait_s(server, 5), ["ix_job_channel", "ix_webhook_delivery_due"]),
        "jobs": (lambda: channels.take_work(server, {"job:/ours": 4}), ["ix_job_channel"]),
        "deliveries": (lambda: channels.take_work(server, {"webhook:e": 4}), ["ix_webhook_delivery_due"]),
        "outside workers": (
            lambda: jobs.activate_jobs(server, SYSTEM, ["ours"], limit=20, lease_ms=1_000),
            ["ix_job_due"],
        ),
    }
    for name, (work, indexes) in everything.items():
        found = "\n".join(plans(database, work))
        for index in indexes:
            assert index in found, f"{name}: {found}"
        for table in ("job", "webhook_delivery"):  # a scan is told in these words
            assert f"SCAN {table}'" not in found, f"{name}: {found}"
            assert f"Seq Scan on {table} " not in found, f"{name}: {found}"
        if name not in ("find", "wait"):  # the index gives them in turn: nothing is sorted
            assert "TEMP B-TREE" not in found, f"{name}: {found}"
            assert "Sort" not in found, f"{name}: {found}"


def test_claimed_rows_are_the_open_ones(company: Installation) -> None:
    taken = channels.take_work(company.bpm.server, {"job:/ours": 5})
    assert [work.row.key for work in taken] == [n * OPEN_ONE_IN for n in range(1, 6)]  # type: ignore[union-attr]

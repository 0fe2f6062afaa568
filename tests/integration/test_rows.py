"""Prepared statements: what goes in comes out, in the order it was said, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from bpm_server.kernel.errors import InvalidInput, StaleVersion, Unavailable
from bpm_server.store import database as databases
from bpm_server.store import rows
from bpm_server.store.rows import BLOCK
from bpm_server.store.tables.instances import process_instance, variable
from bpm_server.store.tables.jobs import timer
from tests.support.statements import counted

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.engine import Connection

    from bpm_server.store.database import Database

NOW = datetime(2026, 3, 29, 1, 59, 59, 123456, tzinfo=UTC)
T = timer.c
ALL = rows.Query(lambda _: sa.select(*timer.columns).order_by(T.key))
MOVE = rows.Prepared(
    lambda _: timer.update().where(T.key == sa.bindparam("b_key")).values(due_at=sa.bindparam("b_due"))
)


def a_timer(key: int, **changes: Any) -> dict[str, Any]:
    values = {
        "key": key,
        "instance_key": None,
        "process_definition_key": 2**62 + 1,
        "element_key": key,
        "event_id": "每天 \\x00 ' \" %s $1 😀",
        "due_at": NOW,
        "repetitions": -1,
        "chunk": 0,
        "failures": 0,
        "suspended": True,
    }
    return {**values, **changes}


def transact(database: Database, act: Callable[[Connection], object]) -> None:
    with database.write() as connection:
        act(connection)
        connection.commit()


def kept(database: Database) -> list[dict[str, Any]]:
    with database.read() as connection:
        return [dict(zip(timer.columns.keys(), row, strict=True)) for row in ALL.all(connection)]


@pytest.mark.parametrize("count", [1, 2, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, 1_000])
def test_rows_come_back_as_they_were(database: Database, count: int) -> None:
    values = [a_timer(key, suspended=bool(key % 2), due_at=NOW + timedelta(microseconds=key)) for key in range(count)]
    with database.write() as connection:
        rows.insert(connection, timer, values)
        connection.commit()
    assert kept(database) == values


@pytest.mark.parametrize("count", [2, 2 * BLOCK + 3])
def test_an_upsert_changes_what_is_there(database: Database, count: int) -> None:
    def values(text: str, first: int) -> list[dict[str, Any]]:
        return [
            {"key": first + n, "instance_key": 1, "scope_key": 1, "name": f"v{n}", "value": text} for n in range(count)
        ]

    keys = ("scope_key", "name")
    with database.write() as connection:
        rows.upsert(connection, variable, values('"old"', 0), keys, ("value",))
        rows.upsert(connection, variable, values('"new"', 10_000), keys, ("value",))
        connection.commit()
    with database.read() as connection:
        found = connection.execute(sa.select(variable.c.key, variable.c.value).order_by(variable.c.key)).all()
    assert [tuple(row) for row in found] == [(n, '"new"') for n in range(count)]


def test_bytes_and_nothing(database: Database) -> None:
    values = dict.fromkeys(process_instance.columns.keys())
    values.update(
        key=1, process_definition_key=1, process_id="p", version=1, state="ACTIVE", lock_version=1, root_key=1, depth=0,
        started_at=datetime(1999, 12, 31, tzinfo=UTC), incidents=0, tokens=bytes(range(256)),
    )  # fmt: skip
    query = rows.Query(lambda _: sa.select(process_instance))
    with database.write() as connection:
        rows.insert(connection, process_instance, [values])
        assert query.first(connection) == tuple(values.values())
        connection.commit()


def test_what_is_said_in_turns_happens_in_turns(database: Database) -> None:
    """Prepared statements and SQLAlchemy's own on one connection."""
    with database.write() as connection:
        rows.insert(connection, timer, [a_timer(1)])
        connection.execute(timer.update().where(T.key == 1).values(failures=1))
        MOVE.run(connection, [{"b_key": 1, "b_due": NOW + timedelta(days=1)}])
        assert connection.execute(sa.select(T.failures, T.due_at)).one() == (1, NOW + timedelta(days=1))
        connection.execute(timer.delete())
        rows.insert(connection, timer, [a_timer(1, failures=7)])
        connection.commit()
    assert [row["failures"] for row in kept(database)] == [7]


def test_without_a_commit_nothing_stays(database: Database) -> None:
    with database.write() as connection:
        rows.insert(connection, timer, [a_timer(1)])
    with database.write() as connection:
        rows.insert(connection, timer, [a_timer(2)])
        assert len(ALL.all(connection)) == 1
    with database.write() as connection:
        rows.insert(connection, timer, [a_timer(3)])
        connection.commit()
    assert [row["key"] for row in kept(database)] == [3]


def test_a_key_that_exists_fails_the_whole_transaction(database: Database) -> None:
    with database.write() as connection:
        rows.insert(connection, timer, [a_timer(5)])
        connection.commit()
    with pytest.raises(StaleVersion):
        transact(database, lambda connection: rows.insert(connection, timer, [a_timer(4), a_timer(5), a_timer(6)]))
    assert [row["key"] for row in kept(database)] == [5]
    with database.write() as connection:  # the connection goes on
        rows.insert(connection, timer, [a_timer(6)])
        connection.commit()
    assert [row["key"] for row in kept(database)] == [5, 6]


@pytest.mark.postgresql
def test_a_transaction_that_failed_does_not_commit(postgresql_database: Database) -> None:
    def swallow(connection: Connection) -> None:
        rows.insert(connection, timer, [a_timer(1), a_timer(1)])
        with pytest.raises(Exception, match="duplicate key"):
            ALL.all(connection)

    with pytest.raises(Exception, match="had failed"):
        transact(postgresql_database, swallow)
    assert kept(postgresql_database) == []


@pytest.mark.postgresql
def test_text_that_the_database_cannot_hold(postgresql_database: Database) -> None:
    with pytest.raises(InvalidInput):
        transact(postgresql_database, lambda connection: rows.insert(connection, timer, [a_timer(1, event_id="a\0b")]))
    assert kept(postgresql_database) == []


@pytest.mark.postgresql
def test_statements_that_the_server_has_dropped_are_prepared_again(postgresql_database: Database) -> None:
    assert kept(postgresql_database) == []
    with postgresql_database.write() as connection:
        connection.exec_driver_sql("DEALLOCATE ALL")
        connection.commit()
    with pytest.raises(StaleVersion), postgresql_database.read() as connection:
        ALL.all(connection)
    assert kept(postgresql_database) == []


@pytest.mark.postgresql
def test_a_connection_that_broke_takes_the_idle_ones_with_it(postgresql_database: Database) -> None:
    with postgresql_database.read(), postgresql_database.read():
        pass  # two are idle now
    others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"

    def break_all(connection: Connection) -> None:
        connection.exec_driver_sql(f"SELECT pg_terminate_backend(pid) {others}")
        connection.exec_driver_sql("SELECT pg_terminate_backend(pg_backend_pid())")

    with pytest.raises(Unavailable):
        transact(postgresql_database, break_all)
    assert kept(postgresql_database) == []


@pytest.mark.postgresql
def test_a_batch_larger_than_all_buffers(postgresql_database: Database) -> None:
    values = [a_timer(key, event_id="事" * 500) for key in range(5_000)]
    with postgresql_database.write() as connection:
        for one in values:
            rows.insert(connection, timer, [one])  # each a statement of its own, 7 MB in all
        connection.commit()
    assert len(kept(postgresql_database)) == 5_000


def test_many_rows_are_few_statements(database: Database) -> None:
    with counted(database) as statements, database.write() as connection:
        rows.insert(connection, timer, [a_timer(key) for key in range(10 * BLOCK + 1)])
        connection.commit()
    assert len(statements) <= 2
    assert statements.commits == 1


def test_as_many_connections_as_the_pool_has_then_a_clear_refusal(database_url: str) -> None:
    small = databases.Database(database_url, pool_size=1, lock_timeout_ms=50)
    opened = [small.read() for _ in range(1 + databases.OVERFLOW)]
    for one in opened:
        one.__enter__()
    with pytest.raises(Unavailable, match="connection"), small.read():
        pass
    for one in opened:
        one.__exit__(None, None, None)
    assert kept(small) == []
    small.dispose()

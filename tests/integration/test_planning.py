"""What PostgreSQL is told so that pages stay as quick as their plans: vacuum, statistics, no compiling."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from bpm_server.store.backup import back_up
from bpm_server.store.backup_file import Reader
from bpm_server.store.database import Database
from bpm_server.store.restore import restore
from tests.support import postgresql

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.product import Product

pytestmark = pytest.mark.postgresql


def asked(database: Database, text: str) -> list[Any]:
    with database.read() as connection:
        return list(connection.execute(sa.text(text)).scalars())


def test_what_ends_is_vacuumed_by_its_number_not_by_the_size_of_history(postgresql_database: Database) -> None:
    query = "SELECT relname || ' ' || array_to_string(reloptions, ' ') FROM pg_class WHERE reloptions IS NOT NULL"
    options = {name: found for name, _, found in (line.partition(" ") for line in asked(postgresql_database, query))}
    assert {"process_instance", "user_task", "user_task_candidate", "incident"} <= set(options)
    for name in ("process_instance", "user_task", "user_task_candidate", "incident"):
        assert "autovacuum_vacuum_threshold=10000" in options[name]
        assert "autovacuum_vacuum_scale_factor=0.002" in options[name]
        assert "vacuum_index_cleanup=on" in options[name]  # else a vacuum of few pages leaves the entries there


def test_plans_are_not_compiled(postgresql_database: Database) -> None:
    assert asked(postgresql_database, "SHOW jit") == ["off"]


def test_a_restored_database_knows_how_large_its_tables_are(
    bpm_postgresql: Product, postgresql_cluster: postgresql.Cluster, tmp_path: Path
) -> None:
    """Statistics are there at once, not when autovacuum comes by."""
    back_up(bpm_postgresql.server.database, tmp_path / "one.backup", "k" * 32)
    with postgresql_cluster.fresh() as url, contextlib.closing(Reader(tmp_path / "one.backup")) as archive:
        target = Database(url)
        restore(target, archive, None, replace=False)
        never = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        assert asked(target, f"{never} AND reltuples < 0") == []
        target.dispose()

"""Migrations make exactly the tables that the models describe, on both databases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex

from bpm_server.store import migrate
from bpm_server.store.database import Database
from bpm_server.store.tables import db

if TYPE_CHECKING:
    from collections.abc import Callable

DESCENDING = {"ix_job_due", "ix_job_channel"}


def descends(index: sa.Index) -> bool:
    return any(not isinstance(part, sa.Column) for part in index.expressions)


def comparable(database: Database) -> Callable[..., bool]:
    def include(_object: Any, name: str | None, kind: str, *_: Any) -> bool:
        return not (database.is_sqlite and kind == "index" and name in DESCENDING)

    return include


def test_migrated_tables_equal_the_models(database: Database) -> None:
    with database.engine.connect() as connection:
        options = {"compare_type": True, "target_metadata": db.metadata, "include_object": comparable(database)}
        differences = compare_metadata(MigrationContext.configure(connection, opts=options), db.metadata)
    assert differences == []


def test_migrated_indexes_that_descend_equal_the_models(sqlite_url: str) -> None:
    """Alembic cannot compare these on SQLite: their statements are compared."""
    database = Database(sqlite_url)
    with database.read() as connection:
        made = {row.name: row.sql for row in connection.exec_driver_sql("SELECT name, sql FROM sqlite_master")}
    database.dispose()
    indexes = {one.name: one for table in db.metadata.tables.values() for one in table.indexes if descends(one)}
    assert set(indexes) == DESCENDING
    for name, index in indexes.items():
        assert made[name] == str(CreateIndex(index).compile(dialect=sqlite.dialect()))


def test_migrating_again_changes_nothing(database: Database) -> None:
    migrate.upgrade(database)
    revision, newest = migrate.current(database)
    assert revision == newest

"""Migrations make exactly the tables that the models describe, on both databases."""

from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from bpm_server.store import migrate
from bpm_server.store.database import Database
from bpm_server.store.tables import db


def test_migrated_tables_equal_the_models(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "target_metadata": db.metadata})
        differences = compare_metadata(context, db.metadata)
    assert differences == []


def test_migrating_again_changes_nothing(database: Database) -> None:
    migrate.upgrade(database)
    revision, newest = migrate.current(database)
    assert revision == newest

"""Bringing a database to the newest tables."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from bpm_server.store.database import Database

FOLDER = Path(__file__).parent / "migrations"


def config(connection: Connection | None = None) -> Config:
    """Alembic's configuration without an ini file."""
    result = Config()
    result.set_main_option("script_location", str(FOLDER))
    result.set_main_option("path_separator", "os")
    result.attributes["connection"] = connection
    return result


def upgrade(database: Database) -> None:
    """Applies every migration that is missing; safe to run from several processes at once."""
    with database.engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SELECT pg_advisory_lock(7301734)")
            connection.commit()
        try:
            command.upgrade(config(connection), "head")
            connection.commit()
        finally:
            if connection.dialect.name == "postgresql":
                connection.rollback()
                connection.exec_driver_sql("SELECT pg_advisory_unlock(7301734)")
                connection.commit()


def upgrade_within(connection: Connection, revision: str) -> None:
    """Makes the tables of a revision in a transaction that has begun; whoever began it commits."""
    command.upgrade(config(connection), revision)


def is_known(revision: str) -> bool:
    """Whether this program has the migrations up to a revision."""
    return any(script.revision == revision for script in ScriptDirectory.from_config(config()).walk_revisions())


def revision_of(connection: Connection) -> str | None:
    """The revision of the tables that a connection sees; None where there are none."""
    return MigrationContext.configure(connection).get_current_revision()


def current(database: Database) -> tuple[str | None, str | None]:
    """The revision of the database, and the newest one."""
    with database.engine.connect() as connection:
        found = revision_of(connection)
    return found, ScriptDirectory.from_config(config()).get_current_head()

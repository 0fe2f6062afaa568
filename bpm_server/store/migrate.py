"""Bringing a database to the newest tables, in two steps where old and new code run side by side.

A migration module may say ``phase = AFTER``: it takes away what the previous release still uses, and so waits until
no process of that release is left (``bpm-server migrate --finish``). All others only add: they come before the first
process of the new release, and the old ones go on working.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from bpm_server.kernel.errors import WrongState
from bpm_server.store.tables.server import server_state

if TYPE_CHECKING:
    from alembic.script import Script
    from sqlalchemy.engine import Connection

    from bpm_server.store.database import Database

FOLDER = Path(__file__).parent / "migrations"
BEFORE, AFTER = "before", "after"


def config(connection: Connection | None = None) -> Config:
    """Alembic's configuration without an ini file."""
    result = Config()
    result.set_main_option("script_location", str(FOLDER))
    result.set_main_option("path_separator", "os")
    result.attributes["connection"] = connection
    return result


def upgrade(database: Database, *, finish: bool = True) -> None:
    """Applies the migrations that are missing; safe to run from several processes at once.

    Args:
        database: The database.
        finish: Also those that wait for the last process of the previous release; else all before the first of them.

    Raises:
        WrongState: with ``finish``, a newer release has changed the tables; else, the last upgrade was not finished.
    """
    with database.engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SELECT pg_advisory_lock(7301734)")
            connection.commit()
        try:
            found = revision_of(connection)
            target = _target(found, finish=finish)
            if target is not None:
                command.upgrade(config(connection), target)
            if finish or found is None:
                _leave_previous(connection)
            connection.commit()
        finally:
            if connection.dialect.name == "postgresql":
                connection.rollback()
                connection.exec_driver_sql("SELECT pg_advisory_unlock(7301734)")
                connection.commit()


def _leave_previous(connection: Connection) -> None:
    """No process of the previous release is left (or ever was): what it cannot read may be written."""
    connection.execute(server_state.update().where(~server_state.c.keeps_large_values).values(keeps_large_values=True))


def _target(found: str | None, *, finish: bool) -> str | None:
    """The revision to go to; None: the database is there."""
    missing = _missing(found)
    if missing is None and not finish:
        return None  # the newer release keeps this one working until its upgrade is finished
    if missing is None:
        newest = _scripts()[-1].revision
        message = (
            f"Expected tables that this release knows (up to revision {newest}), but found {found}: a newer release "
            "has been here. Start that one, or restore a backup that this release wrote"
        )
        raise WrongState(message)
    if finish or found is None:  # nothing old runs on tables that are not there yet
        return missing[-1].revision if missing else None
    phases = [_phase(script) for script in missing]
    count = phases.index(AFTER) if AFTER in phases else len(phases)
    if BEFORE in phases[count:]:
        message = (
            f"Expected the upgrade to revision {missing[count].revision} to be finished before the next begins: "
            "stop the processes of the previous release, then run 'bpm-server migrate --finish'"
        )
        raise WrongState(message)
    return missing[count - 1].revision if count else None


def _missing(found: str | None) -> list[Script] | None:
    """Migrations behind a revision, in order; None where this release does not know the revision."""
    scripts = _scripts()
    if found is None:
        return scripts
    places = [place for place, script in enumerate(scripts) if script.revision == found]
    return scripts[places[0] + 1 :] if places else None


def _scripts() -> list[Script]:
    return list(reversed(list(ScriptDirectory.from_config(config()).walk_revisions())))


def _phase(script: Script) -> str:
    phase: str = getattr(script.module, "phase", BEFORE)
    return phase


def upgrade_within(connection: Connection, revision: str) -> None:
    """Makes the tables of a revision in a transaction that has begun; whoever began it commits."""
    command.upgrade(config(connection), revision)


def is_known(revision: str) -> bool:
    """Whether this program has the migrations up to a revision."""
    return _missing(revision) is not None


def revision_of(connection: Connection) -> str | None:
    """The revision of the tables that a connection sees; None where there are none."""
    return MigrationContext.configure(connection).get_current_revision()


def current(database: Database) -> tuple[str | None, str | None]:
    """The revision of the database, and the newest one that this release knows."""
    with database.engine.connect() as connection:
        found = revision_of(connection)
    return found, _scripts()[-1].revision


def serves(found: str | None) -> bool:
    """Whether the code of this release runs on tables of a revision.

    It does on those of a newer release (which keeps the previous one working), and where all that is missing waits
    for the end of the previous release.
    """
    missing = _missing(found)
    return missing is None or all(_phase(script) == AFTER for script in missing)

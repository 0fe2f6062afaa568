"""``bpm-server migrate``: brings the database to the newest tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpm_server import bootstrap
from bpm_server.cli.addresses import seal_after_upgrade
from bpm_server.store import migrate

if TYPE_CHECKING:
    import argparse

    from bpm_server.settings import Settings


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Migrates and says where the database is now."""
    bootstrap.prepare(settings, finish=options.finish)
    sealed = seal_after_upgrade(settings) if options.finish else 0
    database = bootstrap.open_database(settings)
    revision, newest = migrate.current(database)
    database.dispose()
    print(f"The database is at revision {revision} (newest: {newest}).")
    if sealed:
        print(f"{sealed} e-mail addresses were in plain text and are sealed now.")
    if revision != newest:
        print("When no process of the previous release is left, run 'bpm-server migrate --finish'.")
    return 0

"""``bpm-server restore``: a database from a backup file, on SQLite or PostgreSQL, whichever it came from."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

from bpm_server import bootstrap
from bpm_server.cli.addresses import seal_all
from bpm_server.cli.data_folder import locked
from bpm_server.domain.identity import SYSTEM
from bpm_server.kernel.errors import Conflict
from bpm_server.services.installation import note_restore
from bpm_server.store import migrate
from bpm_server.store.backup_file import Reader
from bpm_server.store.contents import FolderContents
from bpm_server.store.restore import restore

if TYPE_CHECKING:
    import argparse

    from bpm_server.settings import Settings
    from bpm_server.store.backup_file import Manifest


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Checks the whole file before it changes anything."""
    with contextlib.closing(Reader(options.file)) as archive, locked(settings.data_dir):
        _check_key(archive.manifest, settings, other_key=options.other_key)
        database = bootstrap.open_database(settings)
        folder = FolderContents(bootstrap.document_folder(settings)) if settings.document_dir else None
        try:
            restore(database, archive, folder, replace=options.replace)
            revision, _ = migrate.current(database)
        finally:
            database.dispose()
        with bootstrap.running(settings) as server:
            seal_all(server)
            note_restore(server, SYSTEM, options.file.name, archive.manifest.product, archive.manifest.taken_at)
        manifest = archive.manifest
        rows = sum(part.rows for part in manifest.tables)
    print(f"{rows} rows of {len(manifest.tables)} tables as of {manifest.taken_at}; the database is at {revision}.")
    if manifest.files is None:
        print("Contents of documents in a folder are not in the backup.", file=sys.stderr)
    return 0


def _check_key(manifest: Manifest, settings: Settings, *, other_key: bool) -> None:
    """Signing secrets of webhooks open with the secret key of the installation that was backed up, and no other.

    Raises:
        Conflict: this installation has none, or another one.
    """
    found = bootstrap.has_secret_key(settings)
    if other_key or (found and bootstrap.opens_with(settings, manifest.key_check)):
        return
    message = (
        f"Expected the secret key of the installation that was backed up (BPM_SECRET_KEY, or secret.key in "
        f"'{settings.data_dir}'), but found {'another one' if found else 'none'}; copy it there, "
        "or restore with --other-key and give every webhook endpoint new secrets"
    )
    raise Conflict(message)

"""``bpm-server backup``: everything in one file, while the server goes on working."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from bpm_server import bootstrap
from bpm_server.kernel.errors import InvalidInput
from bpm_server.store.backup import back_up, uses_folder
from bpm_server.store.contents import FolderContents

if TYPE_CHECKING:
    import argparse

    from bpm_server.settings import Settings
    from bpm_server.store.database import Database


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Writes the file and says what is in it, and what is not."""
    bootstrap.check_database(settings)
    database = bootstrap.open_database(settings)
    try:
        with_files = not options.without_documents
        folder = _folder(settings, database) if with_files else None
        key_check = bootstrap.key_check(settings)
        manifest, gone = back_up(database, options.file, key_check, folder, with_files=with_files)
    finally:
        database.dispose()
    rows = sum(part.rows for part in manifest.tables)
    print(f"{options.file}: {rows} rows of {len(manifest.tables)} tables at revision {manifest.revision}.")
    print("The secret key is not in it; keep it elsewhere (see docs/how-to/back-up-and-restore.md).")
    for location in gone:
        print(f"Document content '{location}' was deleted meanwhile and is not in it.", file=sys.stderr)
    return 0


def _folder(settings: Settings, database: Database) -> FolderContents | None:
    if settings.document_dir:
        return FolderContents(bootstrap.document_folder(settings))
    if uses_folder(database, FolderContents.name):
        message = (
            "Expected the folder of documents (BPM_DOCUMENT_DIR), because documents lie in one, but found none; "
            "--without-documents leaves their contents out"
        )
        raise InvalidInput(message)
    return None

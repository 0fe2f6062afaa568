"""A backup: every row of every table at one moment, while the server goes on working.

Tables may be of an older revision than this program's: a backup before an upgrade is the one that is needed most.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server import __version__
from bpm_server.kernel.errors import InvalidInput, NotFound
from bpm_server.store import migrate
from bpm_server.store.backup_file import FORMAT, VERSION, Column, Manifest, Writer, kind_of
from bpm_server.store.moments import read_database_now
from bpm_server.store.tables import db
from bpm_server.store.tables.documents import document

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from sqlalchemy.engine import Connection

    from bpm_server.store.backup_file import Part
    from bpm_server.store.contents import Contents
    from bpm_server.store.database import Database

LEFT_OUT = frozenset({"node_lease"})
"""Tables about the processes that run now."""
FILES = "document-files"
FILE_COLUMNS = (Column("location", "text"), Column("position", "integer"), Column("data", "bytes"))
"""Like the table ``document_part``: so a content can go from a folder into a database."""
_FEW, _MANY = 16, 500


def back_up(
    database: Database, path: Path, key_check: str, folder: Contents | None = None, *, with_files: bool = True
) -> tuple[Manifest, list[str]]:
    """Writes a backup.

    Args:
        database: What to back up.
        path: The new file.
        key_check: See :class:`Manifest`.
        folder: Where contents of documents lie outside the database; None: nowhere.
        with_files: Takes them along.

    Returns:
        The manifest, and locations of contents that were not there any more.

    Raises:
        AlreadyExists: there is such a file.
        InvalidInput: the database has no tables, or newer ones.
    """
    gone: list[str] = []
    with Writer(path) as writer:
        with database.snapshot() as connection:
            revision = _revision(connection)
            taken_at = read_database_now(connection)
            tables = [_add_table(writer, connection, table) for table in _tables(connection)]
            contents = () if folder is None else _files(connection, database, folder, gone)
            files = writer.add(FILES, FILE_COLUMNS, contents) if with_files else None
            dialect = connection.dialect.name
        manifest = Manifest(FORMAT, VERSION, __version__, revision, dialect, taken_at, key_check, tables, files)
        writer.finish(manifest)
    return manifest, gone


def _revision(connection: Connection) -> str:
    revision = migrate.revision_of(connection)
    if revision is None:
        message = "Expected a database with tables, but found an empty one: nothing to back up"
        raise InvalidInput(message)
    if not migrate.is_known(revision):
        message = f"Expected tables that this release knows, but found revision {revision} of a newer one"
        raise InvalidInput(message)
    return revision


def _tables(connection: Connection) -> list[sa.Table]:
    """Every table that is there, with the columns that are there."""
    inspector = sa.inspect(connection)
    present = set(inspector.get_table_names())
    found = []
    for model in db.metadata.sorted_tables:
        if model.name in present and model.name not in LEFT_OUT:
            columns = {column["name"]: column["type"] for column in inspector.get_columns(model.name)}
            keys = inspector.get_pk_constraint(model.name)["constrained_columns"]
            types = {name: model.c[name].type if name in model.c else columns[name] for name in columns}
            found.append(
                sa.Table(
                    model.name,
                    sa.MetaData(),
                    *[sa.Column(name, kind, primary_key=name in keys) for name, kind in types.items()],
                )
            )
    return found


def _add_table(writer: Writer, connection: Connection, table: sa.Table) -> Part:
    columns = [
        Column(str(column.name), kind_of(f"{table.name}.{column.name}", column.type)) for column in table.columns
    ]
    large = any(column.kind == "bytes" for column in columns)
    query = sa.select(*table.columns).order_by(*table.primary_key.columns)
    return writer.add(str(table.name), columns, _batches(connection, query, _FEW if large else _MANY))


def _batches(connection: Connection, query: sa.Select[Any], size: int) -> Iterator[Sequence[Sequence[Any]]]:
    """Rows as they come from the database, never more than ``size`` of them in memory."""
    with connection.execute(query, execution_options={"yield_per": size}) as result:
        yield from result.partitions()


def _files(
    connection: Connection, database: Database, folder: Contents, gone: list[str]
) -> Iterator[Sequence[Sequence[Any]]]:
    if document.name not in sa.inspect(connection).get_table_names():
        return
    query = sa.select(document.c.location).where(document.c.store == folder.name).order_by(document.c.location)
    for batch in _batches(connection, query, _MANY):
        for (location,) in batch:
            try:
                pieces = folder.read(database, location)
                for position, data in enumerate(pieces):
                    yield [(location, position, data)]
            except NotFound:  # deleted since the snapshot
                gone.append(location)


def uses_folder(database: Database, name: str) -> bool:
    """Whether contents of documents lie in a store outside the database."""
    with database.snapshot() as connection:
        if document.name not in sa.inspect(connection).get_table_names():
            return False
        return (
            connection.execute(sa.select(document.c.location).where(document.c.store == name).limit(1)).first()
            is not None
        )

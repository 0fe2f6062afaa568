"""A restore: the rows of a backup become a database, all of them or none.

PostgreSQL: old tables are dropped, new ones made and filled in one transaction. SQLite: a new file is made beside the
old one and takes its name at the end. Nothing of the other server's doing lives on: leases are free, nobody is
signed in.
"""

from __future__ import annotations

import tempfile
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import exc

from bpm_server.kernel.errors import Conflict, InvalidInput, Unavailable
from bpm_server.store import migrate
from bpm_server.store.backup_file import light_table
from bpm_server.store.contents import FolderContents, sync_folder
from bpm_server.store.database import Database
from bpm_server.store.moments import read_database_now
from bpm_server.store.outbox import HOLDER
from bpm_server.store.tables import db
from bpm_server.store.tables.batch_operations import batch_operation_item
from bpm_server.store.tables.connectors import webhook_delivery
from bpm_server.store.tables.documents import document, document_part
from bpm_server.store.tables.identity import session
from bpm_server.store.tables.jobs import job
from bpm_server.store.tables.server import node_lease, server_state

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Connection

    from bpm_server.store.backup_file import Part, Reader

BATCH_ROWS, BATCH_BYTES = 500, 4 * 1024 * 1024
LEASED = ((job, "available_at"), (webhook_delivery, "next_at"), (batch_operation_item, "available_at"))
"""Who works on a row is gone; the column says until when it was theirs."""
FOLDER = FolderContents.name


def restore(database: Database, archive: Reader, folder: FolderContents | None, *, replace: bool) -> None:
    """Fills a database from a backup, and brings it to the newest tables.

    Args:
        database: Where to; nobody else may be connected.
        archive: The backup.
        folder: Where contents of documents go that lay in a folder; None: into the database.
        replace: What is in the database goes.

    Raises:
        InvalidInput: the backup is damaged, or of a newer schema.
        Conflict: there is something in the database, somebody works with it, or its clock is behind the backup's.
    """
    archive.verify()
    _check_revision(archive)
    if database.is_sqlite:
        _into_new_file(database, archive, folder, replace=replace)
    else:
        with database.alone() as connection:
            _check_alone(connection)
            _check_empty(connection, replace=replace)
            _drop_tables(connection)
            _fill(connection, archive, folder)
            connection.commit()
        migrate.upgrade(database)
        with database.alone() as connection:
            connection.exec_driver_sql("ANALYZE")  # else plans are made for small tables until the server looks itself
            connection.commit()


def _check_revision(archive: Reader) -> None:
    revision = archive.manifest.revision
    if not migrate.is_known(revision):
        message = (
            f"Expected a backup of tables that this release knows, but found revision {revision} "
            f"of bpm-server {archive.manifest.product}; restore it with that release or a later one"
        )
        raise InvalidInput(message)


# --- where to ---------------------------------------------------------------------------------------------


def _into_new_file(database: Database, archive: Reader, folder: FolderContents | None, *, replace: bool) -> None:
    target = Path(database.url.database or "")
    if not database.url.database or database.url.database == ":memory:":
        message = "Expected a database file to restore into, but found a database in memory"
        raise InvalidInput(message)
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        with database.read() as connection:
            _check_empty(connection, replace=replace)
    database.dispose()
    with tempfile.TemporaryDirectory(prefix=".restoring-", dir=target.parent) as beside:
        made = Path(beside) / target.name
        new = Database(f"sqlite:///{made}")
        try:
            with new.alone() as connection:
                _fill(connection, archive, folder)
                connection.commit()
            migrate.upgrade(new)
        finally:
            new.dispose()
        if target.exists():
            _close_old_file(target)
        made.replace(target)
    sync_folder(target.parent)


def _close_old_file(path: Path) -> None:
    """Leaves the journal mode that other files belong to, which only whoever is alone with a database can.

    Raises:
        Conflict: another process has it open.
    """
    engine = sa.create_engine(f"sqlite:///{path}", connect_args={"timeout": 0.5}, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            mode = connection.exec_driver_sql("PRAGMA journal_mode = DELETE").scalar_one()
    except exc.OperationalError as error:
        message = f"Expected to be alone with '{path}', but another process has it open; stop the server first"
        raise Conflict(message) from error
    finally:
        engine.dispose()
    if mode != "delete":
        message = f"Expected to close '{path}', but its journal mode stays '{mode}'"
        raise Unavailable(message)


def _check_alone(connection: Connection) -> None:
    query = (
        "SELECT coalesce(nullif(application_name, ''), usename::text), coalesce(host(client_addr), 'this machine') "
        "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
        "AND backend_type = 'client backend'"
    )
    others = connection.exec_driver_sql(query).all()
    if others:
        names = ", ".join(sorted({f"{name} from {place}" for name, place in others}))
        message = (
            f"Expected to be alone with database '{connection.engine.url.database}', but found {len(others)} other "
            f"connections ({names}); stop all web and worker processes first"
        )
        raise Conflict(message)


def _check_empty(connection: Connection, *, replace: bool) -> None:
    present = set(sa.inspect(connection).get_table_names())
    revision = migrate.revision_of(connection)
    if revision is not None and not migrate.is_known(revision):
        message = f"Expected tables that this release knows, but found revision {revision} of a newer one"
        raise InvalidInput(message)
    if replace:
        return
    for table in db.metadata.sorted_tables:
        if table.name in present and table not in (server_state, node_lease):
            found = sa.select(sa.literal(1)).select_from(table).limit(1)
            if connection.execute(found).first() is not None:
                message = (
                    f"Expected an empty database to restore into, but table '{table.name}' has rows; "
                    "--replace deletes what is there"
                )
                raise Conflict(message)


def _drop_tables(connection: Connection) -> None:
    present = set(sa.inspect(connection).get_table_names())
    for name in [*db.metadata.tables, "alembic_version"]:
        if name in present:
            connection.exec_driver_sql(f'DROP TABLE "{name}"')


# --- rows -------------------------------------------------------------------------------------------------


def _fill(connection: Connection, archive: Reader, folder: FolderContents | None) -> None:
    manifest = archive.manifest
    now = read_database_now(connection)
    if now < manifest.taken_at:
        message = f"Expected a clock later than the backup's {manifest.taken_at}, but the database says {now}"
        raise Conflict(message)
    migrate.upgrade_within(connection, manifest.revision)
    _check_columns(connection, manifest.tables)
    connection.execute(server_state.delete())  # the first migration puts its row in
    for part in manifest.tables:
        table = light_table(part)
        names = [column.name for column in part.columns]
        for batch in _batches(archive, part):
            connection.execute(table.insert(), [dict(zip(names, row, strict=True)) for row in batch])
    if manifest.files is not None:
        _put_files(connection, archive, manifest.files, folder)
    _let_go(connection, {part.name for part in manifest.tables}, now)


def _check_columns(connection: Connection, parts: list[Part]) -> None:
    inspector = sa.inspect(connection)
    present = set(inspector.get_table_names())
    for part in parts:
        known = {column["name"] for column in inspector.get_columns(part.name)} if part.name in present else set()
        unknown = {column.name for column in part.columns} - known
        if unknown:
            where = f"'{part.name}' ({', '.join(sorted(unknown))})"
            message = f"Expected tables and columns of the backup's own revision, but found {where}"
            raise InvalidInput(message)


def _batches(archive: Reader, part: Part) -> Iterator[list[tuple[Any, ...]]]:
    """Rows in groups that fit into memory."""
    batch: list[tuple[Any, ...]] = []
    size = 0
    for row, length in archive.rows(part):
        batch.append(row)
        size += length
        if len(batch) >= BATCH_ROWS or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _put_files(connection: Connection, archive: Reader, part: Part, folder: FolderContents | None) -> None:
    """Contents of documents that lay in a folder: into this installation's folder, or into its database."""
    rows = (row for row, _ in archive.rows(part))
    if folder is not None:
        for location, pieces in groupby(rows, key=lambda row: row[0]):
            folder.keep(location, (data for _, _, data in pieces))
        return
    for location, position, data in rows:
        values = {"location": location, "position": position, "data": data}
        connection.execute(document_part.insert(), values)
    connection.execute(document.update().where(document.c.store == FOLDER).values(store="database"))


def _let_go(connection: Connection, present: set[str], now: Any) -> None:
    """Work that somebody had begun is free, and whoever had signed in does so again."""
    for table, until in LEASED:
        if table.name in present:
            values: dict[str, Any] = {"lease": None, until: now}
            connection.execute(table.update().where(table.c.lease != HOLDER).values(values))
    connection.execute(node_lease.delete())
    connection.execute(session.delete())

"""Where the contents of documents lie: in the database, or as files in a folder.

A file cannot be written in the transaction of its document's row. So it is announced as a leftover, written, and the
row's transaction takes the announcement back; whatever crashes in between leaves a leftover for the worker.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, BinaryIO, ClassVar, Protocol

import sqlalchemy as sa

from bpm_server.kernel.errors import NotFound
from bpm_server.store import rows
from bpm_server.store.tables.documents import document_part as t

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy.engine import Connection

    from bpm_server.store.database import Database

PART = 256 * 1024
"""Bytes that are in memory at once."""


def parts(content: BinaryIO) -> Iterator[bytes]:
    """A content from its beginning, piece by piece."""
    content.seek(0)
    while piece := content.read(PART):
        yield piece


class Contents(Protocol):
    """One place for contents.

    Attributes:
        name: What rows and the contract call it.
        outside: Whether it lies outside the database: written before the transaction, removed after it.
    """

    name: ClassVar[str]
    outside: ClassVar[bool]

    def write(self, connection: Connection | None, location: str, content: BinaryIO) -> None:
        """Keeps a content; ``connection`` is the transaction's, None for a store outside."""
        ...

    def read(self, database: Database, location: str) -> Iterator[bytes]:
        """A content, piece by piece.

        Raises:
            NotFound: it is not there (any more).
        """
        ...

    def remove(self, connection: Connection | None, location: str) -> None:
        """Takes a content away; nothing happens where it is gone already."""
        ...


class DatabaseContents:
    """Pieces in rows: all or nothing with the document's row."""

    name: ClassVar[str] = "database"
    outside: ClassVar[bool] = False

    def write(self, connection: Connection | None, location: str, content: BinaryIO) -> None:
        """See :class:`Contents`."""
        assert connection is not None  # noqa: S101
        for position, data in enumerate(parts(content)):
            rows.insert(connection, t, [{"location": location, "position": position, "data": data}])

    def read(self, database: Database, location: str) -> Iterator[bytes]:
        """See :class:`Contents`; each piece in a transaction of its own, because a slow client takes its time."""
        with database.read() as connection:
            counting = sa.select(sa.func.count()).select_from(t).where(t.c.location == location)
            count = connection.execute(counting).scalar_one()
        return (self._piece(database, location, position) for position in range(count))

    def _piece(self, database: Database, location: str, position: int) -> bytes:
        query = sa.select(t.c.data).where(t.c.location == location, t.c.position == position)
        with database.read() as connection:
            found: bytes | None = connection.execute(query).scalar_one_or_none()
        if found is None:
            raise _gone(location)
        return found

    def remove(self, connection: Connection | None, location: str) -> None:
        """See :class:`Contents`."""
        assert connection is not None  # noqa: S101
        connection.execute(t.delete().where(t.c.location == location))


class FolderContents:
    """Files in a folder that all processes share."""

    name: ClassVar[str] = "folder"
    outside: ClassVar[bool] = True

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def _path(self, location: str) -> Path:
        return self._folder / location[:2] / location

    def write(self, connection: Connection | None, location: str, content: BinaryIO) -> None:
        """See :class:`Contents`."""
        del connection
        self.keep(location, parts(content))

    def keep(self, location: str, pieces: Iterator[bytes]) -> None:
        """Writes a content from its pieces; the file is whole and on the disk when it gets its name."""
        path = self._path(location)
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".part")
        try:
            with unfinished.open("wb") as file:
                file.writelines(pieces)
                file.flush()
                os.fsync(file.fileno())
            unfinished.rename(path)
        except OSError:
            unfinished.unlink(missing_ok=True)
            raise
        for folder in (path.parent, self._folder):
            sync_folder(folder)

    def read(self, database: Database, location: str) -> Iterator[bytes]:
        """See :class:`Contents`."""
        del database
        try:
            file = self._path(location).open("rb")
        except FileNotFoundError as error:
            raise _gone(location) from error

        def pieces() -> Iterator[bytes]:
            with file:
                yield from parts(file)

        return pieces()

    def remove(self, connection: Connection | None, location: str) -> None:
        """See :class:`Contents`."""
        del connection
        path = self._path(location)
        path.unlink(missing_ok=True)
        path.with_suffix(".part").unlink(missing_ok=True)  # of a process that ended while it wrote


def sync_folder(folder: Path) -> None:
    """The new name survives a power failure, too; Windows cannot and need not."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _gone(location: str) -> NotFound:
    return NotFound(f"Expected to read content '{location}', but it is gone")


class ContentStores:
    """The stores of an installation: the database's always, so that older documents stay where they are."""

    def __init__(self, folder: Path | None) -> None:
        stores: list[Contents] = [DatabaseContents()]
        if folder is not None:
            stores.append(FolderContents(folder))
        self._stores = {store.name: store for store in stores}
        self.default = stores[-1]

    def find(self, name: str) -> Contents | None:
        """The store of this name; None where this installation has none."""
        return self._stores.get(name)

    def outside(self) -> Contents | None:
        """The store whose leftovers are to be removed; None where there is none."""
        return next((store for store in self._stores.values() if store.outside), None)

"""The file of a backup: a ZIP of one part for each table, and a manifest that says what every part must be.

A part is JSON Lines, one row each: neither SQLite nor PostgreSQL, and readable by people and by the programs of later
years. Bytes are base64, moments RFC 3339 with microseconds, decimals text: every value comes back exactly.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import tempfile
import zipfile
import zlib
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import msgspec
import sqlalchemy as sa

from bpm_server.kernel.errors import AlreadyExists, InvalidInput, NotFound
from bpm_server.store.contents import sync_folder
from bpm_server.store.types import UtcDateTime

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

FORMAT = "bpm-server-backup"
VERSION = 1
MANIFEST = "manifest.json"
CHUNK = 1024 * 1024
_LEVEL = 3
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError)
_TYPES: dict[str, Any] = {
    "text": str,
    "integer": int,
    "boolean": bool,
    "bytes": bytes,
    "moment": datetime,
    "decimal": Decimal,
}
_COLUMN_TYPES: dict[str, sa.types.TypeEngine[Any]] = {
    "text": sa.Text(),
    "integer": sa.BigInteger(),
    "boolean": sa.Boolean(),
    "bytes": sa.LargeBinary(),
    "moment": UtcDateTime(),
    "decimal": sa.Numeric(asdecimal=True),
}
_KINDS: tuple[tuple[type, str], ...] = (
    (UtcDateTime, "moment"),
    (sa.Boolean, "boolean"),
    (sa.Integer, "integer"),
    (sa.LargeBinary, "bytes"),
    (sa.String, "text"),
    (sa.Numeric, "decimal"),
)


class Column(msgspec.Struct, frozen=True):
    """A column by name; ``kind`` says how its values are written."""

    name: str
    kind: str


class Part(msgspec.Struct, frozen=True):
    """The rows of one table. ``size``: bytes of its text; ``sha256``: of the same, in hex."""

    name: str
    columns: list[Column]
    rows: int
    size: int
    sha256: str

    @property
    def entry(self) -> str:
        """Its name in the file."""
        return f"{self.name}.jsonl"


class Manifest(msgspec.Struct, frozen=True):
    """What a backup is.

    Attributes:
        revision: Of the tables.
        taken_at: Database time of the snapshot.
        key_check: Tells whether an installation has the same secret key; nothing follows from it about the key.
        tables: In the order in which they are restored.
        files: Contents of documents that lay in a folder; None where they were left out.
    """

    format: str
    version: int
    product: str
    revision: str
    database: str
    taken_at: datetime
    key_check: str
    tables: list[Part]
    files: Part | None

    def parts(self) -> list[Part]:
        """All parts."""
        return [*self.tables, *([self.files] if self.files is not None else [])]


def kind_of(column: str, column_type: Any) -> str:
    """How values of a column's type are written.

    Raises:
        NotImplementedError: nobody has decided how; a new kind of column needs a line above.
    """
    for known, kind in _KINDS:
        if isinstance(column_type, known) and not isinstance(column_type, sa.Float):
            return kind
    message = f"Expected a column type that a backup can hold for '{column}', but found {column_type!r}"
    raise NotImplementedError(message)


def light_table(part: Part) -> sa.TableClause:
    """The table behind a part, whatever the models of this program say."""
    return sa.table(part.name, *[sa.column(column.name, _COLUMN_TYPES[column.kind]) for column in part.columns])


class Writer:
    """Writes an archive; it gets its name when it is whole and on the disk."""

    def __init__(self, path: Path) -> None:
        check_absent(path)
        if not path.parent.is_dir():
            message = f"Expected a folder '{path.parent}' to write the backup into, but there is none"
            raise NotFound(message)
        self._path = path
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # its mode is 0600
        self._unfinished = Path(name)
        self._file = os.fdopen(descriptor, "wb")
        self._zip = zipfile.ZipFile(self._file, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL)

    def add(self, name: str, columns: Sequence[Column], batches: Iterable[Sequence[Sequence[Any]]]) -> Part:
        """Writes a part batch by batch."""
        digest, size, count = hashlib.sha256(), 0, 0
        encoder = msgspec.json.Encoder()
        with self._zip.open(_entry(f"{name}.jsonl"), "w", force_zip64=True) as out:
            for batch in batches:
                text = encoder.encode_lines([list(row) for row in batch])
                digest.update(text)
                size += len(text)
                count += len(batch)
                out.write(text)
        return Part(name, list(columns), count, size, digest.hexdigest())

    def finish(self, manifest: Manifest) -> None:
        """Adds the manifest and gives the file its name.

        Raises:
            AlreadyExists: somebody else has made a file of this name meanwhile.
        """
        with self._zip.open(_entry(MANIFEST), "w") as out:
            out.write(msgspec.json.format(msgspec.json.encode(manifest)))
        self._zip.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        check_absent(self._path)
        self._unfinished.rename(self._path)
        sync_folder(self._path.parent)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Leaves nothing behind of what was not finished."""
        with contextlib.suppress(OSError, ValueError):  # in the middle of a part, or the disk is full
            self._zip.close()
        with contextlib.suppress(OSError):
            self._file.close()
        self._unfinished.unlink(missing_ok=True)


def check_absent(path: Path) -> None:
    """Raises where a file would be overwritten."""
    if path.exists():
        message = f"Expected to write a new file '{path}', but it exists; choose another name"
        raise AlreadyExists(message)


def _entry(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o600 << 16
    return info


class Reader:
    """Reads an archive. Nothing of it is to be used before :meth:`verify` has passed."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            message = f"Expected a backup file '{path}', but there is none"
            raise NotFound(message)
        self._path = path
        try:
            self._zip = zipfile.ZipFile(path)
            text = self._zip.read(MANIFEST)
        except (*_DAMAGE, KeyError) as error:
            message = f"Expected '{path}' to be a whole backup of bpm-server, but it is damaged or something else: "
            raise InvalidInput(message + str(error).strip("'\"")) from error
        self.manifest = self._decoded(text)

    def _decoded(self, text: bytes) -> Manifest:
        try:
            head = msgspec.json.decode(text, type=dict[str, Any])
            if head.get("format") != FORMAT or head.get("version") != VERSION:
                found = f"{head.get('format')} {head.get('version')}"
                message = f"Expected '{self._path}' to be a {FORMAT} of version {VERSION}, but found {found}"
                raise InvalidInput(message)
            return msgspec.json.decode(text, type=Manifest)
        except msgspec.DecodeError as error:
            raise self._damaged(MANIFEST, str(error)) from error

    def _damaged(self, entry: str, how: str) -> InvalidInput:
        return InvalidInput(f"Expected part '{entry}' of '{self._path}' as it was written, but it is damaged: {how}")

    def verify(self) -> None:
        """Reads every part once.

        Raises:
            InvalidInput: one is missing, cut off or changed; names it.
        """
        expected = {MANIFEST, *(part.entry for part in self.manifest.parts())}
        found = set(self._zip.namelist())
        for name in sorted(expected ^ found):
            raise self._damaged(name, "it is missing" if name in expected else "the manifest does not know it")
        for part in self.manifest.parts():
            digest, size, rows = hashlib.sha256(), 0, 0
            for piece in self._pieces(part):
                digest.update(piece)
                size += len(piece)
                rows += piece.count(b"\n")
                if size > part.size:
                    break
            if (size, rows, digest.hexdigest()) != (part.size, part.rows, part.sha256):
                how = f"{part.rows} rows in {part.size} bytes with SHA-256 {part.sha256[:12]}... were written, "
                raise self._damaged(
                    part.entry, how + f"{rows} rows in {size} bytes with {digest.hexdigest()[:12]}... found"
                )

    def _pieces(self, part: Part) -> Iterator[bytes]:
        try:
            with self._zip.open(part.entry) as file:
                while piece := file.read(CHUNK):
                    yield piece
        except _DAMAGE as error:
            raise self._damaged(part.entry, str(error)) from error

    def rows(self, part: Part) -> Iterator[tuple[tuple[Any, ...], int]]:
        """The rows of a part, and how long the text of each is.

        Raises:
            InvalidInput: a value is not of its column's kind; names the row.
        """
        kinds = [_TYPES[column.kind] | None for column in part.columns]
        decoder = msgspec.json.Decoder(tuple[tuple(kinds)])  # type: ignore[misc]
        with io.BufferedReader(self._zip.open(part.entry), CHUNK) as file:  # type: ignore[type-var]
            for number, line in enumerate(file, 1):
                try:
                    yield decoder.decode(line), len(line)
                except msgspec.DecodeError as error:
                    raise self._damaged(f"{part.entry}, row {number}", str(error)) from error

    def close(self) -> None:
        """Closes the file."""
        self._zip.close()

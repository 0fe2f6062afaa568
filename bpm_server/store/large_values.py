"""Large values of the journal: each in a row of its own, once for a call tree, named by what it holds (ADR 20).

A journal's text has a hole where such a value was: a character that no JSON text contains, and the value's digest. A
value that goes into a called process and comes back is written once, however often the journal has it.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa

from bpm_server.kernel.errors import InvalidInput
from bpm_server.store import rows
from bpm_server.store.tables.history import large_value as t
from bpm_server.store.tables.instances import process_instance

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy.engine import Connection

LARGE = 4_096
"""Bytes of JSON from which a value has its own row."""
HOLE = "\x1a"
_HOLES = re.compile(HOLE + "([0-9a-f]{64})")
_AT_ONCE = 500
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_elements = msgspec.json.Decoder(list[msgspec.Raw])


def cut(text: str) -> tuple[str, dict[str, bytes]]:
    """Takes large values out of a JSON text that we wrote: the outermost members of objects that are large.

    Returns:
        The text with holes, and JSON by digest.
    """
    if len(text) < LARGE:
        return text, {}
    values: dict[str, bytes] = {}
    pieces: list[bytes] = []
    _cut(text.encode(), pieces, values)
    return b"".join(pieces).decode(), values


def _cut(raw: bytes, pieces: list[bytes], values: dict[str, bytes]) -> None:
    if len(raw) < LARGE or raw[:1] not in (b"[", b"{"):
        pieces.append(raw)
        return
    if raw[:1] == b"[":
        for number, element in enumerate(_elements.decode(raw)):
            pieces.append(b"," if number else b"[")
            _cut(bytes(element), pieces, values)
        pieces.append(b"]")
        return
    for number, (name, member) in enumerate(_members.decode(raw).items()):
        pieces += (b"," if number else b"{", msgspec.json.encode(name), b":")
        value = bytes(member)
        if len(value) >= LARGE:
            digest = hashlib.sha256(value).hexdigest()
            values[digest] = value
            value = (HOLE + digest).encode()
        pieces.append(value)
    pieces.append(b"}")


def write(connection: Connection, values: Mapping[tuple[int, str], bytes]) -> None:
    """Writes values, by root instance and digest; nothing where they are known."""
    rows.upsert(
        connection,
        t,
        [
            {"instance_key": root_key, "digest": digest, "data": zlib.compress(value, 1)}
            for (root_key, digest), value in values.items()
        ],
        ("instance_key", "digest"),
        (),
    )


def filled(connection: Connection, instance_key: int, texts: Sequence[str]) -> list[str]:
    """Texts of an instance's journal as they were before values were taken out; no statement where none was.

    Raises:
        InvalidInput: a value is not there.
    """
    digests = {digest for text in texts if HOLE in text for digest in _HOLES.findall(text)}
    if not digests:
        return list(texts)
    values = _read(connection, instance_key, digests)
    missing = digests - values.keys()
    if missing:
        found = f"{len(missing)} of them are missing ('{min(missing)}')"
        message = f"Expected {len(digests)} large values of instance '{instance_key}', but {found}"
        raise InvalidInput(message)
    return [_HOLES.sub(lambda hole: values[hole[1]], text) for text in texts]


def emptied(text: str) -> str:
    """A text of the journal with null for large values, for whoever does not look at them."""
    return _HOLES.sub("null", text) if HOLE in text else text


def _read(connection: Connection, instance_key: int, digests: Iterable[str]) -> dict[str, str]:
    root = sa.select(process_instance.c.root_key).where(process_instance.c.key == instance_key).scalar_subquery()
    wanted, found = sorted(digests), {}
    for start in range(0, len(wanted), _AT_ONCE):
        query = sa.select(t.c.digest, t.c.data).where(
            t.c.instance_key == root, t.c.digest.in_(wanted[start : start + _AT_ONCE])
        )
        found.update({row.digest: zlib.decompress(row.data).decode() for row in connection.execute(query)})
    return found


def fill_rows(connection: Connection, instance_key: int, found: Iterable[dict[str, Any]]) -> None:
    """Fills the texts of rows of an instance's journal."""
    entries = list(found)
    texts = filled(connection, instance_key, [entry[name] for entry in entries for name in ("command", "events")])
    for entry, command, happened in zip(entries, texts[::2], texts[1::2], strict=True):
        entry.update(command=command, events=happened)

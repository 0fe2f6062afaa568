"""Seals of the audit log: each says what some rows were, and which seal came before it (ADR 14).

A seal's entries are key and digest of each of its rows, so that what was changed, deleted or put in later can be named.
Digests are keyed with the installation's secret: who can write to the database alone cannot make them.
"""

from __future__ import annotations

import hmac
import struct
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from bpm_server.kernel import json

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

FORMAT = 1
FORMATS: dict[int, tuple[str, ...]] = {
    1: (
        "key", "at", "actor", "actor_type", "entity_type", "operation", "category", "result", "entity_key",
        "process_id", "process_definition_key", "instance_key", "root_key", "element_key", "job_key", "task_key",
        "decision_id", "decision_key", "requirements_id", "requirements_key", "evaluation_key", "deployment_key",
        "form_key", "resource_key", "batch_key", "batch_type", "related_key", "related_type", "description",
    ),
}  # fmt: skip
"""The columns that a seal covers. A new column makes a new format; those that were used stay."""
GENESIS = "0" * 64
"""What the first seal comes after."""
_ENTRY = struct.Struct(">q32s")
_LATE = 10 * 60 * 1000 << 22
"""Ten minutes, in keys: no command takes so long from its key to its commit."""


@dataclass(frozen=True, slots=True)
class Seal:
    """A seal as it is stored."""

    number: int
    format: int
    sealed_at: datetime
    key_check: str
    entries: bytes
    previous: str
    digest: str


@dataclass(frozen=True, slots=True)
class Break:
    """Something that is not as it was sealed.

    Attributes:
        key: Of the row; None where the seal itself is meant.
        severity: A warning may have an innocent reason.
    """

    kind: Literal["changed", "deleted", "inserted", "late", "seal-changed", "seal-missing", "other-key"]
    seal: int
    key: int | None
    message: str
    severity: Literal["error", "warning"] = "error"

    def as_json(self) -> dict[str, Any]:
        """As ``bpm-server audit verify --json`` prints it."""
        return {
            "kind": self.kind,
            "seal": self.seal,
            "auditLogKey": None if self.key is None else str(self.key),
            "severity": self.severity,
            "message": self.message,
        }


class Sealer:
    """Makes digests with the installation's key."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.key_check = self._digest(b"same key").hex()[:16]

    def _digest(self, data: bytes) -> bytes:
        return hmac.digest(self._key, data, "sha256")

    def row(self, values: Mapping[str, Any], version: int = FORMAT) -> bytes:
        """The digest of a row, the same on every database."""
        return self._digest(json.canonical([_plain(values[name]) for name in FORMATS[version]]))

    def make(self, number: int, sealed_at: datetime, rows: Iterable[Mapping[str, Any]], previous: str) -> Seal:
        """Seals rows."""
        entries = b"".join(_ENTRY.pack(row["key"], self.row(row)) for row in rows)
        digest = self.digest_of(Seal(number, FORMAT, sealed_at, self.key_check, entries, previous, ""))
        return Seal(number, FORMAT, sealed_at, self.key_check, entries, previous, digest)

    def digest_of(self, seal: Seal) -> str:
        """What the digest of a seal must be."""
        head = [seal.number, seal.format, _plain(seal.sealed_at), seal.key_check, seal.previous, seal.entries.hex()]
        return self._digest(json.canonical(head)).hex()


def _plain(value: Any) -> Any:
    return value.astimezone(UTC).isoformat(timespec="microseconds") if isinstance(value, datetime) else value


class Verifier:
    """Looks at seals in the order of their numbers, each with the rows that say they are in it."""

    def __init__(self, keys: Iterable[bytes]) -> None:
        self._sealers = {sealer.key_check: sealer for sealer in map(Sealer, keys)}
        self._last_key = 0
        self.last: Seal | None = None
        self.seals = 0
        self.rows = 0

    def look(self, seal: Seal, rows: Iterable[Mapping[str, Any]]) -> Iterator[Break]:
        """What is wrong with one seal and its rows."""
        yield from self._follows(seal)
        self.last = seal
        self.seals += 1
        sealer = self._sealers.get(seal.key_check)
        if sealer is None or seal.format not in FORMATS:
            yield Break("other-key", seal.number, None, _OTHER_KEY.format(seal.number))
            return
        if not hmac.compare_digest(sealer.digest_of(seal), seal.digest) or len(seal.entries) % _ENTRY.size:
            message = f"Expected seal {seal.number} as it was made, but it was changed"
            yield Break("seal-changed", seal.number, None, message)
            return
        yield from self._rows(sealer, seal, rows)

    def _follows(self, seal: Seal) -> Iterator[Break]:
        expected = 1 if self.last is None else self.last.number + 1
        if seal.number != expected:
            message = f"Expected seal {expected} before seal {seal.number}, but it is gone"
            yield Break("seal-missing", expected, None, message)
        elif seal.previous != (GENESIS if self.last is None else self.last.digest):
            message = (
                f"Expected seal {seal.number} to follow seal {expected - 1} as that is now, but it follows another"
            )
            yield Break("seal-changed", seal.number, None, message)

    def _rows(self, sealer: Sealer, seal: Seal, rows: Iterable[Mapping[str, Any]]) -> Iterator[Break]:
        sealed: dict[int, bytes] = dict(_ENTRY.iter_unpack(seal.entries))
        for key in sealed:
            if key + _LATE < self._last_key:
                message = f"Expected rows older than seal {seal.number} to be in earlier seals, but '{key}' came later"
                yield Break("late", seal.number, key, message, "warning")
        left = dict(sealed)
        for row in rows:
            self.rows += 1
            digest = left.pop(row["key"], None)
            if digest is None:
                message = f"Expected the rows of seal {seal.number} only, but row '{row['key']}' was put in"
                yield Break("inserted", seal.number, row["key"], message)
            elif not hmac.compare_digest(digest, sealer.row(row, seal.format)):
                message = f"Expected row '{row['key']}' as seal {seal.number} has it, but it was changed"
                yield Break("changed", seal.number, row["key"], message)
        for key in left:
            message = f"Expected row '{key}' of seal {seal.number}, but it was deleted"
            yield Break("deleted", seal.number, key, message)
        self._last_key = max(self._last_key, *sealed) if sealed else self._last_key


_OTHER_KEY = (
    "Expected seal {} to be made with a secret key of this installation (BPM_SECRET_KEY, BPM_OLD_SECRET_KEYS), but it "
    "was made with another one or by a newer release: it cannot be verified here"
)

"""Whether the audit log is what was sealed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bpm_server.domain.sealing import Break, Verifier
from bpm_server.store import sealing as store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bpm_server.store.database import Database


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a verification saw; ``last``: number and digest of the newest seal, to be noted elsewhere."""

    seals: int
    rows: int
    unsealed: int
    last: tuple[int, str] | None
    errors: int
    warnings: int

    def as_json(self) -> dict[str, Any]:
        """As ``bpm-server audit verify --json`` prints it at the end."""
        last = None if self.last is None else f"{self.last[0]}:{self.last[1]}"
        return {
            "seals": self.seals,
            "rows": self.rows,
            "unsealed": self.unsealed,
            "last": last,
            "errors": self.errors,
            "warnings": self.warnings,
        }


def verify(
    database: Database, keys: Iterable[bytes], tell: Callable[[Break], None], noted: tuple[int, str] | None = None
) -> Verdict:
    """Looks at every seal and row as of one moment.

    Args:
        database: Where the log is.
        keys: Of the seals: that of now, and those of before.
        tell: Gets everything that is not as it was sealed, in the order of the seals.
        noted: Number and digest of a seal that was noted elsewhere: it must be there.
    """
    verifier = Verifier(keys)
    counts = {"error": 0, "warning": 0}

    def count(found: Break) -> None:
        counts[found.severity] += 1
        tell(found)

    with database.snapshot() as connection:
        for seal in store.seals(connection):
            for found in verifier.look(seal, store.rows_of(connection, seal.number)):
                count(found)
        for row_key, number in store.rows_of_no_seal(connection):
            message = f"Expected row '{row_key}' to be in a seal that is there, but seal {number} is not"
            count(Break("seal-missing", number, row_key, message))
        if noted is not None:
            there = store.find_seal(connection, noted[0])
            if there is None or there.digest != noted[1]:
                what = "is gone" if there is None else f"has digest {there.digest}"
                message = f"Expected seal {noted[0]} with digest {noted[1]} as it was noted, but it {what}"
                count(Break("seal-missing" if there is None else "seal-changed", noted[0], None, message))
        unsealed = store.count_unsealed(connection)
    last = None if verifier.last is None else (verifier.last.number, verifier.last.digest)
    return Verdict(verifier.seals, verifier.rows, unsealed, last, counts["error"], counts["warning"])

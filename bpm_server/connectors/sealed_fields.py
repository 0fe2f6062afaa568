"""Personal data in tables: sealed for one place in one row, and found again by a blind index.

A sealed value names its table, column and row as associated data: copied into another row or column, it does not open.
The blind index is a keyed digest of the value in a normal form, under a key of its own; who has the database alone
cannot try addresses against it.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bpm_server.kernel.errors import InvalidInput
from bpm_server.kernel.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bpm_server.connectors.secrets import SecretBox

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SealedField:
    """A value of a table that is personal data, by the name of its column in plain text.

    Beside that column are ``..._sealed`` and ``..._digest``. Releases before 0014 wrote plain text, and may still run
    beside this one: what is in the plain column is newer than what is sealed. Names must never change, since values
    are sealed for them.
    """

    table: str
    column: str

    @property
    def _purpose(self) -> str:
        return f"personal-data:{self.table}.{self.column}"

    def seal(self, box: SecretBox, row: str, text: str | None) -> bytes | None:
        """A value for the row with this primary key."""
        return None if text is None else box.seal(text.encode(), self._purpose, row)

    def open(self, box: SecretBox, row: str, sealed: bytes | None) -> str | None:
        """The value of a row.

        Raises:
            InvalidInput: no key of the installation has sealed it for this row; names row and column.
        """
        if sealed is None:
            return None
        try:
            return box.open(sealed, self._purpose, row).decode()
        except InvalidInput as error:
            message = (
                f"Expected {self.column} of {self.table} '{row}' sealed with this installation's key for that row, "
                "but it does not open"
            )
            raise InvalidInput(message) from error

    def columns(self, box: SecretBox, row: str, text: str | None) -> dict[str, Any]:
        """The columns of a row that has this value now."""
        return {
            self.column: None,
            f"{self.column}_sealed": self.seal(box, row, text),
            f"{self.column}_digest": self.digest(box, text),
        }

    def read(self, box: SecretBox, row: str, plain: str | None, sealed: bytes | None) -> str | None:
        """The value to show; none where it does not open: the doctor says so, and nobody is kept from working."""
        if plain is not None:
            return plain
        try:
            return self.open(box, row, sealed)
        except InvalidInput as error:
            log.warning("personal_data.unreadable", reason=error.message)
            return None

    def read_all(self, box: SecretBox, rows: Iterable[tuple[str, str | None, bytes | None]]) -> dict[str, str]:
        """The values to show of many rows, by primary key: of each its key, the plain column and the sealed one."""
        found = ((row, self.read(box, row, plain, sealed)) for row, plain, sealed in rows)
        return {row: text for row, text in found if text is not None}

    def is_current(self, box: SecretBox, row: str, sealed: bytes | None, digest: str | None) -> bool:
        """Whether value and digest of a row need nothing but the secret key of now."""
        if sealed is None:
            return digest is None
        text = self.open(box, row, sealed)
        return box.is_current(sealed, self._purpose, row) and digest == self.digest(box, text)

    def digest(self, box: SecretBox, text: str | None) -> str | None:
        """What the blind index holds of a value."""
        return None if text is None else box.digest(normal_form(text), f"{self._purpose}:blind-index")

    def digests(self, box: SecretBox, text: str) -> list[str]:
        """What it may hold of a value: of the key of now and of those of before."""
        return box.digests(normal_form(text), f"{self._purpose}:blind-index")


def normal_form(text: str) -> str:
    """Two texts with one normal form are the same address to whoever looks for it."""
    return unicodedata.normalize("NFC", text.strip()).lower()


EMAIL = SealedField("user", "email")

"""Which component uses which path of the data: no two may write to the same place."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bpm_server.domain.forms.values import Path


class Bindings:
    """The paths of one scope: of the form, or of the rows of a list."""

    def __init__(self) -> None:
        self._claimed: set[Path] = set()
        self._used: set[Path] = set()

    def claim(self, path: Path) -> bool:
        """Takes a path for a field or list; false where it, or a part of it, is taken."""
        if path in self._used or self._is_below_claimed(path):
            return False
        self._claimed.add(path)
        self._use(path)
        return True

    def claim_group(self, path: Path) -> bool:
        """Shares a path with other groups; false where a field or list has taken it or a part of it."""
        if self._is_below_claimed(path):
            return False
        self._use(path)
        return True

    def _is_below_claimed(self, path: Path) -> bool:
        return any(path[:length] in self._claimed for length in range(1, len(path) + 1))

    def _use(self, path: Path) -> None:
        self._used.update(path[:length] for length in range(1, len(path) + 1))

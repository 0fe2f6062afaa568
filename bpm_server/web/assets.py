"""Third-party files of ``static/vendor`` by their logical name: ``asset_url("htmx.js")``.

The build (build.mjs) puts a content hash into every file name and writes ``manifest.json``. So the files may
be cached for ever; only ``manifest.json`` itself changes under one name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bpm_server.kernel import json

if TYPE_CHECKING:
    from collections.abc import Mapping

VENDOR = Path(__file__).parent / "static" / "vendor"
_HASHED = re.compile(r"\.[0-9a-f]{12}\.[a-z0-9]+$")


@dataclass(frozen=True, slots=True)
class Asset:
    """One built file. ``integrity`` is for the attribute of the same name (sha384)."""

    file: str
    integrity: str


@dataclass(frozen=True, slots=True)
class Assets:
    """The manifest of a build. ``prefix`` is the URL under which ``static/vendor`` is served."""

    files: Mapping[str, Asset]
    prefix: str = "/static/vendor/"

    @classmethod
    def load(cls, folder: Path = VENDOR, prefix: str = "/static/vendor/") -> Assets:
        """Reads ``manifest.json``; without a build nothing is known, and the first look-up says so."""
        manifest = folder / "manifest.json"
        if not manifest.is_file():
            return cls({}, prefix)
        entries = json.loads(manifest.read_bytes())
        return cls({name: Asset(entry["file"], entry["integrity"]) for name, entry in entries.items()}, prefix)

    def url(self, name: str) -> str:
        """The URL of a file, as templates need it.

        Raises:
            LookupError: where the build knows no such file.
        """
        return self.prefix + self._find(name).file

    def integrity(self, name: str) -> str:
        """The value of ``integrity="..."`` for a file that another origin serves."""
        return self._find(name).integrity

    def _find(self, name: str) -> Asset:
        try:
            return self.files[name]
        except KeyError:
            known = ", ".join(self.files) or "nothing (make assets builds it)"
            message = f"Expected to find asset '{name}' in static/vendor, but found {known}"
            raise LookupError(message) from None


def is_immutable(path: str) -> bool:
    """Whether the name of a file holds its content hash, so that browsers may keep it for a year."""
    return _HASHED.search(path) is not None

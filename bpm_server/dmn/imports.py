"""Where imported models come from: files that lie, or are deployed, side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpm_server.kernel.findings import RefusedFile
from bpm_server.kernel.xml import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def among(files: Mapping[str, bytes]) -> Callable[[str, str], bytes | None]:
    """Finds imported models among files, for ``imports`` of :func:`bpm_server.dmn.load`.

    A file is the one that is meant if its namespace is that of the import; else, if its name is the last part of the
    location. Files that are no DMN are passed over: they are refused where they are loaded for themselves.

    Args:
        files: Content by file name.
    """

    def find(namespace: str, location: str) -> bytes | None:
        for name, content in files.items():
            if name.endswith(".dmn") and namespace and _namespace_of(content, name) == namespace:
                return content
        return files.get(location.rpartition("/")[2])

    return find


def _namespace_of(content: bytes, name: str) -> str:
    try:
        return parse(content, name=name).get("namespace", "")
    except RefusedFile:
        return ""

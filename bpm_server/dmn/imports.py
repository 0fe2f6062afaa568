"""Where imported models come from: files that lie, or are deployed, side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpm_server.kernel.findings import RefusedFile
from bpm_server.kernel.xml import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def among(files: Mapping[str, bytes]) -> Callable[[str, str], bytes | None]:
    """Finds imported models among files, for ``imports`` of :func:`bpm_server.dmn.load`.

    Args:
        files: Content by file name.
    """

    def find(namespace: str, location: str) -> bytes | None:
        name = imported_file(files, namespace, location)
        return None if name is None else files[name]

    return find


def imported_file(files: Mapping[str, bytes], namespace: str, location: str) -> str | None:
    """The name of the file that an import means.

    It is the DMN file of that namespace; else the one whose name is the last part of the location. Files that are not
    XML are passed over: they are refused where they are loaded for themselves.
    """
    for name, content in files.items():
        if name.endswith(".dmn") and namespace and _namespace_of(content, name) == namespace:
            return name
    wanted = location.rpartition("/")[2]
    return next((name for name in files if name.rpartition("/")[2] == wanted), None)


def _namespace_of(content: bytes, name: str) -> str:
    try:
        return parse(content, name=name).get("namespace", "")
    except RefusedFile:
        return ""

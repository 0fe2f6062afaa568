"""Static files: precompressed, cached for ever under names that hold their content.

The build (build.mjs) hashes and compresses third-party files. Our own few files get ``?v=<hash>`` and are
compressed here, once for each version.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flask import Blueprint, Response, request
from werkzeug.exceptions import NotFound
from werkzeug.security import safe_join

from bpm_server.web.assets import is_immutable

if TYPE_CHECKING:
    from flask import Flask

FOLDER = Path(__file__).parents[1] / "static"
PREFIX = "/static/"
FOR_EVER = "public, max-age=31536000, immutable"
CHECKED = "no-cache"
COMPRESSIBLE = frozenset({".js", ".css", ".svg", ".json", ".txt"})
TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".woff2": "font/woff2"}

pages = Blueprint("files", __name__)


@dataclass(frozen=True, slots=True)
class OwnFile:
    """A file of ours with its hash and its compressed form."""

    changed: int
    version: str
    plain: bytes
    zipped: bytes


class OwnFiles:
    """Read once; a file that has changed (somebody develops) is read again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._files: dict[Path, OwnFile] = {}

    def get(self, path: Path) -> OwnFile:
        """The file as it is now.

        Raises:
            FileNotFoundError: there is none.
        """
        changed = path.stat().st_mtime_ns
        with self._lock:
            found = self._files.get(path)
        if found is None or found.changed != changed:
            plain = path.read_bytes()
            found = OwnFile(changed, hashlib.sha256(plain).hexdigest()[:12], plain, gzip.compress(plain, 9, mtime=0))
            with self._lock:
                self._files[path] = found
        return found


_own = OwnFiles()


def app_url(name: str) -> str:
    """The URL of one of our own files below ``static/``; it changes with the content."""
    return f"{PREFIX}{name}?v={_own.get(FOLDER / name).version}"


@pages.get(f"{PREFIX}<path:name>")
def static(name: str) -> Response:
    """A static file in the smallest form that the browser takes."""
    joined = safe_join(str(FOLDER), name)
    path = Path(joined) if joined else FOLDER
    if not path.is_file() or path.name.startswith(".") or path.suffix in (".br", ".gz"):
        raise NotFound
    response = _built(path) if is_immutable(path.name) else _ours(path)
    kind = TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    response.content_type = f"{kind}; charset=utf-8" if kind.startswith("text/") else kind
    response.headers["Vary"] = "Accept-Encoding"
    if path.suffix == ".svg":
        response.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    response.make_conditional(request)
    return response


def _built(path: Path) -> Response:
    """A file whose compressed forms lie beside it."""
    coding = ""
    for name, suffix in (("br", ".br"), ("gzip", ".gz")):
        if request.accept_encodings[name] > 0 and path.with_name(path.name + suffix).is_file():
            path, coding = path.with_name(path.name + suffix), name
            break
    response = Response(path.read_bytes())
    if coding:
        response.headers["Content-Encoding"] = coding
    response.headers["Cache-Control"] = FOR_EVER
    return response


def _ours(path: Path) -> Response:
    file = _own.get(path)
    zipped = path.suffix in COMPRESSIBLE and request.accept_encodings["gzip"] > 0
    response = Response(file.zipped if zipped else file.plain)
    if zipped:
        response.headers["Content-Encoding"] = "gzip"
    response.headers["Cache-Control"] = FOR_EVER if request.args.get("v") == file.version else CHECKED
    response.set_etag(file.version)
    return response


def register(app: Flask) -> None:
    """Serves ``/static/``."""
    app.register_blueprint(pages)

"""HTML replies are sent compressed.

A page holds a secret (the session's token) beside words from the request, so the size of a reply could tell one
byte by byte (BREACH). As Django does, a random file name in the gzip header makes the size useless for that.
"""

from __future__ import annotations

import gzip
import secrets
from io import BytesIO
from typing import TYPE_CHECKING

from flask import request

if TYPE_CHECKING:
    from flask import Response

SMALLEST = 1_000
LONGEST_NAME = 100


def compress(response: Response) -> Response:
    """Compresses HTML for browsers that take gzip."""
    if (
        response.mimetype != "text/html"
        or response.direct_passthrough
        or response.is_streamed
        or "Content-Encoding" in response.headers
        or request.accept_encodings["gzip"] <= 0
    ):
        return response
    plain = response.get_data()
    if len(plain) >= SMALLEST:
        response.set_data(_zipped(plain))
        response.headers["Content-Encoding"] = "gzip"
    return response


def _zipped(plain: bytes) -> bytes:
    buffer = BytesIO()
    name = "a" * secrets.randbelow(LONGEST_NAME + 1)
    with gzip.GzipFile(filename=name, mode="wb", compresslevel=6, fileobj=buffer, mtime=0) as file:
        file.write(plain)
    return buffer.getvalue()

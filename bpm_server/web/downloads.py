"""Files that go to a browser: saved as a rule, and nothing in them runs as ours."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING
from urllib.parse import quote

from flask import Response
from werkzeug.datastructures import Headers

from bpm_server.domain.attachments import PREVIEWED
from bpm_server.domain.documents import shown_type
from bpm_server.reports import documents as report

if TYPE_CHECKING:
    from bpm_server.services.server import Server
    from bpm_server.store.documents import DocumentRow

PDF = "application/pdf"
SANDBOX = "sandbox; default-src 'none'"
BY_A_VIEWER = "default-src 'none'; style-src 'unsafe-inline'; object-src 'self'; frame-ancestors 'none'"
"""Chromium's own viewer, a process apart, opens no PDF in a sandbox; scripts have nothing to load here either."""


def saved(server: Server, row: DocumentRow) -> Response:
    """A document's content as a file to be saved; nothing that a browser would run, whatever it holds."""
    return _response(server, row, "attachment", SANDBOX)


def shown(server: Server, row: DocumentRow) -> Response:
    """A picture or a PDF to look at; anything else is saved."""
    if row.content_type not in PREVIEWED:
        return saved(server, row)
    return _response(server, row, "inline", BY_A_VIEWER if row.content_type == PDF else SANDBOX)


def _response(server: Server, row: DocumentRow, disposition: str, policy: str) -> Response:
    headers = Headers()
    headers["Content-Type"] = shown_type(row.content_type)
    headers["Content-Length"] = str(row.size)
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Content-Security-Policy"] = policy
    headers.set("Content-Disposition", disposition, **file_names(row.file_name))
    return Response(report.content(server, row), headers=headers)


def file_names(file_name: str) -> dict[str, str]:
    """The name for a header: in ASCII, and as it is for whoever knows RFC 5987."""
    plain = unicodedata.normalize("NFKD", file_name).encode("ascii", "ignore").decode()
    if plain == file_name:
        return {"filename": file_name}
    return {"filename": plain, "filename*": f"UTF-8''{quote(file_name, safe='')}"}

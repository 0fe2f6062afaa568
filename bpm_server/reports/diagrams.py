"""BPMN files of deployed processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpm_server.kernel.errors import NotFound
from bpm_server.store import definitions

if TYPE_CHECKING:
    from bpm_server.services.server import Server


def diagram_file(server: Server, definition_key: int) -> tuple[str, bytes]:
    """Digest and bytes of a definition's file; whether the reader may see it is the caller's question.

    Raises:
        NotFound: there is no such definition.
    """
    with server.database.read() as connection:
        row = definitions.find_process(connection, definition_key)
        if row is None:
            message = f"Expected to find process definition '{definition_key}', but there is none"
            raise NotFound(message)
        return row.digest, definitions.content(connection, row.resource_key)

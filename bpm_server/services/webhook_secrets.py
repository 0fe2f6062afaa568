"""Signing secrets of an endpoint, for a receiver that lives in this very installation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpm_server.kernel import json
from bpm_server.services.deliveries import SECRET_PURPOSE
from bpm_server.store import outbox

if TYPE_CHECKING:
    from bpm_server.services.server import Server


def signing_secrets(server: Server, endpoint_name: str) -> list[str]:
    """The secrets that sign, newest first; none where there is no such endpoint."""
    with server.database.read() as connection:
        found = outbox.find_endpoint(connection, endpoint_name)
    if found is None:
        return []
    secrets: list[str] = json.loads(server.secrets.open(found.secrets, SECRET_PURPOSE))
    return secrets

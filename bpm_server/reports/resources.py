"""Deployed files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from bpm_server.store.tables.definitions import resource

if TYPE_CHECKING:
    from bpm_server.services.server import Server


def deployed_digests(server: Server) -> frozenset[tuple[str, str]]:
    """Name and digest of every file that was ever deployed."""
    with server.database.read() as connection:
        rows = connection.execute(sa.select(resource.c.name, resource.c.digest).distinct()).all()
    return frozenset((row.name, row.digest) for row in rows)

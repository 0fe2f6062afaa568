"""The versions of one process side by side: who deployed them when, and how many cases follow each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from bpm_server.kernel.errors import NotFound
from bpm_server.store.tables.definitions import deployment
from bpm_server.store.tables.definitions import process_definition as d
from bpm_server.store.tables.instances import process_instance as p

if TYPE_CHECKING:
    from datetime import datetime

    from bpm_server.services.server import Server

MOST_VERSIONS = 1_000


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a process.

    Attributes:
        running: Cases that have not ended; ``suspended`` and ``incidents`` are among them.
        deleted_at: Since when nothing starts by it.
    """

    key: int
    version: int
    version_tag: str | None
    resource_name: str
    deleted_at: datetime | None
    deployed_at: datetime
    deployed_by: str | None
    running: int = 0
    suspended: int = 0
    incidents: int = 0
    ended: int = 0


def versions(server: Server, process_id: str) -> list[Version]:
    """The newest versions of a process, newest first; whether the reader may see them is the caller's question.

    Raises:
        NotFound: there is no such process.
    """
    goes_on = p.c.ended_at.is_(None)
    counts = sa.select(
        p.c.process_definition_key,
        *[
            sa.func.sum(sa.case((where, 1), else_=0)).label(name)
            for name, where in (
                ("running", goes_on),
                ("suspended", sa.and_(goes_on, p.c.suspended_at.is_not(None))),
                ("incidents", sa.and_(goes_on, p.c.incidents > 0)),
                ("ended", ~goes_on),
            )
        ],
    ).group_by(p.c.process_definition_key)
    columns = [d.c[name] for name in ("key", "version", "version_tag", "resource_name", "deleted_at")]
    query = (
        sa.select(*columns, deployment.c.deployed_at, deployment.c.deployed_by)
        .join_from(d, deployment, deployment.c.key == d.c.deployment_key)
        .where(d.c.process_id == process_id)
        .order_by(d.c.version.desc())
        .limit(MOST_VERSIONS)
    )
    with server.database.read() as connection:
        rows = connection.execute(query).all()
        if not rows:
            message = f"Expected to find process '{process_id}', but there is none"
            raise NotFound(message)
        of_these = counts.where(p.c.process_definition_key.in_([row.key for row in rows]))
        numbers = {key: tuple(map(int, counted)) for key, *counted in connection.execute(of_these)}
    return [Version(*row, *numbers.get(row.key, ())) for row in rows]

"""What somebody has started before, to start the like of it again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa

from bpm_server.domain.commands import StartInstance
from bpm_server.kernel import json
from bpm_server.kernel.errors import NotFound
from bpm_server.reports.catalogue import started_last
from bpm_server.reports.summaries import read_summaries
from bpm_server.store.large_values import filled
from bpm_server.store.tables.history import journal
from bpm_server.store.tables.instances import process_instance as p

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from bpm_server.domain.identity import Actor
    from bpm_server.services.server import Server

MOST = 10


@dataclass(frozen=True, slots=True)
class EarlierRequest:
    """An instance that one has started; ``summary`` as in lists."""

    key: int
    started_at: datetime
    summary: Mapping[str, Any]


def earlier_requests(server: Server, actor: Actor, process_id: str) -> list[EarlierRequest]:
    """The actor's last instances of a process, running and ended, the newest first."""
    mine = started_last(actor).subquery()
    query = (
        sa.select(p.c.key, p.c.started_at, p.c.process_definition_key)
        .join_from(mine, p, p.c.key == mine.c.key)
        .where(mine.c.process_id == process_id)
        .order_by(p.c.key.desc())
        .limit(MOST)
    )
    with server.database.read() as connection:
        found = connection.execute(query).all()
        summaries = read_summaries(connection, server, {row.key: row.process_definition_key for row in found})
    return [EarlierRequest(row.key, row.started_at, summaries.get(row.key, {})) for row in found]


def start_values(server: Server, actor: Actor, process_id: str, key: int) -> dict[str, Any]:
    """The variables with which the actor started an instance of a process, as they were then.

    Raises:
        NotFound: there is no such instance, it is of another process, or somebody else started it.
    """
    query = (
        sa.select(journal.c.command)
        .join_from(p, journal, journal.c.instance_key == p.c.key)
        .where(
            p.c.key == key,
            p.c.process_id == process_id,
            p.c.started_by == actor.username,
            p.c.parent_key.is_(None),
            journal.c.sequence == 1,
        )
    )
    with server.database.read() as connection:
        text = connection.execute(query).scalar()
        if text is None:
            message = f"Expected to find an earlier request '{key}' of '{process_id}', but there is none"
            raise NotFound(message)
        command = json.loads(filled(connection, key, [text])[0])
    if command[0] != StartInstance.__struct_config__.tag:
        return {}
    return msgspec.convert(command, StartInstance).variables

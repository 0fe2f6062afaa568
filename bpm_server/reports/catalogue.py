"""Processes that a person may start by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from bpm_server.kernel.errors import Forbidden, NotFound
from bpm_server.reports import sight
from bpm_server.store.moments import read_moment
from bpm_server.store.tables.definitions import process_definition as d

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from bpm_server.bpmn.model import Process
    from bpm_server.domain.identity import Actor
    from bpm_server.services.server import Server

ACTION = "CREATE_PROCESS_INSTANCE"


@dataclass(frozen=True, slots=True)
class Startable:
    """The newest version of a process."""

    definition_key: int
    version: int
    process: Process


def startable(server: Server, actor: Actor) -> list[Startable]:
    """What the actor may start, the newest version of each."""
    seen = sight.by_permission(actor, sight.PROCESS, ACTION, d.c.process_id)
    newest = sa.select(sa.func.max(d.c.key)).where(d.c.deleted_at.is_(None)).group_by(d.c.process_id)
    query = sa.select(d.c.key, d.c.version).where(d.c.key.in_(newest), d.c.startable)
    with server.database.read() as connection:
        version = read_moment(connection).definition_version
        found = [
            Startable(row.key, row.version, server.definitions.process(connection, version, row.key).definition.process)
            for row in connection.execute(query if seen is None else query.where(seen)).all()
        ]
    return [one for one in found if _for_people(one.process, actor)]


def _for_people(process: Process, actor: Actor) -> bool:
    """Has a start event without a trigger, and is not reserved for others (Camunda 7's candidate starters)."""
    if all(start.event is not None for start in process.starts()) or not process.startable_in_tasklist:
        return False
    reserved = process.candidate_starter_users or process.candidate_starter_groups
    return not reserved or actor.is_candidate(
        frozenset(process.candidate_starter_users), frozenset(process.candidate_starter_groups)
    )


def find_startable(server: Server, actor: Actor, process_id: str) -> Startable:
    """One of them.

    Raises:
        NotFound: no such process is deployed.
        Forbidden: the actor may not start it.
    """
    for one in startable(server, actor):
        if one.process.id == process_id:
            return one
    with server.database.read() as connection:
        known = _is_deployed(connection, process_id)
    if not known:
        message = f"Expected process '{process_id}' to be deployed, but found none"
        raise NotFound(message)
    message = f"Expected '{actor.username}' to have the permission {sight.PROCESS}:{ACTION} on '{process_id}'"
    raise Forbidden(message)


def _is_deployed(connection: Connection, process_id: str) -> bool:
    query = sa.select(d.c.key).where(d.c.process_id == process_id, d.c.deleted_at.is_(None))
    return connection.execute(query.limit(1)).first() is not None

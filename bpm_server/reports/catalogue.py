"""Processes that a person may start by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from bpm_server.kernel.errors import Forbidden, NotFound
from bpm_server.reports import sight
from bpm_server.store.favourites import favourites
from bpm_server.store.moments import read_moment
from bpm_server.store.tables.definitions import process_definition as d
from bpm_server.store.tables.instances import process_instance as p

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from bpm_server.bpmn.model import Process
    from bpm_server.domain.identity import Actor
    from bpm_server.services.server import Server

ACTION = "CREATE_PROCESS_INSTANCE"
LOOKED_AT = 500
"""Of the instances that a person has started last; what is older is neither "recent" nor to copy from."""
MOST_RECENT = 4


@dataclass(frozen=True, slots=True)
class Startable:
    """The newest version of a process."""

    definition_key: int
    version: int
    process: Process


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What somebody may start.

    Attributes:
        favourites: Process ids with their star, the newest first.
        recent: Process ids of what they have started last, the newest first.
    """

    entries: list[Startable]
    favourites: list[str]
    recent: list[str]


def catalogue(server: Server, actor: Actor) -> Catalogue:
    """What the actor may start, and what of it they look for first."""
    entries = startable(server, actor)
    there = {one.process.id for one in entries}
    mine = started_last(actor).subquery()
    latest = sa.func.max(mine.c.key)
    query = sa.select(mine.c.process_id).group_by(mine.c.process_id).order_by(latest.desc())
    with server.database.read() as connection:
        marked = favourites(connection, actor.username)
        recent = list(connection.execute(query).scalars())
    shown = [process_id for process_id in recent if process_id in there and process_id not in marked]
    return Catalogue(entries, [process_id for process_id in marked if process_id in there], shown[:MOST_RECENT])


def started_last(actor: Actor) -> sa.Select[tuple[int, str, int]]:
    """Key, process and definition of what the actor has started last, the newest first."""
    columns = (p.c.key, p.c.process_id, p.c.process_definition_key)
    mine = sa.select(*columns).where(p.c.started_by == actor.username, p.c.parent_key.is_(None))
    return mine.order_by(p.c.key.desc()).limit(LOOKED_AT)


def startable(server: Server, actor: Actor) -> list[Startable]:
    """What the actor may start, the newest version of each."""
    found = _newest_of_each(server, actor, ACTION, d.c.startable)
    return [one for one in found if _for_people(one.process, actor)]


def processes_known_to(server: Server, actor: Actor) -> list[Process]:
    """The newest version of every process that the actor may read."""
    return [one.process for one in _newest_of_each(server, actor, "READ_PROCESS_DEFINITION")]


def _newest_of_each(server: Server, actor: Actor, action: str, *wheres: sa.ColumnElement[bool]) -> list[Startable]:
    seen = sight.by_permission(actor, sight.PROCESS, action, d.c.process_id)
    latest = sa.select(sa.func.max(d.c.key)).where(d.c.deleted_at.is_(None)).group_by(d.c.process_id)
    query = sa.select(d.c.key, d.c.version).where(d.c.key.in_(latest), *wheres, *([] if seen is None else [seen]))
    with server.database.read() as connection:
        version = read_moment(connection).definition_version
        return [
            Startable(row.key, row.version, server.definitions.process(connection, version, row.key).definition.process)
            for row in connection.execute(query).all()
        ]


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


def newest(server: Server, connection: Connection, process_id: str) -> Startable | None:
    """The newest version of a process, whoever asks; None where it is not deployed."""
    version = read_moment(connection).definition_version
    found = server.definitions.find_process(connection, version, process_id)
    return None if found is None else Startable(found.row.key, found.row.version, found.definition.process)


def _is_deployed(connection: Connection, process_id: str) -> bool:
    query = sa.select(d.c.key).where(d.c.process_id == process_id, d.c.deleted_at.is_(None))
    return connection.execute(query.limit(1)).first() is not None

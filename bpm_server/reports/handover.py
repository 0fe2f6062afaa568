"""Handovers: what would go over, how far each is, and what did not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server.domain.batch_operations import RUNNING
from bpm_server.domain.handover import Handover, Kept, Place, places_of
from bpm_server.kernel import json
from bpm_server.kernel.errors import NotFound
from bpm_server.reports import sight
from bpm_server.reports.query import Kind
from bpm_server.reports.search import Field, Search, forbidden
from bpm_server.store import handovers as store
from bpm_server.store.moments import read_moment
from bpm_server.store.tables.batch_operations import batch_operation as o
from bpm_server.store.tables.batch_operations import batch_operation_item as i
from bpm_server.store.tables.handovers import handover as h
from bpm_server.store.tables.organisation import substitution as s
from bpm_server.store.tables.tasks import user_task as t

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from bpm_server.domain.identity import Actor
    from bpm_server.domain.organisation import Organisation
    from bpm_server.services.server import Server
    from bpm_server.store.handovers import Work

PERMISSION = ("ORGANISATION", "UPDATE")
NEWEST = 50
"""Handovers of one person that are shown."""


@dataclass(frozen=True, slots=True)
class HandoverLine:
    """A handover, and how far it is.

    Attributes:
        moved: Places in the organisation that went to the successor at once, and substitutions that ended.
        kept: Those that did not, with why.
        completed: Tasks that went over, or had nothing left to hand over when their turn came.
        failed: Tasks that stay, see ``ITEMS``.
    """

    key: int
    handover: Handover
    has_left: bool
    moved: tuple[Place, ...]
    kept: tuple[Kept, ...]
    asker: str
    state: str
    total: int
    completed: int
    failed: int
    created_at: datetime
    ended_at: datetime | None

    @property
    def done(self) -> int:
        """Tasks whose turn has come."""
        return self.completed + self.failed

    @property
    def is_running(self) -> bool:
        """Whether workers go on with it by themselves."""
        return self.state in RUNNING


@dataclass(frozen=True, slots=True)
class Preview:
    """What a handover of somebody would be for now, and those there were, newest first."""

    person: str
    name: str | None
    active: bool
    work: tuple[Work, ...]
    places: tuple[Place, ...]
    handovers: tuple[HandoverLine, ...]

    @property
    def total(self) -> int:
        """Open tasks."""
        return sum(one.count for one in self.work)


@dataclass(frozen=True, slots=True)
class ItemLine:
    """A task of a handover, and what came of it."""

    operation_key: int
    item_key: int
    instance_key: int
    process_id: str | None
    process_definition_key: int | None
    element_id: str | None
    name: str | None
    state: str
    processed_at: datetime | None
    error_message: str | None


ITEMS = Search(
    "task of a handover",
    ItemLine,
    source=sa.join(i, h, h.c.key == i.c.operation_key).outerjoin(t, t.c.key == i.c.item_key),
    key=i.c.item_key,
    columns={name: i.c[name] if name in i.c else t.c[name] for name in ItemLine.__slots__},
    fields_={
        "operation_key": Field(Kind.KEY, i.c.operation_key),
        "item_key": Field(Kind.KEY, i.c.item_key),
        "instance_key": Field(Kind.KEY, i.c.instance_key),
        "state": Field(Kind.TEXT, i.c.state),
        "processed_at": Field(Kind.MOMENT, i.c.processed_at),
    },
    sight=lambda actor: sight.by_permission(actor, *PERMISSION, h.c.person),
    permission=PERMISSION,
    ties=(i.c.operation_key, i.c.item_key),
)


def preview(server: Server, actor: Actor, person: str) -> Preview:
    """What is open of somebody, and what the organisation says of them.

    Raises:
        NotFound: there is no such person.
        Forbidden: the permission ORGANISATION:UPDATE is missing.
    """
    with server.database.read() as connection:
        organisation = _organisation(server, connection, actor, person)
        found = organisation.people[person]
        work = store.work_by_process(connection, person)
        done = _lines(connection, h.c.person == person)
    places = places_of(organisation, person)
    return Preview(person, found.name, found.active, tuple(work), tuple(places), tuple(done))


def handover(server: Server, actor: Actor, person: str, key: int) -> HandoverLine:
    """One handover of somebody.

    Raises:
        NotFound: there is no such person, or no such handover of theirs.
        Forbidden: the permission ORGANISATION:UPDATE is missing.
    """
    with server.database.read() as connection:
        _organisation(server, connection, actor, person)
        found = _lines(connection, h.c.key == key, h.c.person == person)
    if not found:
        message = f"Expected to find handover '{key}' of '{person}', but there is none"
        raise NotFound(message)
    return found[0]


def _organisation(server: Server, connection: Connection, actor: Actor, person: str) -> Organisation:
    if not actor.may(*PERMISSION, person):
        raise forbidden(actor, "handovers of person", person, PERMISSION)
    organisation = server.organisations.at(connection, read_moment(connection))
    if person not in organisation.people:
        message = f"Expected to find person '{person}', but there is none"
        raise NotFound(message)
    return organisation


def _lines(connection: Connection, *wheres: sa.ColumnElement[bool]) -> list[HandoverLine]:
    progress = (o.c.asker, o.c.state, o.c.total, o.c.completed, o.c.failed, o.c.created_at, o.c.ended_at)
    query = sa.select(h.c.key, h.c.plan, h.c.has_left, h.c.result, *progress).join_from(h, o, o.c.key == h.c.key)
    found = connection.execute(query.where(*wheres).order_by(h.c.key.desc()).limit(NEWEST))
    return [_line(row) for row in found]


def _line(row: Any) -> HandoverLine:
    key, plan, has_left, result, *progress = row
    told = json.loads(result)
    moved = tuple(Place(**one) for one in told["moved"])
    kept = tuple(Kept(**one) for one in told["kept"])
    return HandoverLine(key, Handover(**json.loads(plan)), has_left, moved, kept, *progress)


def acting(server: Server, substitution_keys: Sequence[int]) -> dict[int, tuple[str, str | None]]:
    """For whom somebody acts, and who, by the key of the substitution; who may know of it is the caller's question."""
    if not substitution_keys:
        return {}
    query = sa.select(s.c.key, s.c.username, s.c.substitute).where(s.c.key.in_(substitution_keys))
    with server.database.read() as connection:
        return {row.key: (row.username, row.substitute) for row in connection.execute(query)}

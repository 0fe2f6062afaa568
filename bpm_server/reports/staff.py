"""The list of people for who may change the organisation: where they belong, who has left, and what is open of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from bpm_server.reports import sight
from bpm_server.reports.colleagues import LONGEST, text_in
from bpm_server.reports.search import forbidden
from bpm_server.store.handovers import work_by_person
from bpm_server.store.tables.identity import user
from bpm_server.store.tables.organisation import department, department_member

if TYPE_CHECKING:
    from bpm_server.domain.identity import Actor
    from bpm_server.services.server import Server

PERMISSION = ("ORGANISATION", "UPDATE")
PAGE = 50


@dataclass(frozen=True, slots=True)
class StaffLine:
    """A person with their main department; ``open_work``: tasks that are theirs by name."""

    username: str
    name: str | None
    title: str | None
    active: bool
    department: str | None
    department_en: str | None
    open_work: int


def staff(
    server: Server, actor: Actor, text: str = "", *, active: bool | None = None, after: str = ""
) -> list[StaffLine]:  # fmt: skip
    """A page of people by username, of those whose place the actor may change; one more where there are more.

    Args:
        server: The server.
        actor: Who looks.
        text: Occurs in name, username or department.
        active: Those who work here, or those who have left; None: both.
        after: The last username of the page before.

    Raises:
        Forbidden: the permission ORGANISATION:UPDATE is missing, for everybody and for anybody.
    """
    if not actor.may(*PERMISSION) and not sight.granted_ids(actor, *PERMISSION):
        raise forbidden(actor, "people", "all of them", PERMISSION)
    m, d = department_member, department
    query = (
        sa.select(user.c.username, user.c.name, user.c.title, user.c.active, d.c.name, d.c.name_en)
        .select_from(user)
        .join(m, (m.c.username == user.c.username) & m.c.is_main, isouter=True)
        .join(d, d.c.department_id == m.c.department_id, isouter=True)
        .where(user.c.username > after)
    )
    seen = sight.by_permission(actor, *PERMISSION, user.c.username)
    if seen is not None:
        query = query.where(seen)
    if text.strip():
        query = query.where(text_in(text.strip()[:LONGEST]))
    if active is not None:
        query = query.where(user.c.active == active)
    with server.database.read() as connection:
        rows = connection.execute(query.order_by(user.c.username).limit(PAGE + 1)).all()
        work = work_by_person(connection, [row.username for row in rows]) if rows else {}
    return [StaffLine(*row, work.get(row.username, 0)) for row in rows]

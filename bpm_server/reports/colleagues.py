"""People to choose from in a form: name, department and username of those who work here, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server.store.tables.identity import user
from bpm_server.store.tables.organisation import department, department_member

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bpm_server.services.server import Server

MOST = 20
LONGEST = 100


@dataclass(frozen=True, slots=True)
class Colleague:
    """A person with their main department."""

    username: str
    name: str | None
    department: str | None
    department_en: str | None


def _query() -> sa.Select[Any]:
    m, d = department_member, department
    return (
        sa.select(user.c.username, user.c.name, d.c.name, d.c.name_en)
        .select_from(user)
        .join(m, (m.c.username == user.c.username) & m.c.is_main, isouter=True)
        .join(d, d.c.department_id == m.c.department_id, isouter=True)
    )


def find_colleagues(server: Server, text: str) -> list[Colleague]:
    """People who work here and in whose name, username or department a text occurs; by name."""
    query = _query().where(user.c.active, text_in(text.strip()[:LONGEST]))
    with server.database.read() as connection:
        rows = connection.execute(query.order_by(user.c.name, user.c.username).limit(MOST))
        return [Colleague(*row) for row in rows]


def text_in(text: str) -> sa.ColumnElement[bool]:
    """Whether a text occurs in somebody's name or username, or in their department's."""
    wanted = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    columns = (user.c.username, user.c.name, department.c.name, department.c.name_en)
    return sa.or_(*[column.ilike(f"%{wanted}%", escape="\\") for column in columns])


def colleagues_named(server: Server, usernames: Sequence[str]) -> list[Colleague]:
    """People of these usernames, also those who have left."""
    query = _query().where(user.c.username.in_(list(usernames)[:MOST]))
    with server.database.read() as connection:
        return [Colleague(*row) for row in connection.execute(query)]

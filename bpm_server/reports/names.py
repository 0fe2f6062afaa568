"""How people and groups are called."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from bpm_server.store.tables.identity import group, role, user
from bpm_server.store.tables.organisation import department

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bpm_server.services.server import Server


def person_names(server: Server, usernames: Iterable[str | None]) -> dict[str, str]:
    """Names by user name; who is unknown or has no name keeps the user name."""
    wanted = sorted({name for name in usernames if name})
    if not wanted:
        return {}
    with server.database.read() as connection:
        rows = connection.execute(sa.select(user.c.username, user.c.name).where(user.c.username.in_(wanted))).all()
    known = {row.username: row.name for row in rows if row.name}
    return {name: known.get(name, name) for name in wanted}


def group_names(server: Server, group_ids: Iterable[str]) -> dict[str, str]:
    """Names by group id; unknown groups keep their id."""
    wanted = sorted(set(group_ids))
    if not wanted:
        return {}
    with server.database.read() as connection:
        rows = connection.execute(sa.select(group.c.group_id, group.c.name).where(group.c.group_id.in_(wanted))).all()
    known = {row.group_id: row.name for row in rows if row.name}
    return {name: known.get(name, name) for name in wanted}


def place_names(server: Server, ids: Iterable[str]) -> dict[str, str]:
    """Names of departments, groups and roles by id; unknown ones keep their id."""
    wanted = sorted(set(ids))
    if not wanted:
        return {}
    columns = (
        (role.c.role_id, role.c.name),
        (group.c.group_id, group.c.name),
        (department.c.department_id, department.c.name),
    )
    query = sa.union_all(
        *[sa.select(key.label("id"), name.label("name")).where(key.in_(wanted)) for key, name in columns]
    )
    with server.database.read() as connection:
        known = {row.id: row.name for row in connection.execute(query) if row.name}
    return {name: known.get(name, name) for name in wanted}

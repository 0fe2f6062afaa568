"""Reading the organisation as a whole, and writing what has changed of it."""

from __future__ import annotations

from dataclasses import asdict
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server.domain.organisation import Department, Membership, Organisation, Person, Position
from bpm_server.domain.substitutions import Mode, Substitution
from bpm_server.kernel import json
from bpm_server.store import rows
from bpm_server.store.tables.identity import group, group_member, role, role_member, user
from bpm_server.store.tables.organisation import department, department_member, named_superior, position
from bpm_server.store.tables.organisation import substitution as s

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping
    from datetime import datetime

    from sqlalchemy.engine import Connection, Row


def read_organisation(connection: Connection, now: datetime) -> Organisation:
    """All of it, with the substitutions that have not ended by ``now``."""
    groups = _by_first(connection, sa.select(group.c.group_id), _group_members())
    return Organisation(
        people={
            row.username: Person(row.username, row.name, row.active)
            for row in connection.execute(sa.select(user.c.username, user.c.name, user.c.active))
        },
        departments={row.department_id: Department(*row) for row in connection.execute(_all(department))},
        positions={row.position_id: Position(*row) for row in connection.execute(_all(position))},
        memberships=tuple(Membership(*row) for row in connection.execute(_all(department_member))),
        superiors={row.username: row.superior for row in connection.execute(_all(named_superior))},
        groups=groups,
        roles=_by_first(connection, sa.select(role.c.role_id), _role_holders()),
        substitutions=tuple(open_substitutions(connection, now)),
    )


def _all(table: sa.Table) -> sa.Select[Any]:
    return sa.select(*table.columns).order_by(*table.primary_key.columns)


def _group_members() -> sa.Select[Any]:
    t = group_member
    return sa.select(t.c.group_id, t.c.username).order_by(t.c.group_id, t.c.username)


def _role_holders() -> sa.CompoundSelect[Any]:
    t, g = role_member, group_member
    own = sa.select(t.c.role_id, t.c.member.label("username")).where(t.c.kind == "u")
    of_groups = sa.select(t.c.role_id, g.c.username).join_from(t, g, g.c.group_id == t.c.member).where(t.c.kind == "g")
    return sa.union(own, of_groups).order_by("role_id", "username")


def _by_first(connection: Connection, ids: sa.Select[Any], pairs: Any) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {name: [] for name in connection.execute(ids).scalars()}
    for name, member in connection.execute(pairs):
        found.setdefault(name, []).append(member)
    return {name: tuple(members) for name, members in found.items()}


def write_difference(connection: Connection, before: Organisation, after: Organisation) -> None:
    """Makes the rows of departments, positions, memberships and named superiors those of ``after``."""
    _write(connection, department, before.departments, after.departments)
    _write(connection, position, before.positions, after.positions)
    _write(connection, department_member, _by_place(before.memberships), _by_place(after.memberships))
    _write(connection, named_superior, _superiors(before), _superiors(after))


def _by_place(memberships: Iterable[Membership]) -> dict[Hashable, Membership]:
    """Those that are not the main one first: there is never a second main one while they are written."""
    ordered = sorted(memberships, key=lambda one: one.is_main)
    return {(one.department_id, one.username): one for one in ordered}


def _superiors(organisation: Organisation) -> dict[str, dict[str, str]]:
    return {name: {"username": name, "superior": above} for name, above in organisation.superiors.items()}


def _write(connection: Connection, table: sa.Table, before: Mapping[Any, Any], after: Mapping[Any, Any]) -> None:
    keys = tuple(column.name for column in table.primary_key.columns)
    others = tuple(column.name for column in table.columns if column.name not in keys)
    for key in before:
        if key not in after:
            values = key if isinstance(key, tuple) else (key,)
            same = [table.c[name] == value for name, value in zip(keys, values, strict=True)]
            connection.execute(table.delete().where(*same))
    changed = [one for key, one in after.items() if before.get(key) != one]
    rows.upsert(connection, table, [one if isinstance(one, dict) else asdict(one) for one in changed], keys, others)


def forget_person(connection: Connection, username: str) -> None:
    """Takes a person who is deleted out of the organisation; departments that they headed have no head."""
    connection.execute(department.update().where(department.c.head == username).values(head=None))
    connection.execute(department_member.delete().where(department_member.c.username == username))
    t = named_superior
    connection.execute(t.delete().where(sa.or_(t.c.username == username, t.c.superior == username)))
    connection.execute(s.delete().where(sa.or_(s.c.username == username, s.c.substitute == username)))


# --- substitutions --------------------------------------------------------------------------------------


def open_substitutions(connection: Connection, now: datetime) -> list[Substitution]:
    """Those that have not ended."""
    open_ = sa.and_(s.c.withdrawn_at.is_(None), sa.or_(s.c.ends_at.is_(None), s.c.ends_at > now))
    return [_substitution(row) for row in connection.execute(sa.select(*s.columns).where(open_).order_by(s.c.key))]


def open_absences(connection: Connection, username: str, now: datetime) -> list[tuple[Substitution, str | None]]:
    """Absences of a person that have not ended, each with the name of who acts."""
    mine = (s.c.username == username, s.c.mode == str(Mode.ABSENCE), s.c.withdrawn_at.is_(None))
    columns: list[sa.ColumnElement[Any]] = [*s.columns, user.c.name.label("substitute_name")]
    query = sa.select(*columns).select_from(s.outerjoin(user, user.c.username == s.c.substitute))
    query = query.where(*mine, sa.or_(s.c.ends_at.is_(None), s.c.ends_at > now)).order_by(s.c.key)
    return [(_substitution(row), row.substitute_name or row.substitute) for row in connection.execute(query)]


def may_be_substitute(connection: Connection, username: str) -> bool:
    """Whether anybody has ever named a person who acts for them, and has not withdrawn it; when is not asked."""
    query = sa.select(s.c.key).where(s.c.substitute == username, s.c.withdrawn_at.is_(None))
    return connection.execute(query.limit(1)).first() is not None


def find_substitution(connection: Connection, key: int) -> Row[Any] | None:
    """A substitution by key, also one that is over."""
    return connection.execute(sa.select(*s.columns).where(s.c.key == key)).one_or_none()


def insert_substitution(
    connection: Connection, one: Substitution, *, reason: str | None, now: datetime, actor: str
) -> None:
    """Adds a substitution."""
    values = {
        **asdict(one),
        "mode": str(one.mode),
        "processes": None if one.processes is None else json.dumps(one.processes),
        "most_amount": None if one.most_amount is None else str(one.most_amount),
        "reason": reason,
        "created_at": now,
        "created_by": actor,
        "withdrawn_at": None,
        "withdrawn_by": None,
    }
    rows.insert(connection, s, [values])


def withdraw_substitution(connection: Connection, key: int, now: datetime, actor: str) -> None:
    """Ends a substitution."""
    connection.execute(s.update().where(s.c.key == key).values(withdrawn_at=now, withdrawn_by=actor))


def _substitution(row: Row[Any]) -> Substitution:
    return Substitution(
        row.key,
        row.username,
        row.substitute,
        Mode(row.mode),
        row.begins_at,
        row.ends_at,
        None if row.processes is None else tuple(json.loads(row.processes)),
        None if row.most_amount is None else Decimal(row.most_amount),
    )

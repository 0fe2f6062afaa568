"""People, groups and roles: searching them, and who belongs where."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server.connectors.sealed_fields import EMAIL
from bpm_server.domain.identity import Authorization, authorizations
from bpm_server.kernel import json
from bpm_server.reports import sight
from bpm_server.reports.query import Condition, Kind, Page
from bpm_server.reports.search import Field, Search
from bpm_server.store.tables.identity import api_token, group, group_member, role, role_member, user

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from bpm_server.connectors.secrets import SecretBox
    from bpm_server.domain.identity import Actor
    from bpm_server.reports.query import Query
    from bpm_server.services.server import Server

Where = sa.ColumnElement[bool]


@dataclass(frozen=True, slots=True)
class Person:
    """A person with what they belong to."""

    username: str
    name: str | None
    groups: tuple[str, ...]
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UserLine:
    """A person in lists."""

    username: str
    name: str | None
    email: str | None
    title: str | None
    active: bool
    is_demo: bool


@dataclass(frozen=True, slots=True)
class StoredUser:
    """A person as the row has it: the address sealed, or as plain text of an earlier release."""

    username: str
    name: str | None
    email: str | None
    email_sealed: bytes | None
    title: str | None
    active: bool
    is_demo: bool

    def opened(self, box: SecretBox) -> UserLine:
        """The same with the address opened."""
        email = EMAIL.read(box, self.username, self.email, self.email_sealed)
        return UserLine(self.username, self.name, email, self.title, self.active, self.is_demo)


@dataclass(frozen=True, slots=True)
class Addresses:
    """Addresses that somebody looks for: as they are typed, and what the blind index has of them."""

    plain: tuple[str, ...]
    digests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GroupLine:
    """A group in lists."""

    group_id: str
    name: str
    description: str | None


@dataclass(frozen=True, slots=True)
class RoleLine:
    """A role in lists."""

    role_id: str
    name: str
    description: str | None


@dataclass(frozen=True, slots=True)
class TokenLine:
    """An API token; the token itself is known to its owner only."""

    key: int
    name: str
    username: str
    created_at: datetime
    expires_at: datetime | None


def _sight(resource: str, column: sa.ColumnElement[str]) -> Callable[[Actor], Where | None]:
    return lambda actor: sight.by_permission(actor, resource, "READ", column)


def _address_is(condition: Condition, _dialect: str) -> Where:
    """The test of a condition that :func:`_by_digest` has made."""
    t = user
    if condition.operator == "exists":
        known = t.c.email.is_not(None) | t.c.email_sealed.is_not(None)
        return known if condition.value else ~known
    sealed = t.c.email.is_(None) & t.c.email_digest.is_not(None) & t.c.email_digest.in_(condition.value.digests)
    found: Where = sealed | (t.c.email.is_not(None) & t.c.email.in_(condition.value.plain))
    return found if condition.operator in ("eq", "in") else ~found


_GROUP_NAME = sa.func.coalesce(group.c.name, group.c.group_id)
_ROLE_NAME = sa.func.coalesce(role.c.name, role.c.role_id)
USERS = Search(
    "user",
    StoredUser,
    source=user,
    key=user.c.username,
    columns={name: user.c[name] for name in StoredUser.__slots__},
    fields_={
        "username": Field(Kind.TEXT, user.c.username),
        "name": Field(Kind.TEXT, user.c.name),
        "email": Field(Kind.SEALED, where=_address_is),
    },
    sight=_sight("USER", user.c.username),
    permission=("USER", "READ"),
)
GROUPS = Search(
    "group",
    GroupLine,
    source=group,
    key=group.c.group_id,
    columns={"group_id": group.c.group_id, "name": _GROUP_NAME, "description": group.c.description},
    fields_={"group_id": Field(Kind.TEXT, group.c.group_id), "name": Field(Kind.TEXT, _GROUP_NAME)},
    sight=_sight("GROUP", group.c.group_id),
    permission=("GROUP", "READ"),
)
ROLES = Search(
    "role",
    RoleLine,
    source=role,
    key=role.c.role_id,
    columns={"role_id": role.c.role_id, "name": _ROLE_NAME, "description": role.c.description},
    fields_={"role_id": Field(Kind.TEXT, role.c.role_id), "name": Field(Kind.TEXT, _ROLE_NAME)},
    sight=_sight("ROLE", role.c.role_id),
    permission=("ROLE", "READ"),
)


def find_users(server: Server, actor: Actor, query: Query) -> Page[UserLine]:
    """A page of people; conditions on addresses are answered by the blind index.

    Raises:
        InvalidInput: a cursor of another search.
    """
    wanted = replace(
        query,
        conditions=_by_digest(server.secrets, query.conditions),
        any_of=tuple(_by_digest(server.secrets, one) for one in query.any_of),
    )
    with server.database.read() as connection:
        page = USERS.page(connection, actor, wanted)
    items = [one.opened(server.secrets) for one in page.items]
    return Page(items, page.total, page.more_than_total, page.start, page.end)


def read_user(server: Server, actor: Actor, username: str) -> UserLine:
    """A person by name.

    Raises:
        NotFound: there is none.
        Forbidden: the actor may not see them.
    """
    with server.database.read() as connection:
        return USERS.get(connection, actor, username).opened(server.secrets)


def _by_digest(box: SecretBox, conditions: tuple[Condition, ...]) -> tuple[Condition, ...]:
    return tuple(
        replace(one, value=_addresses(box, one)) if one.field == "email" and one.operator != "exists" else one
        for one in conditions
    )


def _addresses(box: SecretBox, condition: Condition) -> Addresses:
    texts = condition.value if condition.operator in ("in", "not_in") else (condition.value,)
    return Addresses(tuple(texts), tuple(digest for text in texts for digest in EMAIL.digests(box, text)))


def in_group(group_id: str) -> Where:
    """Users of a group."""
    t = group_member
    return user.c.username.in_(sa.select(t.c.username).where(t.c.group_id == group_id))


def with_role(role_id: str) -> Where:
    """Users that were given a role themselves."""
    t = role_member
    return user.c.username.in_(sa.select(t.c.member).where(t.c.kind == "u", t.c.role_id == role_id))


def groups_with_role(role_id: str) -> Where:
    """Groups that were given a role."""
    t = role_member
    return group.c.group_id.in_(sa.select(t.c.member).where(t.c.kind == "g", t.c.role_id == role_id))


def roles_of_group(group_id: str) -> Where:
    """Roles of a group."""
    t = role_member
    return role.c.role_id.in_(sa.select(t.c.role_id).where(t.c.kind == "g", t.c.member == group_id))


def people(server: Server) -> list[Person]:
    """Everybody, for programs of the installation itself."""
    with server.database.read() as connection:
        groups = _members(connection, sa.select(group_member.c.username, group_member.c.group_id))
        given = sa.select(role_member.c.member, role_member.c.role_id).where(role_member.c.kind == "u")
        roles = _members(connection, given)
        rows = connection.execute(sa.select(user.c.username, user.c.name).order_by(user.c.username)).all()
    return [
        Person(row.username, row.name, tuple(groups.get(row.username, ())), tuple(roles.get(row.username, ())))
        for row in rows
    ]


def _members(connection: Connection, query: sa.Select[Any]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for member, belongs_to in connection.execute(query.order_by(*query.selected_columns)):
        found.setdefault(member, []).append(belongs_to)
    return found


def all_authorizations(connection: Connection) -> list[Authorization]:
    """The rights of all roles."""
    rows = connection.execute(sa.select(role.c.role_id, role.c.permissions).order_by(role.c.role_id))
    return [one for row in rows for one in authorizations(row.role_id, json.loads(row.permissions))]


def tokens(connection: Connection, username: str | None) -> list[TokenLine]:
    """API tokens of a user, or of everybody."""
    t = api_token
    query = sa.select(*[t.c[name] for name in TokenLine.__slots__]).order_by(t.c.key)
    if username is not None:
        query = query.where(t.c.username == username)
    return [TokenLine(*row) for row in connection.execute(query)]

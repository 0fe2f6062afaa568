"""People, groups, roles, sessions and tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server.store import mails, notifications, pushes, rows
from bpm_server.store.moments import bump
from bpm_server.store.organisation import forget_person
from bpm_server.store.tables.drafts import draft
from bpm_server.store.tables.favourites import favourite
from bpm_server.store.tables.identity import api_token, group, group_member, role, role_member, session, user
from bpm_server.store.tables.inbox_filters import inbox_filter

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sqlalchemy.engine import Connection, Row


_UNCHOSEN = dict.fromkeys(("language", "time_zone", "theme", "density", "mail_hour", "mail_choices", "push_choices"))


@dataclass(frozen=True, slots=True)
class Person:
    """A user with groups, roles and the permissions of those roles (JSON lists)."""

    user: Row[Any]
    groups: tuple[str, ...]
    roles: tuple[str, ...]
    permissions: tuple[str, ...]


def find_user(connection: Connection, username: str) -> Row[Any] | None:
    """A user by name."""
    return connection.execute(sa.select(*user.columns).where(user.c.username == username)).one_or_none()


def find_person(connection: Connection, username: str) -> Person | None:
    """A user with everything that rights depend on."""
    found = find_user(connection, username)
    if found is None:
        return None
    query = sa.select(group_member.c.group_id).where(group_member.c.username == username)
    groups = tuple(connection.execute(query).scalars())
    mine = sa.and_(role_member.c.kind == "u", role_member.c.member == username)
    theirs = sa.and_(role_member.c.kind == "g", role_member.c.member.in_(groups))
    roles = connection.execute(
        sa.select(role.c.role_id, role.c.permissions)
        .join_from(role, role_member, role_member.c.role_id == role.c.role_id)
        .where(sa.or_(mine, theirs))
        .distinct()
    ).all()
    return Person(found, groups, tuple(r.role_id for r in roles), tuple(r.permissions for r in roles))


def identity_changed(connection: Connection) -> None:
    """Tells all processes to look people up again."""
    bump(connection, "identity_version")


def active_names(connection: Connection, usernames: Iterable[str]) -> frozenset[str]:
    """Those of these usernames that belong to people who work here."""
    query = sa.select(user.c.username).where(user.c.username.in_(sorted(usernames)), user.c.active)
    return frozenset(connection.execute(query).scalars())


def count_users(connection: Connection) -> int:
    """How many users there are."""
    return connection.execute(sa.select(sa.func.count()).select_from(user)).scalar_one()


def save_user(connection: Connection, values: dict[str, Any]) -> None:
    """Adds a user who has chosen nothing, or changes one: what they have chosen stays."""
    columns = tuple(name for name in values if name not in ("username", "created_at"))
    rows.upsert(connection, user, [{**_UNCHOSEN, **values}], ("username",), columns)


def delete_user(connection: Connection, username: str) -> None:
    """Removes a user with memberships, sessions, tokens and what is their own; what they did stays in history."""
    forget_person(connection, username)
    notifications.forget_person(connection, username)
    mails.forget_person(connection, username)
    pushes.forget_person(connection, username)
    for table in (group_member, session, api_token, draft, favourite):
        connection.execute(table.delete().where(table.c.username == username))
    connection.execute(inbox_filter.delete().where(inbox_filter.c.owner == username))
    connection.execute(role_member.delete().where(role_member.c.kind == "u", role_member.c.member == username))
    connection.execute(user.delete().where(user.c.username == username))


def save_group(connection: Connection, group_id: str, name: str | None, description: str | None = None) -> None:
    """Adds or changes a group."""
    values = {"group_id": group_id, "name": name, "description": description}
    rows.upsert(connection, group, [values], ("group_id",), ("name", "description"))


def save_role(
    connection: Connection, role_id: str, name: str | None, permissions: str, description: str | None = None
) -> None:
    """Adds or changes a role; ``permissions`` is a JSON list."""
    values = {"role_id": role_id, "name": name, "permissions": permissions, "description": description}
    rows.upsert(connection, role, [values], ("role_id",), ("name", "permissions", "description"))


def set_groups(connection: Connection, username: str, groups: Iterable[str]) -> None:
    """Makes a user member of exactly these groups."""
    connection.execute(group_member.delete().where(group_member.c.username == username))
    rows.insert(connection, group_member, [{"group_id": name, "username": username} for name in groups])


def set_roles(connection: Connection, username: str, roles: Iterable[str]) -> None:
    """Gives a user exactly these roles, beside those of groups."""
    connection.execute(role_member.delete().where(role_member.c.kind == "u", role_member.c.member == username))
    rows.insert(connection, role_member, [{"role_id": name, "kind": "u", "member": username} for name in roles])


def find_token(connection: Connection, token_hash: str) -> Row[Any] | None:
    """A token by its hash."""
    return connection.execute(sa.select(*api_token.columns).where(api_token.c.token_hash == token_hash)).one_or_none()


def insert_token(connection: Connection, values: dict[str, Any]) -> None:
    """Adds a token."""
    rows.insert(connection, api_token, [values])


def find_session(connection: Connection, token_hash: str) -> Row[Any] | None:
    """A session by the hash of its cookie."""
    return connection.execute(sa.select(*session.columns).where(session.c.token_hash == token_hash)).one_or_none()


def insert_session(
    connection: Connection,
    token_hash: str,
    username: str,
    csrf_token: str,
    created_at: datetime,
    expires_at: datetime,
) -> None:
    """Opens a session."""
    values = {
        "token_hash": token_hash,
        "username": username,
        "csrf_token": csrf_token,
        "created_at": created_at,
        "expires_at": expires_at,
    }
    rows.insert(connection, session, [values])


def delete_session(connection: Connection, token_hash: str) -> None:
    """Ends a session."""
    connection.execute(session.delete().where(session.c.token_hash == token_hash))


def delete_expired_sessions(connection: Connection, now: datetime) -> None:
    """Forgets sessions whose time is over."""
    connection.execute(session.delete().where(session.c.expires_at <= now))


# --- people, groups and roles one by one ----------------------------------------------------------------


def update_user(connection: Connection, username: str, values: dict[str, Any]) -> bool:
    """Changes a user; False where there is none."""
    return bool(connection.execute(user.update().where(user.c.username == username).values(values)).rowcount)


def lock_plain_addresses(connection: Connection, limit: int) -> list[Row[Any]]:
    """Some people whose address is not sealed. SQLite overwrites what it takes away until the connection is closed."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete = ON")
    query = sa.select(user.c.username, user.c.email).where(user.c.email.is_not(None)).order_by(user.c.username)
    return list(connection.execute(query.limit(limit).with_for_update()))


def has_plain_addresses(connection: Connection) -> bool:
    """Whether an address of anybody is not sealed."""
    query = sa.select(user.c.username).where(user.c.email.is_not(None)).limit(1)
    return connection.execute(query).first() is not None


def lock_sealed_addresses(connection: Connection, after: str, limit: int) -> list[Row[Any]]:
    """Sealed addresses and digests of some people, in order of their names."""
    t = user
    query = sa.select(t.c.username, t.c.email_sealed, t.c.email_digest).where(
        t.c.username > after, t.c.email_sealed.is_not(None)
    )
    return list(connection.execute(query.order_by(t.c.username).limit(limit).with_for_update()))


def stored_addresses(connection: Connection) -> list[tuple[str, str | None, bytes | None]]:
    """Name of everybody who has an address, and it in plain text or sealed."""
    t = user
    query = sa.select(t.c.username, t.c.email, t.c.email_sealed)
    return [
        tuple(row) for row in connection.execute(query.where(t.c.email.is_not(None) | t.c.email_sealed.is_not(None)))
    ]


def addresses(connection: Connection) -> sa.CursorResult[Any]:
    """Name and address of everybody who has one: in plain text, or sealed, with its digest."""
    t = user
    query = sa.select(t.c.username, t.c.email, t.c.email_sealed, t.c.email_digest)
    known = t.c.email.is_not(None) | t.c.email_sealed.is_not(None) | t.c.email_digest.is_not(None)
    return connection.execute(query.where(known).order_by(t.c.username), execution_options={"yield_per": 500})


def find_group(connection: Connection, group_id: str) -> Row[Any] | None:
    """A group by id."""
    return connection.execute(sa.select(*group.columns).where(group.c.group_id == group_id)).one_or_none()


def delete_group(connection: Connection, group_id: str) -> None:
    """Removes a group with its memberships and roles."""
    connection.execute(group_member.delete().where(group_member.c.group_id == group_id))
    connection.execute(role_member.delete().where(role_member.c.kind == "g", role_member.c.member == group_id))
    connection.execute(group.delete().where(group.c.group_id == group_id))


def is_group_member(connection: Connection, group_id: str, username: str) -> bool:
    """Whether a user is in a group."""
    t = group_member
    query = sa.select(t.c.username).where(t.c.group_id == group_id, t.c.username == username)
    return connection.execute(query).first() is not None


def insert_group_member(connection: Connection, group_id: str, username: str) -> None:
    """Puts a user into a group."""
    rows.insert(connection, group_member, [{"group_id": group_id, "username": username}])


def delete_group_member(connection: Connection, group_id: str, username: str) -> bool:
    """Takes a user out of a group; False where they are not in it."""
    t = group_member
    done = connection.execute(t.delete().where(t.c.group_id == group_id, t.c.username == username))
    return bool(done.rowcount)


def find_role(connection: Connection, role_id: str, *, lock: bool = False) -> Row[Any] | None:
    """A role by id."""
    query = sa.select(*role.columns).where(role.c.role_id == role_id)
    return connection.execute(query.with_for_update() if lock else query).one_or_none()


def all_roles(connection: Connection) -> list[Row[Any]]:
    """Every role, by id."""
    return list(connection.execute(sa.select(*role.columns).order_by(role.c.role_id)))


def delete_role(connection: Connection, role_id: str) -> None:
    """Removes a role; nobody has it any more."""
    connection.execute(role_member.delete().where(role_member.c.role_id == role_id))
    connection.execute(role.delete().where(role.c.role_id == role_id))


def has_role(connection: Connection, role_id: str, kind: str, member: str) -> bool:
    """Whether a user (``u``) or group (``g``) has a role."""
    t = role_member
    query = sa.select(t.c.member).where(t.c.role_id == role_id, t.c.kind == kind, t.c.member == member)
    return connection.execute(query).first() is not None


def insert_role_member(connection: Connection, role_id: str, kind: str, member: str) -> None:
    """Gives a role to a user or group."""
    rows.insert(connection, role_member, [{"role_id": role_id, "kind": kind, "member": member}])


def delete_role_member(connection: Connection, role_id: str, kind: str, member: str) -> bool:
    """Takes a role from a user or group; False where they do not have it."""
    t = role_member
    done = connection.execute(t.delete().where(t.c.role_id == role_id, t.c.kind == kind, t.c.member == member))
    return bool(done.rowcount)


def count_holders(connection: Connection, role_id: str) -> int:
    """How many active users have a role, by themselves or through a group."""
    by_user = sa.select(role_member.c.member).where(role_member.c.role_id == role_id, role_member.c.kind == "u")
    by_group = (
        sa.select(group_member.c.username)
        .join_from(group_member, role_member, role_member.c.member == group_member.c.group_id)
        .where(role_member.c.role_id == role_id, role_member.c.kind == "g")
    )
    query = sa.select(sa.func.count()).where(
        user.c.active, sa.or_(user.c.username.in_(by_user), user.c.username.in_(by_group))
    )
    return connection.execute(query.select_from(user)).scalar_one()


def find_token_by_key(connection: Connection, key: int) -> Row[Any] | None:
    """A token by its key."""
    return connection.execute(sa.select(*api_token.columns).where(api_token.c.key == key)).one_or_none()


def delete_token(connection: Connection, key: int) -> None:
    """Revokes a token."""
    connection.execute(api_token.delete().where(api_token.c.key == key))

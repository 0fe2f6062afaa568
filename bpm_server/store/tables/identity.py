"""People, groups, roles, sessions and tokens."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from bpm_server.store.tables.model import Model, partial, table_of
from bpm_server.store.types import Key, UtcDateTime

NAME = sa.String(256)
HASH = sa.String(64)


class User(Model):
    """A person (or a program with a name). ``password_hash``: argon2.

    ``email_sealed``, ``email_digest``: see ``connectors.sealed_fields``. ``email``: an address in plain text, which
    only releases before 0014 write; where there is one, it is newer than what is sealed.

    ``mail_hour``, ``mail_choices`` (JSON object, when by kind): of mails, see ``domain.mails``. ``push_choices`` (JSON
    object, whether by kind): of devices, see ``domain.pushes``.
    """

    __tablename__ = "user"
    __table_args__ = (
        sa.Index("ix_user_email_digest", "email_digest"),
        partial("ix_user_email", "email", where="email IS NOT NULL"),
    )

    username: Mapped[str] = mapped_column(NAME, primary_key=True)
    name: Mapped[str | None] = mapped_column(NAME)
    email: Mapped[str | None] = mapped_column(NAME)
    email_sealed: Mapped[bytes | None] = mapped_column(sa.LargeBinary)
    email_digest: Mapped[str | None] = mapped_column(HASH)
    title: Mapped[str | None] = mapped_column(NAME)
    password_hash: Mapped[str | None] = mapped_column(sa.String(256))
    active: Mapped[bool] = mapped_column(default=True)
    language: Mapped[str | None] = mapped_column(sa.String(16))
    time_zone: Mapped[str | None] = mapped_column(sa.String(64))
    theme: Mapped[str | None] = mapped_column(sa.String(16))
    density: Mapped[str | None] = mapped_column(sa.String(16))
    mail_hour: Mapped[int | None]
    mail_choices: Mapped[str | None] = mapped_column(sa.Text)
    push_choices: Mapped[str | None] = mapped_column(sa.Text)
    is_demo: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Group(Model):
    """A group that tasks can be offered to."""

    __tablename__ = "user_group"

    group_id: Mapped[str] = mapped_column(NAME, primary_key=True)
    name: Mapped[str | None] = mapped_column(NAME)
    description: Mapped[str | None] = mapped_column(sa.Text)


class GroupMember(Model):
    """A person in a group."""

    __tablename__ = "group_member"
    __table_args__ = (sa.Index("ix_group_member_user", "username"),)

    group_id: Mapped[str] = mapped_column(NAME, primary_key=True)
    username: Mapped[str] = mapped_column(NAME, primary_key=True)


class Role(Model):
    """A named set of permissions. ``permissions``: JSON list, see ``domain.identity``."""

    __tablename__ = "role"

    role_id: Mapped[str] = mapped_column(NAME, primary_key=True)
    name: Mapped[str | None] = mapped_column(NAME)
    description: Mapped[str | None] = mapped_column(sa.Text)
    permissions: Mapped[str] = mapped_column(sa.Text)


class RoleMember(Model):
    """Who has a role. ``kind``: ``u`` user, ``g`` group."""

    __tablename__ = "role_member"
    __table_args__ = (sa.Index("ix_role_member_member", "kind", "member"),)

    role_id: Mapped[str] = mapped_column(NAME, primary_key=True)
    kind: Mapped[str] = mapped_column(sa.String(1), primary_key=True)
    member: Mapped[str] = mapped_column(NAME, primary_key=True)


class Session(Model):
    """A signed-in browser. ``token_hash``: SHA-256 of the cookie."""

    __tablename__ = "session"
    __table_args__ = (sa.Index("ix_session_user", "username"), sa.Index("ix_session_expires", "expires_at"))

    token_hash: Mapped[str] = mapped_column(HASH, primary_key=True)
    username: Mapped[str] = mapped_column(NAME)
    csrf_token: Mapped[str] = mapped_column(sa.String(64))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ApiToken(Model):
    """A bearer token of a user. ``token_hash``: SHA-256; the token itself is shown once."""

    __tablename__ = "api_token"
    __table_args__ = (sa.Index("ix_api_token_user", "username"),)

    key: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=False)
    token_hash: Mapped[str] = mapped_column(HASH, unique=True)
    name: Mapped[str] = mapped_column(NAME)
    username: Mapped[str] = mapped_column(NAME)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


user = table_of(User)
group = table_of(Group)
group_member = table_of(GroupMember)
role = table_of(Role)
role_member = table_of(RoleMember)
session = table_of(Session)
api_token = table_of(ApiToken)

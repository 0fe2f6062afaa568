"""Departments, positions, who belongs where and is whose superior, and substitutes."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from bpm_server.store.tables.model import Model, partial, table_of
from bpm_server.store.types import Key, UtcDateTime

NAME = sa.String(256)


class Department(Model):
    """A department. ``head``: a person's name; ``parent_id``: None for the root of a tree."""

    __tablename__ = "department"
    __table_args__ = (sa.CheckConstraint("parent_id <> department_id", name="parent"),)

    department_id: Mapped[str] = mapped_column(NAME, primary_key=True)
    name: Mapped[str] = mapped_column(NAME)
    name_en: Mapped[str | None] = mapped_column(NAME)
    parent_id: Mapped[str | None] = mapped_column(NAME)
    head: Mapped[str | None] = mapped_column(NAME)


class Position(Model):
    """What people are employed as."""

    __tablename__ = "position"

    position_id: Mapped[str] = mapped_column(NAME, primary_key=True)
    name: Mapped[str] = mapped_column(NAME)
    name_en: Mapped[str | None] = mapped_column(NAME)


class DepartmentMember(Model):
    """A person in a department; one department of each person is the main one."""

    __tablename__ = "department_member"
    __table_args__ = (
        sa.Index(
            "ix_department_member_main",
            "username",
            unique=True,
            sqlite_where=sa.text("is_main"),
            postgresql_where=sa.text("is_main"),
        ),
    )

    department_id: Mapped[str] = mapped_column(NAME, primary_key=True)
    username: Mapped[str] = mapped_column(NAME, primary_key=True)
    position_id: Mapped[str | None] = mapped_column(NAME)
    is_main: Mapped[bool]


class NamedSuperior(Model):
    """A person's superior where it is not the head of their department."""

    __tablename__ = "named_superior"
    __table_args__ = (sa.CheckConstraint("superior <> username", name="superior"),)

    username: Mapped[str] = mapped_column(NAME, primary_key=True)
    superior: Mapped[str] = mapped_column(NAME)


class Substitution(Model):
    """Somebody is away, or somebody acts for them; rows stay when they are over.

    Attributes:
        substitute: None: away, and nobody acts.
        mode: See ``domain.substitutions.Mode``.
        processes: JSON list of process ids; None for all.
        most_amount: Decimal digits; None for any amount.
        withdrawn_at: When it was ended by hand, or it never counted.
    """

    __tablename__ = "substitution"
    __table_args__ = (
        sa.CheckConstraint("substitute <> username", name="substitute"),
        sa.CheckConstraint("substitute IS NOT NULL OR mode = 'absence'", name="mode"),
        partial("ix_substitution_open", "ends_at", where="withdrawn_at IS NULL"),
        sa.Index("ix_substitution_username", "username", "key"),
        sa.Index("ix_substitution_substitute", "substitute", "key"),
    )

    key: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=False)
    username: Mapped[str] = mapped_column(NAME)
    substitute: Mapped[str | None] = mapped_column(NAME)
    mode: Mapped[str] = mapped_column(sa.String(16))
    begins_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ends_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    processes: Mapped[str | None] = mapped_column(sa.Text)
    most_amount: Mapped[str | None] = mapped_column(sa.String(64))
    reason: Mapped[str | None] = mapped_column(sa.Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_by: Mapped[str] = mapped_column(NAME)
    withdrawn_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    withdrawn_by: Mapped[str | None] = mapped_column(NAME)


department = table_of(Department)
position = table_of(Position)
department_member = table_of(DepartmentMember)
named_superior = table_of(NamedSuperior)
substitution = table_of(Substitution)

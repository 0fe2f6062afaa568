"""Departments, positions, superiors and substitutes; business calendars.

Revision: 0015
Follows: 0014
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bpm_server.store.types import UtcDateTime

revision = "0015"
down_revision = "0014"

MAIN = sa.text("is_main")
OPEN = sa.text("withdrawn_at IS NULL")


def _name(column: str, *, null: bool = False) -> sa.Column[str]:
    return sa.Column(column, sa.String(length=256), nullable=null)


def _moment(column: str, *, null: bool = False) -> sa.Column[str]:
    return sa.Column(column, UtcDateTime(length=27), nullable=null)


def _key(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*columns, name=op.f(f"pk_{table}"))


def _check(table: str, name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=op.f(f"ck_{table}_{name}"))


def upgrade() -> None:
    """Changes the tables."""
    op.create_table(
        "department",
        _name("department_id"),
        _name("name"),
        _name("name_en", null=True),
        _name("parent_id", null=True),
        _name("head", null=True),
        _check("department", "parent", "parent_id <> department_id"),
        _key("department", "department_id"),
    )
    op.create_table(
        "position", _name("position_id"), _name("name"), _name("name_en", null=True), _key("position", "position_id")
    )
    op.create_table(
        "department_member",
        _name("department_id"),
        _name("username"),
        _name("position_id", null=True),
        sa.Column("is_main", sa.Boolean(), nullable=False),
        _key("department_member", "department_id", "username"),
    )
    op.create_index(
        "ix_department_member_main",
        "department_member",
        ["username"],
        unique=True,
        sqlite_where=MAIN,
        postgresql_where=MAIN,
    )
    op.create_table(
        "named_superior",
        _name("username"),
        _name("superior"),
        _check("named_superior", "superior", "superior <> username"),
        _key("named_superior", "username"),
    )
    _substitutions()
    _calendars()


def _substitutions() -> None:
    op.create_table(
        "substitution",
        sa.Column("key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        _name("username"),
        _name("substitute", null=True),
        sa.Column("mode", sa.String(length=16), nullable=False),
        _moment("begins_at"),
        _moment("ends_at", null=True),
        sa.Column("processes", sa.Text(), nullable=True),
        sa.Column("most_amount", sa.String(length=64), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        _moment("created_at"),
        _name("created_by"),
        _moment("withdrawn_at", null=True),
        _name("withdrawn_by", null=True),
        _check("substitution", "substitute", "substitute <> username"),
        _check("substitution", "mode", "substitute IS NOT NULL OR mode = 'absence'"),
        _key("substitution", "key"),
    )
    op.create_index("ix_substitution_open", "substitution", ["ends_at"], sqlite_where=OPEN, postgresql_where=OPEN)
    op.create_index("ix_substitution_username", "substitution", ["username", "key"])
    op.create_index("ix_substitution_substitute", "substitution", ["substitute", "key"])


def _calendars() -> None:
    op.create_table(
        "business_calendar",
        _name("calendar_id"),
        _name("name"),
        _name("name_en", null=True),
        sa.Column("time_zone", sa.String(length=64), nullable=False),
        sa.Column("week", sa.Text(), nullable=False),
        _key("business_calendar", "calendar_id"),
    )
    op.create_table(
        "calendar_day",
        _name("calendar_id"),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        _name("name", null=True),
        sa.Column("hours", sa.Text(), nullable=True),
        _key("calendar_day", "calendar_id", "day"),
    )

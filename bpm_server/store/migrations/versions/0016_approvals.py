"""Approval nodes, who is asked there and what they did; who is informed of a case.

Revision: 0016
Follows: 0015
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from bpm_server.store.types import UtcDateTime

revision = "0016"
down_revision = "0015"

RESUMES = sa.text("resumes_at IS NOT NULL")
ACTED = sa.text("acted_by IS NOT NULL")
UNREAD = sa.text("read_at IS NULL")


def _key(column: str, *, null: bool = False) -> sa.Column[Any]:
    kind = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return sa.Column(column, kind, autoincrement=False if column in ("key", "task_key") else "auto", nullable=null)


def _name(column: str, *, null: bool = False) -> sa.Column[Any]:
    return sa.Column(column, sa.String(length=512), nullable=null)


def _word(column: str, *, null: bool = False) -> sa.Column[Any]:
    return sa.Column(column, sa.String(length=24), nullable=null)


def _text(column: str, *, null: bool = False) -> sa.Column[Any]:
    return sa.Column(column, sa.Text(), nullable=null)


def _moment(column: str, *, null: bool = False) -> sa.Column[Any]:
    return sa.Column(column, UtcDateTime(length=27), nullable=null)


def _number(column: str) -> sa.Column[Any]:
    return sa.Column(column, sa.Integer(), nullable=False)


def _primary(table: str, column: str = "key") -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(column, name=op.f(f"pk_{table}"))


def _partial(name: str, table: str, columns: list[str], where: sa.TextClause) -> None:
    op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)


def upgrade() -> None:
    """Changes the tables."""
    _approvals()
    _items()
    _acts()
    _copies()


def _approvals() -> None:
    op.create_table(
        "approval",
        _key("task_key"),
        _key("instance_key"),
        _name("element_id"),
        _name("initiator", null=True),
        _number("round"),
        sa.Column("is_correcting", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("amount", sa.String(length=64), nullable=True),
        _text("submitted", null=True),
        _word("outcome", null=True),
        _name("target", null=True),
        _name("resumes_at", null=True),
        _name("decided_by", null=True),
        _moment("opened_at"),
        _moment("ended_at", null=True),
        _primary("approval", "task_key"),
    )
    op.create_index("ix_approval_instance", "approval", ["instance_key"])
    _partial("ix_approval_resumes", "approval", ["instance_key", "target"], RESUMES)


def _items() -> None:
    op.create_table(
        "approval_item",
        _key("key"),
        _key("task_key"),
        _key("instance_key"),
        _number("round"),
        _name("person"),
        _word("state"),
        _number("step"),
        _word("place"),
        _key("parent", null=True),
        _word("group_mode", null=True),
        sa.Column("weight", sa.String(length=40), nullable=False),
        _name("added_by", null=True),
        _text("reason"),
        _name("acted_by", null=True),
        _moment("acted_at", null=True),
        _text("comment", null=True),
        _primary("approval_item"),
    )
    op.create_index("ix_approval_item_task", "approval_item", ["task_key"])
    op.create_index("ix_approval_item_instance", "approval_item", ["instance_key"])
    _partial("ix_approval_item_acted_by", "approval_item", ["acted_by", "acted_at", "task_key"], ACTED)


def _acts() -> None:
    op.create_table(
        "approval_act",
        _key("key"),
        _key("instance_key"),
        _key("task_key", null=True),
        _word("act"),
        _name("actor"),
        _moment("at"),
        _key("item_key", null=True),
        _text("comment", null=True),
        _text("people"),
        _word("place", null=True),
        _name("target", null=True),
        _primary("approval_act"),
    )
    op.create_index("ix_approval_act_instance", "approval_act", ["instance_key"])
    op.create_index("ix_approval_act_task", "approval_act", ["task_key"])


def _copies() -> None:
    op.create_table(
        "carbon_copy",
        _key("key"),
        _key("instance_key"),
        _name("username"),
        _name("sent_by", null=True),
        _moment("sent_at"),
        _text("comment", null=True),
        _moment("read_at", null=True),
        _primary("carbon_copy"),
        sa.UniqueConstraint("instance_key", "username", name=op.f("uq_carbon_copy_instance_key_username")),
    )
    op.create_index("ix_carbon_copy_person", "carbon_copy", ["username", "key"])
    _partial("ix_carbon_copy_unread", "carbon_copy", ["username"], UNREAD)

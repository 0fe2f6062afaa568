"""What people are told, in the pages' head and by mail.

Revision: 0019
Follows: 0016
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from bpm_server.store.types import UtcDateTime

revision = "0019"
down_revision = "0016"

UNREAD = sa.text("read_at IS NULL")
MAILED = sa.text("mail_at IS NOT NULL")


def _key(column: str, *, null: bool = False) -> sa.Column[Any]:
    kind = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return sa.Column(column, kind, autoincrement=False if column == "key" else "auto", nullable=null)


def _moment(column: str, *, null: bool = True) -> sa.Column[Any]:
    return sa.Column(column, UtcDateTime(length=27), nullable=null)


def upgrade() -> None:
    """Changes the tables."""
    op.create_table(
        "notification",
        _key("key"),
        sa.Column("username", sa.String(length=512), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        _key("instance_key"),
        _key("task_key", null=True),
        sa.Column("by", sa.String(length=512), nullable=True),
        _moment("at", null=False),
        _moment("read_at"),
        sa.Column("details", sa.Text(), nullable=False),
        _moment("mail_at"),
        sa.Column("mail_lease", sa.String(length=32), nullable=True),
        sa.Column("mail_attempts", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_notification")),
    )
    op.create_index("ix_notification_person", "notification", ["username", "key"])
    op.create_index("ix_notification_instance", "notification", ["instance_key"])
    op.create_index("ix_notification_at", "notification", ["at"])
    for name, column, where in (("unread", "username", UNREAD), ("mail", "mail_at", MAILED)):
        op.create_index(f"ix_notification_{name}", "notification", [column], sqlite_where=where, postgresql_where=where)

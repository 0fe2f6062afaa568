"""What people are told, and the addresses of their calendars of due tasks.

Revision: 0019
Follows: 0018
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from bpm_server.store.types import UtcDateTime

revision = "0019"
down_revision = "0018"

UNREAD = sa.text("read_at IS NULL")


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
        sa.PrimaryKeyConstraint("key", name=op.f("pk_notification")),
    )
    op.create_index("ix_notification_person", "notification", ["username", "key"])
    op.create_index("ix_notification_instance", "notification", ["instance_key"])
    op.create_index("ix_notification_at", "notification", ["at"])
    op.create_index(
        "ix_notification_unread", "notification", ["username"], sqlite_where=UNREAD, postgresql_where=UNREAD
    )
    op.create_table(
        "calendar_feed",
        sa.Column("username", sa.String(length=256), nullable=False),
        sa.Column("nonce", sa.String(length=32), nullable=False),
        _moment("created_at", null=False),
        sa.PrimaryKeyConstraint("username", name=op.f("pk_calendar_feed")),
    )

"""What people choose for themselves, and mails of what they are told.

Revision: 0025
Follows: 0024
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from bpm_server.store.types import UtcDateTime

revision = "0025"
down_revision = "0024"

MAILED = sa.text("mail_at IS NOT NULL")
WAITING = sa.text("state = 'waiting'")


def _moment(column: str, *, null: bool = True) -> sa.Column[Any]:
    return sa.Column(column, UtcDateTime(length=27), nullable=null)


def upgrade() -> None:
    """Changes the tables."""
    op.add_column("user", sa.Column("theme", sa.String(length=16), nullable=True))
    op.add_column("user", sa.Column("density", sa.String(length=16), nullable=True))
    op.add_column("user", sa.Column("mail_hour", sa.Integer(), nullable=True))
    op.add_column("user", sa.Column("mail_choices", sa.Text(), nullable=True))
    op.add_column("notification", _moment("mail_at"))
    op.add_column("notification", sa.Column("mail_daily", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_index("ix_notification_mail", "notification", ["mail_at"], sqlite_where=MAILED, postgresql_where=MAILED)
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "mail",
        sa.Column("key", key, autoincrement=False, nullable=False),
        sa.Column("username", sa.String(length=256), nullable=False),
        sa.Column("notifications", sa.Text(), nullable=False),
        sa.Column("daily", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        _moment("next_at", null=False),
        sa.Column("lease", sa.String(length=32), nullable=True),
        _moment("leased_until"),
        sa.Column("reason", sa.Text(), nullable=True),
        _moment("created_at", null=False),
        _moment("ended_at"),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_mail")),
    )
    op.create_index("ix_mail_due", "mail", ["next_at", "key"], sqlite_where=WAITING, postgresql_where=WAITING)
    op.create_index("ix_mail_state", "mail", ["state", "key"])
    op.create_index("ix_mail_person", "mail", ["username", "key"])
    op.create_index("ix_mail_created", "mail", ["created_at"])

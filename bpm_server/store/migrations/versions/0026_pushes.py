"""Notifications on people's devices.

Revision: 0026
Follows: 0025
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from bpm_server.store.types import UtcDateTime

revision = "0026"
down_revision = "0025"

PUSHED = sa.text("push_at IS NOT NULL")
KNOWN = sa.text("device IS NOT NULL")
TESTED = sa.text("test_at IS NOT NULL")


def _moment(column: str, *, null: bool = True) -> sa.Column[Any]:
    return sa.Column(column, UtcDateTime(length=27), nullable=null)


def upgrade() -> None:
    """Changes the tables."""
    op.add_column("user", sa.Column("push_choices", sa.Text(), nullable=True))
    op.add_column("notification", _moment("push_at"))
    op.add_column("notification", sa.Column("push_to", sa.Text(), nullable=True))
    op.create_index("ix_notification_push", "notification", ["push_at"], sqlite_where=PUSHED, postgresql_where=PUSHED)
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "push_subscription",
        sa.Column("key", key, autoincrement=False, nullable=False),
        sa.Column("username", sa.String(length=256), nullable=False),
        sa.Column("endpoint_digest", sa.String(length=64), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("host", sa.String(length=256), nullable=False),
        sa.Column("name", sa.String(length=256), nullable=False),
        sa.Column("device", sa.String(length=64), nullable=True),
        _moment("created_at", null=False),
        _moment("last_used_at"),
        sa.Column("problem", sa.Text(), nullable=True),
        _moment("test_at"),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_push_subscription")),
        sa.UniqueConstraint("endpoint_digest", name=op.f("uq_push_subscription_endpoint_digest")),
    )
    op.create_index("ix_push_subscription_person", "push_subscription", ["username", "key"])
    op.create_index(
        "ix_push_subscription_device", "push_subscription", ["device"], sqlite_where=KNOWN, postgresql_where=KNOWN
    )
    op.create_index(
        "ix_push_subscription_test", "push_subscription", ["test_at"], sqlite_where=TESTED, postgresql_where=TESTED
    )

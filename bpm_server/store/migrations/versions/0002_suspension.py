"""Suspended instances: what waits for them is marked, and what reaches them is kept.

Revision: 0002
Follows: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bpm_server.store.types import UtcDateTime

revision = "0002"
down_revision = "0001"
KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Changes the tables."""
    op.create_table(
        "deferred_command",
        sa.Column("key", KEY, autoincrement=False, nullable=False),
        sa.Column("instance_key", KEY, nullable=False),
        sa.Column("command", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_deferred_command")),
    )
    op.create_index("ix_deferred_command_instance", "deferred_command", ["instance_key", "key"])
    op.add_column("process_instance", sa.Column("suspended_at", UtcDateTime(), nullable=True))
    for table in ("job", "subscription", "timer", "user_task", "webhook_delivery"):
        op.add_column(table, sa.Column("suspended", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_index("ix_timer_instance", "timer", ["instance_key"])
    op.drop_index("ix_timer_due", "timer")
    running = sa.text("NOT suspended")
    op.create_index("ix_timer_due", "timer", ["due_at"], sqlite_where=running, postgresql_where=running)

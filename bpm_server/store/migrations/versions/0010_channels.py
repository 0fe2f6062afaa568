"""Channels of outside work, their turns, rates and pauses; indexes that give jobs in the order of their claim.

Revision: 0010
Follows: 0009
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bpm_server.store.types import UtcDateTime

revision = "0010"
down_revision = "0009"

OPEN = sa.text("state = 'CREATED'")
IN_CHANNEL = sa.text("state = 'CREATED' AND channel IS NOT NULL")
WAITING = sa.text("state = 'waiting'")


def upgrade() -> None:
    """Changes the tables. Jobs that wait get their channel from the first worker that starts."""
    op.create_table(
        "channel",
        sa.Column("name", sa.String(length=800), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("paused_until", UtcDateTime(length=27), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("free_at", UtcDateTime(length=27), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_channel")),
    )
    op.add_column("job", sa.Column("channel", sa.String(length=800), nullable=True))
    op.add_column("webhook_endpoint", sa.Column("most_per_minute", sa.Integer(), nullable=True))
    op.drop_index("ix_job_open", table_name="job")
    for name, column, where in (("ix_job_due", "type", OPEN), ("ix_job_channel", "channel", IN_CHANNEL)):
        op.create_index(
            name,
            "job",
            [column, sa.text("priority DESC"), "available_at", "key"],
            sqlite_where=where,
            postgresql_where=where,
        )
    op.drop_index("ix_webhook_delivery_due", table_name="webhook_delivery")
    op.create_index(
        "ix_webhook_delivery_due",
        "webhook_delivery",
        ["endpoint_name", "next_at", "key"],
        sqlite_where=WAITING,
        postgresql_where=WAITING,
    )

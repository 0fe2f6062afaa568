"""Clocks of service levels; which version of a business calendar they were set by.

Revision: 0020
Follows: 0019
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bpm_server.store.types import UtcDateTime

revision = "0020"
down_revision = "0019"

ALARM = sa.text("alarm_at IS NOT NULL")
OPEN = sa.text("ended_at IS NULL")


def upgrade() -> None:
    """Changes the tables."""
    for table, column in (("server_state", "calendar_version"), ("business_calendar", "revision")):
        op.add_column(table, sa.Column(column, sa.BigInteger(), server_default="0", nullable=False))
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "sla_clock",
        sa.Column("task_key", key, autoincrement=False, nullable=False),
        sa.Column("instance_key", key, nullable=False),
        sa.Column("calendar_id", sa.String(length=256), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("clock", sa.Text(), nullable=False),
        sa.Column("due_at", UtcDateTime(length=27), nullable=True),
        sa.Column("alarm_at", UtcDateTime(length=27), nullable=True),
        sa.Column("rung", sa.BigInteger(), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("ended_at", UtcDateTime(length=27), nullable=True),
        sa.PrimaryKeyConstraint("task_key", name=op.f("pk_sla_clock")),
    )
    op.create_index(
        "ix_sla_clock_alarm", "sla_clock", ["alarm_at", "task_key"], sqlite_where=ALARM, postgresql_where=ALARM
    )
    op.create_index(
        "ix_sla_clock_calendar",
        "sla_clock",
        ["calendar_id", "revision", "task_key"],
        sqlite_where=OPEN,
        postgresql_where=OPEN,
    )
    op.create_index("ix_sla_clock_instance", "sla_clock", ["instance_key"])

"""Batch operations and their items.

Revision: 0004
Follows: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bpm_server.store.types import UtcDateTime

revision = "0004"
down_revision = "0003"
RUNNING = "state IN ('CREATED', 'ACTIVE')"


def upgrade() -> None:
    """Changes the tables."""
    op.create_table(
        "batch_operation",
        sa.Column("key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("plan", sa.Text(), nullable=True),
        sa.Column("asker_kind", sa.String(length=16), nullable=False),
        sa.Column("asker", sa.String(length=512), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("completed", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=True),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_batch_operation")),
    )
    op.create_index("ix_batch_operation_asker", "batch_operation", ["asker", "key"], unique=False)
    op.create_index(
        "ix_batch_operation_running",
        "batch_operation",
        ["key"],
        unique=False,
        sqlite_where=sa.text(RUNNING),
        postgresql_where=sa.text(RUNNING),
    )

    op.create_table(
        "batch_operation_item",
        sa.Column(
            "operation_key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column(
            "item_key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("instance_key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("root_key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("available_at", UtcDateTime(), nullable=False),
        sa.Column("lease", sa.String(length=32), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("processed_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("operation_key", "item_key", name=op.f("pk_batch_operation_item")),
    )
    op.create_index(
        "ix_batch_operation_item_instance", "batch_operation_item", ["instance_key", "operation_key"], unique=False
    )
    op.create_index(
        "ix_batch_operation_item_state", "batch_operation_item", ["operation_key", "state", "item_key"], unique=False
    )

"""Files beside cases and tasks.

Revision: 0018
Follows: 0017
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bpm_server.store.types import UtcDateTime

revision = "0018"
down_revision = "0017"

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Changes the tables."""
    op.create_table(
        "attachment",
        sa.Column("key", KEY, autoincrement=False, nullable=False),
        sa.Column("instance_key", KEY, nullable=False),
        sa.Column("task_key", KEY, nullable=True),
        sa.Column("document_id", sa.String(length=256), nullable=False),
        sa.Column("file_name", sa.String(length=256), nullable=False),
        sa.Column("content_type", sa.String(length=256), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("added_by", sa.String(length=512), nullable=False),
        sa.Column("added_at", UtcDateTime(length=27), nullable=False),
        sa.Column("removed_by", sa.String(length=512), nullable=True),
        sa.Column("removed_at", UtcDateTime(length=27), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_attachment")),
    )
    op.create_index("ix_attachment_instance", "attachment", ["instance_key", "key"], unique=False)
    op.create_index("ix_attachment_document", "attachment", ["document_id"], unique=False)

"""Handovers; what is open of a person at approvals is found by an index.

Revision: 0022
Follows: 0021
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"

OPEN_ITEM = sa.text("state IN ('waiting', 'to-do', 'waiting-for-added', 'delegated')")
CORRECTING = sa.text("is_correcting")


def upgrade() -> None:
    """Changes the tables."""
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "handover",
        sa.Column("key", key, autoincrement=False, nullable=False),
        sa.Column("person", sa.String(length=256), nullable=False),
        sa.Column("has_left", sa.Boolean(), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_handover")),
    )
    op.create_index("ix_handover_person", "handover", ["person", "key"])
    op.create_index(
        "ix_approval_item_open",
        "approval_item",
        ["person", "task_key"],
        sqlite_where=OPEN_ITEM,
        postgresql_where=OPEN_ITEM,
    )
    op.create_index(
        "ix_approval_correcting",
        "approval",
        ["initiator", "task_key"],
        sqlite_where=CORRECTING,
        postgresql_where=CORRECTING,
    )

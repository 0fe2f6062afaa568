"""Cluster variables, their changes, and which of them each step of the journal saw.

Revision: 0007
Follows: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Changes the tables."""
    op.create_table(
        "cluster_variable",
        sa.Column("name", sa.String(length=256), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("remarks", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_cluster_variable")),
    )
    op.create_table(
        "cluster_variable_change",
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(length=256), nullable=False),
        sa.Column("value", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_cluster_variable_change")),
    )
    op.create_index(
        op.f("ix_cluster_variable_change_name_version"), "cluster_variable_change", ["name", "version"], unique=False
    )
    for table in ("server_state", "journal"):  # the default lets the previous release go on writing
        column = sa.Column("cluster_variable_version", sa.BigInteger(), nullable=False, server_default="0")
        op.add_column(table, column)

"""Acts that ask something of others can be undone, and searches that people keep have a version.

An act that an older release notes meanwhile cannot be undone; a filter that it changes keeps its version.

Revision: 0027
Follows: 0026
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bpm_server.store.types import UtcDateTime

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    """Changes the tables."""
    op.add_column("approval_act", sa.Column("before", sa.Text(), nullable=True))
    op.add_column("approval_act", sa.Column("undone_at", UtcDateTime(length=27), nullable=True))
    op.add_column("inbox_filter", sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False))

"""What task listeners are told and answer, and the change of a user task that waits for them.

Revision: 0003
Follows: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Changes the tables."""
    op.add_column("user_task", sa.Column("operation", KEY, nullable=True))
    op.add_column("job", sa.Column("operation", KEY, nullable=True))
    op.add_column("job", sa.Column("task", sa.Text(), nullable=True))
    op.add_column("job", sa.Column("denied", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("job", sa.Column("denied_reason", sa.Text(), nullable=True))

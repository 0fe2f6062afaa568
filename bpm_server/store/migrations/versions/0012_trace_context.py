"""Which request a job or webhook comes from.

Revision: 0012
Follows: 0011
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Changes the tables."""
    for table in ("job", "webhook_delivery"):
        op.add_column(table, sa.Column("trace_context", sa.String(length=256), nullable=True))

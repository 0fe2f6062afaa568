"""When an ended instance may be removed.

Instances that had ended before have no such time: they are kept, or removed by ``bpm-server cleanup --older-than``.

Revision: 0009
Follows: 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bpm_server.store.types import UtcDateTime

revision = "0009"
down_revision = "0007"


def upgrade() -> None:
    """Changes the tables."""
    op.add_column("process_instance", sa.Column("removal_at", UtcDateTime(), nullable=True))
    known = sa.text("removal_at IS NOT NULL")
    op.create_index(
        "ix_process_instance_removal", "process_instance", ["removal_at"], sqlite_where=known, postgresql_where=known
    )

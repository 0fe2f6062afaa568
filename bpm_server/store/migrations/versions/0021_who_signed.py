"""Whether somebody has signed at a node is answered by an index.

Revision: 0021
Follows: 0020
"""

from __future__ import annotations

from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Changes the tables."""
    op.drop_index("ix_approval_item_task", "approval_item")
    op.create_index("ix_approval_item_task", "approval_item", ["task_key", "acted_by"])

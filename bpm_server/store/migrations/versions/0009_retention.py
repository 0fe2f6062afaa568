"""When an ended instance may be removed; lists of instances, done tasks and due timers by index.

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
LISTS = {
    "process": ["process_id", "key"],
    "process_started": ["process_id", "started_at", "key"],
    "state": ["state", "key"],
    "started": ["started_at", "key"],
    "ended": ["ended_at", "key"],
}
SOME = {
    "parent": ("parent_key", "parent_key IS NOT NULL"),
    "business_key": ("business_key", "business_key IS NOT NULL"),
    "incidents": ("key", "incidents > 0"),
    "removal": ("removal_at", "removal_at IS NOT NULL"),
}


def upgrade() -> None:
    """Changes the tables."""
    op.add_column("process_instance", sa.Column("removal_at", UtcDateTime(), nullable=True))
    for name, columns in LISTS.items():
        op.create_index(f"ix_process_instance_{name}", "process_instance", columns)
    for name, (column, condition) in SOME.items():
        if name in ("parent", "business_key"):  # had all instances, most of them without a value
            op.drop_index(f"ix_process_instance_{name}", "process_instance")
        where = sa.text(condition)
        op.create_index(
            f"ix_process_instance_{name}", "process_instance", [column], sqlite_where=where, postgresql_where=where
        )
    op.drop_index("ix_timer_due", "timer")
    running = sa.text("NOT suspended")
    op.create_index("ix_timer_due", "timer", ["due_at", "key"], sqlite_where=running, postgresql_where=running)
    op.drop_index("ix_user_task_ended_by", "user_task")
    op.create_index("ix_user_task_ended_by", "user_task", ["ended_by", "state", "ended_at", "key"])

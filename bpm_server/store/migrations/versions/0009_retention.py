"""When an ended instance may be removed; lists of instances, done tasks and due timers by index.

Instances that had ended before have no such time: they are kept, or removed by ``bpm-server cleanup --older-than``.

Revision: 0009
Follows: 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bpm_server.store.types import UtcDateTime

revision = "0009"
down_revision = "0008"
LISTS = {
    "process": ["process_id", "key"],
    "process_started": ["process_id", "started_at", "key"],
    "state": ["state", "key"],
    "started": ["started_at", "key"],
    "ended": ["ended_at", "key"],
}
"""New ones on process instances."""
SOME = (
    ("process_instance", "parent", ["parent_key"], "parent_key IS NOT NULL"),
    ("process_instance", "business_key", ["business_key"], "business_key IS NOT NULL"),
    ("process_instance", "incidents", ["key"], "incidents > 0"),
    ("process_instance", "removal", ["removal_at"], "removal_at IS NOT NULL"),
    ("user_task", "ended_by", ["ended_by", "state", "ended_at", "key"], "ended_by IS NOT NULL"),
    ("timer", "definition", ["process_definition_key"], "process_definition_key IS NOT NULL"),
    ("timer", "due", ["due_at", "key"], "NOT suspended"),
)
"""Of some rows only."""
NEW = {"incidents", "removal"}


def upgrade() -> None:
    """Changes the tables."""
    op.add_column("process_instance", sa.Column("removal_at", UtcDateTime(), nullable=True))
    for name, columns in LISTS.items():
        op.create_index(f"ix_process_instance_{name}", "process_instance", columns)
    for table, name, columns, condition in SOME:
        if name not in NEW:
            op.drop_index(f"ix_{table}_{name}", table)
        where = sa.text(condition)
        op.create_index(f"ix_{table}_{name}", table, columns, sqlite_where=where, postgresql_where=where)

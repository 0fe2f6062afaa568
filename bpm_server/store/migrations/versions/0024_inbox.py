"""Inboxes in the order of due dates, and searches that people keep.

The candidates of open tasks repeat when these are due, so that an index answers what is due first of all that a group
is offered. Those that an older release writes meanwhile lack it: such tasks stand behind the others.

Revision: 0024
Follows: 0022
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bpm_server.store.types import Key, UtcDateTime

revision = "0024"
down_revision = "0022"

IS_DUE = sa.text("due_date IS NOT NULL")
IS_OPEN_AND_DUE = sa.text("state = 'CREATED' AND due_date IS NOT NULL")
IS_SHARED = sa.text("shared_with IS NOT NULL")


def upgrade() -> None:
    """Changes the tables."""
    op.add_column("user_task_candidate", sa.Column("due_date", UtcDateTime(), nullable=True))
    op.execute(
        "UPDATE user_task_candidate SET due_date = "
        "(SELECT due_date FROM user_task WHERE user_task.key = user_task_candidate.task_key)"
    )
    op.create_index(
        "ix_user_task_candidate_due",
        "user_task_candidate",
        ["kind", "name", "due_date", "task_key"],
        sqlite_where=IS_DUE,
        postgresql_where=IS_DUE,
    )
    op.create_index(
        "ix_user_task_due",
        "user_task",
        ["assignee", "due_date", "key"],
        sqlite_where=IS_OPEN_AND_DUE,
        postgresql_where=IS_OPEN_AND_DUE,
    )
    op.create_table(
        "inbox_filter",
        sa.Column("key", Key, autoincrement=False, nullable=False),
        sa.Column("owner", sa.String(length=256), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("criteria", sa.Text(), nullable=False),
        sa.Column("shared_with", sa.String(length=512), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_inbox_filter")),
        sa.UniqueConstraint("owner", "name", name=op.f("uq_inbox_filter_owner_name")),
    )
    op.create_index("ix_inbox_filter_owner", "inbox_filter", ["owner", "place", "key"])
    op.create_index(
        "ix_inbox_filter_shared",
        "inbox_filter",
        ["shared_with", "key"],
        sqlite_where=IS_SHARED,
        postgresql_where=IS_SHARED,
    )

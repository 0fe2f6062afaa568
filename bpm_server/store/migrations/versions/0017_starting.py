"""Favourites, drafts, forms that are open to the public.

Revision: 0017
Follows: 0016
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bpm_server.store.types import Key, UtcDateTime

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Changes the tables."""
    op.create_table(
        "favourite",
        sa.Column("username", sa.String(length=256), nullable=False),
        sa.Column("process_id", sa.String(length=512), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("username", "process_id", name=op.f("pk_favourite")),
    )
    op.create_table(
        "draft",
        sa.Column("key", Key, autoincrement=False, nullable=False),
        sa.Column("username", sa.String(length=256), nullable=False),
        sa.Column("place", sa.String(length=530), nullable=False),
        sa.Column("process_id", sa.String(length=512), nullable=False),
        sa.Column("task_key", Key, nullable=True),
        sa.Column("instance_key", Key, nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("saved_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_draft")),
        sa.UniqueConstraint("username", "place", name=op.f("uq_draft_username_place")),
    )
    op.create_index("ix_draft_saved", "draft", ["saved_at"], unique=False)
    for column in ("task", "instance"):
        some = sa.text(f"{column}_key IS NOT NULL")
        op.create_index(f"ix_draft_{column}", "draft", [f"{column}_key"], sqlite_where=some, postgresql_where=some)
    op.create_table(
        "public_form",
        sa.Column("key", Key, autoincrement=False, nullable=False),
        sa.Column("token", sa.String(length=64), nullable=False),
        sa.Column("process_id", sa.String(length=512), nullable=False),
        sa.Column("name", sa.String(length=256), nullable=False),
        sa.Column("origins", sa.Text(), nullable=False),
        sa.Column("address_per_hour", sa.Integer(), nullable=False),
        sa.Column("total_per_hour", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("created_by", sa.String(length=256), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=True),
        sa.Column("closed_at", UtcDateTime(), nullable=True),
        sa.Column("closed_by", sa.String(length=256), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_public_form")),
        sa.UniqueConstraint("token", name=op.f("uq_public_form_token")),
    )
    op.create_index("ix_public_form_process", "public_form", ["process_id", "key"], unique=False)

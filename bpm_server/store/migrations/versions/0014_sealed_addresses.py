"""E-mail addresses of people, sealed; large values of journals in rows of their own.

Addresses of before are sealed by the code, which has the key (``migrate --finish``). Processes of the previous release
still read and write the column ``email``, so it stays until a later release. They cannot read large values, so none is
written until that step (``keeps_large_values``).

Revision: 0014
Follows: 0013
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bpm_server.store.types import Key

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Changes the tables."""
    op.add_column("user", sa.Column("email_sealed", sa.LargeBinary(), nullable=True))
    op.add_column("user", sa.Column("email_digest", sa.String(length=64), nullable=True))
    op.create_index("ix_user_email_digest", "user", ["email_digest"])
    where = sa.text("email IS NOT NULL")
    op.create_index("ix_user_email", "user", ["email"], sqlite_where=where, postgresql_where=where)
    op.add_column(
        "server_state", sa.Column("keeps_large_values", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.create_table(
        "large_value",
        sa.Column("instance_key", Key, autoincrement=False, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("instance_key", "digest", name=op.f("pk_large_value")),
    )

"""E-mail addresses of people, sealed; those of before are sealed by the code, which has the key (``migrate --finish``).

Processes of the previous release still read and write the column ``email``, so it stays until a later release.

Revision: 0015
Follows: 0012
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0012"


def upgrade() -> None:
    """Changes the tables."""
    op.add_column("user", sa.Column("email_sealed", sa.LargeBinary(), nullable=True))
    op.add_column("user", sa.Column("email_digest", sa.String(length=64), nullable=True))
    op.create_index("ix_user_email_digest", "user", ["email_digest"])
    where = sa.text("email IS NOT NULL")
    op.create_index("ix_user_email", "user", ["email"], sqlite_where=where, postgresql_where=where)

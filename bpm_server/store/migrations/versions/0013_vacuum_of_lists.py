"""PostgreSQL takes away soon what instances and tasks leave behind in indexes when they end.

Lists of what is open read an index from its oldest entry on; there lie the entries of what was open before, until a
vacuum. By default it waits for a fifth of the table, and so with a million instances lists walked past hundreds
of thousands.

Revision: 0013
Follows: 0012
"""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"

DEAD_ROWS, DEAD_SHARE = 10_000, 0.002
"""A vacuum begins at so many; one reads whole indexes, so for very large tables some more may wait for it."""
TABLES = ("process_instance", "user_task", "user_task_candidate", "incident")


def upgrade() -> None:
    """Changes how the tables are kept; nothing on SQLite, whose indexes have no dead entries."""
    if op.get_bind().dialect.name != "postgresql":
        return
    for table in TABLES:
        op.execute(
            f"ALTER TABLE {table} SET (autovacuum_vacuum_threshold = {DEAD_ROWS}, "
            f"autovacuum_vacuum_scale_factor = {DEAD_SHARE}, vacuum_index_cleanup = on)"
        )

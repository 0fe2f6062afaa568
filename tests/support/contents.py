"""Everything that a database holds, to see that something changed nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from bpm_server.store.tables import db

if TYPE_CHECKING:
    from tests.support.product import Product


def row_counts(bpm: Product) -> dict[str, int]:
    """Rows of every table, in one statement."""
    parts = [
        sa.select(sa.literal(name).label("name"), sa.func.count().label("rows")).select_from(table)
        for name, table in db.metadata.tables.items()
    ]
    return {row.name: row.rows for row in bpm.rows(sa.union_all(*parts))}


def contents(bpm: Product) -> dict[str, list[str]]:
    """Every row of every table as text; tables without rows are named too."""
    found: dict[str, list[str]] = {}
    with bpm.server.database.read() as connection:
        for name, table in db.metadata.tables.items():
            found[name] = sorted(repr(tuple(row)) for row in connection.execute(sa.select(table)))
    return found

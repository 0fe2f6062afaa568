"""Inserting and upserting many rows in one statement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy.dialects import postgresql, sqlite

if TYPE_CHECKING:
    from collections.abc import Sequence

    import sqlalchemy as sa
    from sqlalchemy.engine import Connection

_UPSERTS: dict[tuple[str, str, tuple[str, ...]], Any] = {}


def insert(connection: Connection, table: sa.Table, values: Sequence[dict[str, Any]]) -> None:
    """Inserts rows; nothing happens for none."""
    if values:
        connection.execute(table.insert(), list(values))


def upsert(
    connection: Connection,
    table: sa.Table,
    values: Sequence[dict[str, Any]],
    keys: tuple[str, ...],
    updates: tuple[str, ...],
) -> None:
    """Inserts rows; where the unique ``keys`` exist, the columns ``updates`` get the new values."""
    if not values:
        return
    dialect = connection.dialect.name
    statement = _UPSERTS.get((dialect, table.name, updates))
    if statement is None:
        plain = (sqlite if dialect == "sqlite" else postgresql).insert(table)
        statement = plain.on_conflict_do_update(
            index_elements=list(keys), set_={name: plain.excluded[name] for name in updates}
        )
        _UPSERTS[dialect, table.name, updates] = statement
    connection.execute(statement, list(values))

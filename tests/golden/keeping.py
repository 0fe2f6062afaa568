"""Rows of a database as JSON, and back into a database with the tables of that time.

A file of ``tests/golden`` has a line for each scenario of ``../shared/scenarios``: which it is, how many of its steps
have been made, the revision of the tables, and all rows, in SQLite's own values (bytes as base64).
"""

from __future__ import annotations

import base64
import json
import lzma
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from alembic import command

from bpm_server.store import migrate

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bpm_server.store.database import Database

FOLDER = Path(__file__).parent
Rows = dict[str, list[dict[str, Any]]]


def rows_of(database: Database) -> Rows:
    """All rows of an SQLite database, by table."""
    found: Rows = {}
    with database.engine.connect() as connection:
        names = connection.exec_driver_sql(
            "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
        ).scalars()
        for name in list(names):
            rows = connection.exec_driver_sql(f'SELECT * FROM "{name}"').mappings().all()
            if rows and name != "alembic_version" and not name.startswith("sqlite_"):
                found[name] = [{column: _kept(value) for column, value in row.items()} for row in rows]
    return found


def _kept(value: Any) -> Any:
    return {"base64": base64.b64encode(value).decode()} if isinstance(value, bytes) else value


def _original(value: Any, column: sa.Column[Any]) -> Any:
    if isinstance(value, dict):
        return base64.b64decode(value["base64"])
    return bool(value) if isinstance(column.type, sa.Boolean) and value is not None else value


def make_tables(database: Database, revision: str) -> None:
    """The tables of a revision in an empty database."""
    with database.engine.connect() as connection:
        command.upgrade(migrate.config(connection), revision)
        connection.commit()


def fill(database: Database, kept: Rows) -> None:
    """Puts rows into tables of their revision, instead of what migrations put there."""
    metadata = sa.MetaData()
    metadata.reflect(database.engine, only=list(kept))
    with database.engine.connect() as connection:
        for name, rows in kept.items():
            table = metadata.tables[name]
            connection.execute(table.delete())
            names = ", ".join(f'"{column}"' for column in rows[0])
            places = ", ".join("?" if database.is_sqlite else "%s" for _ in rows[0])
            values = [tuple(_original(row[column], table.c[column]) for column in rows[0]) for row in rows]
            connection.exec_driver_sql(f'INSERT INTO "{name}" ({names}) VALUES ({places})', values)
        connection.commit()


def write(path: Path, lines: Iterable[dict[str, Any]]) -> None:
    """A file of golden databases."""
    with lzma.open(path, "wt", encoding="utf-8") as file:
        for line in lines:
            file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")


def read(path: Path) -> list[dict[str, Any]]:
    """Its lines."""
    with lzma.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]

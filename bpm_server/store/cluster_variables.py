"""Reading and writing cluster variables, as they are and as they were."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server.domain.cluster_variables import outer_variables
from bpm_server.kernel import json
from bpm_server.store import rows
from bpm_server.store.tables.cluster_variables import cluster_variable as t
from bpm_server.store.tables.cluster_variables import cluster_variable_change as change
from bpm_server.store.tables.server import server_state

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.engine import Connection


@dataclass(frozen=True, slots=True)
class ClusterVariableRow:
    """A variable; value and remarks are JSON."""

    name: str
    value: str
    remarks: str


def find(connection: Connection, name: str) -> ClusterVariableRow | None:
    """The variable of this name; None where there is none."""
    row = connection.execute(sa.select(*t.columns).where(t.c.name == name)).one_or_none()
    return None if row is None else ClusterVariableRow(**row._mapping)


def save(connection: Connection, row: ClusterVariableRow) -> None:
    """Adds a variable or changes it."""
    values = {"name": row.name, "value": row.value, "remarks": row.remarks}
    rows.upsert(connection, t, [values], ("name",), ("value", "remarks"))
    _note(connection, row.name, row.value)


def delete(connection: Connection, name: str) -> None:
    """Removes a variable."""
    connection.execute(t.delete().where(t.c.name == name))
    _note(connection, name, None)


def _note(connection: Connection, name: str, value: str | None) -> None:
    """Counts the version up, which all processes compare, and keeps what changed with it."""
    column = server_state.c.cluster_variable_version
    counted = server_state.update().where(server_state.c.id == 1).values({column.name: column + 1}).returning(column)
    version = connection.execute(counted).scalar_one()
    rows.insert(connection, change, [{"version": version, "name": name, "value": value}])


def outer_at(connection: Connection, version: int) -> Mapping[str, Any]:
    """What expressions saw beyond their process at a version."""
    later = change.alias("later")
    newest = ~sa.exists().where(
        later.c.name == change.c.name, later.c.version > change.c.version, later.c.version <= version
    )
    query = sa.select(change.c.name, change.c.value).where(
        change.c.version <= version, change.c.value.is_not(None), newest
    )
    return outer_variables({row.name: json.loads(row.value) for row in connection.execute(query)})

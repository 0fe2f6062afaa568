"""Reading incidents for commands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from bpm_server.domain.states import IncidentState
from bpm_server.kernel.errors import NotFound
from bpm_server.store.tables.instances import incident

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection


@dataclass(frozen=True, slots=True)
class IncidentRow:
    """An incident as commands see it."""

    key: int
    instance_key: int
    root_key: int
    process_id: str
    element_key: int
    element_id: str
    kind: str
    state: str
    job_key: int | None
    chunk: int


def is_active(connection: Connection, element_key: int, kind: str) -> bool:
    """Whether an element waits because of an incident of a kind."""
    mine = (incident.c.element_key == element_key, incident.c.kind == kind, incident.c.state == IncidentState.ACTIVE)
    return connection.execute(sa.select(incident.c.key).where(*mine).limit(1)).first() is not None


_COLUMNS = [incident.c[name] for name in IncidentRow.__slots__]


def read_incident(connection: Connection, key: int) -> IncidentRow:
    """An incident as it is.

    Raises:
        NotFound: there is none with this key.
    """
    row = connection.execute(sa.select(*_COLUMNS).where(incident.c.key == key)).one_or_none()
    if row is None:
        message = f"Expected to find incident '{key}', but there is none"
        raise NotFound(message)
    return IncidentRow(**row._mapping)

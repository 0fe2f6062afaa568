"""Rows of an instance that follows another definition: what has not ended names the new one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server.domain.states import IncidentState
from bpm_server.store import rows
from bpm_server.store.tables.instances import element_instance, incident, process_instance
from bpm_server.store.tables.jobs import job, timer
from bpm_server.store.tables.messages import subscription
from bpm_server.store.tables.tasks import user_task

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from bpm_server.domain.events import ElementMigrated, InstanceMigrated, WaitMigrated


@dataclass(slots=True)
class Migrated:
    """What one instance's migration changes."""

    instance: InstanceMigrated
    elements: list[ElementMigrated] = field(default_factory=list)
    waits: list[WaitMigrated] = field(default_factory=list)

    def write(self, connection: Connection) -> None:
        """Changes the rows; after those of ended waits are gone, before new ones come."""
        moved, key = self.instance, self.instance.key
        definition = {"process_definition_key": moved.definition_key, "process_id": moved.process_id}
        versioned = {**definition, "process_version": moved.version}
        t = process_instance
        connection.execute(t.update().where(t.c.key == key).values(**definition, version=moved.version))
        for table, values, open_ in (
            (user_task, versioned, user_task.c.ended_at.is_(None)),
            (job, versioned, job.c.ended_at.is_(None)),
            (subscription, definition, sa.true()),
            (incident, definition, incident.c.state == IncidentState.ACTIVE),
        ):
            connection.execute(table.update().where(table.c.instance_key == key, open_).values(**values))
        if self.elements:
            self._write_elements(connection)
        for element_key in dict.fromkeys(wait.element_key for wait in self.waits):
            self._write_waits(connection, element_key)

    def _write_elements(self, connection: Connection) -> None:
        found = [{"b_key": one.key, "b_id": one.element_id, "b_name": one.name} for one in self.elements]
        for prepared in _MOVED:
            prepared.run(connection, found)

    def _write_waits(self, connection: Connection, element_key: int) -> None:
        """All waits of an element at once: two of them may have changed places."""
        waits = [wait for wait in self.waits if wait.element_key == element_key]
        names = {wait.event_id: wait.new_event_id for wait in waits}
        stops = {wait.event_id: wait.interrupting for wait in waits}
        for table in (timer, subscription):
            event_id = table.c.event_id
            values: dict[str, Any] = {"event_id": sa.case(names, value=event_id, else_=event_id)}
            if table is subscription:
                values["interrupting"] = sa.case(stops, value=event_id, else_=table.c.interrupting)
            connection.execute(table.update().where(table.c.element_key == element_key).values(**values))


def _moved(table: sa.Table, key: str, *open_: sa.ColumnElement[bool], **more: Any) -> rows.Prepared:
    """Rows of one element instance each get its new id; sent row by row, as a pipeline wants it."""
    moved = table.update().where(table.c[key] == sa.bindparam("b_key"), *open_)
    return rows.Prepared(lambda _: moved.values(element_id=sa.bindparam("b_id"), **more))


_MOVED = (
    _moved(element_instance, "key"),
    _moved(user_task, "key", name=sa.bindparam("b_name")),
    _moved(job, "element_key", job.c.ended_at.is_(None)),
    _moved(incident, "element_key", incident.c.resolved_at.is_(None)),
)

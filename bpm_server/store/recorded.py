"""The open rows of an instance as its journal has them: where rows are lost, they are written again from it.

What people and workers did beside the engine (claims, leases, tries) is not in events.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa

from bpm_server.domain import events as e
from bpm_server.kernel import json
from bpm_server.kernel.errors import InvalidInput
from bpm_server.store.apply import apply
from bpm_server.store.batch import Batch
from bpm_server.store.large_values import filled
from bpm_server.store.tables.history import journal

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from bpm_server.store.batch import InstanceRow
    from bpm_server.store.moments import Moment

STEPS_AT_ONCE = 100


class Recorded:
    """Rows of one instance after the last step of its journal.

    Attributes:
        batch: Its collections of rows hold what is open (and all element instances); it must not be written.
        created: The event that made each task, by key.

    Raises (when it is made):
        InvalidInput: a step of the journal cannot be read.
    """

    def __init__(self, connection: Connection, row: InstanceRow, moment: Moment) -> None:
        numbers = itertools.count(1)
        self.batch = Batch(moment, None, lambda: next(numbers))
        self.created: dict[int, e.UserTaskCreated] = {}
        self._row = replace(row)
        self._row.suspended_at = None
        t = journal
        query = sa.select(t.c.at, t.c.actor, t.c.events).where(t.c.instance_key == row.key).order_by(t.c.sequence)
        with connection.execute(query, execution_options={"yield_per": STEPS_AT_ONCE}) as found:
            for steps in found.partitions():
                texts = filled(connection, row.key, [step.events for step in steps])
                for step, text in zip(steps, texts, strict=True):
                    self.batch.now, self.batch.actor = step.at, step.actor
                    self._step(_events(row.key, text))

    def _step(self, happened: list[e.AnyEvent]) -> None:
        apply(self.batch, self._row, happened)
        for key in self.batch.ended_tasks:
            self.batch.tasks.pop(key, None)
        for event in happened:
            if isinstance(event, e.UserTaskCreated):
                self.created[event.key] = event
            elif isinstance(event, e.InstanceMigrated):
                self._migrate(event)
            elif isinstance(event, e.ElementMigrated):
                self._move(event)
        self._move_waits([event for event in happened if isinstance(event, e.WaitMigrated)])

    def _migrate(self, event: e.InstanceMigrated) -> None:
        definition = {"process_definition_key": event.definition_key, "process_id": event.process_id}
        for values in (*self.batch.tasks.values(), *self.batch.jobs.values()):
            values.update(definition, process_version=event.version)
        for values in (*self.batch.subscriptions.values(), *self.batch.incidents.values()):
            values.update(definition)

    def _move(self, event: e.ElementMigrated) -> None:
        for rows in (self.batch.elements, self.batch.tasks, self.batch.jobs, self.batch.incidents):
            if event.key in rows:
                rows[event.key]["element_id"] = event.element_id
        if event.key in self.batch.tasks:
            self.batch.tasks[event.key]["name"] = event.name

    def _move_waits(self, moved: list[e.WaitMigrated]) -> None:
        """All at once: two of them may have changed places."""
        by_place = {(event.element_key, event.event_id): event for event in moved}
        for rows in (self.batch.timers, self.batch.subscriptions):
            for values in rows.values():
                event = by_place.get((values["element_key"], values["event_id"]))
                if event is not None:
                    values["event_id"] = event.new_event_id
                    if "interrupting" in values:
                        values["interrupting"] = event.interrupting

    def find(self, table: str, element_key: int) -> list[dict[str, Any]]:
        """The open rows of a table for one element."""
        if table in ("timer", "subscription"):
            waits = self.batch.timers if table == "timer" else self.batch.subscriptions
            return [values for values in waits.values() if values["element_key"] == element_key]
        by_element = {
            "element_instance": self.batch.elements,
            "user_task": self.batch.tasks,
            "job": self.batch.jobs,
            "incident": self.batch.incidents,
        }[table]
        return [by_element[element_key]] if element_key in by_element else []


def _events(instance_key: int, text: str) -> list[e.AnyEvent]:
    try:
        return [msgspec.convert(event, e.AnyEvent) for event in json.loads(text)]
    except (msgspec.MsgspecError, TypeError) as error:
        message = f"Expected the journal of instance '{instance_key}' to hold events, but found: {error}"
        raise InvalidInput(message) from error

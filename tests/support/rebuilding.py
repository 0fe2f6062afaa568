"""Rebuilds the tables of running processes from the journal alone, through ``store.apply``."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa

from bpm_server.domain import commands as c
from bpm_server.domain import events as e
from bpm_server.domain.states import InstanceState
from bpm_server.kernel import json
from bpm_server.store.apply import record
from bpm_server.store.batch import Batch, InstanceRow
from bpm_server.store.large_values import filled
from bpm_server.store.moments import read_moment
from bpm_server.store.tables import db
from bpm_server.store.tables.definitions import process_definition
from bpm_server.store.tables.history import journal
from tests.support.snapshot import FIRST_KEY

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Row

    from bpm_server.store.database import Database

Journal = dict[int, list[tuple["Row[Any]", c.AnyCommand, list[e.AnyEvent]]]]

NOT_IN_EVENTS = {
    # The tokens themselves: replaying the commands makes them again (``reports.replay``).
    # How long it is kept: what the process and the installation said when it ended.
    "process_instance": {"tokens", "removal_at"},
    "instance_item": {"tokens", "parent_chunk"},
    # A number of its own for each row that nothing refers to.
    "variable": {"key"},
    # What people do with a task before they answer; the form that was deployed when the task was made.
    "user_task": {"assignee", "claimed_at", "form_key"},
    # Attempts of workers (and so FAILED and ERROR_THROWN): booked at the job, the process does not move.
    # Which channel it goes through is a matter of the installation's connectors.
    "job": {
        "channel",
        "available_at",
        "lease",
        "worker",
        "retries",
        "error_code",
        "error_message",
        "state",
        "suspended",
        "trace_context",
    },
}
"""Columns that commands beside the engine write; everything else comes from events."""
TABLES = (
    "process_instance", "element_instance", "variable", "user_task", "user_task_candidate", "job", "timer",
    "subscription", "incident", "decision_instance", "instance_item", "journal", "large_value",
)  # fmt: skip


def differences(source: Database, target: Database) -> dict[str, tuple[list[Any], list[Any]]]:
    """Rows, by table, of running processes that only one of two databases has; without what is not in events."""
    found = {}
    for table in (db.metadata.tables[name] for name in TABLES):
        names = [column.name for column in table.columns if column.name not in NOT_IN_EVENTS.get(table.name, ())]
        one, other = (_rows(database, table, names) for database in (source, target))
        if one != other:
            found[table.name] = ([row for row in one if row not in other], [row for row in other if row not in one])
    return found


def _rows(database: Database, table: sa.Table, names: list[str]) -> list[Any]:
    query = sa.select(*[table.c[name] for name in names])
    if "instance_key" in names:
        query = query.where(table.c.instance_key.is_not(None))  # start events wait in no instance
    if table.name == "instance_item":
        query = query.where(table.c.output.is_not(None))  # those at work hold tokens and nothing else
    with database.read() as connection:
        return sorted((tuple(row) for row in connection.execute(query)), key=repr)


def rebuild(source: Database, target: Database) -> None:
    """Fills the tables of an empty database."""
    with source.read() as connection:
        steps = _steps(connection)
        processes = {
            row.key: row for row in connection.execute(sa.select(*process_definition.columns))
        }  # what was deployed is no running process
    keys = itertools.count(2 * FIRST_KEY)
    known: dict[int, InstanceRow] = {}
    with target.write() as connection:
        moment = read_moment(connection)  # begins the transaction, as in every command
        for key in sorted(steps):  # callers are older than what they call
            for step, command, happened in steps[key]:
                if isinstance(command, c.StartInstance):
                    known[key] = _begun(step, command, processes, steps, known)
                then = replace(moment, now=step.at, cluster_variable_version=step.cluster_variable_version)
                batch = Batch(then, step.actor, keys.__next__)
                record(batch, known[key], command, happened, {}, ())
                batch.flush(connection)
                known[key].is_new = False
        connection.commit()


def _steps(connection: Connection) -> Journal:
    steps: Journal = {}
    for row in connection.execute(sa.select(*journal.columns).order_by(journal.c.instance_key, journal.c.sequence)):
        texts = filled(connection, row.instance_key, [row.command, row.events])
        command = msgspec.convert(json.loads(texts[0]), c.AnyCommand)
        happened = [msgspec.convert(event, e.AnyEvent) for event in json.loads(texts[1])]
        steps.setdefault(row.instance_key, []).append((row, command, happened))
    return steps


def _begun(
    step: Row[Any],
    command: c.StartInstance,
    processes: dict[int, Row[Any]],
    steps: Journal,
    known: dict[int, InstanceRow],
) -> InstanceRow:
    process = processes[command.process_definition_key]
    parent, chunk = (None, None) if command.called_by is None else _caller(command.called_by, steps, known)
    return InstanceRow(
        key=command.key,
        process_definition_key=process.key,
        process_id=process.process_id,
        version=process.version,
        state=InstanceState.ACTIVE,
        lock_version=0,
        root_key=command.key if parent is None else parent.root_key,
        parent_key=None if parent is None else parent.key,
        parent_element_key=command.called_by,
        parent_chunk=chunk,
        depth=0 if parent is None else parent.depth + 1,
        business_key=command.business_key,
        incidents=0,
        started_at=step.at,
        started_by=step.actor,
        tags=command.tags,
        is_new=True,
    )


def _caller(element_key: int, steps: Journal, known: dict[int, InstanceRow]) -> tuple[InstanceRow, int]:
    for key, parent in known.items():
        for _, _, happened in steps[key]:
            for event in happened:
                if isinstance(event, e.ProcessCalled) and event.element_key == element_key:
                    return parent, event.chunk
    message = f"Expected a journal that says who called with element '{element_key}', but found none"
    raise AssertionError(message)

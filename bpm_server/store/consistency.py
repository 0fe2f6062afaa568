"""The open rows of one instance, and mending them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server.domain.consistency import Found
from bpm_server.domain.states import ElementState, IncidentState, JobState, TaskState
from bpm_server.kernel import json
from bpm_server.store import rows
from bpm_server.store.candidates import CANDIDATES, candidate_rows, insert_candidates
from bpm_server.store.tables.history import journal
from bpm_server.store.tables.instances import (
    deferred_command,
    element_instance,
    incident,
    process_instance,
)
from bpm_server.store.tables.jobs import job, timer
from bpm_server.store.tables.messages import subscription
from bpm_server.store.tables.tasks import user_task, user_task_candidate

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.engine import Connection, Row

TABLES = {
    table.name: table
    for table in (
        element_instance,
        user_task,
        user_task_candidate,
        job,
        timer,
        subscription,
        incident,
        process_instance,
    )
}
IS_OPEN: dict[str, sa.ColumnElement[bool]] = {
    "element_instance": element_instance.c.state == ElementState.ACTIVE,
    "user_task": user_task.c.ended_at.is_(None),
    "job": job.c.ended_at.is_(None) & (job.c.state != JobState.ERROR_THROWN),
    "timer": sa.true(),
    "subscription": sa.true(),
    "incident": incident.c.state == IncidentState.ACTIVE,
}
"""What makes a row open; a job that threw an error stays as it is until its element ends or is tried again."""
ENDINGS: dict[str, dict[str, Any]] = {
    "element_instance": {"state": ElementState.TERMINATED},
    "user_task": {"state": TaskState.CANCELED, "operation": None},
    "job": {"state": JobState.CANCELED, "lease": None},
    "incident": {"state": IncidentState.RESOLVED},
}
"""How an open row ends; those of other tables are deleted."""
MARKED = ("user_task", "job", "timer", "subscription")
"""Tables whose open rows are suspended with their instance."""
PLACE = {"element_instance": "key", "user_task": "key"}
"""The column with the element's key, where it is not ``element_key``."""


def active_keys(connection: Connection, after: int, limit: int) -> list[int]:
    """Keys of instances that run, in order, beyond one."""
    t = process_instance
    query = sa.select(t.c.key).where(t.c.ended_at.is_(None), t.c.key > after).order_by(t.c.key).limit(limit)
    return list(connection.execute(query).scalars())


def read_found(connection: Connection, key: int, *, suspended: bool) -> Found:
    """The open rows of an instance."""

    def open_rows(table: sa.Table, *columns: str) -> Sequence[Row[Any]]:
        query = sa.select(*[table.c[name] for name in columns]).where(table.c.instance_key == key, IS_OPEN[table.name])
        return connection.execute(query.order_by(table.c.key)).all()

    jobs: dict[int, list[int]] = {}
    for row in open_rows(job, "key", "element_key"):
        jobs.setdefault(row.element_key, []).append(row.key)
    c = process_instance.c
    children = sa.select(c.parent_element_key).where(c.parent_key == key, c.ended_at.is_(None))
    thrown = sa.select(job.c.element_key).where(
        job.c.instance_key == key, job.c.state == JobState.ERROR_THROWN, job.c.ended_at.is_(None)
    )
    deferred = sa.select(deferred_command.c.key).where(deferred_command.c.instance_key == key).limit(1)
    tasks = open_rows(user_task, "key", *CANDIDATES)
    return Found(
        elements={row.key: row.element_id for row in open_rows(element_instance, "key", "element_id")},
        tasks={row.key for row in tasks},
        jobs=jobs,
        waits={
            (row.element_key, row.event_id): row.key
            for row in open_rows(subscription, "key", "element_key", "event_id")
        },
        timers={(row.element_key, row.event_id): row.key for row in open_rows(timer, "key", "element_key", "event_id")},
        incidents={row.element_key: row.key for row in open_rows(incident, "key", "element_key")},
        thrown=set(connection.execute(thrown).scalars()),
        callers=set(connection.execute(children).scalars()),
        settled=connection.execute(deferred).first() is not None,
        misplaced=_misplaced(connection, key, suspended=suspended),
        unlisted={row.key for row in tasks if _candidates(connection, row.key) != listed(row)},
    )


def _candidates(connection: Connection, task_key: int) -> set[tuple[str, str]]:
    t = user_task_candidate
    return {
        (row.kind, row.name)
        for row in connection.execute(sa.select(t.c.kind, t.c.name).where(t.c.task_key == task_key))
    }


def listed(task: Row[Any]) -> set[tuple[str, str]]:
    """Kind and name of everyone in a task's lists."""
    return {(kind, name) for column, kind in CANDIDATES.items() for name in json.loads(getattr(task, column))}


def _misplaced(connection: Connection, key: int, *, suspended: bool) -> dict[str, int]:
    result = {}
    for name in MARKED:
        t = TABLES[name]
        wrong = (t.c.instance_key == key, IS_OPEN[name], t.c.suspended != suspended)
        count: int = connection.execute(sa.select(sa.func.count()).select_from(t).where(*wrong)).scalar_one()
        if count:
            result[name] = count
    return result


def last_sequence(connection: Connection, key: int) -> int:
    """The number of the last step in the journal, 0 where there is none."""
    query = sa.select(sa.func.coalesce(sa.func.max(journal.c.sequence), 0)).where(journal.c.instance_key == key)
    found: int = connection.execute(query).scalar_one()
    return found


# --- mending ----------------------------------------------------------------------------------------------


def end_row(connection: Connection, table: str, where: sa.ColumnElement[bool], now: datetime) -> None:
    """Ends open rows that no token needs."""
    t = TABLES[table]
    chosen = where & IS_OPEN[table]
    if table not in ENDINGS:
        connection.execute(t.delete().where(chosen))
        return
    if table == "user_task":
        ended = sa.select(t.c.key).where(chosen)
        connection.execute(user_task_candidate.delete().where(user_task_candidate.c.task_key.in_(ended)))
    ended_at = "resolved_at" if table == "incident" else "ended_at"
    connection.execute(t.update().where(chosen).values({**ENDINGS[table], ended_at: now}))


def place_of(table: str) -> sa.ColumnElement[int]:
    """The column that names the element."""
    column: sa.ColumnElement[int] = TABLES[table].c[PLACE.get(table, "element_key")]
    return column


def insert_again(connection: Connection, table: str, values: dict[str, Any]) -> None:
    """Writes a lost row; one of the same key that is there ended too early."""
    t = TABLES[table]
    connection.execute(t.delete().where(t.c.key == values["key"]))
    rows.insert(connection, t, [values])


def write_candidates(connection: Connection, task_key: int) -> None:
    """Offers an open task to those of its lists, and nobody else."""
    t = user_task
    found = connection.execute(sa.select(*[t.c[name] for name in CANDIDATES]).where(t.c.key == task_key)).one()
    connection.execute(user_task_candidate.delete().where(user_task_candidate.c.task_key == task_key))
    for column, kind in CANDIDATES.items():
        names = json.loads(getattr(found, column))
        insert_candidates(connection, candidate_rows(task_key, kind, names))


def set_instance(connection: Connection, key: int, **values: Any) -> None:
    """Changes the row of an instance."""
    connection.execute(process_instance.update().where(process_instance.c.key == key).values(values))


def count_incidents(connection: Connection, key: int) -> None:
    """Writes how many open incidents an instance has."""
    open_ = (incident.c.instance_key == key) & IS_OPEN["incident"]
    count = sa.select(sa.func.count()).select_from(incident).where(open_).scalar_subquery()
    set_instance(connection, key, incidents=count)

"""The product in memory for tests: a server on a fresh database, a clock that moves, work done on request.

``bpm.deploy(..)``, ``bpm.start(..)``, ``bpm.task("approve").complete(..)``, ``bpm.clock.advance(hours=1)``,
``bpm.deliver()``.
"""

from __future__ import annotations

import functools
import tempfile
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bpm_server import bootstrap
from bpm_server.connectors.registry import Registry
from bpm_server.connectors.registry import load as load_connectors
from bpm_server.domain.identity import SYSTEM, Actor, Permission
from bpm_server.services import deployments, jobs, messages, process_instances, tasks, timers
from bpm_server.services.server import Server
from bpm_server.settings import Settings
from bpm_server.store import moments
from bpm_server.store.database import Database
from bpm_server.store.tables import db
from bpm_server.store.tables.instances import process_instance, variable
from bpm_server.store.tables.jobs import job, timer
from bpm_server.store.tables.server import server_state
from bpm_server.store.tables.tasks import user_task
from bpm_server.worker import rounds
from tests.support.services import ROOT

START = datetime(2026, 1, 1, tzinfo=UTC)
ADMIN = Actor("admin", permissions=frozenset({Permission("*", "*")}))


def create_tables(database: Database) -> None:
    """All tables and the shared row, without migrations."""
    with database.engine.connect() as connection:
        db.metadata.create_all(connection)
        connection.execute(server_state.insert().values(id=1))
        connection.commit()


@functools.cache
def empty_database() -> bytes:
    """A SQLite file with all tables and nothing in them; made once per process."""
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/empty.db")
        create_tables(database)
        with database.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        database.dispose()
        return Path(folder, "empty.db").read_bytes()


class EngineClock:
    """Moves engine time of the database."""

    def __init__(self, bpm: Product) -> None:
        self._bpm = bpm

    def set(self, moment: datetime) -> None:
        with self._bpm.server.database.write() as connection:
            moments.pin_clock(connection, moment)
            connection.commit()

    def now(self) -> datetime:
        with self._bpm.server.database.read() as connection:
            return moments.read_moment(connection).now

    def advance(self, **delta: float) -> None:
        """Moves the clock; due timers fire one by one at their due time."""
        target = self.now() + timedelta(**delta)
        while True:
            with self._bpm.server.database.read() as connection:
                due = connection.execute(
                    sa.select(timer.c.key, timer.c.due_at)
                    .where(timer.c.due_at <= target, ~timer.c.suspended)
                    .order_by(timer.c.due_at, timer.c.key)
                ).first()
            if due is None:
                break
            self.set(max(self.now(), due.due_at))
            timers.fire_timer(self._bpm.server, due.key)
            self._bpm.deliver()
        self.set(target)


@dataclass
class TaskHandle:
    """An open user task."""

    bpm: Product
    key: int

    def complete(self, actor: Actor = ADMIN, **variables: Any) -> None:
        tasks.complete_task(self.bpm.server, actor, self.key, variables)


class Product:
    """A server and its shortcuts."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.clock = EngineClock(self)

    @classmethod
    def on(cls, database: Database, folder: Path, connectors: Registry | None = None, **settings: Any) -> Product:
        values = Settings(data_dir=folder, secret_key="x" * 32, **settings)
        return cls(
            bootstrap.build(values, database=database, connectors=connectors or load_connectors(ROOT / "connectors"))
        )

    def with_settings(self, **settings: Any) -> Product:
        return Product(replace(self.server, settings=replace(self.server.settings, **settings)))

    # --- commands ---------------------------------------------------------------------------------------

    def deploy(self, *files: bytes | tuple[str, bytes], actor: Actor = ADMIN) -> deployments.Deployment:
        named = {
            (f"file{n}.bpmn" if isinstance(file, bytes) else file[0]): (file if isinstance(file, bytes) else file[1])
            for n, file in enumerate(files)
        }
        return deployments.deploy(self.server, actor, named)

    def start(self, process_id: str = "p", actor: Actor = ADMIN, **variables: Any) -> int:
        return process_instances.start_process(self.server, actor, process_id=process_id, variables=variables).key

    def task(self, element_id: str, nth: int = 0, instance: int | None = None) -> TaskHandle:
        query = sa.select(user_task.c.key).where(user_task.c.element_id == element_id, user_task.c.state == "CREATED")
        if instance is not None:
            query = query.where(user_task.c.instance_key == instance)
        keys = self.scalars(query.order_by(user_task.c.key))
        assert len(keys) > nth, f"no open task {element_id}"
        return TaskHandle(self, keys[nth])

    def job(self, element_id: str, nth: int = 0) -> int:
        query = sa.select(job.c.key).where(job.c.element_id == element_id, job.c.state == "CREATED").order_by(job.c.key)
        return self.scalars(query)[nth]

    def complete_job(self, element_id: str, nth: int = 0, **variables: Any) -> None:
        jobs.complete_job(self.server, ADMIN, self.job(element_id, nth), variables)

    def publish(self, name: str, key: str = "", ttl_ms: int = 0, **variables: Any) -> int:
        message = messages.publish_message(self.server, ADMIN, name, key, variables, ttl_ms)
        self.deliver()
        return message

    def signal(self, name: str, **variables: Any) -> None:
        messages.broadcast_signal(self.server, ADMIN, name, variables)
        self.deliver()

    def deliver(self, *, but: tuple[str, ...] = ("audit-log",)) -> int:
        """Does everything that waits for a worker and is due now, ``but`` sealing what was done."""
        topics = tuple(topic for topic in rounds.ROUNDS if topic not in but)
        return rounds.run_until_idle(self.server, topics=topics)

    # --- what there is ----------------------------------------------------------------------------------

    def scalars(self, query: Any) -> list[Any]:
        with self.server.database.read() as connection:
            return list(connection.execute(query).scalars())

    def rows(self, query: Any) -> list[Any]:
        with self.server.database.read() as connection:
            return list(connection.execute(query))

    def state(self, key: int) -> str:
        found: str = self.scalars(sa.select(process_instance.c.state).where(process_instance.c.key == key))[0]
        return found

    def open_tasks(self) -> list[str]:
        return sorted(self.scalars(sa.select(user_task.c.element_id).where(user_task.c.state == "CREATED")))

    def variables(self, scope: int) -> dict[str, Any]:
        from bpm_server.kernel import json

        found = self.rows(sa.select(variable.c.name, variable.c.value).where(variable.c.scope_key == scope))
        return {row.name: json.loads(row.value) for row in found}


__all__ = ["ADMIN", "START", "SYSTEM", "EngineClock", "Product", "create_tables"]

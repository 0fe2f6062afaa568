"""An installation whose connectors do what a test says, for tests of outside work."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server.connectors.contract import Connector, Request, Result
from bpm_server.connectors.registry import Registry
from bpm_server.store.moments import read_moment
from bpm_server.store.tables.channels import channel
from bpm_server.store.tables.instances import process_instance
from bpm_server.store.tables.jobs import job
from tests.support.bpmn_builder import Process, io, multi_instance
from tests.support.product import Product

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bpm_server.store.database import Database

PATIENCE_S = 60


def one_job(job_type: str, inputs: dict[str, str] | None = None) -> bytes:
    p = Process(job_type)
    p.path(p.start(), p.service(f"do-{job_type}", job_type, extra=io(inputs)), p.end())
    return p.xml()


def many_jobs(job_type: str) -> bytes:
    p = Process(job_type)
    p.path(p.start(), p.service(f"do-{job_type}", job_type, multi_instance("=items", "item")), p.end())
    return p.xml()


class Installation:
    """The product with connectors that do what a test says; ``done`` is what they were called with, in order."""

    def __init__(self, database: Database, folder: Path, *connectors: str | Connector, **settings: Any) -> None:
        self.done: list[tuple[str, Any]] = []
        self.acts: dict[str, Callable[[Request], None]] = {}
        made = [self.connector(one) if isinstance(one, str) else one for one in connectors]
        self.bpm = Product.on(database, folder, Registry(made), **settings)

    def connector(self, job_type: str, **settings: Any) -> Connector:
        def run(request: Request) -> Result:
            self.acts.get(job_type, lambda _: None)(request)
            self.done.append((job_type, request.variables.get("item")))
            return Result()

        return Connector(job_type, {}, run, **settings)

    def active(self) -> int:
        return len(self.bpm.scalars(sa.select(process_instance.c.key).where(process_instance.c.ended_at.is_(None))))

    def failures(self, name: str) -> int:
        return sum(self.bpm.scalars(sa.select(channel.c.failures).where(channel.c.name == name)))

    def retries(self) -> list[int]:
        return sorted(self.bpm.scalars(sa.select(job.c.retries).where(job.c.state == "CREATED")))

    def end_pauses(self) -> None:
        self._set(channel.update().values(paused_until=None))

    def make_due(self) -> None:
        with self.bpm.server.database.read() as connection:
            now = read_moment(connection).database_now
        self._set(job.update().where(job.c.state == "CREATED").values(available_at=now - timedelta(seconds=1)))

    def _set(self, statement: Any) -> None:
        with self.bpm.server.database.write() as connection:
            connection.execute(statement)
            connection.commit()

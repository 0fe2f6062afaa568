"""The engine alone, durable in process, and bare SpiffWorkflow in memory, measured in one run.

The process: start, script, gateway, two user tasks, end.
"""

from __future__ import annotations

import itertools
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from SpiffWorkflow.bpmn.parser.BpmnParser import BpmnParser
from SpiffWorkflow.bpmn.workflow import BpmnWorkflow
from SpiffWorkflow.util.task import TaskState

from bpm_server import bootstrap, bpmn, engine
from bpm_server.connectors.registry import Registry
from bpm_server.domain import commands as c
from bpm_server.domain import events as e
from bpm_server.domain.identity import SYSTEM
from bpm_server.services import deployments, process_instances, tasks
from bpm_server.settings import Settings
from bpm_server.store import migrate
from bpm_server.store.database import Database
from bpm_server.store.tables.tasks import user_task
from tests.support import postgresql

if TYPE_CHECKING:
    from collections.abc import Callable

MODELS = Path(__file__).parent / "models"
VARIABLES = {"amount": 480_000, "customer": "上海华泰精密机械有限公司", "orderNumber": "SO-2026-0001"}


def rate(act: Callable[[], Any], seconds: float = 2.0, warm: int = 50) -> float:
    """How often per second, over about so many seconds."""
    for _ in range(warm):
        act()
    done, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        act()
        done += 1
    return done / (time.perf_counter() - started)


def spiffworkflow() -> float:
    """Instances per second of SpiffWorkflow's own BPMN runtime, in memory, spec parsed once."""
    parser = BpmnParser()
    parser.add_bpmn_file(str(MODELS / "two_tasks_spiffworkflow.bpmn"))
    spec = parser.get_spec("two_tasks")

    def run() -> None:
        workflow = BpmnWorkflow(spec)
        workflow.get_next_task(state=TaskState.READY).set_data(**VARIABLES)
        workflow.do_engine_steps()
        for _ in range(2):
            workflow.get_next_task(state=TaskState.READY, manual=True).run()
            workflow.do_engine_steps()
        assert workflow.is_completed()

    return rate(run)


def engine_alone() -> tuple[float, float]:
    """Instances per second of the engine in memory, and microseconds of one user step (FEEL and mappings)."""
    diagram = bpmn.read((MODELS / "two_tasks.bpmn").read_bytes(), name="two_tasks.bpmn")
    definition = engine.compile_process(diagram.processes[0], diagram.dialect)
    keys = itertools.count(1)
    context = engine.Context(datetime(2026, 1, 1, tzinfo=UTC), lambda: next(keys))
    steps: list[float] = []

    def run() -> None:
        outcome = engine.start(definition, c.StartInstance(next(keys), dict(VARIABLES)), context)
        while not outcome.finished:
            task = next(event for event in outcome.events if isinstance(event, e.UserTaskCreated))
            before = time.perf_counter()
            outcome = engine.advance(outcome.instance, c.CompleteTask(task.key, {"outcome": "approved"}), context)
            steps.append(time.perf_counter() - before)

    per_second = rate(run)
    return per_second, statistics.median(steps) * 1e6


def durable(url: str) -> tuple[float, float]:
    """Instances per second through the services with history on, and the median step in milliseconds."""
    database = Database(url)
    migrate.upgrade(database)
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder), secret_key="benchmark-secret-key")
        server = bootstrap.build(settings, database=database, connectors=Registry())
        content = (MODELS / "two_tasks.bpmn").read_bytes()
        deployments.deploy(server, SYSTEM, {"two_tasks.bpmn": content})
        waiting = sa.select(user_task.c.key).where(
            user_task.c.instance_key == sa.bindparam("instance"), user_task.c.state == "CREATED"
        )
        lookups: list[float] = []
        steps: list[float] = []

        def timed(act: Callable[[], Any], times: list[float]) -> Any:
            before = time.perf_counter()
            result = act()
            times.append(time.perf_counter() - before)
            return result

        def open_task(key: int) -> int:
            with server.database.read() as connection:
                return int(connection.execute(waiting, {"instance": key}).scalar_one())

        def run() -> None:
            started = process_instances.start_process(server, SYSTEM, process_id="two_tasks", variables=VARIABLES)
            for _ in range(2):
                task = timed(lambda: open_task(started.key), lookups)
                timed(lambda t=task: tasks.complete_task(server, SYSTEM, t, {"outcome": "approved"}), steps)

        for _ in range(50):
            run()
        lookups.clear()
        steps.clear()
        begun = time.perf_counter()
        count = 0
        while time.perf_counter() - begun < 4.0:
            run()
            count += 1
        spent = time.perf_counter() - begun - sum(lookups)
        database.dispose()
    return count / spent, statistics.median(steps) * 1e3


def run() -> list[tuple[str, str]]:
    """Rows of the report."""
    bare = spiffworkflow()
    memory, step_us = engine_alone()
    rows = [
        ("SpiffWorkflow's BPMN runtime in memory, instances/s", f"{bare:,.0f}"),
        ("our engine in memory, instances/s (ratio to SpiffWorkflow)", f"{memory:,.0f} ({memory / bare:.1f} x)"),
        ("our engine, one user step with FEEL and mappings", f"{step_us:.0f} µs"),
    ]
    with tempfile.TemporaryDirectory() as folder:
        sqlite, step = durable(f"sqlite:///{folder}/bench.db")
    rows.append(
        ("durable in process, SQLite (WAL, synchronous FULL)", f"{sqlite:,.0f} instances/s, step p50 {step:.2f} ms")
    )
    with postgresql.cluster() as cluster:
        rate_pg, step = durable(cluster.create("bench"))
    rows.append(("durable in process, PostgreSQL (fsync on)", f"{rate_pg:,.0f} instances/s, step p50 {step:.2f} ms"))
    return rows

"""Jobs that do nothing, drained from PostgreSQL (and SQLite): the queue alone, and jobs that move a process.

The queue alone: rows are claimed and ended in batches, as a queue library would; no process waits for them. Jobs of a
process: start, service task, end; each is claimed with what its element sees, its completion is a step of the engine
with journal and history, and the instance ends. "To done" is until the end of the instance is committed, by a worker
in the same process that hears of it by a wake-up: from the call that starts the instance, and from when the job was
committed.
"""

from __future__ import annotations

import multiprocessing
import statistics
import tempfile
import threading
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from benchmarks.http_steps import CLIENTS, Client, children, postgresql_processes, processor_s, serving
from bpm_server import bootstrap
from bpm_server.connectors.contract import Connector, Request, Result
from bpm_server.connectors.registry import Registry
from bpm_server.domain.identity import SYSTEM
from bpm_server.services import deployments, jobs, process_instances
from bpm_server.services.job_batches import Completion, complete_jobs
from bpm_server.settings import Settings
from bpm_server.store import jobs as store
from bpm_server.store import migrate, rows
from bpm_server.store.database import Database
from bpm_server.store.moments import read_moment
from bpm_server.store.tables.instances import process_instance
from bpm_server.store.tables.jobs import job
from bpm_server.worker.dispatch import Dispatcher
from tests.support import postgresql

if TYPE_CHECKING:
    from collections.abc import Callable

    from bpm_server.services.server import Server

MODEL = Path(__file__).parent / "models" / "one_job.bpmn"
TYPE, OURS = "noop", "noop-ours"
QUEUED = 20_000
INSTANCES = 2_000
HTTP_JOBS = 1_000
SINGLE = 300
LATENCIES = 300
BATCH = 100
LEASE_MS = 60_000


@dataclass(slots=True)
class Timing:
    """What a piece of work took: seconds, and processor seconds of this process and of the database's."""

    number: int
    seconds: float
    processor_s: float
    database_s: float

    def __str__(self) -> str:
        def each(seconds: float) -> str:
            return f"{seconds / self.number * 1e6:,.0f} µs"

        rate = f"{self.number / self.seconds:,.0f} jobs/s"
        database = f", {each(self.database_s)} PostgreSQL" if self.database_s else ""
        return f"{rate} (processor time each: {each(self.processor_s)}{database})"


class Measuring:
    """One database with the process deployed twice: for outside workers and for our own."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.done: list[float] = []
        self.finished = threading.Semaphore(0)
        database = Database(url)
        migrate.upgrade(database)
        settings = Settings(data_dir=folder, secret_key="benchmark-secret-key")
        connector = Connector(OURS, {}, self._run)
        self.server: Server = bootstrap.build(settings, database=database, connectors=Registry([connector]))
        ours = MODEL.read_bytes().replace(b'type="noop"', b'type="noop-ours"').replace(b'"one_job"', b'"ours"')
        deployments.deploy(self.server, SYSTEM, {"one_job.bpmn": MODEL.read_bytes(), "ours.bpmn": ours})

    def _run(self, _request: Request) -> Result:
        return Result()

    def timed(self, act: Callable[[], int]) -> Timing:
        backends = [] if self.url.startswith("sqlite") else postgresql_processes(self.url)
        database, processor, started = processor_s(backends), time.process_time(), time.perf_counter()
        number = act()
        seconds, processor = time.perf_counter() - started, time.process_time() - processor
        return Timing(number, seconds, processor, processor_s(backends) - database)

    def start(self, process_id: str, number: int) -> list[int]:
        return [
            process_instances.start_process(self.server, SYSTEM, process_id=process_id, variables={"amount": 1}).key
            for _ in range(number)
        ]

    def lease(self, limit: int) -> list[Any]:
        return jobs.activate_jobs(self.server, SYSTEM, [TYPE], limit=limit, lease_ms=LEASE_MS)

    # --- the queue alone --------------------------------------------------------------------------------

    def fill(self) -> None:
        """Rows as a process would make them, of an instance that is none."""
        (key,) = self.start("one_job", 1)
        with self.server.database.write() as connection:
            template = connection.execute(sa.select(*job.columns).where(job.c.instance_key == key)).one()._mapping
            number = sa.select(sa.literal(1).label("n")).cte("numbers", recursive=True)
            number = number.union_all(sa.select(number.c.n + 1).where(number.c.n < QUEUED))
            chosen = {**template, "key": number.c.n, "element_key": number.c.n, "type": "queue"}
            columns = [sa.literal(value, job.c[name].type) if not isinstance(value, sa.ColumnElement) else value
                       for name, value in chosen.items()]  # fmt: skip
            connection.execute(job.insert().from_select(list(chosen), sa.select(*columns)))
            connection.commit()
        with self.server.database.engine.connect().execution_options(bpm_writes=True) as connection:
            connection.exec_driver_sql("ANALYZE job")
            connection.commit()

    def drain_queue(self) -> int:
        """Claims a batch in one transaction and ends it in another."""
        done = 0
        while True:
            with self.server.database.write() as connection:
                now = read_moment(connection).database_now
                leased = store.lease_jobs(connection, ["queue"], BATCH, now, now + timedelta(minutes=1), "bench")
                connection.commit()
            if not leased:
                return done
            with self.server.database.write() as connection:
                read_moment(connection)
                _END.run(
                    connection,
                    [{"b_key": row.key, "b_lease": row.lease, "b_at": now, "b_state": "COMPLETED"} for row in leased],
                )
                connection.commit()
            done += len(leased)

    # --- jobs of processes ------------------------------------------------------------------------------

    def drain_singly(self) -> int:
        found = self.lease(SINGLE)
        for one in found:
            jobs.complete_job(self.server, SYSTEM, one.row.key, {}, lease=one.row.lease)
        return len(found)

    def drain_in_batches(self) -> int:
        done = 0
        while found := self.lease(BATCH):
            complete_jobs(self.server, SYSTEM, [Completion(one.row.key, one.row.lease) for one in found])
            done += len(found)
        return done

    def drain_by_our_worker(self, number: int) -> int:
        dispatcher = Dispatcher(self.server, look_again_s=0.5)
        dispatcher.start()
        while self.open_jobs(OURS):
            time.sleep(0.02)
        dispatcher.stop(10)
        return number

    def open_jobs(self, job_type: str) -> int:
        with self.server.database.read() as connection:
            open_ = sa.select(job.c.key).where(store.OPEN, job.c.type == job_type).limit(1)
            return len(connection.execute(open_).all())

    def latencies(self) -> tuple[list[float], list[float]]:
        """Milliseconds until a started instance has ended, one after the other: from the call, and from its commit."""
        dispatcher = Dispatcher(self.server, look_again_s=5.0)
        self.server.wake.listeners.append(lambda topics: dispatcher.heard(topics) if "jobs" in topics else None)
        ended = threading.Event()
        self.server.wake.listeners.append(lambda topics: ended.set() if "instances" in topics else None)
        dispatcher.start()
        since_call, since_commit = [], []
        for _ in range(LATENCIES):
            ended.clear()
            called = time.perf_counter()
            self.start("ours", 1)
            committed = time.perf_counter()
            assert ended.wait(30)
            done = time.perf_counter()
            since_call.append((done - called) * 1_000)
            since_commit.append((done - committed) * 1_000)
        dispatcher.stop(10)
        return since_call, since_commit

    def open_instances(self) -> int:
        with self.server.database.read() as connection:
            open_ = sa.select(sa.func.count()).where(process_instance.c.ended_at.is_(None))
            return int(connection.execute(open_).scalar_one())


_END = rows.Prepared(
    lambda _: (
        job.update()
        .where(job.c.key == sa.bindparam("b_key"), job.c.lease == sa.bindparam("b_lease"))
        .values(
            state=sa.bindparam("b_state"), lease=sa.null(), ended_at=sa.bindparam("b_at", type_=job.c.ended_at.type)
        )
    )
)


def measure(name: str, url: str, folder: Path) -> list[tuple[str, str]]:
    """One database."""
    it = Measuring(url, folder)
    it.fill()
    found = [(f"{name}, the queue alone, batches of {BATCH}", str(it.timed(it.drain_queue)))]
    it.start("one_job", SINGLE)
    it.server.hot.clear()
    found.append((f"{name}, processes, one completion each", str(it.timed(it.drain_singly))))
    it.start("one_job", INSTANCES)
    it.server.hot.clear()
    found.append((f"{name}, processes, batches of {BATCH}", str(it.timed(it.drain_in_batches))))
    it.start("ours", INSTANCES // 2)
    it.server.hot.clear()
    threads = it.server.settings.worker_threads
    timing = it.timed(lambda: it.drain_by_our_worker(INSTANCES // 2))
    found.append((f"{name}, processes, our worker with {threads} threads", str(timing)))
    for since, times in zip(("the call", "the job's commit"), map(sorted, it.latencies()), strict=True):
        p50, p99 = statistics.median(times), times[int(len(times) * 0.99)]
        found.append((f"{name}, from {since} to done, our worker", f"p50 {p50:.1f} ms, p99 {p99:.1f} ms"))
    assert it.open_instances() == 0
    it.server.database.dispose()
    return found


def _work_over_http(port: int, authorization: str, queue: multiprocessing.Queue[int]) -> None:
    """An outside worker: takes up to 50 jobs and completes each, until there are none."""
    client, done = Client(port, authorization), 0
    wanted = {"type": TYPE, "maxJobsToActivate": 50, "timeout": LEASE_MS, "worker": "bench"}
    while found := client("activate", "POST", "/v2/jobs/activation", wanted)["jobs"]:
        for one in found:
            client("complete", "POST", f"/v2/jobs/{one['jobKey']}/completion", {"variables": {"done": True}})
        done += len(found)
    queue.put(done)


def over_http(url: str, folder: Path) -> tuple[str, str]:
    """Outside workers in processes of their own, by Camunda 8's REST API, against two web processes."""
    it = Measuring(url, folder)
    it.start("one_job", HTTP_JOBS)
    it.server.database.dispose()
    context = multiprocessing.get_context("fork")
    with serving(folder, url) as (port, manager, token):
        queue = context.Queue()
        workers = [
            context.Process(target=_work_over_http, args=(port, f"Bearer {token}", queue)) for _ in range(CLIENTS)
        ]
        web = children(manager)
        processor, started = processor_s(web), time.perf_counter()
        for one in workers:
            one.start()
        done = sum(queue.get(timeout=600) for _ in workers)
        timing = Timing(done, time.perf_counter() - started, processor_s(web) - processor, 0.0)
        for one in workers:
            one.join()
    assert done == HTTP_JOBS
    return f"PostgreSQL, over REST, {CLIENTS} outside workers", str(timing)


def run() -> list[tuple[str, str]]:
    """Rows of the report."""
    with postgresql.cluster() as cluster, tempfile.TemporaryDirectory() as folder:
        found = measure("PostgreSQL", cluster.create("bench_jobs"), Path(folder))
        found.append(over_http(cluster.create("bench_jobs_http"), Path(folder)))
    with tempfile.TemporaryDirectory() as folder:
        return found + measure("SQLite", f"sqlite:///{folder}/bench.db", Path(folder))

"""Memory of real processes on PostgreSQL: a web process with all the instances it keeps, a worker after many jobs.

Resident memory as Linux tells it. The jobs are those of a connector that does nothing, one for each item of instances
with a thousand items. ``BPM_BENCH_JOBS`` sets their number (100,000).
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from benchmarks.http_steps import MODEL, VARIABLES, children, memory_mb
from bpm_server import bootstrap
from bpm_server.connectors.registry import Registry
from bpm_server.domain.identity import SYSTEM
from bpm_server.services import deployments, process_instances
from bpm_server.settings import Settings
from bpm_server.store import jobs as store
from bpm_server.store.database import Database
from bpm_server.store.tables.jobs import job
from tests.support import postgresql
from tests.support.bpmn_builder import Process, multi_instance
from tests.support.installation import Installation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bpm_server.services.server import Server

JOBS = int(os.environ.get("BPM_BENCH_JOBS", "100000"))
ITEMS = 1_000
FIRST_LOOK = JOBS // 5
HOT = 2_000
CONNECTOR = "type: noop\nname: {en: Nothing}\n"
MODULE = """
from bpm_server.connectors.contract import Result


def run(request):
    return Result()
"""


def _installation(folder: Path, url: str) -> Installation:
    content = folder / "content"
    (content / "connectors" / "noop").mkdir(parents=True)
    (content / "connectors" / "noop" / "connector.yaml").write_text(CONNECTOR)
    (content / "connectors" / "noop" / "noop.py").write_text(MODULE)
    made = Installation(folder, url, None, webs=1, workers=1)
    made.environment |= {"BPM_CONTENT_DIR": str(content), "BPM_LOG_LEVEL": "WARNING", "BPM_STOP_NOTICE_SECONDS": "0"}
    made.run("migrate")
    return made


def _server(folder: Path, url: str) -> Server:
    settings = Settings(data_dir=folder / "data", secret_key="k" * 48)
    return bootstrap.build(settings, database=Database(url), connectors=Registry())


def _open_jobs(server: Server) -> int:
    with server.database.read() as connection:
        found = connection.execute(sa.select(sa.func.count()).select_from(job).where(store.OPEN))
        return int(found.scalar_one())


def worker(folder: Path, url: str) -> Iterator[tuple[str, str]]:
    """A worker's memory when it has done a fifth of the jobs, and all of them."""
    installation = _installation(folder, url)
    server = _server(folder, url)
    p = Process("items")
    p.path(p.start(), p.service("j", "noop", multi_instance("=items", "item")), p.end())
    deployments.deploy(server, SYSTEM, {"items.bpmn": p.xml()})
    for _ in range(JOBS // ITEMS):
        process_instances.start_process(server, SYSTEM, process_id="items", variables={"items": list(range(ITEMS))})
    server.hot.clear()
    (process,) = installation.workers
    process.start()
    try:
        started, left = time.monotonic(), JOBS
        for done in (FIRST_LOOK, JOBS):
            while left > JOBS - done:
                assert process.is_running, installation.logs()
                time.sleep(1)
                left = _open_jobs(server)
            label = f"a worker after {JOBS - left:,} jobs ({time.monotonic() - started:,.0f} s)"
            yield label, f"{memory_mb(process.pid):.0f} MB"
    finally:
        process.stop()
        server.database.dispose()


def web(folder: Path, url: str) -> Iterator[tuple[str, str]]:
    """A web process's memory when it has begun, and with as many live instances as it keeps."""
    installation = _installation(folder, url)
    server = _server(folder, url)
    deployments.deploy(server, SYSTEM, {"two_tasks.bpmn": MODEL.read_bytes()})
    (process,) = installation.webs
    process.start()
    try:
        (port,) = installation.ports
        installation.wait_for(port)
        yield "a web process that has begun", f"{memory_mb(process.pid):.0f} MB"
        api = installation.api(port)
        for _ in range(HOT + HOT // 10):
            api("POST", "/v2/process-instances", {"processDefinitionId": "two_tasks", "variables": VARIABLES})
        assert not children(process.pid)
        yield f"a web process with {HOT:,} live instances", f"{memory_mb(process.pid):.0f} MB"
        api.close()
    finally:
        process.stop()
        server.database.dispose()


def run() -> Iterator[tuple[str, str]]:
    """Rows of the report."""
    with postgresql.cluster() as cluster:
        for number, part in enumerate((web, worker)):
            with tempfile.TemporaryDirectory() as folder:
                yield from part(Path(folder), cluster.create(f"bench_memory_{number}"))

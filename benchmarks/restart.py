"""The first step after a restart beside very many active instances: over HTTP, in a process that has done nothing yet.

``BPM_BENCH_ACTIVE`` sets how many are active (100,000). Beside it the same with a few: nothing may be loaded that the
step does not need. Each round starts ``bpm-server web`` anew and completes one task, then three more.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.http_clients import connect, read_reply
from benchmarks.http_completions import DONE, completion
from benchmarks.http_steps import children, memory_mb, serving
from bpm_server.store import migrate
from bpm_server.store.database import Database
from tests.support import postgresql
from tests.support.filling import fill
from tests.support.product import Product

if TYPE_CHECKING:
    from collections.abc import Iterator

FEW = 100
ACTIVE = int(os.environ.get("BPM_BENCH_ACTIVE", "100000"))
ROUNDS = 5
MORE = 3
BODY = b'{"variables": {"ok": true}}'


def tasks_beside(url: str, folder: Path, active: int) -> list[int]:
    """Open tasks of instances that can go on, beside so many others."""
    database = Database(url)
    migrate.upgrade(database)
    bpm = Product.on(database, folder)
    fill(bpm, FEW, active)
    keys = [bpm.start("order", number=f"N-{n}", customer="ACME", amount=5) for n in range(ROUNDS * (1 + MORE))]
    found = [bpm.task("a", instance=key).key for key in keys]
    database.dispose()
    return found


def timed(port: int, token: str, tasks: list[int]) -> list[float]:
    """Milliseconds of each completion, one after the other on one connection."""
    costs = []
    with connect(port) as made:
        for task in tasks:
            begun = time.perf_counter()
            made.sendall(completion(task, f"Bearer {token}", BODY))
            status, reply = read_reply(made)
            costs.append((time.perf_counter() - begun) * 1_000)
            if status not in DONE:
                message = f"Expected task {task} to be completed, but found {status} {reply[:300]!r}"
                raise AssertionError(message)
    return costs


def measure(name: str, url: str, active: int) -> Iterator[tuple[str, str]]:
    """Rows of the report for one database."""
    with tempfile.TemporaryDirectory() as folder:
        tasks = tasks_beside(url, Path(folder), active)
        first, later, memory = [], [], []
        for number in range(ROUNDS):
            share = tasks[number * (1 + MORE) : (number + 1) * (1 + MORE)]
            with serving(Path(folder), url) as (port, manager, token):
                costs = timed(port, token, share)
                memory.append(max(memory_mb(pid) for pid in children(manager)))
            first.append(costs[0])
            later += costs[1:]
        label = f"after a restart, {active:,} active, {name}"
        text = f"first step {statistics.median(first):.1f} ms (at most {max(first):.1f})"
        yield label, f"{text}, later ones {statistics.median(later):.1f} ms, {statistics.median(memory):.0f} MB"


def run() -> Iterator[tuple[str, str]]:
    """Rows of the report, as they come."""
    with tempfile.TemporaryDirectory() as folder:
        for active in (FEW, ACTIVE):
            yield from measure("SQLite", f"sqlite:///{folder}/active_{active}.db", active)
    with postgresql.cluster() as cluster:
        for active in (FEW, ACTIVE):
            yield from measure("PostgreSQL", cluster.create(f"active_{active}"), active)

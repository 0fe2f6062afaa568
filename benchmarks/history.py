"""What years of history and large groups do to the daily work: inbox, searches, completing a task.

``BPM_BENCH_INSTANCES`` names other numbers of finished instances, ``BPM_BENCH_OPEN`` of open tasks.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server.domain.identity import SYSTEM
from bpm_server.services import identities, tasks
from bpm_server.store import migrate
from bpm_server.store.database import Database
from bpm_server.store.tables.tasks import user_task
from bpm_server.web.access import SESSION_COOKIE
from tests.support import postgresql
from tests.support.filling import PEOPLE, Copies, analyze, copy_instance, fill
from tests.support.product import Product
from tests.support.rest import PASSWORD, add_person, application

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flask.testing import FlaskClient

SIZES = [int(size) for size in os.environ.get("BPM_BENCH_INSTANCES", "10000,100000").split(",")]
OPEN = int(os.environ.get("BPM_BENCH_OPEN", "100000"))
FEW_OPEN = 1_000
TIMES = 100
SEARCHES: dict[str, tuple[str, dict[str, Any]]] = {
    "instances, running": ("process-instances", {"filter": {"state": "ACTIVE"}}),
    "instances of a process, newest": (
        "process-instances",
        {"filter": {"processDefinitionId": "order"}, "sort": [{"field": "startDate", "order": "DESC"}]},
    ),
    "instances by end": ("process-instances", {"sort": [{"field": "endDate", "order": "DESC"}]}),
    "tasks, open": ("user-tasks", {"filter": {"state": "CREATED"}}),
}


class Bench:
    """A filled database, its REST API and pages."""

    def __init__(self, url: str, folder: Path) -> None:
        self.database = Database(url)
        migrate.upgrade(self.database)
        self.bpm, self._nobody = application(Product.on(self.database, folder))
        self._finished, self._waiting = SIZES[0], FEW_OPEN
        self._done, self._open = fill(self.bpm, self._finished, self._waiting)
        self.rest = self._nobody.as_(add_person(self.bpm, "root", roles=("admin",)))
        self.clerk = self.browser("clerk", ("group7", "group8"))

    def browser(self, name: str, groups: tuple[str, ...]) -> FlaskClient:
        """Somebody signed in."""
        add_person(self.bpm, name, groups=groups)
        client: FlaskClient = self._nobody.app.test_client()
        client.set_cookie(SESSION_COOKIE, identities.sign_in(self.bpm.server, name, PASSWORD))
        return client

    def processor_s(self) -> float:
        """Seconds of processor time so far, with those of the database's processes (Linux)."""
        total = time.process_time()
        if self.database.is_sqlite:
            return total
        pids = self.bpm.scalars(sa.text("SELECT pid FROM pg_stat_activity WHERE datname = current_database()"))
        for pid in pids:
            fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
            total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        return total

    def grow(self, finished: int, waiting: int) -> None:
        """Adds history and open tasks up to these numbers."""
        for key, now, wanted in ((self._done, self._finished, finished), (self._open, self._waiting, waiting)):
            copy_instance(self.database, key, Copies(wanted - now, first=now + 1))
        self._finished, self._waiting = finished, waiting
        if not self.database.is_sqlite:
            analyze(self.database)


@dataclass(frozen=True, slots=True)
class Cost:
    """Milliseconds: processor time of one in the mean, server and database together, and the p95 by the clock.

    Other work on the machine disturbs the second, and hardly the first.
    """

    processor: float
    p95: float

    def against(self, first: Cost | None = None) -> str:
        """As text, with the ratios to another."""
        text = f"{self.processor:.1f} / {self.p95:.1f} ms"
        if first is None:
            return text
        return f"{text} ({self.processor / first.processor:.2f} / {self.p95 / first.p95:.2f} x)"


def measured(bench: Bench, act: Callable[[], Any], times: int = TIMES) -> Cost:
    """After a few that fill the caches."""
    for _ in range(10):
        act()
    costs = []
    before = bench.processor_s()
    for _ in range(times):
        begun = time.perf_counter()
        act()
        costs.append((time.perf_counter() - begun) * 1_000)
    return Cost((bench.processor_s() - before) * 1_000 / times, statistics.quantiles(costs, n=20)[-1])


def daily_work(bench: Bench) -> dict[str, Cost]:
    """What people and programs do all day."""
    found = {"inbox page": measured(bench, page_of(bench.clerk))}
    for name, (what, body) in SEARCHES.items():
        found[name] = measured(bench, lambda w=what, b=body: bench.rest.post(f"/v2/{w}/search", b))
    found["task completed"] = completions(bench)
    return found


def page_of(client: FlaskClient, path: str = "/") -> Callable[[], Any]:
    """Loading a page, which must come."""

    def load() -> None:
        reply = client.get(path)
        if reply.status_code != 200:
            message = f"Expected the page {path}, but found {reply.status}"
            raise AssertionError(message)

    return load


def completions(bench: Bench) -> Cost:
    """Completing the first task of fresh instances."""
    keys = [bench.bpm.start("order", number=f"N-{n}", customer="ACME", amount=5) for n in range(TIMES + 10)]
    open_tasks = iter([bench.bpm.task("a", instance=key).key for key in keys])
    return measured(bench, lambda: tasks.complete_task(bench.bpm.server, SYSTEM, next(open_tasks), {"ok": True}))


def on(name: str, url: str) -> Iterator[tuple[str, str]]:
    """Growth with history, then the inbox with many open tasks and groups."""
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(url, Path(folder))
        first = daily_work(bench)
        for label, cost in first.items():
            yield f"{label}, {SIZES[0]:,} finished, {name}", cost.against()
        for size in SIZES[1:]:
            bench.grow(size, FEW_OPEN)
            for label, cost in daily_work(bench).items():
                yield f"{label}, {size:,} finished, {name}", cost.against(first[label])
        bench.grow(SIZES[-1], OPEN)
        manager = bench.browser("manager", tuple(f"group{number}" for number in range(PEOPLE)))
        for who, client in (("2 groups", bench.clerk), (f"{PEOPLE:,} groups", manager)):
            for what, path in (("inbox page", "/"), ("its next page", f"/?after={middle(bench)}")):
                yield f"{what}, {OPEN:,} open, {who}, {name}", measured(bench, page_of(client, path)).against()
        bench.database.dispose()


def middle(bench: Bench) -> int:
    """Key of a task in the middle of the open ones."""
    query = sa.select(user_task.c.key).where(user_task.c.state == "CREATED").order_by(user_task.c.key)
    found: int = bench.bpm.scalars(query.offset(OPEN // 2).limit(1))[0]
    return found


def run() -> Iterator[tuple[str, str]]:
    """Rows of the report, as they come."""
    with tempfile.TemporaryDirectory() as folder:
        yield from on("SQLite", f"sqlite:///{folder}/bench.db")
    with postgresql.cluster() as cluster:
        yield from on("PostgreSQL", cluster.create("bench"))

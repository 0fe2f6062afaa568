"""What years of history and large groups do to the daily work: inbox, searches, completing a task.

Each amount of history has a database of its own, and they take turns: the same act on one after the other, a hundred
times. So whatever else the machine does meets all of them, and the ratios hold where the milliseconds do not.

``BPM_BENCH_INSTANCES`` names other numbers of finished instances, ``BPM_BENCH_OPEN`` of open tasks.
"""

from __future__ import annotations

import functools
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
from tests.support.filling import PEOPLE, fill
from tests.support.product import Product
from tests.support.rest import PASSWORD, add_person, application

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from flask.testing import FlaskClient

SIZES = [int(size) for size in os.environ.get("BPM_BENCH_INSTANCES", "10000,100000").split(",")]
OPEN = int(os.environ.get("BPM_BENCH_OPEN", "100000"))
FEW_OPEN = 1_000
GROUPS = 60
"""Of the person whose inbox is looked at: more tasks than a page has."""
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

    def __init__(self, url: str, folder: Path, finished: int, waiting: int) -> None:
        self.database = Database(url)
        migrate.upgrade(self.database)
        self.bpm, self._nobody = application(Product.on(self.database, folder))
        fill(self.bpm, finished, waiting)
        self.rest = self._nobody.as_(add_person(self.bpm, "root", roles=("admin",)))

    def browser(self, name: str, groups: int) -> FlaskClient:
        """Somebody of so many groups, signed in."""
        add_person(self.bpm, name, groups=tuple(f"group{number}" for number in range(groups)))
        client: FlaskClient = self._nobody.app.test_client()
        client.set_cookie(SESSION_COOKIE, identities.sign_in(self.bpm.server, name, PASSWORD))
        return client

    def database_s(self) -> float:
        """Seconds of processor time that PostgreSQL's processes for this database have had so far (Linux)."""
        if self.database.is_sqlite:
            return 0.0
        pids = self.bpm.scalars(sa.text("SELECT pid FROM pg_stat_activity WHERE datname = current_database()"))
        total = 0.0
        for pid in pids:
            fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
            total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        return total

    def settle(self) -> None:
        """Waits until what was loaded is on the disk, so that nobody writes it during the measurement."""
        with self.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)" if self.database.is_sqlite else "CHECKPOINT")
        os.sync()


@dataclass(frozen=True, slots=True)
class Cost:
    """Milliseconds: processor time of one in the mean, server and database together; median and p95 by the clock.

    Other work on the machine disturbs the latter, and hardly the first.
    """

    processor: float
    median: float
    p95: float

    def against(self, first: Cost | None = None) -> str:
        """As text, with the ratios to another."""
        text = f"{self.processor:.1f}, {self.median:.1f} / {self.p95:.1f} ms"
        if first is None or first is self:
            return text
        ratios = (self.processor / first.processor, self.median / first.median, self.p95 / first.p95)
        return f"{text} ({ratios[0]:.2f}, {ratios[1]:.2f} / {ratios[2]:.2f} x)"


def in_turn(acts: Mapping[int, tuple[Bench, Callable[[], Any]]], times: int = TIMES) -> dict[int, Cost]:
    """By the same key; after a few that fill the caches."""
    for _ in range(10):
        for _, act in acts.values():
            act()
    seconds: dict[int, list[float]] = {key: [] for key in acts}
    own = dict.fromkeys(acts, 0.0)
    before = {key: bench.database_s() for key, (bench, _) in acts.items()}
    for _ in range(times):
        for key, (_, act) in acts.items():
            begun, processor = time.perf_counter(), time.process_time()
            act()
            own[key] += time.process_time() - processor
            seconds[key].append(time.perf_counter() - begun)
    found = {}
    for key, (bench, _) in acts.items():
        processor = (own[key] + bench.database_s() - before[key]) / times
        costs = [one * 1_000 for one in seconds[key]]
        found[key] = Cost(processor * 1_000, statistics.median(costs), statistics.quantiles(costs, n=20)[-1])
    return found


def daily_work(bench: Bench) -> dict[str, Callable[[], Any]]:
    """What people and programs do all day."""
    acts: dict[str, Callable[[], Any]] = {"inbox page": page_of(bench.browser("clerk", GROUPS))}
    for name, (what, body) in SEARCHES.items():
        acts[name] = functools.partial(bench.rest.post, f"/v2/{what}/search", body)
    keys = [bench.bpm.start("order", number=f"N-{n}", customer="ACME", amount=5) for n in range(TIMES + 10)]
    open_tasks = iter([bench.bpm.task("a", instance=key).key for key in keys])
    acts["task completed"] = lambda: tasks.complete_task(bench.bpm.server, SYSTEM, next(open_tasks), {"ok": True})
    return acts


def page_of(client: FlaskClient, path: str = "/") -> Callable[[], Any]:
    """Loading a page, which must come."""

    def load() -> None:
        reply = client.get(path)
        if reply.status_code != 200:
            message = f"Expected the page {path}, but found {reply.status}"
            raise AssertionError(message)

    return load


def history(name: str, url_of: Callable[[str], str]) -> Iterator[tuple[str, str]]:
    """The daily work beside so much history."""
    with tempfile.TemporaryDirectory() as folder:
        benches = {}
        for size in SIZES:
            begun = time.monotonic()
            benches[size] = Bench(url_of(f"history_{size}"), Path(folder), size, FEW_OPEN)
            yield f"making {size:,} finished instances, {name}", f"{time.monotonic() - begun:,.0f} s"
        acts = {size: daily_work(bench) for size, bench in benches.items()}
        for bench in benches.values():
            bench.settle()
        for label in acts[SIZES[0]]:
            costs = in_turn({size: (bench, acts[size][label]) for size, bench in benches.items()})
            for size, cost in costs.items():
                yield f"{label}, {size:,} finished, {name}", cost.against(costs[SIZES[0]])
        for bench in benches.values():
            bench.database.dispose()


def large_inboxes(name: str, url_of: Callable[[str], str]) -> Iterator[tuple[str, str]]:
    """The inbox where very much is open, of people with few and with many groups."""
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(url_of("open"), Path(folder), SIZES[0], OPEN)
        bench.settle()
        paths = {"inbox page": "/", "its next page": f"/?after={middle(bench)}"}
        for groups in (2, PEOPLE):
            client = bench.browser(f"member-of-{groups}", groups)
            for what, path in paths.items():
                (cost,) = in_turn({0: (bench, page_of(client, path))}).values()
                yield f"{what}, {OPEN:,} open, {groups:,} groups, {name}", cost.against()
        bench.database.dispose()


def middle(bench: Bench) -> int:
    """Key of a task in the middle of the open ones."""
    query = sa.select(user_task.c.key).where(user_task.c.state == "CREATED").order_by(user_task.c.key)
    found: int = bench.bpm.scalars(query.offset(OPEN // 2).limit(1))[0]
    return found


def run() -> Iterator[tuple[str, str]]:
    """Rows of the report, as they come: processor time, then median and p95 by the clock."""
    for part in (history, large_inboxes):
        with tempfile.TemporaryDirectory() as folder:
            yield from part("SQLite", lambda name, folder=folder: f"sqlite:///{folder}/{name}.db")  # type: ignore[misc]
        with postgresql.cluster() as cluster:
            yield from part("PostgreSQL", cluster.create)

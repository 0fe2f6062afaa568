"""Completing user tasks over HTTP, and nothing else, while other people do the same.

**Many instances.** Eight clients, each with tasks of its own; each completion leads to the next task of its instance.
The instances are made beforehand, the clients are told the keys of their tasks: a request is a completion.
**One instance.** Four people on a user task for each of a thousand items; each takes the next of what is open.

Clients are processes with plain sockets, which cost little beside the server that they share the machine with.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from benchmarks.http_clients import connect, read_reply
from benchmarks.http_steps import MODEL, VARIABLES, children, postgresql_processes, processor_s, serving
from bpm_server import bootstrap
from bpm_server.connectors.registry import Registry
from bpm_server.domain.identity import SYSTEM
from bpm_server.services import deployments, process_instances
from bpm_server.settings import Settings
from bpm_server.store import migrate
from bpm_server.store.database import Database
from bpm_server.store.tables.tasks import user_task
from tests.support import postgresql
from tests.support.growing import items

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bpm_server.services.server import Server

CLIENTS = 8
COMPLETIONS = int(os.environ.get("BPM_BENCH_COMPLETIONS", "6000"))
WARM = 400
PEOPLE = 4
ITEMS = 1_000
DONE = (200, 204)


@dataclass(slots=True)
class Completed:
    """What one run gave: milliseconds of each request, replies that were no success, processor seconds."""

    seconds: float
    times: list[float] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    web_s: float = 0.0
    database_s: float = 0.0
    clients_s: float = 0.0

    def rows(self, label: str) -> Iterator[tuple[str, str]]:
        """The report."""
        ordered = sorted(self.times)
        p50, p95, p99 = (ordered[int(len(ordered) * share)] for share in (0.5, 0.95, 0.99))
        rate = f"{len(ordered) / self.seconds:,.0f} completions/s, {len(self.refused)} refused"
        yield label, f"{rate}; p50 {p50:.1f}, p95 {p95:.1f}, p99 {p99:.1f} ms"
        costs = {"web": self.web_s, "database": self.database_s, "clients": self.clients_s}
        each = (f"{name} {cost / len(ordered) * 1e3:.2f} ms" for name, cost in costs.items())
        yield f"{label}, processor time of one", ", ".join(each)
        if self.refused:
            yield f"{label}, the first refusal", self.refused[0]


# --- clients --------------------------------------------------------------------------------------------


def completion(task: int, authorization: str, body: bytes) -> bytes:
    """The request that completes a task."""
    head = f"POST /v2/user-tasks/{task}/completion HTTP/1.1\r\nHost: bench\r\nAuthorization: {authorization}\r\n"
    return f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def _complete(port: int, authorization: str, tasks: Sequence[int], body: bytes, queue: Any) -> None:
    """One client, one kept connection."""
    times, refused = [], []
    with connect(port) as made:
        for task in tasks:
            head = (
                f"POST /v2/user-tasks/{task}/completion HTTP/1.1\r\nHost: bench\r\nAuthorization: {authorization}\r\n"
            )
            head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            begun = time.perf_counter()
            made.sendall(head.encode() + body)
            status, reply = read_reply(made)
            times.append((time.perf_counter() - begun) * 1_000)
            if status not in DONE:
                refused.append(f"{status} {reply[:300]!r}")
    queue.put((times, refused))


def complete(port: int, authorization: str, shares: Sequence[Sequence[int]], variables: Any) -> Completed:
    """Each share of tasks by a client of its own, all at once."""
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    body = json.dumps({"variables": variables}).encode()
    clients = [context.Process(target=_complete, args=(port, authorization, share, body, queue)) for share in shares]
    before = os.times()
    begun = time.monotonic()
    for client in clients:
        client.start()
    parts = [queue.get(timeout=600) for _ in clients]
    seconds = time.monotonic() - begun
    for client in clients:
        client.join()
    after = os.times()
    spent = after.children_user - before.children_user + after.children_system - before.children_system
    found = Completed(seconds, clients_s=spent)
    for times, refused in parts:
        found.times += times
        found.refused += refused
    return found


# --- what they find -------------------------------------------------------------------------------------


@contextlib.contextmanager
def prepared(url: str, folder: Path) -> Iterator[Server]:
    """Tables and processes, without a server of their own."""
    database = Database(url)
    migrate.upgrade(database)
    settings = Settings(data_dir=folder, secret_key="benchmark-secret-key-of-32-letters")
    server = bootstrap.build(settings, database=database, connectors=Registry())
    deployments.deploy(server, SYSTEM, {"two_tasks.bpmn": MODEL.read_bytes(), "items.bpmn": items()})
    yield server
    database.dispose()


def open_tasks(server: Server, process_id: str) -> list[int]:
    """Keys, oldest first."""
    query = sa.select(user_task.c.key).where(user_task.c.process_id == process_id, user_task.c.state == "CREATED")
    with server.database.read() as connection:
        return list(connection.execute(query.order_by(user_task.c.key)).scalars())


def measure(name: str, url: str, folder: Path) -> Iterator[tuple[str, str]]:
    """Many instances, then one."""
    with prepared(url, folder) as server:
        for _ in range(WARM + COMPLETIONS):
            process_instances.start_process(server, SYSTEM, process_id="two_tasks", variables=VARIABLES)
        process_instances.start_process(server, SYSTEM, process_id="items", variables={"items": list(range(ITEMS))})
        many, one = open_tasks(server, "two_tasks"), open_tasks(server, "items")
    with serving(folder, url) as (port, manager, token):
        authorization = f"Bearer {token}"

        def run(tasks: Sequence[int], clients: int, variables: Any) -> Completed:
            web, backends = children(manager), [] if url.startswith("sqlite") else postgresql_processes(url)
            before = processor_s(web), processor_s(backends)
            found = complete(port, authorization, [tasks[n::clients] for n in range(clients)], variables)
            found.web_s, found.database_s = processor_s(web) - before[0], processor_s(backends) - before[1]
            return found

        complete(port, authorization, [many[n:WARM:CLIENTS] for n in range(CLIENTS)], {"outcome": "approved"})
        yield from run(many[WARM:], CLIENTS, {"outcome": "approved"}).rows(f"{CLIENTS} clients, {name}")
        people = run(one, PEOPLE, {"answer": "yes"})
        yield from people.rows(f"{PEOPLE} people, one instance of {ITEMS:,} items, {name}")
    with prepared(url, folder) as server:
        if left := set(one) & set(open_tasks(server, "items")):
            message = f"Expected all {ITEMS} items to be done, but found {len(left)} open"
            raise AssertionError(message)


def run() -> Iterator[tuple[str, str]]:
    """Rows of the report, as they come."""
    with tempfile.TemporaryDirectory() as folder:
        yield from measure("SQLite", f"sqlite:///{folder}/bench.db", Path(folder))
    with postgresql.cluster() as cluster, tempfile.TemporaryDirectory() as folder:
        yield from measure("PostgreSQL", cluster.create("bench_completions"), Path(folder))

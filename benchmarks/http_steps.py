"""The process of ``steps`` over HTTP: two web processes, four client processes, API tokens, connections kept.

Eight requests for each instance, as a task list and a form would make them:

1. ``POST /v2/process-instances``
2. ``POST /v2/user-tasks/search`` (the open task of the instance)
3. ``GET /v2/user-tasks/{key}``
4. ``POST /v2/user-tasks/{key}/assignment``
5. ``POST /v2/user-tasks/{key}/completion``
6. to 8. the second task: search, read, complete
"""

from __future__ import annotations

import contextlib
import http.client
import json
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from tests.support import postgresql

if TYPE_CHECKING:
    from collections.abc import Iterator

HOST = "127.0.0.1"
MODEL = Path(__file__).parent / "models" / "two_tasks.bpmn"
VARIABLES = {"amount": 480_000, "customer": "上海华泰精密机械有限公司", "orderNumber": "SO-2026-0001"}
WEB_PROCESSES = 2
CLIENTS = 4
WARM_S = 4.0
MEASURED_S = float(os.environ.get("BPM_BENCH_SECONDS", "12"))
REQUESTS = ("create", "search", "get", "assign", "complete")


class Client:
    """One keep-alive connection; notes the milliseconds of each request by its kind."""

    def __init__(self, port: int, authorization: str) -> None:
        self._connection = http.client.HTTPConnection(HOST, port, timeout=30)
        self._headers = {"Authorization": authorization, "Content-Type": "application/json"}
        self.times: dict[str, list[float]] = {name: [] for name in REQUESTS}

    def __call__(self, kind: str, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        before = time.perf_counter()
        self._connection.request(method, path, data, self._headers)
        reply = self._connection.getresponse()
        content = reply.read()
        if kind in self.times:
            self.times[kind].append((time.perf_counter() - before) * 1000)
        if reply.status >= 300:
            message = f"{method} {path}: {reply.status} {content[:300]!r}"
            raise RuntimeError(message)
        return json.loads(content) if content else None

    def open_task(self, instance: str) -> str:
        wanted = {"filter": {"processInstanceKey": instance, "state": "CREATED"}}
        (task,) = self("search", "POST", "/v2/user-tasks/search", wanted)["items"]
        return str(task["userTaskKey"])

    def run_instance(self) -> None:
        """The eight requests."""
        body = {"processDefinitionId": "two_tasks", "variables": VARIABLES}
        instance = self("create", "POST", "/v2/process-instances", body)["processInstanceKey"]
        first = self.open_task(instance)
        self("get", "GET", f"/v2/user-tasks/{first}")
        self("assign", "POST", f"/v2/user-tasks/{first}/assignment", {"assignee": "admin"})
        self("complete", "POST", f"/v2/user-tasks/{first}/completion", {"variables": {"outcome": "approved"}})
        second = self.open_task(instance)
        self("get", "GET", f"/v2/user-tasks/{second}")
        self("complete", "POST", f"/v2/user-tasks/{second}/completion", {"variables": {"outcome": "approved"}})


@dataclass(slots=True)
class Measured:
    """What one run gave; processor seconds of the web processes, of PostgreSQL's connections, of the clients."""

    instances: int
    seconds: float
    processor_s: float
    database_s: float
    clients_s: float
    memory_mb: list[float]
    times: dict[str, list[float]] = field(default_factory=dict)

    def rows(self, name: str) -> list[tuple[str, str]]:
        each = f"{self.processor_s / self.instances * 1000:.1f} ms of the web processes"
        each += f", {self.clients_s / self.instances * 1000:.1f} ms of the clients"
        if self.database_s:
            each += f", {self.database_s / self.instances * 1000:.1f} ms of PostgreSQL"
        memory = " + ".join(f"{value:.0f}" for value in self.memory_mb)
        found = [
            (
                f"{name}, {WEB_PROCESSES} web processes, {CLIENTS} clients",
                f"{self.instances / self.seconds:,.0f} instances/s",
            ),
            (f"{name}, processor time of one instance", each),
            (f"{name}, memory of the web processes", f"{memory} MB"),
        ]
        for kind, times in self.times.items():
            ordered = sorted(times)
            p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
            found.append((f"{name}, {kind}", f"p50 {ordered[len(ordered) // 2]:.1f} ms, p99 {p99:.1f} ms"))
        return found


def _run_client(port: int, authorization: str, until: float, queue: multiprocessing.Queue[Any]) -> None:
    client, done = Client(port, authorization), 0
    while time.monotonic() < until:
        client.run_instance()
        done += 1
    queue.put((done, client.times))


def _load(port: int, authorization: str, seconds: float) -> tuple[int, float, dict[str, list[float]]]:
    """Instances, seconds and the times of all clients, which are processes of their own."""
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    started = time.monotonic()
    clients = [
        context.Process(target=_run_client, args=(port, authorization, started + seconds, queue))
        for _ in range(CLIENTS)
    ]
    for client in clients:
        client.start()
    parts = [queue.get(timeout=seconds + 60) for _ in clients]
    for client in clients:
        client.join()
    times = {kind: [one for _, found in parts for one in found[kind]] for kind in REQUESTS}
    return sum(done for done, _ in parts), time.monotonic() - started, times


# --- the server -----------------------------------------------------------------------------------------


def _free_port() -> int:
    with socket.socket() as found:
        found.bind((HOST, 0))
        return int(found.getsockname()[1])


@contextlib.contextmanager
def serving(folder: Path, database_url: str, **settings: str) -> Iterator[tuple[int, int, str]]:
    """``bpm-server web``; gives its port, the process that manages the others, and an API token.

    Its log is ``web.log`` in the folder. ``settings``: further ones, by environment variable.
    """
    port = _free_port()
    environment = {
        **os.environ,
        "BPM_DATABASE_URL": database_url,
        "BPM_SECRET_KEY": "benchmark-secret-key-of-32-letters",
        "BPM_ADMIN_PASSWORD": "benchmark-password",
        "BPM_LOG_LEVEL": "WARNING",
        **settings,
    }
    data = ["--data-dir", str(folder)]
    base = [sys.executable, "-m", "bpm_server"]
    making = [*base, "user", "token", "admin", *data]
    token = subprocess.run(making, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout.split()[-1]
    with (folder / "web.log").open("wb") as log:
        web = [*base, "web", "--port", str(port), "--processes", str(WEB_PROCESSES), *data]
        process = subprocess.Popen(web, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        _wait_until_up(port, process, folder / "web.log")
        yield port, process.pid, token
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def _wait_until_up(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError):
            connection = http.client.HTTPConnection(HOST, port, timeout=2)
            connection.request("GET", "/health/ready")
            if connection.getresponse().status == 200:
                return
        time.sleep(0.1)
    message = f"Expected the server to answer, but found:\n{log.read_text(errors='replace')[-3000:]}"
    raise RuntimeError(message)


def _deploy(port: int, authorization: str) -> None:
    connection = http.client.HTTPConnection(HOST, port, timeout=30)
    body = (
        b'--edge\r\nContent-Disposition: form-data; name="resources"; filename="two_tasks.bpmn"\r\n\r\n'
        + MODEL.read_bytes()
        + b"\r\n--edge--\r\n"
    )
    headers = {"Authorization": authorization, "Content-Type": "multipart/form-data; boundary=edge"}
    connection.request("POST", "/v2/deployments", body, headers)
    reply = connection.getresponse()
    content = reply.read()
    if reply.status != 200:
        message = f"Expected to deploy, but found {reply.status} {content[:300]!r}"
        raise RuntimeError(message)


# --- processor time and memory, as Linux tells them --------------------------------------------------------


def children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in text.split()]


def processor_s(pids: list[int]) -> float:
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def memory_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def postgresql_processes(url: str) -> list[int]:
    """The server processes of the database's connections."""
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        query = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        return [pid for (pid,) in connection.execute(query)]


def measure(url: str, folder: Path) -> Measured:
    """One run against a database."""
    with serving(folder, url) as (port, manager, token):
        authorization = f"Bearer {token}"
        _deploy(port, authorization)
        _load(port, authorization, WARM_S)
        web = children(manager)
        backends = [] if url.startswith("sqlite") else postgresql_processes(url)
        before, database_before = processor_s(web), processor_s(backends)
        clients_before = os.times().children_user + os.times().children_system
        instances, seconds, times = _load(port, authorization, MEASURED_S)
        clients = os.times().children_user + os.times().children_system - clients_before
        return Measured(
            instances,
            seconds,
            processor_s(web) - before,
            processor_s(backends) - database_before,
            clients,
            [memory_mb(pid) for pid in web],
            times,
        )


def run() -> list[tuple[str, str]]:
    """Rows of the report."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        rows += measure(f"sqlite:///{folder}/bench.db", Path(folder)).rows("SQLite")
    with postgresql.cluster() as cluster, tempfile.TemporaryDirectory() as folder:
        rows += measure(cluster.create("bench_http"), Path(folder)).rows("PostgreSQL")
    return rows

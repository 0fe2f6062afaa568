"""Compares HTTP servers for the WSGI application: speed, slow clients, limits, stopping and dying.

    python benchmarks/http_servers.py                      every server, every experiment, a table at the end
    python benchmarks/http_servers.py speed --only waitress --seconds 5 --rounds 1

Needs ``pip install granian gunicorn waitress cheroot psutil`` beside bpm-server. Every server gets the same
application (one SELECT on SQLite, JSON reply) and listens on 127.0.0.1 only. "ours" is waitress as
bpm_server.web.serving runs it, with gunicorn to manage several processes. The clients are in http_clients.py;
docs/adr/0003-http-server.md records a run and the decision.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from importlib.metadata import version
from pathlib import Path

import http_clients as clients
import psutil

HOST = "127.0.0.1"
SERVERS = ("waitress", "ours", "cheroot", "gunicorn", "granian")
BODY_LIMIT = 1_000_000
PARKED_SHARE = 2  # one thread in two may wait for events
ROWS = 10_000


# The application ------------------------------------------------------------------------------------------


def create_app():  # noqa: C901
    from flask import Flask, Response, jsonify, request  # noqa: PLC0415
    from sqlalchemy import create_engine, text  # noqa: PLC0415

    threads = int(os.environ["BENCH_THREADS"])
    engine = create_engine(f"sqlite:///{os.environ['BENCH_DB']}", pool_size=threads)
    statement = text("SELECT id, name, amount FROM item WHERE id = :id")
    slots = threading.BoundedSemaphore(max(1, threads // PARKED_SHARE))
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = BODY_LIMIT
    beats = {"worker": 0}

    def worker() -> None:  # stands for the worker thread of `bpm-server up`
        while True:
            time.sleep(0.05)
            beats["worker"] += 1

    threading.Thread(target=worker, daemon=True).start()

    @app.get("/item/<int:key>")
    def item(key: int):
        with engine.connect() as connection:
            row = connection.execute(statement, {"id": key % ROWS}).one()
        return jsonify(id=row.id, name=row.name, amount=row.amount)

    @app.get("/about")
    def about():
        return jsonify(pid=os.getpid(), beats=beats["worker"])

    @app.post("/body")
    def body():
        return jsonify(length=len(request.get_data()))

    @app.get("/sleep/<float:seconds>")
    def sleep(seconds: float):
        time.sleep(seconds)
        return jsonify(slept=seconds)

    @app.delete("/item/<int:key>")
    def delete(key: int):
        return "", 204

    @app.get("/large")
    def large():
        return Response(b"x" * 5_000_000, mimetype="application/octet-stream")

    @app.get("/events")
    def events():
        stopping = request.environ.get("bpm_server.stopping", lambda: False)
        if not slots.acquire(blocking=False):
            return "", 503, {"Retry-After": "5"}

        def stream():
            try:
                while not stopping():
                    yield f"data: {time.monotonic()}\n\n".encode()
                    time.sleep(0.5)
            finally:
                slots.release()

        return Response(stream(), mimetype="text/event-stream")

    return app


# The servers ----------------------------------------------------------------------------------------------


def stop_on_sigterm() -> None:
    def stop(*_: object) -> None:
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, stop)


def fork(processes: int) -> None:
    """Starts the other processes of a server that has no supervisor of its own (for the speed table only)."""
    for _ in range(processes - 1):
        if os.fork() == 0:
            return


def serve_waitress(port: int, processes: int, threads: int) -> None:
    import waitress  # noqa: PLC0415

    listener = socket.create_server((HOST, port), backlog=1024, reuse_port=True)
    fork(processes)
    stop_on_sigterm()
    waitress.serve(
        create_app(),
        sockets=[listener],
        threads=threads,
        connection_limit=2000,
        channel_request_lookahead=1,
        max_request_body_size=BODY_LIMIT,
        asyncore_use_poll=True,
        ident=None,
    )


def serve_ours(port: int, processes: int, threads: int) -> None:
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from bpm_server.web.serving import ServingSettings, listen, serve  # noqa: PLC0415

    settings = ServingSettings(threads=threads, body_bytes=BODY_LIMIT)
    if processes == 1:
        serve(create_app(), listen(HOST, port), settings)
    else:
        serve_gunicorn(port, processes, threads, "bpm_server.web.gunicorn_worker.WaitressWorker")


def serve_cheroot(port: int, processes: int, threads: int) -> None:
    from cheroot import wsgi  # noqa: PLC0415

    fork(processes)
    stop_on_sigterm()
    server = wsgi.Server(
        (HOST, port), create_app(), numthreads=threads, max=threads, request_queue_size=1024,
        shutdown_timeout=30, reuse_port=True,
    )  # fmt: skip
    server.keep_alive_conn_limit = 2000
    server.max_request_body_size = BODY_LIMIT
    server.max_request_header_size = 65_536
    server.safe_start()


def serve_gunicorn(port: int, processes: int, threads: int, worker: str = "gthread") -> None:
    from gunicorn.app.base import BaseApplication  # noqa: PLC0415

    class Application(BaseApplication):
        def load_config(self) -> None:
            settings = {
                "bind": f"{HOST}:{port}", "workers": processes, "threads": threads, "worker_class": worker,
                "keepalive": 75, "graceful_timeout": 30, "loglevel": "error", "control_socket_disable": True,
            }  # fmt: skip
            for name, value in settings.items():
                self.cfg.set(name, value)

        def load(self):
            return create_app()

    Application().run()


def serve_granian(port: int, processes: int, threads: int) -> None:
    from granian import Granian  # noqa: PLC0415

    Granian(
        f"{Path(__file__).stem}:create_app", factory=True, address=HOST, port=port, interface="wsgi",
        workers=processes, blocking_threads=threads, log_level="error", workers_kill_timeout=30,
    ).serve()  # fmt: skip


# Running one ----------------------------------------------------------------------------------------------


class Running:
    """A server as a child process in a group of its own."""

    def __init__(self, server: str, database: Path, processes: int = 1, threads: int = 8, port: int = 0):
        self.server, self.threads = server, threads
        self.port = port or free_port()
        started = time.perf_counter()
        self.process = subprocess.Popen(
            [sys.executable, __file__, "serve", "--only", server, "--port", str(self.port),
             "--processes", str(processes), "--threads", str(threads)],
            env={**os.environ, "BENCH_DB": str(database), "BENCH_THREADS": str(threads)},
            cwd=Path(__file__).parent, start_new_session=True, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        clients.wait_until_up(self.port)
        self.start_seconds = time.perf_counter() - started

    def members(self) -> list[psutil.Process]:
        try:
            return [process for process in psutil.process_iter() if os.getpgid(process.pid) == self.process.pid]
        except ProcessLookupError:
            return self.members()

    def memory(self) -> float:
        return sum(process.memory_full_info().pss for process in self.members()) / 1e6

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *_: object) -> None:
        for sent in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, sent)
            except ProcessLookupError:
                break
            deadline = time.monotonic() + 5
            while self.members() and time.monotonic() < deadline:
                self.process.poll()
                time.sleep(0.05)
        self.process.wait()


def free_port() -> int:
    with socket.create_server((HOST, 0)) as found:
        return found.getsockname()[1]


def make_database(folder: Path) -> Path:
    path = folder / "bench.db"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT, amount INTEGER)")
        rows = ((key, f"采购申请 {key}", key * 7) for key in range(ROWS))
        connection.executemany("INSERT INTO item VALUES (?, ?, ?)", rows)
    return path


# The experiments: each gives {column: value} --------------------------------------------------------------


def speed(server: str, database: Path, options: argparse.Namespace) -> dict[str, object]:
    found: dict[str, object] = {}
    for processes, threads in ((1, 8), (1, 4), (2, 4)):
        results = []
        for _ in range(options.rounds):
            with Running(server, database, processes, threads) as running:
                clients.load(running.port, 1.0)
                results.append(clients.load(running.port, options.seconds))
                memory = running.memory()
        rates = [result.rate for result in results]
        typical = sorted(results, key=lambda result: result.rate)[len(results) // 2]
        name = f"{processes}x{threads}"
        found[f"{name} req/s"] = round(statistics.median(rates))
        found[f"{name} p50/p99 ms"] = f"{typical.p50:.1f} / {typical.p99:.1f}"
        found[f"{name} MB"] = round(memory)
        if sum(result.errors for result in results):
            found[f"{name} errors"] = sum(result.errors for result in results)
    return found


def slow(server: str, database: Path, options: argparse.Namespace) -> dict[str, object]:
    """200 awkward connections beside four normal ones, on 1 process with 8 threads."""
    found: dict[str, object] = {}
    for kind, start in clients.AWKWARD.items():
        with Running(server, database) as running, start(running.port) as crowd:
            time.sleep(1)
            result = clients.load(running.port, options.seconds, connections=4, processes=1, patience=5)
            found[kind] = f"{result.rate:.0f}/s p99 {result.p99:.0f} ms{crowd.report()}"
            if result.errors:
                found[kind] = f"{found[kind]}, {result.errors} failed"
    with Running(server, database) as running:
        found["SSE thread free after client is gone"] = clients.freed_after_disconnect(running.port)
        found["CPU of 8 abandoned polls"] = clients.cost_of_abandoned(running)
        found["kept-alive after 20 s idle"] = clients.kept_alive(running.port, idle=20)
        found["SSE delay"] = clients.event_delay(running.port)
    return found


def limits(server: str, database: Path, _: argparse.Namespace) -> dict[str, object]:
    with Running(server, database) as running:
        before = running.memory()
        found = {name: probe(running.port) for name, probe in clients.PROBES.items()}
        found["MB after probes"] = f"{before:.0f} -> {running.memory():.0f}"
    return found


def dying(server: str, database: Path, _: argparse.Namespace) -> dict[str, object]:
    found: dict[str, object] = {}
    with Running(server, database) as running:
        found["processes"] = len(running.members())
        found["worker thread beats"] = clients.about(running.port)["beats"] > 0
        running.process.kill()
        running.process.wait()
        killed = time.monotonic()
        found["port after kill -9"] = clients.port_free_after(running.port, killed)
        found["left after 3 s"] = len(running.members())
        clients.sleep_until(killed + 3)
        found["left after 3 s"] = len(running.members())
        try:
            with Running(server, database, port=running.port) as again:
                found["start again, same port"] = f"{again.start_seconds:.2f} s"
        except TimeoutError:
            found["start again, same port"] = "failed"
    with Running(server, database) as running:
        found["port after kill -9 under load"] = clients.kill_under_load(running)
    for name in ("SIGTERM", "SIGINT"):
        with Running(server, database) as running:
            found[f"{name}, 4 requests of 2 s"] = clients.stop_gracefully(running, getattr(signal, name))
    with Running(server, database) as running:
        found["SIGTERM, 4 replies of 5 MB under way"] = clients.stop_while_sending(running)
    if server in {"ours", "gunicorn", "granian"}:
        with Running(server, database, processes=2, threads=4) as running:
            found["SIGHUP under load, 2 processes"] = clients.restart_under_load(running)
    with Running(server, database) as running, clients.Parked(running.port):
        found["SIGTERM, 4 SSE streams open"] = clients.stop_with_streams(running)
    return found


EXPERIMENTS = {"speed": speed, "slow": slow, "limits": limits, "dying": dying}


def table(results: dict[str, dict[str, object]]) -> str:
    servers = list(results)
    rows = list(dict.fromkeys(row for cells in results.values() for row in cells))
    lines = ["| | " + " | ".join(servers) + " |", "|---" * (len(servers) + 1) + "|"]
    lines += [f"| {row} | " + " | ".join(str(results[name].get(row, "")) for name in servers) + " |" for row in rows]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiment", nargs="*", default=list(EXPERIMENTS))
    parser.add_argument("--only", nargs="*", default=SERVERS)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--port", type=int)
    parser.add_argument("--processes", type=int)
    parser.add_argument("--threads", type=int)
    options = parser.parse_args()
    if options.experiment == ["serve"]:
        globals()[f"serve_{options.only[0]}"](options.port, options.processes, options.threads)
        return
    names = {name: f"{name} {version(name)}" if name != "ours" else name for name in options.only}
    print(f"Python {platform.python_version()}, {platform.platform()}, {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as folder:
        database = make_database(Path(folder))
        for experiment in options.experiment:
            results = {}
            for server in options.only:
                print(f"# {experiment} {server}", file=sys.stderr)
                results[names[server]] = EXPERIMENTS[experiment](server, database, options)
                print(json.dumps(results[names[server]], ensure_ascii=False), file=sys.stderr)
            print(f"\n## {experiment}\n\n{table(results)}", flush=True)


if __name__ == "__main__":
    main()

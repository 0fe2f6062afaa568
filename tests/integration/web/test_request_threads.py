"""Threads of a web process: a bounded queue before them, and waiting, watching and slow clients that hold none."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask

from bpm_server.web.app import create_app
from bpm_server.web.serving import HttpServer, ServingSettings, listen
from tests.support.bpmn_builder import Process, one_task
from tests.support.contention import at_once
from tests.support.product import Product
from tests.support.rest import add_person, application, served

if TYPE_CHECKING:
    from collections.abc import Iterator

START = "/v2/process-instances"


@contextlib.contextmanager
def serving(app: Any, **settings: Any) -> Iterator[int]:
    listener = listen("127.0.0.1", 0)
    server = HttpServer(app, [listener], ServingSettings(**settings))
    stop = threading.Event()

    def run() -> None:
        while not stop.is_set():
            server.step(0.05)
        server.drain(5)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        stop.set()
        server.wake()
        thread.join(10)


def stuck_app(gate: threading.Event, entered: threading.Semaphore) -> Flask:
    app = Flask("stuck")

    @app.get("/work")
    def work() -> str:
        entered.release()
        gate.wait(30)
        return "done"

    @app.get("/health/live")
    def live() -> str:
        return "up"

    return app


def ask(port: int, path: str) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path)
        reply = connection.getresponse()
        return reply.status, {name.lower(): value for name, value in reply.getheaders()}, reply.read()
    finally:
        connection.close()


def test_requests_beyond_the_queue_are_refused_at_once_and_the_others_are_done() -> None:
    gate, entered = threading.Event(), threading.Semaphore(0)
    with serving(stuck_app(gate, entered), threads=2, most_waiting=3) as port:
        replies: list[int] = []
        clients = [threading.Thread(target=lambda: replies.append(ask(port, "/work")[0])) for _ in range(2)]
        for client in clients:
            client.start()
        for _ in range(2):
            entered.acquire()  # both threads are at work
        waiting_clients = [threading.Thread(target=lambda: replies.append(ask(port, "/work")[0])) for _ in range(3)]
        for client in waiting_clients:
            client.start()
        status, headers, body = 200, {}, b""
        while status == 200:  # until the three have arrived; a request before them waits with them
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=0.3)
            try:
                connection.request("GET", "/work")
                reply = connection.getresponse()
                status, headers, body = reply.status, dict(reply.getheaders()), reply.read()
                if status == 503:  # the connection is kept: whoever comes again need not connect again
                    connection.request("GET", "/work")
                    assert connection.getresponse().status == 503
            except TimeoutError:
                continue
            finally:
                connection.close()
        assert headers["Retry-After"] == "1"
        assert headers["Content-Type"] == "application/problem+json"
        assert json.loads(body)["code"] == "unavailable"
        gate.set()
        for client in (*clients, *waiting_clients):
            client.join(30)
        assert replies.count(200) >= 2
        assert set(replies) <= {200, 503}


def test_health_is_asked_before_everything_that_waits() -> None:
    gate, entered = threading.Event(), threading.Semaphore(0)
    with serving(stuck_app(gate, entered), threads=1, most_waiting=0) as port:
        client = threading.Thread(target=lambda: ask(port, "/work"))
        client.start()
        entered.acquire()
        assert ask(port, "/work")[0] == 503
        answers: list[int] = []
        health = threading.Thread(target=lambda: answers.append(ask(port, "/health/live")[0]))
        health.start()
        gate.set()
        health.join(30)
        client.join(30)
        assert answers == [200]


def test_clients_that_send_byte_by_byte_stop_nobody(bpm: Product) -> None:
    product, _ = application(bpm)
    app = create_app(product.server)
    head = b"POST /v2/process-instances HTTP/1.1\r\nHost: test\r\nContent-Length: 1000\r\n"
    head += b"Content-Type: application/json\r\n\r\n"
    with serving(app, threads=2) as port, contextlib.ExitStack() as stack:
        slow = [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(50)]
        for number in range(20):
            for connection in slow:
                connection.sendall(head[number : number + 1])
            assert ask(port, "/health/live")[0] == 200
        for connection in slow:  # now the headers are there and the bodies trickle
            connection.sendall(head[20:])
        for _ in range(20):
            for connection in slow:
                connection.sendall(b" ")
            assert ask(port, "/health/live")[0] == 200


def test_headers_that_never_end_are_cut_off() -> None:
    with (
        serving(Flask("empty"), threads=1, header_seconds=0) as port,
        socket.create_connection(("127.0.0.1", port), timeout=30) as connection,
        contextlib.suppress(ConnectionError),
    ):
        for byte in b"GET / HTTP/1.1\r\nX: " + b"x" * 10_000:
            connection.sendall(bytes([byte]))
            if connection.fileno() < 0:
                break
            time.sleep(0.005)
            connection.setblocking(False)
            try:
                if connection.recv(1) == b"":
                    return
            except BlockingIOError:
                pass
            finally:
                connection.settimeout(30)
        pytest.fail("the connection was kept")


def test_watching_pages_and_waiting_workers_do_not_stop_others_from_completing_tasks(bpm: Product) -> None:
    """100 workers wait for jobs and 200 clients keep looking at a page; 30 tasks are completed all the same.

    A client that is told to come again does so.
    """
    product, nobody = application(bpm, threads=4)
    token = add_person(product, "root", roles=("admin",))
    product.deploy(one_task())
    for _ in range(30):
        product.start()
    tasks = [item["userTaskKey"] for item in nobody.as_(token).search("user-tasks")]
    stop = threading.Event()
    with served(nobody.app, threads=4) as url:
        port = int(url.rpartition(":")[2])

        def call(method: str, path: str, body: Any = None) -> int:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            try:
                headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
                connection.request(method, path, None if body is None else json.dumps(body), headers)
                reply = connection.getresponse()
                reply.read()
                return reply.status
            finally:
                connection.close()

        def work() -> None:
            while not stop.is_set():
                call("POST", "/v2/jobs/activation",
                     {"type": "t", "maxJobsToActivate": 1, "timeout": 1000, "requestTimeout": 1000})  # fmt: skip

        def watch() -> None:
            while not stop.is_set():
                call("GET", "/")
                stop.wait(2)

        threads = [threading.Thread(target=work) for _ in range(100)]
        threads += [threading.Thread(target=watch) for _ in range(200)]
        for thread in threads:
            thread.start()

        def complete(key: str) -> int:
            while (status := call("POST", f"/v2/user-tasks/{key}/completion", {})) == 503:
                refused.append(key)
                time.sleep(1)
            return status

        refused: list[str] = []
        results = at_once(5, lambda n: [complete(key) for key in tasks[n::5]])
        print("refused", len(refused))
        stop.set()
        for thread in threads:
            thread.join(60)
    assert [status for result in results for status in result] == [204] * 30, results


# --- waiting without a thread ---------------------------------------------------------------------------


def test_long_polls_hold_no_thread_and_get_what_comes(bpm: Product) -> None:
    """One thread: ten workers wait, and what somebody starts meanwhile reaches exactly one of them."""
    product, nobody = application(bpm)
    token = add_person(product, "root", roles=("admin",))
    p = Process()
    p.path(p.start(), p.service("work", "outside"), p.end())
    product.deploy(p.xml())
    with serving(nobody.app, threads=1) as port:
        found: list[list[Any]] = []

        def poll(path: str, body: Any, member: str | None) -> None:
            reply = post(port, token, path, body)
            found.append(reply[member] if member else reply)

        camunda8 = {"type": "outside", "maxJobsToActivate": 1, "timeout": 60_000, "requestTimeout": 3_000}
        camunda7 = {
            "workerId": "w", "maxTasks": 1, "asyncResponseTimeout": 3_000,
            "topics": [{"topicName": "outside", "lockDuration": 60_000}],
        }  # fmt: skip
        calls = [("/v2/jobs/activation", camunda8, "jobs")] * 5
        calls += [("/engine-rest/external-task/fetchAndLock", camunda7, None)] * 5  # type: ignore[list-item]
        threads = [threading.Thread(target=poll, args=call) for call in calls]
        for thread in threads:
            thread.start()
        assert post(port, token, START, {"processDefinitionId": "p"})["processInstanceKey"]
        for thread in threads:
            thread.join(60)
    assert sorted(len(jobs) for jobs in found) == [0] * 9 + [1]


def test_a_stopping_server_answers_whoever_waits(bpm: Product) -> None:
    product, nobody = application(bpm)
    token = add_person(product, "root", roles=("admin",))
    replies: list[Any] = []
    body = {"type": "outside", "maxJobsToActivate": 1, "timeout": 1_000, "requestTimeout": 300_000}
    waiting = threading.Thread(target=lambda: replies.append(post(port, token, "/v2/jobs/activation", body)))
    with serving(nobody.app, threads=1) as port:
        waiting.start()
        while not nobody.app.extensions["bpm_server.parking"]._parked:
            time.sleep(0.01)
    waiting.join(30)
    assert replies == [{"jobs": []}]


def post(port: int, token: str, path: str, body: Any) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        connection.request("POST", path, json.dumps(body), headers)
        reply = connection.getresponse()
        data = json.loads(reply.read())
        assert reply.status == 200, data
        return data
    finally:
        connection.close()

"""Processes that are told to stop: what is in work is finished, what is not is free at once, nothing new begins."""

from __future__ import annotations

import contextlib
import http.client
import signal
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from bpm_server.store.database import Database
from bpm_server.store.tables.jobs import job
from tests.support.bpmn_builder import Process, extensions, io
from tests.support.installation import Installation, own_broker
from tests.support.running import Answer, Api, RunningServer, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATIENCE_S = 60


class Partner:
    """Lets its callers wait until the test says so."""

    def __init__(self) -> None:
        self.asked = threading.Semaphore(0)
        self.release = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.release()
                outer.release.wait(PATIENCE_S)
                with contextlib.suppress(OSError):  # whoever asked may have gone
                    self.send_response(204)
                    self.send_header("content-length", "0")
                    self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def is_asked(self) -> bool:
        return self.asked.acquire(timeout=PATIENCE_S)

    def close(self) -> None:
        self.release.set()
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def partner() -> Iterator[Partner]:
    made = Partner()
    yield made
    made.close()


def calling(url: str) -> bytes:
    p = Process("calls")
    task = extensions('<zeebe:taskDefinition type="io.camunda:http-json:1"/>', io({"url": f'="{url}"'}))
    p.path(p.start(), p.add("serviceTask", "call", task), p.end())
    return p.xml()


def deploy(folder: Path, run: Any, url: str) -> None:
    (folder / "calls.bpmn").write_bytes(calling(url))
    run("deploy", str(folder / "calls.bpmn"))


def job_rows(url: str) -> list[tuple[str, int, bool]]:
    """State, retries, and whether somebody has it, of each job."""
    database = Database(url)
    with database.read() as connection:
        rows = connection.execute(sa.select(job.c.state, job.c.retries, job.c.lease).order_by(job.c.key)).all()
    database.dispose()
    return [(row.state, row.retries, row.lease is not None) for row in rows]


def start(api: Api) -> None:
    api("POST", "/v2/process-instances", {"processDefinitionId": "calls"})


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    """One web process and one worker with one thread, on SQLite."""
    made = Installation(tmp_path, f"sqlite:///{tmp_path}/bpm.db", None, webs=1, workers=1)
    made.environment |= {"BPM_WORKER_THREADS": "1", "BPM_STOP_NOTICE_SECONDS": "2"}
    yield made
    made.kill()


def test_a_worker_finishes_what_it_does_and_begins_nothing_more(installation: Installation, partner: Partner) -> None:
    installation.start()
    deploy(installation.folder, installation.run, partner.url)
    (worker,) = installation.workers
    with contextlib.closing(installation.api(installation.ports[0])) as api:
        start(api)
        start(api)
        assert partner.is_asked()
        worker.signal(signal.SIGTERM)
        wait_for_log(worker.log, "worker.stopping")
        partner.release.set()
        assert worker.wait(PATIENCE_S) == 0
    url = installation.environment["BPM_DATABASE_URL"]
    assert job_rows(url) == [("COMPLETED", 3, False), ("CREATED", 3, False)]


@pytest.mark.parametrize("broker", [False, pytest.param(True, marks=pytest.mark.rabbitmq)])
def test_what_a_worker_cannot_finish_in_time_is_free_at_once(
    installation: Installation, partner: Partner, broker: bool
) -> None:
    with contextlib.ExitStack() as stack:
        if broker:
            installation.environment["BPM_BROKER_URL"] = stack.enter_context(own_broker()).url
        installation.environment["BPM_STOP_SECONDS"] = "1"
        installation.start()
        deploy(installation.folder, installation.run, partner.url)
        (worker,) = installation.workers
        with contextlib.closing(installation.api(installation.ports[0])) as api:
            start(api)
            assert partner.is_asked()
            worker.signal(signal.SIGTERM)
            assert worker.wait(PATIENCE_S) == 0
            assert job_rows(installation.environment["BPM_DATABASE_URL"]) == [("CREATED", 3, False)]
            worker.start()
            assert partner.is_asked()  # another worker has it, without waiting for the end of a lease
        installation.kill()
    assert "Traceback" not in worker.log.read_text()


@pytest.mark.rabbitmq
def test_a_worker_stops_while_the_broker_is_away(installation: Installation) -> None:
    with own_broker() as broker:
        installation.environment["BPM_BROKER_URL"] = broker.url
        installation.start()
        (worker,) = installation.workers
        wait_for_log(worker.log, "worker.started")
        broker.kill()
        worker.signal(signal.SIGTERM)
        assert worker.wait(PATIENCE_S) == 0


@pytest.mark.parametrize("processes", ["1", "2"])
def test_web_says_that_it_leaves_finishes_requests_and_ends(installation: Installation, processes: str) -> None:
    installation.environment["BPM_PROCESSES"] = processes
    installation.start()
    (web,) = installation.webs
    answers: list[Any] = []
    waiting = {"type": "nothing", "maxJobsToActivate": 1, "timeout": 1_000, "requestTimeout": 1_000}

    def wait_for_jobs() -> None:
        with contextlib.closing(installation.api(installation.ports[0])) as api:
            in_work.set()
            answers.append(api("POST", "/v2/jobs/activation", waiting))

    in_work = threading.Event()
    request = threading.Thread(target=wait_for_jobs)
    request.start()
    assert in_work.wait(PATIENCE_S)
    time.sleep(0.3)  # the request is on its way; were it late, it would still be served
    web.terminate()
    assert unready(installation.ports[0])["status"] == 503
    with contextlib.closing(Api(installation.ports[0])) as api:
        assert api("GET", "/health/live") == {"status": "UP"}  # it still serves
    request.join(PATIENCE_S)
    assert answers == [{"jobs": []}]
    assert web.wait(PATIENCE_S) == 0


def test_up_finishes_what_it_can_and_frees_the_rest(tmp_path: Path, partner: Partner) -> None:
    with running(tmp_path, "--no-content", BPM_STOP_SECONDS="1") as server:
        with contextlib.closing(server.api()) as api:
            deploy_over_http(server, partner.url)
            start(api)
            assert partner.is_asked()
        assert server.stop() == 0
    assert job_rows(f"sqlite:///{tmp_path}/data/bpm.db") == [("CREATED", 3, False)]


def deploy_over_http(server: RunningServer, url: str) -> None:
    body = (
        b'--edge\r\nContent-Disposition: form-data; name="resources"; filename="calls.bpmn"\r\n\r\n'
        + calling(url)
        + b"\r\n--edge--\r\n"
    )
    with contextlib.closing(server.api()) as api:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
        headers = {"Content-Type": "multipart/form-data; boundary=edge", "Authorization": f"Bearer {api.token}"}
        connection.request("POST", "/v2/deployments", body, headers)
        assert connection.getresponse().status == 200
        connection.close()


def unready(port: int) -> dict[str, Any]:
    """The answer of ``/health/ready`` once it says no."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        with contextlib.closing(Api(port)) as api:
            try:
                api("GET", "/health/ready")
            except Answer as answer:
                return {"status": answer.status}
    message = "it says that it is ready"
    raise AssertionError(message)


def wait_for_log(path: Path, text: str) -> None:
    end = time.monotonic() + PATIENCE_S
    while text not in path.read_text(errors="replace"):
        assert time.monotonic() < end, path.read_text(errors="replace")
        time.sleep(0.02)

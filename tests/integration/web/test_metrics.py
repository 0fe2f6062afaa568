"""``/metrics``: who may read it, and that it counts what happened."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bpm_server.worker.metrics_page import metrics_page
from tests.support.bpmn_builder import Process
from tests.support.rest import Rest, application
from tests.support.running import free_port
from tests.support.services import ROOT

if TYPE_CHECKING:
    from tests.support.product import Product

START = "/v2/process-instances"


def scrape(rest: Rest, **headers: str) -> dict[str, float]:
    """Samples by name and labels, as ``name{a="b"}``."""
    found = rest.get("/metrics", headers=headers)
    assert found.status == 200, found.body
    samples = {}
    for family in text_string_to_metric_families(found.body.decode()):
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sorted(sample.labels.items()))
            samples[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return samples


def test_requests_commands_and_steps_are_counted(bpm: Product, rest: Rest) -> None:
    p = Process()
    p.path(p.start(), p.user("a"), p.end())
    bpm.deploy(p.xml())
    before = scrape(rest)
    rest.post(START, {"processDefinitionId": "p"})
    rest.post(START, {"processDefinitionId": "none"})
    rest.post(f"/v2/user-tasks/{bpm.task('a').key}/completion", {})
    after = scrape(rest)

    def gained(sample: str) -> float:
        return after.get(sample, 0) - before.get(sample, 0)

    assert gained(f'bpm_http_requests_total{{method="POST",route="{START}",status="200"}}') == 1
    assert gained(f'bpm_http_requests_total{{method="POST",route="{START}",status="404"}}') == 1
    assert gained(f'bpm_http_request_duration_seconds_count{{route="{START}"}}') == 2
    assert gained('bpm_commands_total{command="process_instances.start_process",outcome="succeeded"}') == 1
    assert gained('bpm_commands_total{command="process_instances.start_process",outcome="refused"}') == 1
    assert gained('bpm_commands_total{command="tasks.complete_task",outcome="succeeded"}') == 1
    assert gained("bpm_engine_steps_total") == 2
    assert gained('bpm_hot_instances_total{result="hit"}') == 1
    assert gained('bpm_lock_wait_seconds_count{lock="instance"}') == 1
    assert after["bpm_database_reachable"] == 1


def test_what_is_due_and_open_incidents_are_asked_of_the_database(bpm: Product, rest: Rest) -> None:
    p = Process()
    p.path(p.start(), p.script("x", "=1/0 + missing.member", "r"), p.end())
    bpm.deploy(p.xml())
    rest.post(START, {"processDefinitionId": "p"})
    found = scrape(rest)
    assert found['bpm_due_rows{kind="timers"}'] == 0
    assert found['bpm_due_oldest_age_seconds{kind="jobs"}'] == 0
    assert found["bpm_incidents_open"] == len(rest.search("incidents", filter={"state": "ACTIVE"}))


def test_paths_that_nobody_knows_are_one_route(rest: Rest) -> None:
    for number in range(3):
        rest.get(f"/v2/nonsense-{number}")
    assert not [sample for sample in scrape(rest) if "nonsense" in sample]


@pytest.mark.parametrize(
    ("settings", "address", "sent", "status"),
    [
        ({}, "127.0.0.1", {}, 200),
        ({}, "::1", {}, 200),
        ({}, "10.0.0.9", {}, 403),
        ({"trusted_proxy": "127.0.0.1"}, "127.0.0.1", {}, 403),
        ({"public_url": "https://bpm.example"}, "127.0.0.1", {}, 403),
        ({"metrics_token": "t0ken"}, "127.0.0.1", {}, 401),
        ({"metrics_token": "t0ken"}, "10.0.0.9", {"Authorization": "Bearer wrong"}, 401),
        ({"metrics_token": "t0ken"}, "10.0.0.9", {"Authorization": "Bearer t0ken"}, 200),
    ],
)
def test_who_may_read(bpm: Product, settings: dict[str, str], address: str, sent: dict[str, str], status: int) -> None:
    _, nobody = application(bpm, **settings)
    assert nobody.get("/metrics", headers=sent, environ_base={"REMOTE_ADDR": address}).status == status


def test_every_metric_is_explained(bpm: Product, rest: Rest) -> None:
    reference = Path(ROOT / "docs/reference/metrics.md").read_text(encoding="utf-8")
    explained = set(re.findall(r"`(bpm_[a-z_]+)`", reference))
    text = rest.get("/metrics").body.decode()
    given = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}
    assert given == explained


def test_a_worker_answers_on_a_port_of_its_own(bpm: Product) -> None:
    port = free_port()
    product = bpm.with_settings(metrics_port=port, metrics_token="t0ken")
    with metrics_page(product.server):
        for path, sent, status in (
            ("/metrics", {}, 401),
            ("/metrics", {"Authorization": "Bearer t0ken"}, 200),
            ("/", {"Authorization": "Bearer t0ken"}, 404),
        ):
            with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
                connection.request("GET", path, headers=sent)
                reply = connection.getresponse()
                assert reply.status == status
                assert (b"bpm_due_rows" in reply.read()) == (status == 200)


def test_web_processes_count_together(tmp_path: Path) -> None:
    """Two processes: whichever is asked knows the requests of both, as each opens connections of its own."""
    environment = {"BPM_DATA_DIR": str(tmp_path), "PYTHONWARNINGS": "ignore"}
    subprocess.run([sys.executable, "-m", "bpm_server", "migrate"], env={**os.environ, **environment}, check=True)
    port = free_port()
    command = [sys.executable, "-m", "bpm_server", "web", "--processes", "2", "--port", str(port)]
    with (
        (tmp_path / "log").open("wb") as log,
        subprocess.Popen(command, env={**os.environ, **environment}, stdout=log, stderr=log) as process,
    ):
        try:
            while not _asked(port, "/health/ready"):
                time.sleep(0.1)
            sent = [_asked(port, "/v2/license") for _ in range(40)]
            assert all(sent)
            counts = []
            for _ in range(8):
                text = _asked(port, "/metrics").decode()
                assert text, (tmp_path / "log").read_text()[-3000:]
                line = next(one for one in text.splitlines() if 'route="/v2/license"' in one and "_total" in one)
                counts.append(float(line.rpartition(" ")[2]))
            assert counts == [40.0] * 8
        finally:
            process.terminate()


def _asked(port: int, path: str) -> bytes:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        try:
            connection.request("GET", path)
            reply = connection.getresponse()
            return reply.read() if reply.status == 200 else b""
        except OSError:
            return b""

"""Camunda's own external task client for Node works against a real server."""

from __future__ import annotations

import json
import queue
import subprocess
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

import build_assets
from bpm_server.services import process_instances
from bpm_server.store.tables.jobs import job
from tests.support.product import ADMIN
from tests.support.rest import PASSWORD, add_person, application, served
from tests.support.services import ROOT, missing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.product import Product

PROCESS = b"""<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL" id="d" targetNamespace="t"
    xmlns:camunda="http://camunda.org/schema/1.0/bpmn" xmlns:modeler="http://camunda.org/schema/modeler/1.0"
    modeler:executionPlatform="Camunda Platform" modeler:executionPlatformVersion="7.24.0">
  <bpmn:error id="err" errorCode="declined"/>
  <bpmn:process id="p" isExecutable="true">
    <bpmn:startEvent id="s"/><bpmn:sequenceFlow id="f1" sourceRef="s" targetRef="t"/>
    <bpmn:serviceTask id="t" camunda:type="external" camunda:topic="charge"/>
    <bpmn:sequenceFlow id="f2" sourceRef="t" targetRef="e"/><bpmn:endEvent id="e"/>
    <bpmn:boundaryEvent id="b" attachedToRef="t"><bpmn:errorEventDefinition errorRef="err"/></bpmn:boundaryEvent>
    <bpmn:sequenceFlow id="f3" sourceRef="b" targetRef="declined"/>
    <bpmn:userTask id="declined"/><bpmn:sequenceFlow id="f4" sourceRef="declined" targetRef="e"/>
  </bpmn:process>
</bpmn:definitions>"""
PATIENCE_S = 60.0


class Worker:
    """The client in a Node process, and what it says."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.heard: list[dict[str, Any]] = []
        self._lines: queue.Queue[str] = queue.Queue()
        assert process.stdout is not None
        threading.Thread(target=lambda: [self._lines.put(line) for line in process.stdout or ()], daemon=True).start()

    def wait_for(self, event: str, **members: Any) -> dict[str, Any]:
        """The next event of this kind."""
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                line = self._lines.get(timeout=max(end - time.monotonic(), 0.01))
            except queue.Empty:
                pytest.fail(f"expected {event} {members}, but heard {self.heard}")
            if not line.startswith("{"):
                continue  # the client's own log
            found: dict[str, Any] = json.loads(line)
            self.heard.append(found)
            if found["event"] == event and members.items() <= found.items():
                return found


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """Node, and the worker in one file."""
    if not (ROOT / "node_modules" / "camunda-external-task-client-js").is_dir():
        missing("camunda-external-task-client-js", "run 'make assets'")
    node, _npm = build_assets._find_node()
    bundle = tmp_path_factory.mktemp("worker") / "worker.mjs"
    source = Path(__file__).with_name("external_task_client.mjs")
    banner = "import { createRequire } from 'module'; const require = createRequire(import.meta.url);"
    command = [node, ROOT / "node_modules" / "esbuild" / "bin" / "esbuild", source, "--bundle", "--platform=node"]
    options = ["--format=esm", "--log-level=error", f"--banner:js={banner}", f"--outfile={bundle}"]
    subprocess.run([*command, *options], check=True, cwd=ROOT)
    return node, bundle


@pytest.fixture
def worker(bpm: Product, script: tuple[str, Path]) -> Iterator[Worker]:
    """A worker that polls a real server."""
    node, bundle = script
    product, rest = application(bpm)
    add_person(product, "wanda", roles=("worker",))
    with served(rest.app) as url:
        arguments = [f"{url}/engine-rest", "wanda", PASSWORD, "2000"]
        process = subprocess.Popen(
            [node, bundle, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8"
        )
        try:
            yield Worker(process)
        finally:
            process.kill()
            process.wait(30)
            if process.stdout is not None:
                process.stdout.close()


def test_the_client_works_here(bpm: Product, worker: Worker) -> None:
    bpm.deploy(PROCESS)
    values = {"act": "complete", "name": "Łódź", "n": 12, "list": [1, {"a": None}], "nothing": None}
    started = process_instances.start_process(
        bpm.server, ADMIN, process_id="p", variables=values, business_key="case 1"
    )
    task = worker.wait_for("task", act="complete")
    assert (task["variables"], task["businessKey"]) == (values, "case 1")
    worker.wait_for("done", act="complete")
    assert bpm.state(started.key) == "COMPLETED"
    found = bpm.variables(started.key)
    assert {name: found[name] for name in ("text", "whole", "list")} == {
        "text": "ü",
        "whole": 7,
        "list": [1, {"a": None}],
    }
    assert str(found["half"]) == "0.5"

    declined = bpm.start(act="error")
    worker.wait_for("done", act="error")
    assert bpm.open_tasks() == ["declined"]
    assert bpm.variables(declined)["why"] == "limit"

    for act in ("lock", "late"):
        key = bpm.start(act=act)
        worker.wait_for("done", act=act)
        assert bpm.state(key) == "COMPLETED"
    assert [one for one in worker.heard if one["event"] == "refused"] == [
        {"event": "refused", "status": 404, "type": "InvalidRequestException"}
    ]

    unlocked = bpm.start(act="unlock")
    worker.wait_for("done", act="unlock")
    worker.wait_for("done", act="unlock")
    assert bpm.state(unlocked) == "COMPLETED"

    failed = bpm.start(act="fail")
    worker.wait_for("done", act="fail")
    query = sa.select(job.c.state, job.c.retries, job.c.error_message).where(job.c.instance_key == failed)
    assert [tuple(row) for row in bpm.rows(query)] == [("FAILED", 0, "no\ntrace")]

    extended = bpm.start(act="extend")
    worker.wait_for("extended")
    lease, held = bpm.rows(sa.select(job.c.available_at, job.c.worker).where(job.c.instance_key == extended))[0]
    first = worker.heard[-2]["expires"]
    assert held == "node"
    assert lease.isoformat()[:19] > first[:19]
    assert [one for one in worker.heard if one["event"] in ("failed", "poll:error")] == []

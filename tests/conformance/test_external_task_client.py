"""Camunda's own external task client for Node works against a real server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from bpm_server.services import process_instances
from bpm_server.store.tables.jobs import job
from tests.support.node import bundled, node_with, running
from tests.support.product import ADMIN
from tests.support.rest import PASSWORD, add_person, application, served

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.node import Script
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


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """Node, and the worker in one file."""
    node = node_with("camunda-external-task-client-js")
    source = Path(__file__).with_name("external_task_client.mjs")
    return node, bundled(node, source, tmp_path_factory.mktemp("worker"))


@pytest.fixture
def worker(bpm: Product, script: tuple[str, Path]) -> Iterator[Script]:
    """A worker that polls a real server."""
    node, bundle = script
    product, rest = application(bpm)
    add_person(product, "wanda", roles=("worker",))
    with served(rest.app) as url, running(node, bundle, f"{url}/engine-rest", "wanda", PASSWORD, "2000") as found:
        yield found


def test_the_client_works_here(bpm: Product, worker: Script) -> None:
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

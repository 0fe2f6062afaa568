"""What a worker is asked: tries, headers and priority of jobs."""

from __future__ import annotations

import pytest

from tests.support.engine_world import World

HEAD = (
    '<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL" id="d" targetNamespace="t"'
    ' xmlns:camunda="http://camunda.org/schema/1.0/bpmn"><bpmn:process id="p" isExecutable="true">'
)


def camunda7(cycle: str) -> bytes:
    extensions = f"<camunda:failedJobRetryTimeCycle>{cycle}</camunda:failedJobRetryTimeCycle>" if cycle else ""
    return (
        f'{HEAD}<bpmn:startEvent id="s"/><bpmn:sequenceFlow id="f1" sourceRef="s" targetRef="t"/>'
        '<bpmn:serviceTask id="t" camunda:class="org.example.Book">'
        f"<bpmn:extensionElements>{extensions}</bpmn:extensionElements></bpmn:serviceTask>"
        '<bpmn:sequenceFlow id="f2" sourceRef="t" targetRef="e"/><bpmn:endEvent id="e"/>'
        "</bpmn:process></bpmn:definitions>"
    ).encode()


@pytest.mark.parametrize(
    ("cycle", "tries"),
    [("", 3), ("R5/PT10M", 5), ("R1/PT1S", 1), ("PT10M,PT20M,PT1H", 4), ("R/PT1M", 3), ("soon", 3)],
)
def test_a_retry_cycle_says_how_often_a_job_is_tried(cycle: str, tries: int) -> None:
    (job,) = World.of(camunda7(cycle)).start().jobs.values()
    assert (job.retries, job.retry_cycle) == (tries, cycle or None)

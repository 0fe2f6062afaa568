"""Safe points of Camunda 7 files (``asyncBefore``, ``asyncAfter``) as jobs in the database."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.support.product import Product

HEAD = (
    '<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL" id="d" targetNamespace="t"'
    ' xmlns:camunda="http://camunda.org/schema/1.0/bpmn"><bpmn:process id="p" isExecutable="true">'
)


def process(task: str) -> bytes:
    return (
        f'{HEAD}<bpmn:startEvent id="s"/><bpmn:sequenceFlow id="f1" sourceRef="s" targetRef="t"/>{task}'
        '<bpmn:sequenceFlow id="f2" sourceRef="t" targetRef="e"/><bpmn:endEvent id="e"/>'
        "</bpmn:process></bpmn:definitions>"
    ).encode()


def test_a_job_that_follows_the_safe_point_of_its_own_element_stays_open(bpm: Product) -> None:
    task = '<bpmn:serviceTask id="t" camunda:asyncBefore="true" camunda:type="external" camunda:topic="work"/>'
    bpm.deploy(process(task))
    key = bpm.start()
    bpm.deliver()
    bpm.complete_job("t")
    assert bpm.state(key) == "COMPLETED"


def test_a_safe_point_after_the_work_of_the_same_element(bpm: Product) -> None:
    task = (
        '<bpmn:serviceTask id="t" camunda:asyncBefore="true" camunda:asyncAfter="true" camunda:type="external"'
        ' camunda:topic="work"/>'
    )
    bpm.deploy(process(task))
    key = bpm.start()
    bpm.deliver()
    bpm.complete_job("t")
    assert bpm.state(key) == "ACTIVE"
    bpm.deliver()
    assert bpm.state(key) == "COMPLETED"

"""An error or escalation that leaves a called process finds the catch of its caller, whose state is only looked at."""

from __future__ import annotations

import pytest

from bpm_server.store.database import Database
from tests.support.product import Product

NAMES = """xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL"
  xmlns:zeebe="http://camunda.org/schema/zeebe/1.0" id="d" targetNamespace="t" """


def files(kind: str) -> tuple[bytes, bytes]:
    declared = f'<bpmn:{kind} id="code" name="code" {kind}Code="E1"/>'
    event = f'<bpmn:{kind}EventDefinition id="{{}}" {kind}Ref="code"/>'
    child = f"""<bpmn:definitions {NAMES}>{declared}<bpmn:process id="child" isExecutable="true">
      <bpmn:startEvent id="s"><bpmn:outgoing>f</bpmn:outgoing></bpmn:startEvent>
      <bpmn:endEvent id="thrown"><bpmn:incoming>f</bpmn:incoming>{event.format("throw")}</bpmn:endEvent>
      <bpmn:sequenceFlow id="f" sourceRef="s" targetRef="thrown"/></bpmn:process></bpmn:definitions>"""
    parent = f"""<bpmn:definitions {NAMES}>{declared}<bpmn:process id="parent" isExecutable="true">
      <bpmn:startEvent id="s"><bpmn:outgoing>f</bpmn:outgoing></bpmn:startEvent>
      <bpmn:callActivity id="call"><bpmn:extensionElements><zeebe:calledElement processId="child"/>
      </bpmn:extensionElements><bpmn:incoming>f</bpmn:incoming></bpmn:callActivity>
      <bpmn:boundaryEvent id="caught" attachedToRef="call"><bpmn:outgoing>g</bpmn:outgoing>{event.format("catch")}
      </bpmn:boundaryEvent><bpmn:userTask id="mend"><bpmn:extensionElements><zeebe:userTask/></bpmn:extensionElements>
      <bpmn:incoming>g</bpmn:incoming></bpmn:userTask>
      <bpmn:sequenceFlow id="f" sourceRef="s" targetRef="call"/>
      <bpmn:sequenceFlow id="g" sourceRef="caught" targetRef="mend"/></bpmn:process></bpmn:definitions>"""
    return child.encode(), parent.encode()


@pytest.mark.parametrize("kind", ["error", "escalation"])
def test_the_caller_catches_it(sqlite_url: str, tmp_path: object, kind: str) -> None:
    database = Database(sqlite_url)
    try:
        bpm = Product.on(database, tmp_path)  # type: ignore[arg-type]
        bpm.deploy(*files(kind))
        instance = bpm.start("parent")
        bpm.deliver()
        bpm.task("mend", instance=instance).complete()
    finally:
        database.dispose()

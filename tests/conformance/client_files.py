"""What the tests of Camunda's clients deploy: an order, a wait for messages and signals, a task that fails, a rule."""

from __future__ import annotations

import threading
import time
from typing import Any

from tests.support.bpmn_builder import Process, event, io

RULE = """<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="level" name="Level" namespace="http://e.org">
  <decision id="approval-level" name="Approval level">
    <decisionTable id="t" hitPolicy="FIRST">
      <input id="i" label="Amount">
        <inputExpression id="ie" typeRef="number"><text>amount</text></inputExpression>
      </input>
      <output id="o" name="level" typeRef="string"/>
      <rule id="high">
        <inputEntry id="a"><text>&gt; 500000</text></inputEntry>
        <outputEntry id="b"><text>"ceo"</text></outputEntry>
      </rule>
      <rule id="low">
        <inputEntry id="c"><text>-</text></inputEntry>
        <outputEntry id="d"><text>"team"</text></outputEntry>
      </rule>
    </decisionTable>
  </decision>
</definitions>"""
HEADERS = '<zeebe:taskHeaders><zeebe:header key="carrier" value="rail"/></zeebe:taskHeaders>'
FORM = '{"id": "review", "type": "default", "schemaVersion": 19, "components": [{"type": "textfield", "key": "note"}]}'


def order() -> bytes:
    process = Process("order", "Order")
    process.start("s", process_form("review"))
    process.user("approve", extra='<zeebe:formDefinition formId="review"/>' + assignment(groups="sales"))
    process.service("ship", "ship", extra=HEADERS + io(outputs={"shipped": "=true"}))
    process.end("e")
    process.path("s", "approve", "ship", "e")
    return process.xml()


def process_form(form_id: str) -> str:
    return f'<bpmn:extensionElements><zeebe:formDefinition formId="{form_id}"/></bpmn:extensionElements>'


def assignment(*, assignee: str = "", groups: str = "") -> str:
    return f'<zeebe:assignmentDefinition assignee="{assignee}" candidateGroups="{groups}"/>'.replace('assignee="" ', "")


def waiting() -> bytes:
    process = Process("waiting", "Waiting")
    process.message("m", "paid", "=orderId")
    process.signal("g", "stop")
    process.start("s")
    process.add("intermediateCatchEvent", "catch", event("message", messageRef="m"))
    process.end("e")
    process.path("s", "catch", "e")
    process.add("startEvent", "s2", event("signal", signalRef="g"))
    process.user("after")
    process.path("s2", "after")
    return process.xml()


def failing() -> bytes:
    process = Process("failing", "Failing")
    process.error("err", "sold-out")
    process.start("s")
    process.service("pick", "pick")
    process.boundary("caught", "pick", event("error", errorRef="err"))
    process.end("e")
    process.user("other")
    process.path("s", "pick", "e")
    process.path("caught", "other")
    return process.xml()


FILES = {
    "order.bpmn": order(),
    "waiting.bpmn": waiting(),
    "failing.bpmn": failing(),
    "level.dmn": RULE.encode(),
    "review.form": FORM.encode(),
    "notes.json": b'{"free": 1.50}',
}


def eventually(look: Any) -> Any:
    """Signals and messages are delivered by the worker: a moment later."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        threading.Event().wait(0.02)
    raise AssertionError("nothing came")

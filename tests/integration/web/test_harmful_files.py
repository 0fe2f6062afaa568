"""Files that are well formed and would do harm: very large, turning for ever, calling themselves, with reserved ids."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.bpmn_builder import Process, Scope, extensions
from tests.support.growing import large

if TYPE_CHECKING:
    from tests.support.product import Product
    from tests.support.rest import Rest


def start(rest: Rest, process_id: str, **variables: Any) -> str:
    answer = rest.post("/v2/process-instances", {"processDefinitionId": process_id, "variables": variables})
    assert answer.status == 200, answer.body
    key: str = answer["processInstanceKey"]
    return key


def test_five_thousand_elements(bpm: Product, rest: Rest) -> None:
    answer = rest.upload(("large.bpmn", large(5_000)))
    assert answer.status == 200, answer.body
    key = start(rest, "large1")
    for n in range(3):
        assert bpm.open_tasks() == [f"task{n}"]
        bpm.task(f"task{n}").complete()
    assert rest.get(f"/v2/process-instances/{key}")["state"] == "ACTIVE"


def test_a_cycle_without_a_gateway_stops_with_an_incident(rest: Rest) -> None:
    p = Process()
    p.path(p.start(), p.script("a", "=1", "x"), p.script("b", "=2", "y"), "a")
    assert rest.upload(("cycle.bpmn", p.xml())).status == 200
    key = start(rest, "p")
    [incident] = rest.search("incidents", filter={"processInstanceKey": key})
    assert "Expected at most 100000 steps" in incident["errorMessage"]
    assert rest.post(f"/v2/process-instances/{key}/cancellation").status == 204


def test_a_process_that_calls_itself_stops_with_an_incident(bpm: Product, rest: Rest) -> None:
    p = Process("again")
    called = extensions('<zeebe:calledElement processId="again" propagateAllChildVariables="false"/>')
    p.path(p.start(), p.add("callActivity", "call", called), p.end())
    assert rest.upload(("again.bpmn", p.xml())).status == 200
    key = start(rest, "again")
    bpm.deliver()
    [incident] = rest.search("incidents")
    assert incident["errorType"] == "CALLED_ELEMENT_ERROR"
    assert "at most 100 processes calling each other" in incident["errorMessage"]
    assert rest.post(f"/v2/process-instances/{key}/cancellation").status == 204
    assert rest.search("process-instances", filter={"state": "ACTIVE"}) == []


@pytest.mark.parametrize(("source", "target"), [("nowhere", "amount"), ("amount", "nowhere"), ("nowhere", "neither")])
def test_data_associations_to_nowhere(bpm: Product, rest: Rest, source: str, target: str) -> None:
    """They are drawings here, as in Camunda 8: data flows by mappings."""
    p = Process()
    p.add("dataObject", "amount")
    p.add("dataObjectReference", "reference", dataObjectRef="nothing")
    ends = f"<bpmn:sourceRef>{source}</bpmn:sourceRef><bpmn:targetRef>{target}</bpmn:targetRef>"
    kinds = ("dataInputAssociation", "dataOutputAssociation")
    inner = "".join(f'<bpmn:{kind} id="{kind}">{ends}</bpmn:{kind}>' for kind in kinds)
    p.path(p.start(), p.user("a", inner), p.end())
    assert rest.upload(("data.bpmn", p.xml())).status == 200
    key = start(rest, "p")
    bpm.task("a").complete()
    assert rest.get(f"/v2/process-instances/{key}")["state"] == "COMPLETED"


@pytest.mark.parametrize("name", ["Start", "End", "Root", "None", "__class__", "task_specs"])
def test_no_id_is_reserved(bpm: Product, rest: Rest, name: str) -> None:
    """The engine's library has elements of its own by some of these names."""
    for place in ("start", "task", "sub", "end", "process"):
        ids = {one: f"the_{one}" for one in ("start", "task", "sub", "end", "process")} | {place: name}
        p, inner = Process(ids["process"]), Scope()
        inner.path(inner.start("inner_start"), inner.user("inner_task"), inner.end("inner_end"))
        p.path(p.start(ids["start"]), p.user(ids["task"]), p.sub(ids["sub"], inner), p.end(ids["end"]))
        answer = rest.upload((f"{place}.bpmn", p.xml()))
        assert answer.status == 200, answer.body
        key = start(rest, ids["process"])
        for task in (ids["task"], "inner_task"):
            bpm.server.hot.clear()
            bpm.task(task).complete()
        elements = rest.search("element-instances", filter={"processInstanceKey": key})
        assert {one["elementId"] for one in elements} > {name} - {ids["process"]}
        assert bpm.state(int(key)) == "COMPLETED"

"""What element instances wait for, over REST; and starting by conditions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.conformance.camunda8.scenario import listeners
from tests.conformance.camunda8.test_conditional_starts import condition, conditional
from tests.support.bpmn_builder import Process, event, timer
from tests.support.rest import add_person

if TYPE_CHECKING:
    from tests.support.product import Product
    from tests.support.rest import Rest

START_MS = 1_767_225_600_000
HOUR_MS = 3_600_000


@pytest.fixture
def waiting(bpm: Product) -> str:
    """An instance that waits for everything there is."""
    p = Process()
    p.message("m", "paid", "=order")
    due = '<zeebe:taskSchedule dueDate="2027-01-01T00:00:00Z"/>'
    p.path(p.start(), p.add("parallelGateway", "all"), p.user("person", extra=due), p.end("e1"))
    p.path("all", p.user("heard", extra=listeners(("creating", "hear"), kind="task")), p.end("e2"))
    p.path("all", p.service("job", "work"), p.end("e3"))
    p.path("all", p.add("intermediateCatchEvent", "timer", timer("Duration", "PT1H")), p.end("e4"))
    p.path("all", p.add("intermediateCatchEvent", "message", event("message", messageRef="m")), p.end("e5"))
    p.path("all", p.add("intermediateCatchEvent", "rule", condition("=x &gt; 1")), p.end("e6"))
    p.path(p.boundary("late", "job", timer("Cycle", "R/PT1H"), interrupting=False), p.end("e7"))
    bpm.deploy(p.xml())
    return str(bpm.start(order="A1"))


def details(rest: Rest, **filter_: Any) -> dict[tuple[str, str], dict[str, Any]]:
    """Details of the wait states, without keys, by element and type."""
    found = {}
    for one in rest.search("element-instances/wait-states", filter=filter_):
        plain = {name: value for name, value in one["details"].items() if not name.endswith("Key") or name[0] == "c"}
        found[one["elementId"], plain.pop("waitStateType")] = plain
    return found


def test_everything_that_an_instance_waits_for(rest: Rest, waiting: str) -> None:
    job = {"jobType": "work", "jobKind": "BPMN_ELEMENT", "listenerEventType": None, "retries": 3}
    listener = {"jobType": "hear", "jobKind": "TASK_LISTENER", "listenerEventType": "CREATING", "retries": 3}
    assert details(rest, processInstanceKey=waiting) == {
        ("person", "USER_TASK"): {"dueDate": "2027-01-01T00:00:00.000Z"},
        ("heard", "USER_TASK"): {"dueDate": None},
        ("heard", "JOB"): listener,
        ("job", "JOB"): job,
        ("job", "TIMER"): {"dueDate": START_MS + HOUR_MS, "repetitions": -1},
        ("timer", "TIMER"): {"dueDate": START_MS + HOUR_MS, "repetitions": 0},
        ("message", "MESSAGE"): {"messageName": "paid", "correlationKey": "A1"},
        ("rule", "CONDITION"): {"expression": "x > 1", "events": ["create", "update"]},
    }


def test_wait_states_are_found_by_every_filter(rest: Rest, waiting: str) -> None:
    for filter_, expected in (
        ({"waitStateType": "TIMER"}, ["job", "timer"]),
        ({"waitStateType": {"$in": ["MESSAGE", "SIGNAL"]}}, ["message"]),
        ({"elementType": "SERVICE_TASK"}, ["job", "job"]),
        ({"elementId": {"$like": "pers*"}}, ["person"]),
        ({"rootProcessInstanceKey": waiting, "waitStateType": {"$neq": "JOB"}, "elementId": "heard"}, ["heard"]),
        ({"processInstanceKey": "1"}, []),
    ):
        sort = [{"field": "elementId"}]
        found = rest.search("element-instances/wait-states", filter=filter_, sort=sort)
        assert [one["elementId"] for one in found] == expected, filter_
    (one,) = rest.search("element-instances/wait-states", filter={"elementId": "person"})
    key = one["elementInstanceKey"]
    assert one["details"]["taskKey"] == key
    assert len(rest.search("element-instances/wait-states", filter={"elementInstanceKey": key})) == 1
    assert rest.post("/v2/element-instances/wait-states/search", {"filter": {"waitStateType": "NAP"}}).status == 400


def test_pages_of_wait_states_neither_repeat_nor_hide(rest: Rest, waiting: str) -> None:
    del waiting
    seen, after = [], None
    while True:
        page = {"limit": 3, **({"after": after} if after else {})}
        body = rest.post("/v2/element-instances/wait-states/search", {"page": page}).body
        seen += [(one["elementId"], one["details"]["waitStateType"]) for one in body["items"]]
        after = body["page"]["endCursor"]
        if len(body["items"]) < 3:
            break
    assert len(seen) == len(set(seen)) == 8


def test_what_has_come_is_not_awaited(rest: Rest, bpm: Product, waiting: str) -> None:
    bpm.publish("paid", "A1")
    bpm.task("person").complete()
    rest.put(f"/v2/element-instances/{waiting}/variables", {"variables": {"x": 2}})
    left = {name for name, _ in details(rest)}
    assert left == {"heard", "job", "timer"}
    counted = rest.get(f"/v2/process-instances/{waiting}/statistics/wait-states")["items"]
    assert {one["elementId"]: one["waitingCount"] for one in counted} == {"heard": 1, "job": 1, "timer": 1}


def test_nobody_sees_what_is_not_theirs(nobody: Rest, bpm: Product, waiting: str) -> None:
    del waiting
    assert nobody.post("/v2/element-instances/wait-states/search", {}).status == 401
    assert nobody.as_(add_person(bpm, "ann", roles=("staff",))).search("element-instances/wait-states") == []


def test_conditions_start_processes_over_rest(rest: Rest, nobody: Rest, bpm: Product) -> None:
    (definition,) = bpm.deploy(conditional("p", "=x &gt; 1").xml()).definitions
    path = "/v2/conditionals/evaluation"
    assert rest.post(path, {"variables": {"x": 1}})["processInstances"] == []
    answer = rest.post(path, {"variables": {"x": 2}, "processDefinitionKey": str(definition.key), "tenantId": ""})
    (started,) = answer["processInstances"]
    assert (answer.status, answer["tenantId"]) == (200, "<default>")
    assert started["processDefinitionKey"] == str(definition.key)
    assert rest.get(f"/v2/process-instances/{started['processInstanceKey']}")["state"] == "ACTIVE"
    assert rest.post(path, {"variables": {"x": 2}, "processDefinitionKey": "1"}).status == 404
    for wrong in ({}, {"variables": [1]}, {"variables": {}, "processDefinitionKey": "x"}):
        assert rest.post(path, wrong).status == 400
    assert nobody.as_(add_person(bpm, "ann")).post(path, {"variables": {"x": 2}}).status == 403

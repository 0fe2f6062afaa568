"""Suspension, modification and migration over HTTP: bodies, replies, rights, refusals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.bpmn_builder import Process
from tests.support.contents import contents
from tests.support.rest import Rest, add_person
from tests.support.worlds import two_tasks

if TYPE_CHECKING:
    from tests.support.product import Product


def start(rest: Rest, **body: Any) -> str:
    reply = rest.post("/v2/process-instances", {"processDefinitionId": "p", **body})
    assert reply.status == 200, reply.body
    return str(reply["processInstanceKey"])


def active(rest: Rest, key: str) -> list[str]:
    found = rest.search("element-instances", filter={"processInstanceKey": key, "state": "ACTIVE"})
    return sorted(one["elementId"] for one in found)


@pytest.fixture
def key(rest: Rest) -> str:
    rest.upload(("p.bpmn", two_tasks()))
    return start(rest)


def test_suspend_and_resume(rest: Rest, key: str) -> None:
    path = f"/v2/process-instances/{key}"
    assert rest.post(f"{path}/suspension", {}).status == 204
    found = rest.get(path)
    assert found["state"] == "SUSPENDED"
    assert found["suspendedDate"] is not None
    assert [one["processInstanceKey"] for one in rest.search("process-instances", filter={"state": "SUSPENDED"})] == [
        key
    ]
    (task,) = rest.search("user-tasks", filter={"processInstanceKey": key})
    refused = rest.post(f"/v2/user-tasks/{task['userTaskKey']}/completion", {})
    assert (refused.status, refused["suspended"]) == (409, True)
    assert rest.post(f"{path}/suspension").status == 409
    assert rest.post(f"{path}/resumption").status == 204
    assert rest.post(f"{path}/resumption").status == 409
    assert rest.get(path)["suspendedDate"] is None
    assert rest.post(f"/v2/user-tasks/{task['userTaskKey']}/completion", {}).status == 204


def test_every_kind_of_modification(rest: Rest, key: str) -> None:
    path = f"/v2/process-instances/{key}/modification"
    activate = {
        "elementId": "b",
        "ancestorElementInstanceKey": "-1",
        "variableInstructions": [{"variables": {"global": 1}}, {"variables": {"local": 2}, "scopeId": "b"}],
    }
    body = {"activateInstructions": [activate], "terminateInstructions": [{"elementId": "a"}], "operationReference": 7}
    assert rest.post(path, body).status == 204
    assert active(rest, key) == ["b"]
    names = {one["name"]: one["value"] for one in rest.search("variables", filter={"processInstanceKey": key})}
    assert names == {"global": "1", "local": "2"}
    (one,) = rest.search("element-instances", filter={"processInstanceKey": key, "elementId": "b"})
    move = {
        "sourceElementInstruction": {"sourceType": "byKey", "sourceElementInstanceKey": one["elementInstanceKey"]},
        "targetElementId": "a",
        "ancestorScopeInstruction": {"ancestorScopeType": "sourceParent"},
    }
    assert rest.post(path, {"moveInstructions": [move]}).status == 204
    by_id = {
        "sourceElementInstruction": {"sourceType": "byId", "sourceElementId": "a"},
        "targetElementId": "b",
        "ancestorScopeInstruction": {"ancestorScopeType": "inferred"},
    }
    assert rest.post(path, {"moveInstructions": [by_id]}).status == 204
    assert active(rest, key) == ["b"]
    assert rest.post(path, {"terminateInstructions": [{"elementId": "b"}]}).status == 204
    assert rest.get(f"/v2/process-instances/{key}")["state"] == "TERMINATED"


def test_a_trial_of_a_modification(rest: Rest, key: str) -> None:
    body = {"terminateInstructions": [{"elementId": "a"}], "activateInstructions": [{"elementId": "b"}]}
    found = rest.post(f"/api/process-instances/{key}/modification-check", body)
    assert found.body == {"active": [{"elementId": "b", "count": 1}], "endsInstance": False, "concerns": []}
    assert active(rest, key) == ["a"]


def test_migration_and_its_trial(rest: Rest, key: str) -> None:
    process = Process()
    process.path(process.start(), process.user("other"), process.end())
    target = rest.upload(("p.bpmn", process.xml()))["deployments"][0]["processDefinition"]["processDefinitionKey"]
    trial = {"targetProcessDefinitionKey": target}
    found = rest.post(f"/api/process-instances/{key}/migration-check", trial)
    assert [one["reason"] for one in found["obstacles"]] == ["active element 'a' is not mapped"]
    assert {"sourceElementId": "s", "targetElementId": "s"} in found["mappingInstructions"]
    path = f"/v2/process-instances/{key}/migration"
    refused = rest.post(path, {**trial, "mappingInstructions": []})
    assert (refused.status, refused["obstacles"][0]["elementId"]) == (409, "a")
    mapping = [{"sourceElementId": "a", "targetElementId": "other"}]
    assert rest.post(path, {**trial, "mappingInstructions": mapping}).status == 204
    instance = rest.get(f"/v2/process-instances/{key}")
    assert (instance["processDefinitionKey"], instance["processDefinitionVersion"]) == (target, 2)
    (task,) = rest.search("user-tasks", filter={"processInstanceKey": key})
    assert (task["elementId"], task["processDefinitionVersion"]) == ("other", 2)
    assert rest.post(f"/v2/user-tasks/{task['userTaskKey']}/completion", {}).status == 204
    assert rest.get(f"/v2/process-instances/{key}")["state"] == "COMPLETED"


def test_an_instance_starts_at_elements_and_ends_after_one(rest: Rest, key: str) -> None:
    other = start(
        rest,
        startInstructions=[{"elementId": "b"}],
        runtimeInstructions=[{"type": "TERMINATE_PROCESS_INSTANCE", "afterElementId": "b"}],
        variables={"x": 1},
    )
    assert active(rest, other) == ["b"]
    (task,) = rest.search("user-tasks", filter={"processInstanceKey": other})
    assert rest.post(f"/v2/user-tasks/{task['userTaskKey']}/completion", {}).status == 204
    assert rest.get(f"/v2/process-instances/{other}")["state"] == "TERMINATED"


WRONG: list[tuple[str, dict[str, Any], int]] = [
    ("modification", {}, 400),
    ("modification", {"activateInstructions": [{"elementId": "nothing"}]}, 400),
    ("modification", {"activateInstructions": [{"elementId": "s"}]}, 400),
    ("modification", {"activateInstructions": [{}]}, 400),
    ("modification", {"activateInstructions": [{"elementId": "b", "ancestorElementInstanceKey": "5"}]}, 409),
    ("modification", {"activateInstructions": [{"elementId": "b", "variableInstructions": [{"variables": 5}]}]}, 400),
    ("modification", {"terminateInstructions": [{}]}, 400),
    ("modification", {"terminateInstructions": [{"elementId": "a", "elementInstanceKey": "5"}]}, 400),
    ("modification", {"terminateInstructions": [{"elementInstanceKey": "5"}]}, 409),
    ("modification", {"moveInstructions": [{"sourceElementInstruction": {}, "targetElementId": "b"}]}, 400),
    ("modification", {"terminateInstructions": [{"elementId": "a"}] * 1_001}, 400),
    ("migration", {}, 400),
    ("migration", {"targetProcessDefinitionKey": "5", "mappingInstructions": []}, 404),
    ("migration", {"targetProcessDefinitionKey": "x", "mappingInstructions": []}, 400),
    ("migration", {"targetProcessDefinitionKey": "5", "mappingInstructions": [{"sourceElementId": "a"}]}, 400),
]


def test_wrong_requests_change_nothing(bpm: Product, rest: Rest, key: str) -> None:
    before = contents(bpm)
    for operation, body, status in WRONG:
        reply = rest.post(f"/v2/process-instances/{key}/{operation}", body)
        assert reply.status == status, (operation, body, reply.body)
        assert rest.post(f"/v2/process-instances/5/{operation}", body).status in (400, 404)
    assert contents(bpm) == before


def test_rights(bpm: Product, rest: Rest, nobody: Rest, key: str) -> None:
    staff = nobody.as_(add_person(bpm, "ann", roles=("staff",)))
    operator = nobody.as_(add_person(bpm, "bob", roles=("operator",)))
    modification = {"activateInstructions": [{"elementId": "b"}]}
    definition = rest.get(f"/v2/process-instances/{key}")["processDefinitionKey"]
    migration = {
        "targetProcessDefinitionKey": definition,
        "mappingInstructions": [{"sourceElementId": name, "targetElementId": name} for name in "ab"],
    }
    for operation, body in (
        ("modification", modification),
        ("migration", migration),
        ("suspension", {}),
        ("resumption", {}),
    ):
        path = f"/v2/process-instances/{key}/{operation}"
        assert nobody.post(path, body).status == 401
        assert staff.post(path, body).status == 403
        assert operator.post(path, body).status == 204

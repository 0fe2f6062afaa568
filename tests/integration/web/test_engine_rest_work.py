"""What Camunda 7's task lists and cockpits ask beside the list itself: variables, where an instance stands, signals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.engine_rest import BASE, SERVICE, USER, Engine, flows, is_error, process
from tests.support.rest import Rest, add_person

if TYPE_CHECKING:
    from tests.support.product import Product
    from tests.support.rest import Answer

NESTED = process(
    '<bpmn:subProcess id="sub" name="Inside"><bpmn:startEvent id="is"/>'
    '<bpmn:userTask id="inner"/><bpmn:sequenceFlow id="if" sourceRef="is" targetRef="inner"/></bpmn:subProcess>'
    + flows(("s", "sub"), ("sub", "e"))
)
SIGNAL = process(
    '<bpmn:intermediateCatchEvent id="wait"><bpmn:signalEventDefinition signalRef="fire"/>'
    "</bpmn:intermediateCatchEvent>" + flows(("s", "wait"), ("wait", "e"))
).replace(b"<bpmn:message ", b'<bpmn:signal id="fire" name="fire"/><bpmn:message ')


@pytest.fixture
def engine(rest: Rest) -> Engine:
    """An administrator's."""
    return Engine(rest)


@pytest.fixture
def task(engine: Engine) -> dict[str, Any]:
    """An open task, offered to a group."""
    engine.deploy(("pay.bpmn", USER))
    engine.start(variables={"amount": {"value": 3}})
    found: dict[str, Any] = engine.get("/task").body[0]
    return found


def put(engine: Engine, path: str, body: Any) -> Answer:
    return engine.rest.put(BASE + path, body)


def test_variables_of_a_task(bpm: Product, engine: Engine, task: dict[str, Any]) -> None:
    path, instance = f"/task/{task['id']}", int(task["processInstanceId"])
    assert put(engine, f"{path}/variables/amount", {"value": 4, "type": "Integer"}).status == 204
    assert engine.get(f"{path}/variables/amount").body == {"type": "Integer", "value": 4, "valueInfo": {}}
    assert engine.post(f"{path}/variables", {"modifications": {"note": {"value": "n"}}}).status == 204
    assert bpm.variables(instance) == {"amount": 4, "note": "n"}
    assert put(engine, f"{path}/localVariables/draft", {"value": True}).status == 204
    assert engine.post(f"{path}/localVariables", {"modifications": {"amount": {"value": 5}}}).status == 204
    local = {name: one["value"] for name, one in engine.get(f"{path}/localVariables").body.items()}
    assert local == {"draft": True, "amount": 5}
    assert bpm.variables(instance) == {"amount": 4, "note": "n"}
    seen = {name: one["value"] for name, one in engine.get(f"{path}/variables").body.items()}
    assert seen == {"amount": 5, "note": "n", "draft": True}
    is_error(engine.get(f"{path}/variables/none"), 404, "'none'")
    is_error(engine.post(f"{path}/variables", {"deletions": ["amount"]}), 400, "without deletions")
    is_error(put(engine, f"{path}/variables/amount", {"value": "x", "type": "Integer"}), 400, "Integer")


def test_whoever_has_the_task_needs_the_right_to_set_variables(
    bpm: Product, nobody: Rest, engine: Engine, task: dict[str, Any]
) -> None:
    carl = Engine(nobody.as_(add_person(bpm, "carl", groups=("clerks",))))
    path = f"/task/{task['id']}"
    assert carl.get(f"{path}/variables/amount")["value"] == 3
    is_error(put(carl, f"{path}/variables/amount", {"value": 4}), 403, "permission")
    is_error(carl.post(f"{path}/localVariables", {"modifications": {"a": {"value": 1}}}), 403, "permission")
    assert engine.get(f"{path}/variables").body.keys() == {"amount"}


@pytest.mark.parametrize(
    ("query", "number"),
    [
        ("withCandidateGroups=true", 1),
        ("withoutCandidateGroups=true", 0),
        ("withCandidateUsers=true", 0),
        ("withoutCandidateUsers=true", 1),
        ("withoutDueDate=true", 1),
        ("assigneeNotIn=zoe", 0),
        ("assigneeNotIn=ann", 1),
        ("candidateGroups=clerks,others&includeAssignedTasks=true", 1),
        ("candidateGroups=clerks", 0),
    ],
)
def test_more_filters(engine: Engine, task: dict[str, Any], query: str, number: int) -> None:
    engine.post(f"/task/{task['id']}/assignee", {"userId": "zoe"})
    assert len(engine.get(f"/task?{query}").body) == number
    assert engine.get(f"/task/count?{query}").body == {"count": number}


def test_where_an_instance_stands(engine: Engine) -> None:
    engine.deploy(("nested.bpmn", NESTED))
    key = engine.start()
    [task] = engine.get("/task").body
    root = engine.get(f"/process-instance/{key}/activity-instances").body
    assert (root["id"], root["activityType"], root["activityId"]) == (
        key,
        "processDefinition",
        root["processDefinitionId"],
    )
    [sub] = root["childActivityInstances"]
    assert (sub["activityId"], sub["activityName"], sub["activityType"]) == ("sub", "Inside", "subProcess")
    [inner] = sub["childActivityInstances"]
    assert (inner["id"], inner["activityType"], inner["activityName"]) == (task["id"], "userTask", None)
    assert (inner["parentActivityInstanceId"], inner["childActivityInstances"]) == (sub["id"], [])


def test_an_incident_is_shown_where_it_is(engine: Engine) -> None:
    engine.deploy(("pay.bpmn", SERVICE))
    key = engine.start()
    [job] = engine.fetch()
    report = {"workerId": "w", "errorMessage": "no", "retries": 0, "retryTimeout": 0}
    assert engine.post(f"/external-task/{job['id']}/failure", report).status == 204
    [node] = engine.get(f"/process-instance/{key}/activity-instances")["childActivityInstances"]
    assert (node["activityId"], len(node["incidentIds"]), node["incidents"][0]["activityId"]) == ("t", 1, "t")


def test_only_who_may_see_an_instance_sees_where_it_stands(bpm: Product, nobody: Rest, task: dict[str, Any]) -> None:
    ann = Engine(nobody.as_(add_person(bpm, "ann")))
    is_error(ann.get(f"/process-instance/{task['processInstanceId']}/activity-instances"), 403, "permission")


def test_a_signal_reaches_everybody(bpm: Product, nobody: Rest, engine: Engine) -> None:
    engine.deploy(("signal.bpmn", SIGNAL))
    keys = [int(engine.start()) for _ in range(2)]
    is_error(engine.post("/signal", {}), 400, "name")
    is_error(engine.post("/signal", {"name": "fire", "executionId": "1"}), 400, "executionId")
    is_error(Engine(nobody.as_(add_person(bpm, "ann"))).post("/signal", {"name": "fire"}), 403, "permission")
    assert engine.post("/signal", {"name": "nobody waits"}).status == 204
    assert engine.post("/signal", {"name": "fire", "variables": {"why": {"value": "smoke"}}}).status == 204
    bpm.deliver()
    assert [bpm.state(key) for key in keys] == ["COMPLETED", "COMPLETED"]
    assert [bpm.variables(key) for key in keys] == [{"why": "smoke"}] * 2

"""Camunda 7's REST API: what Camunda Modeler, external workers and task lists call."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from bpm_server.kernel import json
from tests.support.engine_rest import BASE, MESSAGE, SERVICE, TOPIC, USER, Engine, is_error
from tests.support.rest import Answer, Rest, add_person, application

if TYPE_CHECKING:
    from tests.support.product import Product


@pytest.fixture
def engine(rest: Rest) -> Engine:
    """An administrator's."""
    return Engine(rest)


# --- Camunda Modeler ------------------------------------------------------------------------------------


def test_the_modeler_deploys_and_starts(bpm: Product, nobody: Rest) -> None:
    add_person(bpm, "dora", roles=("designer",))
    modeler = Engine(nobody.basic("dora"))
    preflight = {"Origin": "file://", "Access-Control-Request-Method": "POST"}
    first = nobody.call("OPTIONS", f"{BASE}/deployment/create", headers=preflight)
    assert (first.status, first.headers["Access-Control-Allow-Origin"]) == (204, "*")
    allowed = first.headers["Access-Control-Allow-Headers"].split(", ")
    assert {"authorization", "content-type", "accept"} <= set(allowed)
    assert "POST" in first.headers["Access-Control-Allow-Methods"]

    refused = nobody.get(f"{BASE}/deployment?maxResults=0", headers={"Origin": "file://"})
    is_error(refused, 401, "credentials")
    accepted = modeler.get("/deployment?maxResults=0")
    assert (accepted.status, accepted.body, accepted.headers["Access-Control-Allow-Origin"]) == (200, [], "*")
    assert modeler.get("/version").body == {"version": "7.24.0"}
    places = nobody.get("/.well-known/camunda-automation-platform/webapps")
    assert sorted(places.body) == ["adminUrl", "cockpitUrl", "tasklistUrl"]
    assert places.headers["Access-Control-Allow-Origin"] == "*"

    fields = {
        "deployment_name": "Pay",
        "deployment_source": "Camunda Modeler",
        "enable_duplicate_filtering": "true",
    }
    deployed = modeler.deploy(("pay.bpmn", USER), ("notes.txt", b"x"), **fields)
    assert (deployed.status, deployed["name"], deployed["source"]) == (200, "Pay", "Camunda Modeler")
    [(definition_id, definition)] = deployed["deployedProcessDefinitions"].items()
    assert (definition["id"], definition["key"], definition["version"]) == (definition_id, "p", 1)
    assert definition_id.startswith("p:1:")
    assert list(modeler.deploy(("pay.bpmn", USER), **fields)["deployedProcessDefinitions"]) == [definition_id]

    body = {"businessKey": "case 1", "variables": {"a": {"value": "x", "type": "String"}, "n": {"value": 5}}}
    started = modeler.post(f"/process-definition/{definition_id}/start", body)
    assert (started.status, started["businessKey"], started["definitionId"]) == (200, "case 1", definition_id)
    assert bpm.variables(int(started["id"])) == {"a": "x", "n": 5}
    cockpit = nobody.get("/cockpit/default/")
    assert (cockpit.status, cockpit.headers["Location"]) == (302, "/instances")


def test_a_broken_diagram_is_a_parse_error(engine: Engine) -> None:
    answer = engine.deploy(("bad.bpmn", USER.replace(b"userTask", b"wishTask")))
    is_error(answer, 400, "ENGINE-09005 Could not parse BPMN process.")
    assert answer["type"] == "ParseException"
    assert answer["details"]["bad.bpmn"]["errors"][0]["message"]
    assert engine.get("/deployment/count").body == {"count": 0}


@pytest.mark.parametrize(
    ("fields", "files", "text"),
    [
        ({"tenant_id": "other"}, (("p.bpmn", USER),), "no tenants"),
        ({"deployment_activation_time": "2030-01-01T00:00:00"}, (("p.bpmn", USER),), "active at once"),
        ({"p.bpmn": "text"}, (), "'p.bpmn'"),
        ({}, (), "at least one file"),
        ({}, (("p.bpmn", USER), ("p.bpmn", USER)), "twice"),
        ({}, (("f.form", b"{"),), "f.form"),
    ],
)
def test_wrong_deployments(engine: Engine, fields: dict[str, str], files: Any, text: str) -> None:
    is_error(engine.deploy(*files, **fields), 400, text)
    assert engine.get("/deployment").body == []


def test_cookies_and_anonymous_access_do_not_count(bpm: Product) -> None:
    _, anyone = application(bpm, anonymous_v2=True)
    assert anyone.get("/v2/topology").status == 200
    is_error(anyone.get(f"{BASE}/version"), 401, "credentials")
    is_error(anyone.get(f"{BASE}/version", headers={"Cookie": "bpm_session=x"}), 401, "credentials")


@pytest.mark.parametrize("path", ["/nothing", "/", "/task/1/nothing", "/deployment/1/redeploy"])
def test_unknown_paths(engine: Engine, path: str) -> None:
    is_error(engine.post(path, {}), 404, "Expected a known path")
    is_error(engine.get("", data=b""), 404, "Expected a known path")


def test_who_may_not_is_told_so(bpm: Product, nobody: Rest, engine: Engine) -> None:
    engine.deploy(("pay.bpmn", SERVICE))
    ann = Engine(nobody.as_(add_person(bpm, "ann")))
    for path in ("/process-definition/key/p/start", "/deployment/create", "/message"):
        answer = ann.deploy(("p.bpmn", USER)) if "create" in path else ann.post(path, {"messageName": "paid"})
        is_error(answer, 403, "permission")
    assert engine.start()
    fetch = {"workerId": "w", "maxTasks": 1, "topics": [{"topicName": TOPIC, "lockDuration": 1000}]}
    is_error(ann.post("/external-task/fetchAndLock", fetch), 403, "permission")
    assert ann.get("/external-task").body == []
    assert ann.get("/process-instance").body == []
    assert ann.get("/deployment").body == []


# --- variables ------------------------------------------------------------------------------------------

IN_AND_OUT: list[tuple[dict[str, Any], Any, str, Any]] = [
    ({"value": "x", "type": "string"}, "x", "String", "x"),
    ({"value": True, "type": "Boolean"}, True, "Boolean", True),
    ({"value": 5, "type": "Short"}, 5, "Integer", 5),
    ({"value": 2**40, "type": "Long"}, 2**40, "Long", 2**40),
    ({"value": 5}, 5, "Integer", 5),
    ({"value": None, "type": "String"}, None, "Null", None),
    ({"value": None}, None, "Null", None),
    ({"value": '{"a":[1]}', "type": "Json"}, {"a": [1]}, "Json", '{"a":[1]}'),
    ({"value": [1, 2]}, [1, 2], "Json", "[1,2]"),
    (
        {"value": "[1]", "type": "Object", "valueInfo": {"serializationDataFormat": "application/json"}},
        [1],
        "Json",
        "[1]",
    ),
    (
        {"value": "2026-01-31T10:00:00.000+0200", "type": "Date"},
        "2026-01-31T08:00:00.000Z",
        "String",
        "2026-01-31T08:00:00.000Z",
    ),
    ({"value": 2**70, "type": "Number"}, 2**70, "Json", str(2**70)),
]


@pytest.mark.parametrize(("sent", "stored", "kind", "shown"), IN_AND_OUT)
def test_variables_in_and_out(bpm: Product, engine: Engine, sent: Any, stored: Any, kind: str, shown: Any) -> None:
    engine.deploy(("pay.bpmn", SERVICE))
    key = engine.start(variables={"v": sent})
    assert bpm.variables(int(key)) == {"v": stored}
    expected = {"type": kind, "value": shown, "valueInfo": {}}
    assert engine.get(f"/process-instance/{key}/variables").body == {"v": expected}
    assert engine.get(f"/process-instance/{key}/variables/v").body == expected
    assert engine.fetch()[0]["variables"] == {"v": expected}


def test_fractions_keep_their_digits(engine: Engine) -> None:
    engine.deploy(("pay.bpmn", SERVICE))
    engine.start(variables={"v": {"value": json.loads("500000.0100000000000000001"), "type": "Double"}})
    found = engine.fetch()[0]["variables"]["v"]
    assert (str(found["value"]), found["type"]) == ("500000.0100000000000000001", "Double")


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        ({"value": "x", "type": "Integer"}, "Integer"),
        ({"value": 2**31, "type": "Integer"}, "whole number"),
        ({"value": True, "type": "Long"}, "whole number"),
        ({"value": "yes", "type": "Boolean"}, "true or false"),
        ({"value": "x", "type": "Double"}, "number"),
        ({"value": "yesterday", "type": "Date"}, "date"),
        ({"value": "{", "type": "Json"}, "JSON"),
        ({"value": {}, "type": "Json"}, "text"),
        ({"value": "rO0ABQ==", "type": "Object"}, "application/json"),
        ({"value": "x", "type": "File"}, "types"),
        ({"value": "x", "type": "Bytes"}, "types"),
        ({"value": "x", "type": 5}, "type"),
        ("x", "object with value and type"),
    ],
)
def test_wrong_variables(engine: Engine, sent: Any, text: str) -> None:
    engine.deploy(("pay.bpmn", SERVICE))
    is_error(engine.post("/process-definition/key/p/start", {"variables": {"v": sent}}), 400, text)
    assert engine.get("/process-instance/count").body == {"count": 0}


# --- external tasks -------------------------------------------------------------------------------------


@pytest.fixture
def task(engine: Engine) -> dict[str, Any]:
    """A task that the worker ``w`` has."""
    engine.deploy(("pay.bpmn", SERVICE))
    engine.start(businessKey="b1", variables={"a": {"value": 1}, "b": {"value": 2}})
    [found] = engine.fetch()
    return found


def test_fetching(engine: Engine, task: dict[str, Any]) -> None:
    assert (task["topicName"], task["workerId"], task["businessKey"]) == (TOPIC, "w", "b1")
    assert (task["activityId"], task["processDefinitionKey"]) == ("t", "p")
    assert sorted(task["variables"]) == ["a", "b"]
    assert task["lockExpirationTime"].endswith("+0000")
    assert engine.fetch("other") == []
    engine.start(variables={"a": {"value": 1}, "b": {"value": 2}})
    engine.start(variables={"a": {"value": 1}})
    [second] = engine.fetch(maxTasks=1, topic={"variables": ["b"]})
    assert sorted(second["variables"]) == ["b"]
    assert engine.fetch(topic={"variables": []})[0]["variables"] == {}


def test_a_result_moves_the_process_on(bpm: Product, engine: Engine, task: dict[str, Any]) -> None:
    path = f"/external-task/{task['id']}/complete"
    is_error(engine.post(path, {"workerId": "other"}), 400, "'w' has it")
    assert engine.post(path, {"workerId": "w", "variables": {"r": {"value": 7, "type": "Integer"}}}).status == 204
    assert bpm.state(int(task["processInstanceId"])) == "COMPLETED"
    assert bpm.variables(int(task["processInstanceId"]))["r"] == 7
    is_error(engine.post(path, {"workerId": "w"}), 404, "COMPLETED")


def test_failures_are_tried_again_and_end_in_an_incident(engine: Engine, task: dict[str, Any]) -> None:
    path = f"/external-task/{task['id']}/failure"
    report = {"workerId": "w", "errorMessage": "no", "errorDetails": "trace", "retries": 2, "retryTimeout": 0}
    is_error(engine.post(path, {**report, "workerId": "other"}), 400, "'w' has it")
    assert engine.post(path, report).status == 204
    [again] = engine.fetch("second")
    assert (again["id"], again["retries"], again["errorMessage"]) == (task["id"], 2, "no\ntrace")
    assert engine.post(path, {**report, "workerId": "second", "retries": 0}).status == 204
    assert engine.fetch() == []
    assert len(engine.get("/process-instance?withIncident=true").body) == 1
    assert engine.get(f"/external-task/{task['id']}")["retries"] == 0


def test_a_bpmn_error_is_caught(bpm: Product, engine: Engine, task: dict[str, Any]) -> None:
    body = {"workerId": "w", "errorCode": "declined", "variables": {"why": {"value": "limit"}}}
    assert engine.post(f"/external-task/{task['id']}/bpmnError", body).status == 204
    assert bpm.open_tasks() == ["declined"]
    assert bpm.variables(int(task["processInstanceId"]))["why"] == "limit"


def test_locks(engine: Engine, task: dict[str, Any]) -> None:
    path = f"/external-task/{task['id']}"
    extend = {"workerId": "w", "newDuration": 120_000}
    is_error(engine.post(f"{path}/extendLock", {**extend, "workerId": "other"}), 400, "'w' has it")
    assert engine.post(f"{path}/extendLock", extend).status == 204
    assert engine.get(path)["lockExpirationTime"] > task["lockExpirationTime"]
    is_error(engine.post(f"{path}/lock", {"workerId": "x", "lockDuration": 1000}), 400, "'w' has it")
    assert engine.post(f"{path}/unlock", {}).status == 204
    assert (engine.get(path)["workerId"], engine.get(path)["lockExpirationTime"]) == (None, None)
    is_error(engine.post(f"{path}/complete", {"workerId": "w"}), 400, "no worker has it")
    assert engine.post(f"{path}/lock", {"workerId": "x", "lockDuration": 1000}).status == 204
    assert engine.fetch() == []
    assert engine.post(f"{path}/complete", {"workerId": "x"}).status == 204


def test_searching_external_tasks(engine: Engine, task: dict[str, Any]) -> None:
    engine.start()
    assert len(engine.get("/external-task").body) == 2
    assert [one["id"] for one in engine.get("/external-task?locked=true&workerId=w").body] == [task["id"]]
    found = engine.post("/external-task", {"notLocked": True, "topicName": TOPIC}).body
    assert [one["id"] for one in found] != [task["id"]]
    assert len(found) == 1
    assert engine.post("/external-task/count", {"processDefinitionId": task["processDefinitionId"]}).body["count"] == 2
    assert engine.get("/external-task?topicName=other").body == []


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({}, "workerId"),
        ({"workerId": "w", "maxTasks": 0, "topics": []}, "maxTasks"),
        ({"workerId": "w", "maxTasks": 1, "topics": [{"topicName": "a"}]}, "lockDuration"),
        ({"workerId": "w", "maxTasks": 1, "topics": [{"topicName": "a", "lockDuration": 0}]}, "lockDuration"),
        (
            {
                "workerId": "w",
                "maxTasks": 1,
                "topics": [{"topicName": "a", "lockDuration": 1, "processDefinitionKey": "p"}],
            },
            "processDefinitionKey",
        ),
        ({"workerId": "w", "maxTasks": 1, "topics": [{"topicName": "a", "lockDuration": 1}] * 2}, "twice"),
    ],
)
def test_wrong_fetches(engine: Engine, body: dict[str, Any], text: str) -> None:
    is_error(engine.post("/external-task/fetchAndLock", body), 400, text)


def test_a_fetch_waits_for_work(bpm: Product, engine: Engine) -> None:
    engine.deploy(("pay.bpmn", SERVICE))
    before = time.monotonic()
    assert engine.fetch(asyncResponseTimeout=300) == []
    assert time.monotonic() - before >= 0.3
    timer = threading.Timer(0.3, lambda: bpm.start("p"))
    timer.start()
    before = time.monotonic()
    assert len(engine.fetch(asyncResponseTimeout=20_000)) == 1
    assert time.monotonic() - before < 15
    timer.join()


# --- tasks ----------------------------------------------------------------------------------------------


@pytest.fixture
def clerk(bpm: Product, nobody: Rest, engine: Engine) -> Engine:
    """Somebody to whom the task ``check`` is offered; the process runs once."""
    engine.deploy(("pay.bpmn", USER))
    engine.start(businessKey="b1", variables={"amount": {"value": 3}, "note": {"value": "n"}})
    return Engine(nobody.as_(add_person(bpm, "carl", groups=("clerks",))))


def test_working_on_a_task(bpm: Product, nobody: Rest, clerk: Engine) -> None:
    [task] = clerk.get("/task?candidateUser=carl").body
    assert (task["name"], task["taskDefinitionKey"], task["assignee"]) == ("Check", "check", None)
    assert (task["formKey"], task["processDefinitionId"][:4]) == ("embedded:app:check.html", "p:1:")
    path = f"/task/{task['id']}"
    assert clerk.post(f"{path}/claim", {"userId": "carl"}).status == 204
    assert clerk.get("/task?candidateGroup=clerks").body == []
    assert len(clerk.get("/task?candidateGroup=clerks&includeAssignedTasks=true").body) == 1
    other = Engine(nobody.as_(add_person(bpm, "cleo", groups=("clerks",))))
    is_error(other.post(f"{path}/claim", {"userId": "cleo"}), 400, "carl has claimed it")
    is_error(other.post(f"{path}/claim", {"userId": "carl"}), 403, "permission")
    assert clerk.get("/task?assignee=carl").body[0]["id"] == task["id"]
    assert clerk.post(f"{path}/unclaim", {}).status == 204
    assert clerk.get("/task/count?unassigned=true").body == {"count": 1}

    assert sorted(clerk.get(f"{path}/form-variables").body) == ["amount", "note"]
    only = clerk.get(f"{path}/form-variables?variableNames=amount&deserializeValues=false").body
    assert only == {"amount": {"type": "Integer", "value": 3, "valueInfo": {}}}
    assert clerk.get(f"{path}/form")["key"] == "embedded:app:check.html"
    body = {"variables": {"ok": {"value": True, "type": "Boolean"}}, "withVariablesInReturn": True}
    done = clerk.post(f"{path}/complete", body)
    assert (done.status, done["ok"]["value"]) == (200, True)
    assert bpm.state(int(task["processInstanceId"])) == "COMPLETED"
    is_error(clerk.post(f"{path}/complete", {}), 400, "completed by carl")
    is_error(clerk.get(path), 404, "open")


def test_assigning(engine: Engine, clerk: Engine) -> None:
    [task] = engine.get("/task").body
    path = f"/task/{task['id']}/assignee"
    is_error(clerk.post(path, {"userId": "zoe"}), 403, "permission")
    assert engine.post(path, {"userId": "zoe"}).status == 204
    assert engine.get(f"/task/{task['id']}")["assignee"] == "zoe"
    assert engine.post(path, {"userId": None}).status == 204
    assert engine.get(f"/task/{task['id']}")["assignee"] is None


def test_somebody_else_sees_nothing(bpm: Product, nobody: Rest, clerk: Engine) -> None:
    [task] = clerk.get("/task").body
    ann = Engine(nobody.as_(add_person(bpm, "ann")))
    assert ann.get("/task").body == []
    for path in ("", "/form-variables", "/form"):
        is_error(ann.get(f"/task/{task['id']}{path}"), 403, "permission")
    is_error(ann.post(f"/task/{task['id']}/complete", {}), 403, "not offered")


@pytest.mark.parametrize(
    ("query", "number"),
    [
        ("processInstanceBusinessKey=b1", 1),
        ("processInstanceBusinessKeyLike=b%25", 1),
        ("processInstanceBusinessKeyLike=*", 0),
        ("nameLike=%25heck", 1),
        ("taskDefinitionKeyIn=a,check", 1),
        ("processDefinitionKey=q", 0),
        ("assigned=true", 0),
        ("minPriority=51", 0),
        ("createdBefore=2030-01-01T00:00:00.000%2B0000", 1),
        ("createdAfter=2100-01-01T00:00:00.000+0000", 0),
        ("processVariables=note_eq_n", 1),
        ("processVariables=note_eq_m", 0),
        ("firstResult=1", 0),
        ("sortBy=created&sortOrder=desc", 1),
    ],
)
def test_filters(engine: Engine, clerk: Engine, query: str, number: int) -> None:
    del clerk
    assert len(engine.get(f"/task?{query}").body) == number


@pytest.mark.parametrize(
    "query",
    ["unknown=1", "sortBy=created", "sortBy=x&sortOrder=asc", "priority=high", "assigned=perhaps", "firstResult=-1"],
)
def test_wrong_filters(engine: Engine, query: str) -> None:
    is_error(engine.get(f"/task?{query}"), 400, "Expected")


# --- instances, definitions, messages -------------------------------------------------------------------


def test_instances(bpm: Product, engine: Engine) -> None:
    engine.deploy(("pay.bpmn", USER))
    first = engine.start(businessKey="b1")
    second = engine.start(businessKey="b2", variables={"a": {"value": 1}})
    assert [one["id"] for one in engine.get("/process-instance?businessKey=b2").body] == [second]
    body = {"variables": [{"name": "a", "operator": "eq", "value": 1}]}
    assert [one["id"] for one in engine.post("/process-instance", body).body] == [second]
    body = {"sorting": [{"sortBy": "businessKey", "sortOrder": "desc"}]}
    assert [one["id"] for one in engine.post("/process-instance", body).body] == [second, first]
    assert len(engine.post("/process-instance?maxResults=1", body).body) == 1
    assert engine.rest.call("PUT", f"{BASE}/process-instance/{first}/variables/x", {"value": "y"}).status == 204
    changes = {"modifications": {"z": {"value": 2, "type": "Integer"}}}
    assert engine.post(f"/process-instance/{first}/variables", changes).status == 204
    assert bpm.variables(int(first)) == {"x": "y", "z": 2}
    is_error(engine.get(f"/process-instance/{first}/variables/none"), 404, "none")
    assert engine.rest.delete(f"{BASE}/process-instance/{first}").status == 204
    assert bpm.state(int(first)) == "TERMINATED"
    is_error(engine.get(f"/process-instance/{first}"), 404, "open")
    is_error(engine.get("/process-instance/abc"), 404, "abc")
    assert engine.get("/process-instance/count").body == {"count": 1}


def test_definitions(engine: Engine) -> None:
    engine.deploy(("pay.bpmn", USER))
    engine.deploy(("pay.bpmn", SERVICE))
    found = engine.get("/process-definition?latestVersion=true&key=p").body
    assert [(one["key"], one["version"], one["name"]) for one in found] == [("p", 2, "Pay")]
    wire_id = found[0]["id"]
    assert engine.get(f"/process-definition/{wire_id}").body == found[0]
    assert engine.get("/process-definition/key/p").body == found[0]
    assert engine.get("/process-definition/key/p/xml").body == {"id": wire_id, "bpmn20Xml": SERVICE.decode()}
    assert engine.get("/process-definition/count").body == {"count": 2}
    is_error(engine.get("/process-definition/key/q"), 404, "'q'")
    is_error(engine.post("/process-definition/key/q/start", {}), 404, "'q'")
    is_error(engine.post("/process-definition/p:9:1/start", {}), 404, "1")
    is_error(engine.post("/process-definition/key/p/start", {"startInstructions": [{}]}), 400, "startInstructions")
    reply = engine.post(
        "/process-definition/key/p/start", {"withVariablesInReturn": True, "variables": {"a": {"value": 1}}}
    )
    assert reply["variables"] == {"a": {"type": "Integer", "value": 1, "valueInfo": {}}}


def test_messages_reach_the_instance_that_fits(bpm: Product, engine: Engine) -> None:
    engine.deploy(("pay.bpmn", MESSAGE))
    keys = [engine.start(businessKey=f"b{n}", variables={"n": {"value": n}}) for n in range(4)]
    is_error(engine.post("/message", {"messageName": "paid"}), 400, "4 fit")
    is_error(engine.post("/message", {"messageName": "paid", "businessKey": "x"}), 400, "0 fit")
    sent = {"messageName": "paid", "businessKey": "b0", "processVariables": {"x": {"value": 1}}}
    assert engine.post("/message", sent).status == 204
    assert bpm.variables(int(keys[0])) == {"n": 0, "x": 1}
    answer = engine.post(
        "/message", {"messageName": "paid", "correlationKeys": {"n": {"value": 1}}, "resultEnabled": True}
    )
    assert answer.body[0]["execution"]["processInstanceId"] == keys[1]
    assert engine.post("/message", {"messageName": "paid", "processInstanceId": keys[2]}).status == 204
    assert [bpm.state(int(key)) for key in keys] == ["COMPLETED", "COMPLETED", "COMPLETED", "ACTIVE"]
    assert engine.post("/message", {"messageName": "paid", "all": True}).status == 204
    assert bpm.state(int(keys[3])) == "COMPLETED"
    is_error(engine.post("/message", {"messageName": "paid", "localCorrelationKeys": {"a": {}}}), 400, "local")


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"messageName": 5}', b""])
def test_wrong_bodies(engine: Engine, body: bytes) -> None:
    is_error(engine.post("/message", data=body, content_type="application/json"), 400, "Expected")


def test_of_many_equal_messages_one_arrives(bpm: Product, engine: Engine) -> None:
    engine.deploy(("pay.bpmn", MESSAGE))
    key = engine.start(businessKey="b1")
    gate, answers = threading.Barrier(10), list[Answer]()

    def send() -> None:
        gate.wait()
        answers.append(engine.post("/message", {"messageName": "paid", "businessKey": "b1"}))

    threads = [threading.Thread(target=send) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status for answer in answers) == [204] + [400] * 9, [answer.body for answer in answers]
    assert {answer["message"][-5:] for answer in answers if answer.status == 400} == {"0 fit"}
    assert bpm.state(int(key)) == "COMPLETED"

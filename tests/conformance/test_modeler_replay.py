"""What Camunda Modeler 5 sends, call by call as its Camunda 8 tab does it: connect, deploy, start, watch a task's test.

The Camunda 7 tab is replayed in ``tests/integration/web/test_engine_rest.py``; single tasks (``runtimeInstructions``)
are tested where they are built.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.conformance.client_files import FILES
from tests.support.rest import Rest, add_person, application, counted_statements

if TYPE_CHECKING:
    from tests.support.product import Product
    from tests.support.rest import Answer

KINDS = {"processDefinition", "decisionDefinition", "decisionRequirements", "form", "resource"}
BOUNDARY = "----formdata-undici-031245678901"


@pytest.fixture
def modeler(bpm: Product) -> Rest:
    """Connected without authentication: the SDK sends the header, with nothing in it."""
    rest = application(bpm, anonymous_v2=True)[1]
    return Rest(rest.app, {"Authorization": "", "Accept": "application/json", "User-Agent": "camunda-modeler/5.50.0"})


def deploy(modeler: Rest, *names: str) -> Answer:
    """One request with a part ``resources`` for each file, as undici writes it; the diagram comes last."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="resources"; filename="{name}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n".encode()
        + FILES[name]
        + b"\r\n"
        for name in names
    ]
    data = b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()
    return modeler.post("/v2/deployments", data=data, content_type=f"multipart/form-data; boundary={BOUNDARY}")


def test_polling_the_topology_costs_next_to_nothing(bpm: Product, modeler: Rest) -> None:
    """Each open tab asks every five seconds."""
    for _ in range(2):
        with counted_statements(bpm) as statements:
            topology = modeler.get("/v2/topology")
    assert topology.status == 200
    assert topology["gatewayVersion"] == "8.9.0"
    assert len(statements) <= 2, statements


def test_deploying_a_diagram_with_its_files_and_starting_it(modeler: Rest) -> None:
    deployed = deploy(modeler, "review.form", "level.dmn", "order.bpmn")
    assert (deployed.status, deployed["tenantId"]) == (200, "<default>")
    assert deployed["deploymentKey"].isdigit()
    found = deployed["deployments"]
    assert all(set(entry) == KINDS and list(entry.values()).count(None) == 4 for entry in found)
    [process] = [one["processDefinition"] for one in found if one["processDefinition"]]
    assert (process["processDefinitionId"], process["processDefinitionVersion"]) == ("order", 1)
    assert process["resourceName"] == "order.bpmn"

    started = modeler.post(
        "/v2/process-instances",
        {"processDefinitionKey": process["processDefinitionKey"], "variables": {"amount": 5}, "tenantId": "<default>"},
    )
    assert (started.status, started["processDefinitionVersion"]) == (200, 1)
    again = deploy(modeler, "review.form", "level.dmn", "order.bpmn")
    [same] = [one["processDefinition"] for one in again["deployments"] if one["processDefinition"]]
    assert same["processDefinitionKey"] == process["processDefinitionKey"]


def test_a_diagram_with_errors_says_where(modeler: Rest) -> None:
    broken = FILES["order.bpmn"].replace(b'targetRef="ship"', b'targetRef="nowhere"')
    answer = modeler.upload(("order.bpmn", broken))
    assert (answer.status, answer["title"]) == (400, "Bad Request")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "order.bpmn" in answer["detail"]
    assert "nowhere" in answer["detail"]


def test_what_the_task_testing_tab_asks(modeler: Rest) -> None:
    me = modeler.get("/v2/authentication/me")
    assert (me.status, me["tenants"][0]["tenantId"]) == (200, "<default>")
    deploy(modeler, "review.form", "order.bpmn", "waiting.bpmn", "failing.bpmn")
    variables = {"orderId": "o-1", "note": "x" * 10_000}

    def start(process_id: str) -> str:
        body = {"processDefinitionId": process_id, "variables": variables}
        key: str = modeler.post("/v2/process-instances", body)["processInstanceKey"]
        return key

    order, waiting, failing = start("order"), start("waiting"), start("failing")

    def ask(path: str, key: str, **more: Any) -> list[dict[str, Any]]:
        answer = modeler.post(f"/v2/{path}", {"filter": {"processInstanceKey": key, **more}, "page": {"limit": 100}})
        assert answer.status == 200, answer.body
        items: list[dict[str, Any]] = answer["items"]
        return items

    [instance] = ask("process-instances/search", order)
    assert (instance["state"], instance["hasIncident"], instance["endDate"]) == ("ACTIVE", False, None)
    whole = {one["name"]: one for one in ask("variables/search?truncateValues=false", order)}
    assert (len(whole["note"]["value"]), whole["note"]["isTruncated"]) == (10_002, False)
    states = {one["elementId"]: (one["type"], one["state"]) for one in ask("element-instances/search", order)}
    assert states == {"s": ("START_EVENT", "COMPLETED"), "approve": ("USER_TASK", "ACTIVE")}
    [task] = ask("user-tasks/search", order, state="CREATED")
    assert (task["elementId"], task["formKey"] is not None) == ("approve", True)
    [wait] = ask("message-subscriptions/search", waiting)
    assert (wait["messageName"], wait["correlationKey"], wait["elementId"]) == ("paid", "o-1", "catch")
    [job] = ask("jobs/search", failing)
    assert (job["elementId"], job["type"], job["state"], job["retries"]) == ("pick", "pick", "CREATED", 3)

    activated = modeler.post("/v2/jobs/activation", {"type": "pick", "timeout": 9999, "maxJobsToActivate": 1})
    failure = {"retries": 0, "errorMessage": "no power"}
    assert modeler.post(f"/v2/jobs/{activated['jobs'][0]['jobKey']}/failure", failure).status == 204
    found = modeler.post(f"/v2/process-instances/{failing}/incidents/search", {})["items"]
    assert [(one["elementId"], one["errorType"], one["state"]) for one in found] == [
        ("pick", "JOB_NO_RETRIES", "ACTIVE")
    ]
    assert modeler.post(f"/v2/process-instances/{failing}/cancellation", {}).status == 204
    assert ask("process-instances/search", failing)[0]["state"] == "TERMINATED"


def test_the_tab_asks_for_credentials(bpm: Product) -> None:
    """The Modeler tells what is wrong by the title of the problem."""
    nobody = application(bpm)[1]
    assert [nobody.get("/v2/topology")[member] for member in ("status", "title")] == [401, "Unauthorized"]
    guest = nobody.as_(add_person(bpm, "guest"))
    assert [deploy(guest, "order.bpmn")[member] for member in ("status", "title")] == [403, "Forbidden"]
    assert [guest.get("/v2/nothing")[member] for member in ("status", "title")] == [404, "Not Found"]
    add_person(bpm, "dora", roles=("designer",))
    assert deploy(nobody.basic("dora"), "review.form", "order.bpmn").status == 200

"""Camunda's own SDK for Node (`@camunda8/sdk`) against a real server, over REST alone.

It holds two clients: `rest`, written by hand, and `cluster`, generated from Camunda 8.8's contract, which checks
every request here. It does not check replies: those of 8.8 have no nulls, but the contract of later versions wants
them; see the Python client's tests for that.
"""

from __future__ import annotations

import itertools
import json
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bpm_server.services import tokens
from bpm_server.worker.embedded import EmbeddedWorker
from tests.conformance.client_files import FILES, eventually
from tests.support.node import node_with, running
from tests.support.product import SYSTEM
from tests.support.rest import PASSWORD, add_person, application, served

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.node import Script
    from tests.support.product import Product

BASIC = {
    "CAMUNDA_AUTH_STRATEGY": "BASIC",
    "CAMUNDA_BASIC_AUTH_USERNAME": "camunda",
    "CAMUNDA_BASIC_AUTH_PASSWORD": PASSWORD,
}


CALLS = itertools.count()


class Refused(Exception):
    """What the client threw."""

    def __init__(self, answer: dict[str, Any]) -> None:
        super().__init__(answer["message"])
        self.status, self.detail = answer["status"], answer["detail"]


class Sdk:
    """The clients in a Node process; what they are called with and return is JSON."""

    def __init__(self, script: Script) -> None:
        self.script = script

    def rest(self, method: str, *arguments: Any) -> Any:
        return self._call("rest", method, arguments)

    def cluster(self, method: str, *arguments: Any) -> Any:
        return self._call("cluster", method, arguments)

    def _call(self, client: str, method: str, arguments: tuple[Any, ...]) -> Any:
        return self.answer(self.begin(client, method, *arguments))

    def begin(self, client: str, method: str, *arguments: Any) -> int:
        number = next(CALLS)
        self.script.tell({"id": number, "client": client, "method": method, "arguments": arguments})
        return number

    def answer(self, number: int) -> Any:
        found = self.script.wait_for("answer", "refused", id=number)
        if found["event"] == "refused":
            raise Refused(found)
        return found["value"]

    def start(self, process_id: str, **variables: Any) -> str:
        body = {"processDefinitionId": process_id, "variables": variables}
        key: str = self.rest("createProcessInstance", body)["processInstanceKey"]
        return key

    def tasks(self, **filters: Any) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.rest("searchUserTasks", {"filter": filters})["items"]
        return items

    def state(self, key: str) -> str:
        found = self.cluster("getProcessInstance", {"processInstanceKey": key}, {"consistency": {"waitUpToMs": 0}})
        state: str = found["state"]
        return state


NOW = {"consistency": {"waitUpToMs": 0}}
"""Replies here are never late; the generated client wants to know how long it may wait for one that is."""


@pytest.fixture(scope="module")
def script() -> Iterator[Script]:
    """The SDK in a Node process; loading it takes longer than a test."""
    path = Path(__file__).with_name("camunda_sdk.mjs")
    with running(node_with("@camunda8/sdk"), path, CAMUNDA_SDK_VALIDATION="req:strict,res:none") as found:
        yield found


@contextmanager
def connected(script: Script, bpm: Product, config: dict[str, str], **settings: Any) -> Iterator[Sdk]:
    """The clients of a server that runs with these settings."""
    product, rest = application(bpm, **settings)
    worker = EmbeddedWorker(product.server)
    worker.start()
    with served(rest.app) as url:
        script.forget()
        script.tell({"connect": {"ZEEBE_REST_ADDRESS": url, "CAMUNDA_LOG_LEVEL": "error", **config}})
        yield Sdk(script)
    worker.stop()


@pytest.fixture
def sdk(script: Script, bpm_sqlite: Product, tmp_path: Path) -> Iterator[Sdk]:
    """An administrator's, with everything deployed."""
    add_person(application(bpm_sqlite)[0], "camunda", roles=("admin",))
    with connected(script, bpm_sqlite, BASIC, allow_clock=True) as found:
        folder = tmp_path / "files"
        folder.mkdir()
        for name, content in FILES.items():
            (folder / name).write_bytes(content)
        deployed = found.rest("deployResourcesFromFiles", [str(folder / name) for name in FILES])
        assert sorted(one["processDefinitionId"] for one in deployed["processes"]) == ["failing", "order", "waiting"]
        assert [one["decisionDefinitionId"] for one in deployed["decisions"]] == ["approval-level"]
        assert [one["formId"] for one in deployed["forms"]] == ["review"]
        yield found


def test_who_is_there(sdk: Sdk) -> None:
    topology = sdk.rest("getTopology")
    assert (topology["gatewayVersion"], topology["brokers"][0]["nodeId"]) == ("8.9.0", 0)
    assert sdk.rest("getLicenseStatus")["validLicense"]
    assert sdk.cluster("getTopology")["partitionsCount"] == 1
    assert sdk.cluster("getAuthentication")["username"] == "camunda"


def test_an_order_from_start_to_end(sdk: Sdk) -> None:
    key = sdk.start("order", amount=500000.01)
    [task] = sdk.tasks(processInstanceKey=key, state="CREATED", candidateGroup="sales")
    assert (task["elementId"], task["assignee"], task["priority"]) == ("approve", None, 50)
    which = {"userTaskKey": task["userTaskKey"]}
    sdk.rest("assignUserTask", {**which, "assignee": "ann"})
    assert sdk.tasks(assignee={"$in": ["ann", "bob"]})[0]["userTaskKey"] == task["userTaskKey"]
    with pytest.raises(Refused) as refused:
        sdk.rest("assignUserTask", {**which, "assignee": "bob", "allowOverride": False})
    assert (refused.value.status, "ann" in refused.value.detail) == (409, True)
    sdk.rest("unassignUserTask", which)
    # The same method of `rest` calls a path that Camunda does not have.
    sdk.cluster("updateUserTask", {**which, "changeset": {"priority": 80, "dueDate": "2030-01-01T00:00:00Z"}})
    assert sdk.rest("getUserTask", task["userTaskKey"])["priority"] == 80
    [variable] = sdk.rest("searchUserTaskVariables", {**which, "filter": {"name": "amount"}})["items"]
    assert sdk.rest("getVariable", {"variableKey": variable["variableKey"]})["value"] == 500000.01
    form = sdk.cluster("getUserTaskForm", which, NOW)
    assert json.loads(form["schema"])["id"] == "review"
    sdk.rest("completeUserTask", {**which, "variables": {"approved": True}})
    [job] = sdk.rest("activateJobs", {"type": "ship", "worker": "w", "maxJobsToActivate": 5, "timeout": 60000})
    assert (job["variables"], job["customHeaders"]) == ({"amount": 500000.01, "approved": True}, {"carrier": "rail"})
    sdk.rest("updateJob", {"jobKey": job["jobKey"], "retries": 7})
    sdk.rest("completeJob", {"jobKey": job["jobKey"], "variables": {"tracking": "T1"}})
    assert sdk.state(key) == "COMPLETED"
    with pytest.raises(Refused) as refused:
        sdk.rest("completeUserTask", which)
    assert refused.value.status == 409


def test_awaited_completion_returns_variables(sdk: Sdk) -> None:
    body = {"processDefinitionId": "order", "variables": {"act": "complete"}, "fetchVariables": ["shipped"]}
    call = sdk.begin("rest", "createProcessInstanceWithResult", {**body, "requestTimeout": 30000})
    [task] = eventually(lambda: sdk.tasks(state="CREATED"))
    sdk.rest("completeUserTask", {"userTaskKey": task["userTaskKey"]})
    sdk.script.tell({"work": "ship"})
    assert sdk.answer(call)["variables"] == {"shipped": True}


def test_pages_of_tasks(sdk: Sdk) -> None:
    keys = [sdk.start("order", n=n) for n in range(5)]
    query = {"filter": {"elementId": "approve"}, "sort": [{"field": "creationDate", "order": "DESC"}]}
    first = sdk.rest("searchUserTasks", {**query, "page": {"limit": 2}})
    assert (first["page"]["totalItems"], len(first["items"])) == (5, 2)
    second = sdk.rest("searchUserTasks", {**query, "page": {"limit": 2, "after": first["page"]["endCursor"]}})
    third = sdk.cluster("searchUserTasks", {**query, "page": {"limit": 2, "from": 4}}, NOW)
    seen = [one["processInstanceKey"] for page in (first, second, third) for one in page["items"]]
    assert sorted(seen) == sorted(keys)
    before = sdk.cluster(
        "searchUserTasks", {**query, "page": {"limit": 2, "before": second["page"]["startCursor"]}}, NOW
    )
    assert before["items"] == sdk.cluster("searchUserTasks", {**query, "page": {"limit": 2}}, NOW)["items"]


def test_a_job_worker(sdk: Sdk) -> None:
    sdk.script.tell({"work": "pick"})
    done = sdk.start("failing", act="complete")
    assert sdk.script.wait_for("job", act="complete")["retries"] == 3
    sdk.script.wait_for("done", act="complete")
    assert sdk.state(done) == "COMPLETED"

    tried = sdk.start("failing", act="fail twice")
    assert [sdk.script.wait_for("job", act="fail twice")["retries"] for _ in range(3)] == [3, 2, 1]
    eventually(lambda: sdk.state(tried) == "COMPLETED")

    caught = sdk.start("failing", act="error")
    sdk.script.wait_for("done", act="error")
    assert [one["elementId"] for one in sdk.tasks(processInstanceKey=caught)] == ["other"]

    failed = sdk.start("failing", act="give up")
    sdk.script.wait_for("done", act="give up")
    query = {"filter": {"processInstanceKey": failed, "state": "ACTIVE"}}
    [incident] = sdk.rest("searchIncidents", query)["items"]
    assert (incident["errorType"], incident["errorMessage"]) == ("JOB_NO_RETRIES", "no power")
    [element] = sdk.rest("searchElementInstances", {"filter": {"processInstanceKey": failed, "hasIncident": True}})[
        "items"
    ]
    assert sdk.rest("getElementInstance", element["elementInstanceKey"])["elementId"] == "pick"
    variables = {"elementInstanceKey": element["elementInstanceKey"], "variables": {"act": "complete"}, "local": False}
    sdk.rest("updateElementInstanceVariables", variables)
    sdk.rest("updateJob", {"jobKey": incident["jobKey"], "retries": 1})
    sdk.rest("resolveIncident", incident["incidentKey"])
    eventually(lambda: sdk.state(failed) == "COMPLETED")


def test_messages_and_signals(sdk: Sdk) -> None:
    first, second = (sdk.start("waiting", orderId=f"o-{n}") for n in (1, 2))
    answer = sdk.rest("correlateMessage", {"name": "paid", "correlationKey": "o-1", "variables": {"sum": 5}})
    assert answer["processInstanceKey"] == first
    with pytest.raises(Refused) as refused:
        sdk.rest("correlateMessage", {"name": "paid", "correlationKey": "o-1", "variables": {}})
    assert refused.value.status == 404
    message = {"name": "paid", "correlationKey": "o-2", "timeToLive": 1000, "messageId": "m-1", "variables": {}}
    assert sdk.rest("publishMessage", message)["messageKey"]
    eventually(lambda: sdk.state(second) == "COMPLETED")
    [found] = sdk.rest("searchVariables", {"filter": {"processInstanceKey": first, "name": "sum"}})["items"]
    assert found["value"] == "5"
    assert sdk.rest("broadcastSignal", {"signalName": "stop", "variables": {"why": "fire"}})["signalKey"]
    assert eventually(lambda: sdk.tasks(elementId="after"))


def test_decisions_and_definitions(sdk: Sdk) -> None:
    found = sdk.rest("evaluateDecision", {"decisionDefinitionId": "approval-level", "variables": {"amount": 500000.01}})
    assert (found["output"], found["evaluatedDecisions"][0]["matchedRules"][0]["ruleId"]) == ('"ceo"', "high")
    query = {"filter": {"processDefinitionId": "order", "isLatestVersion": True}}
    [definition] = sdk.rest("searchProcessDefinitions", query)["items"]
    key = definition["processDefinitionKey"]
    assert sdk.rest("getProcessDefinition", key)["name"] == "Order"
    assert "<bpmn:process" in sdk.rest("getProcessDefinitionXML", key)
    [decision] = sdk.cluster("searchDecisionDefinitions", {}, NOW)["items"]
    which = {"decisionDefinitionKey": decision["decisionDefinitionKey"]}
    assert "decisionTable" in sdk.cluster("getDecisionDefinitionXml", which, NOW)
    taken = sdk.cluster("searchDecisionInstances", {}, NOW)["items"]
    assert [one["decisionDefinitionId"] for one in taken] == ["approval-level"]
    sdk.rest("deleteResource", {"resourceKey": key})
    with pytest.raises(Refused) as refused:
        sdk.start("order")
    assert refused.value.status == 404


def test_instances_clock_and_people(sdk: Sdk) -> None:
    sdk.rest("pinInternalClock", 1_800_000_000_000)
    key = sdk.start("order", region="north")
    [found] = sdk.rest("searchProcessInstances", {"filter": {"processInstanceKey": key}})["items"]
    assert (found["startDate"][:4], found["state"], found["processDefinitionName"]) == ("2027", "ACTIVE", "Order")
    sdk.rest("resetClock")
    sdk.rest("cancelProcessInstance", {"processInstanceKey": key})
    assert sdk.state(key) == "TERMINATED"
    assert sdk.tasks(processInstanceKey=key, state="CREATED") == []
    person = {"username": "ann", "password": "long enough", "name": "Ann", "email": "a@example.org"}
    sdk.rest("createUser", person)
    found = sdk.rest("searchUsers", {"filter": {"username": "ann"}})["items"]
    assert [one["email"] for one in found] == ["a@example.org"]


def test_every_search_of_the_contract(sdk: Sdk) -> None:
    key = sdk.start("order", amount=1)
    waiting = sdk.start("waiting", orderId="o-1")
    for method, found in {
        "searchProcessInstances": 2,
        "searchProcessDefinitions": 3,
        "searchElementInstances": 4,
        "searchVariables": 2,
        "searchUserTasks": 1,
        "searchJobs": 0,
        "searchIncidents": 0,
        "searchMessageSubscriptions": 1,
        "searchCorrelatedMessageSubscriptions": 0,
        "searchDecisionRequirements": 1,
        "searchUsers": 2,
        "searchGroups": 0,
    }.items():
        assert len(sdk.cluster(method, {}, NOW)["items"]) == found, method
    assert sdk.cluster("searchRoles", {}, NOW)["items"]
    which = {"processInstanceKey": key}
    assert [one["elementId"] for one in sdk.cluster("getProcessInstanceSequenceFlows", which, NOW)["items"]]
    assert len(sdk.cluster("getProcessInstanceStatistics", which, NOW)["items"]) == 2
    assert len(sdk.cluster("getProcessInstanceCallHierarchy", {"processInstanceKey": waiting}, NOW)) == 1
    assert sdk.cluster("searchProcessInstanceIncidents", which, NOW)["items"] == []


@pytest.mark.parametrize("strategy", ["NONE", "BEARER"])
def test_other_ways_to_sign_in(script: Script, bpm_sqlite: Product, strategy: str) -> None:
    """Without credentials the client sends an empty `Authorization` header."""
    config = {"CAMUNDA_AUTH_STRATEGY": strategy}
    if strategy == "BEARER":
        add_person(application(bpm_sqlite)[0], "camunda", roles=("admin",))
        config["CAMUNDA_OAUTH_TOKEN"] = tokens.create_token(bpm_sqlite.server, SYSTEM, "camunda", "node")
    with connected(script, bpm_sqlite, config, anonymous_v2=strategy == "NONE") as sdk:
        files = [{"name": name, "content": content.decode()} for name, content in FILES.items()]
        assert len(sdk.rest("deployResources", files)["processes"]) == 3
        assert sdk.tasks(processInstanceKey=sdk.start("order"))


def test_wrong_credentials_are_refused(script: Script, bpm_sqlite: Product) -> None:
    with (
        connected(script, bpm_sqlite, {**BASIC, "CAMUNDA_BASIC_AUTH_PASSWORD": "wrong"}) as sdk,
        pytest.raises(Refused) as no,
    ):
        sdk.rest("getTopology")
    assert (no.value.status, "Unauthorized" in str(no.value)) == (401, True)

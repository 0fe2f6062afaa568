"""Camunda's own Python client against a real server: it raises where a reply lacks anything of the contract."""

from __future__ import annotations

import csv
import re
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bpm_server.web.api.blueprint import ApiBlueprint
from tests.conformance.client_files import eventually
from tests.conformance.python_client import world
from tests.support.rest import application, served

if TYPE_CHECKING:
    from tests.conformance.python_client import World
    from tests.support.product import Product

__all__ = ["world"]

sdk = pytest.importorskip("camunda_orchestration_sdk")
from camunda_orchestration_sdk import errors, models  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def test_cluster_and_sign_in(world: World) -> None:
    client = world.client
    topology = client.get_topology()
    assert topology.brokers[0].node_id == 0
    assert topology.brokers[0].broker_id == "0"
    assert client.get_license().valid_license
    client.get_status()
    me = client.get_authentication()
    assert (me.username, me.authorized_components, me.roles) == ("camunda", ["*"], ["admin"])
    assert client.get_system_configuration().deployment.max_request_size > 0


def test_deployment_names_what_it_made(world: World) -> None:
    kinds = [
        name
        for entry in world.deployment.deployments
        for name in ("process_definition", "decision_definition", "decision_requirements", "form", "resource")
        if getattr(entry, name) is not None
    ]
    assert sorted(kinds) == [
        "decision_definition",
        "decision_requirements",
        "form",
        "process_definition",
        "process_definition",
        "process_definition",
        "resource",
    ]


def test_order_from_start_to_end(world: World) -> None:
    client = world.client
    started = world.start("order", amount=500000.01)
    task = world.one_task(started.process_instance_key)
    assert (task.candidate_groups, task.process_name) == (["sales"], "Order")
    assert client.get_user_task(task.user_task_key).user_task_key == task.user_task_key
    assert client.get_user_task_form(task.user_task_key).form_id == "review"
    client.assign_user_task(task.user_task_key, data=models.UserTaskAssignmentRequest(assignee="somebody"))
    assert client.get_user_task(task.user_task_key).assignee == "somebody"
    client.unassign_user_task(task.user_task_key)
    client.update_user_task(
        task.user_task_key, data=models.UserTaskUpdateRequest(changeset=models.Changeset(priority=80))
    )
    assert client.get_user_task(task.user_task_key).priority == 80
    client.complete_user_task(
        task.user_task_key,
        data=models.UserTaskCompletionRequest(
            variables=models.UserTaskCompletionRequestVariables.from_dict({"approved": True})
        ),
    )
    job = world.activate("ship")[0]
    assert job.variables.to_dict() == {"amount": 500000.01, "approved": True}
    client.complete_job(job.job_key, data=models.JobCompletionRequest())
    assert client.get_process_instance(started.process_instance_key).state == "COMPLETED"
    flows = client.get_process_instance_sequence_flows(started.process_instance_key).items
    assert [flow.element_id for flow in flows] == ["f_s_approve", "f_approve_ship", "f_ship_e"]
    figures = client.get_process_instance_statistics(started.process_instance_key).items
    assert {one.element_id: one.completed for one in figures} == {"s": 1, "approve": 1, "ship": 1, "e": 1}
    assert len(client.get_process_instance_call_hierarchy(started.process_instance_key)) == 1


def test_variables_elements_and_jobs_are_found(world: World) -> None:
    client = world.client
    key = world.start("order", amount=1).process_instance_key
    task = world.one_task(key)
    client.create_element_instance_variables(
        task.element_instance_key,
        data=models.SetVariableRequest.from_dict({"variables": {"note": "x" * 9000}, "local": True}),
    )
    found = world.search("search_variables", "VariableSearchQuery", processInstanceKey=key)
    assert {(v.name, v.is_truncated) for v in found} == {("amount", False), ("note", True)}
    note = next(v for v in found if v.name == "note")
    assert len(client.get_variable(note.variable_key).value) == 9002
    assert [v.name for v in client.search_user_task_variables(task.user_task_key).items] == ["amount", "note"]
    assert len(client.search_user_task_effective_variables(task.user_task_key).items) == 2
    elements = world.search("search_element_instances", "ElementInstanceSearchQuery", processInstanceKey=key)
    assert [(e.element_id, e.type_.value, e.state.value) for e in elements] == [
        ("s", "START_EVENT", "COMPLETED"),
        ("approve", "USER_TASK", "ACTIVE"),
    ]
    assert client.get_element_instance(elements[1].element_instance_key).element_id == "approve"
    client.complete_user_task(task.user_task_key)
    job = world.search("search_jobs", "JobSearchQuery", processInstanceKey=key)[0]
    assert (job.type_, job.state, job.deadline) == ("ship", "CREATED", None)
    client.update_job(job.job_key, data=models.JobUpdateRequest(changeset=models.JobChangeset(retries=7)))
    assert world.activate("ship")[0].retries == 7


def test_failure_becomes_an_incident_that_is_resolved(world: World) -> None:
    client = world.client
    key = world.start("failing").process_instance_key
    job = world.activate("pick", with_lease=True)[0]
    assert job.job_lease_token
    client.fail_job(
        job.job_key,
        data=models.JobFailRequest(retries=0, error_message="no power", job_lease_token=job.job_lease_token),
    )
    incident = world.search("search_incidents", "IncidentSearchQuery", processInstanceKey=key)[0]
    assert (incident.error_type, incident.state, incident.error_message) == ("JOB_NO_RETRIES", "ACTIVE", "no power")
    assert client.get_incident(incident.incident_key).job_key == job.job_key
    assert client.search_process_instance_incidents(key, data=models.IncidentSearchQuery()).items
    assert client.get_process_instance(key).has_incident
    client.resolve_incident(incident.incident_key)
    assert client.get_incident(incident.incident_key).state == "RESOLVED"
    assert world.activate("pick")
    assert client.resolve_process_instance_incidents(key).batch_operation_type == "RESOLVE_INCIDENT"
    found = client.search_element_instance_incidents(incident.element_instance_key, data=models.IncidentSearchQuery())
    assert [one.incident_key for one in found.items] == [incident.incident_key]


def test_error_goes_to_the_event_that_catches_it(world: World) -> None:
    key = world.start("failing").process_instance_key
    job = world.activate("pick")[0]
    world.client.throw_job_error(
        job.job_key, data=models.JobErrorRequest(error_code="sold-out", error_message="none left")
    )
    assert world.one_task(key).element_id == "other"


def test_messages_and_signals(world: World) -> None:
    client = world.client
    key = world.start("waiting", orderId="o-1").process_instance_key
    open_waits = world.search("search_message_subscriptions", "MessageSubscriptionSearchQuery", processInstanceKey=key)
    assert (open_waits[0].message_name, open_waits[0].correlation_key) == ("paid", "o-1")
    correlated = client.correlate_message(data=models.MessageCorrelationRequest(name="paid", correlation_key="o-1"))
    assert correlated.process_instance_key == key
    with pytest.raises(errors.NotFoundError):
        client.correlate_message(data=models.MessageCorrelationRequest(name="paid", correlation_key="o-1"))
    other = world.start("waiting", orderId="o-2").process_instance_key
    client.publish_message(data=models.MessagePublicationRequest(name="paid", correlation_key="o-2", time_to_live=9))
    eventually(lambda: client.get_process_instance(other).state == "COMPLETED")
    assert world.search(
        "search_correlated_message_subscriptions", "CorrelatedMessageSubscriptionSearchQuery", processInstanceKey=other
    )
    client.broadcast_signal(data=models.SignalBroadcastRequest(signal_name="stop"))
    eventually(lambda: world.search("search_user_tasks", "UserTaskSearchQuery", elementId="after"))


def test_decisions(world: World) -> None:
    client = world.client
    body = {"decisionDefinitionId": "approval-level", "variables": {"amount": 500000.01}}
    found = client.evaluate_decision(data=models.DecisionEvaluationByID.from_dict(body))
    assert found.output == '"ceo"'
    assert found.evaluated_decisions[0].matched_rules[0].rule_id == "high"
    definition = client.search_decision_definitions().items[0]
    assert client.get_decision_definition(definition.decision_definition_key).decision_requirements_id == "level"
    assert "decisionTable" in client.get_decision_definition_xml(definition.decision_definition_key)
    requirements = client.search_decision_requirements().items[0]
    assert client.get_decision_requirements(requirements.decision_requirements_key).resource_name == "level.dmn"
    assert "decisionTable" in client.get_decision_requirements_xml(requirements.decision_requirements_key)
    taken = world.search(
        "search_decision_instances", "DecisionInstanceSearchQuery", decisionDefinitionId="approval-level"
    )
    one = client.get_decision_instance(taken[0].decision_evaluation_instance_key)
    assert (one.result, one.evaluated_inputs[0].input_value) == ('"ceo"', "500000.01")
    client.delete_decision_instance(found.decision_evaluation_key, data=models.DeleteDecisionInstanceRequest())
    with pytest.raises(errors.NotFoundError):
        client.get_decision_instance(taken[0].decision_evaluation_instance_key)


def test_definitions_forms_and_resources(world: World) -> None:
    client = world.client
    found = world.search("search_process_definitions", "ProcessDefinitionSearchQuery", processDefinitionId="order")[0]
    key = found.process_definition_key
    assert client.get_process_definition(key).has_start_form
    assert "<bpmn:process" in client.get_process_definition_xml(key)
    form = client.get_start_process_form(key)
    assert client.get_form_by_key(form.form_key).form_id == "review"
    notes = next(r for r in client.search_resources().items if r.resource_name == "notes.json")
    assert client.get_resource(notes.resource_key).version == 1
    assert client.get_resource_content(notes.resource_key).to_dict() == {"free": 1.5}
    assert client.get_resource_content_binary(notes.resource_key).payload.read() == b'{"free": 1.50}'
    client.delete_resource(notes.resource_key, data=models.DeleteResourceRequest())
    world.start("order")
    statistics = client.get_process_definition_statistics(key, data=models.ProcessDefinitionElementStatisticsQuery())
    assert {one.element_id: one.active for one in statistics.items}["approve"] == 1


def test_cancellation_and_search_of_instances(world: World) -> None:
    client = world.client
    keys = {world.start("order", region="north").process_instance_key for _ in range(3)}
    client.cancel_process_instance(next(iter(keys)), data=None)
    found = world.search(
        "search_process_instances",
        "ProcessInstanceSearchQuery",
        processDefinitionId="order",
        state="ACTIVE",
        variables=[{"name": "region", "value": '"north"'}],
    )
    assert len(found) == 2
    page = client.search_process_instances(
        data=models.ProcessInstanceSearchQuery.from_dict(
            {"sort": [{"field": "startDate", "order": "DESC"}], "page": {"limit": 2}}
        )
    )
    following = client.search_process_instances(
        data=models.ProcessInstanceSearchQuery.from_dict(
            {"sort": [{"field": "startDate", "order": "DESC"}], "page": {"limit": 2, "after": page.page.end_cursor}}
        )
    )
    assert {one.process_instance_key for one in [*page.items, *following.items]} == keys
    running, canceled = found[0].process_instance_key, (keys - {one.process_instance_key for one in found}).pop()
    named = models.ProcessInstanceBusinessIdAssignmentInstruction(business_id="case-1")
    client.assign_process_instance_business_id(running, data=named)
    assert client.get_process_instance(running).business_id == "case-1"
    figures = client.get_process_instance_wait_state_statistics(running).items
    assert [one.element_id for one in figures] == ["approve"]
    client.delete_process_instance(canceled, data=None)
    with pytest.raises(errors.NotFoundError):
        client.get_process_instance(canceled)


def test_awaited_completion_has_the_variables(world: World) -> None:
    done: list[Any] = []

    def run() -> None:
        body = {
            "processDefinitionId": "order",
            "awaitCompletion": True,
            "fetchVariables": ["shipped"],
            "requestTimeout": 20000,
        }
        done.append(world.client.create_process_instance(data=models.ProcessCreationById.from_dict(body)))

    thread = threading.Thread(target=run)
    thread.start()
    task = eventually(lambda: world.search("search_user_tasks", "UserTaskSearchQuery", state="CREATED"))[0]
    world.client.complete_user_task(task.user_task_key)
    world.client.complete_job(world.activate("ship")[0].job_key)
    thread.join(20)
    assert done[0].variables.to_dict() == {"shipped": True}


def test_clock_and_expressions(world: World) -> None:
    client = world.client
    client.pin_clock(data=models.ClockPinRequest(timestamp=1_800_000_000_000))
    started = world.start("order")
    assert client.get_process_instance(started.process_instance_key).start_date.year == 2027
    client.reset_clock()
    found = client.evaluate_expression(
        data=models.ExpressionEvaluationRequest(
            expression="=a + b",
            variables=models.ExpressionEvaluationRequestVariables.from_dict({"a": 1.5, "b": 2}),
        )
    )
    assert (found.result, found.warnings) == (3.5, [])


@pytest.mark.parametrize(
    ("act", "kind"),
    [
        (lambda client: client.get_user_task("1"), errors.NotFoundError),
        (lambda client: client.get_user_task("x"), errors.BadRequestError),
        (lambda client: client.get_user("nobody"), errors.NotFoundError),
        (
            lambda client: client.create_user(data=models.UserRequest(username="camunda", password="long enough")),
            errors.ConflictError,
        ),
    ],
)
def test_errors_arrive_as_the_client_knows_them(world: World, act: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind) as caught:
        act(world.client)
    assert caught.value.parsed.detail.startswith("Expected")


def test_anonymous_client_sends_an_empty_header(bpm_sqlite: Product) -> None:
    rest = application(bpm_sqlite, anonymous_v2=True)[1]
    with served(rest.app) as url:
        client = sdk.CamundaClient(configuration={"CAMUNDA_REST_ADDRESS": url, "CAMUNDA_AUTH_STRATEGY": "NONE"})
        assert client.get_topology().gateway_version
        answer = client.client.get_httpx_client().get("/topology", headers={"Authorization": ""})
        assert answer.status_code == 200
        client.client.get_httpx_client().close()


@pytest.mark.shared
def test_every_operation_is_called(shared: Path) -> None:
    """Of the first two tiers, as far as we have them."""
    texts = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("*python_client*.py"))
    called = set(re.findall(r"client\.(\w+)", texts)) | set(re.findall(r"search\(\s*\"(\w+)\"", texts))
    routed = {name for _, _, name in ApiBlueprint.operations}
    with (shared / "docs" / "operations.tsv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t") if row["tier"] in ("1", "2")]
    wanted = {row["operationId"] for row in rows if row["tier"] == "1" or row["operationId"] in routed}
    snakes = {re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower() for name in wanted}
    assert len(snakes) > 90
    assert snakes - called == set()

"""Batches, listeners and ad-hoc activities through Camunda's Python client."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from tests.conformance.camunda8.scenario import listeners
from tests.conformance.client_files import eventually, waiting
from tests.conformance.python_client import world
from tests.support.bpmn_builder import Process, Scope, event

if TYPE_CHECKING:
    from tests.conformance.python_client import World

__all__ = ["world"]

sdk = pytest.importorskip("camunda_orchestration_sdk")
from camunda_orchestration_sdk import errors, models  # noqa: E402


def test_batch_operations(world: World) -> None:
    client = world.client
    keys = {world.start("order", region="north").process_instance_key for _ in range(3)}
    wanted = {"filter": {"processDefinitionId": "order", "state": "ACTIVE"}}

    def ended(key: Any) -> bool:
        return client.get_batch_operation(key).state == "COMPLETED"

    for call, shape, kind in (
        (client.cancel_process_instances_batch_operation, "Cancellation", "CANCEL_PROCESS_INSTANCE"),
        (client.resolve_incidents_batch_operation, "IncidentResolution", "RESOLVE_INCIDENT"),
    ):
        request = getattr(models, f"ProcessInstance{shape}BatchOperationRequest").from_dict(wanted)
        made = call(data=request)
        assert made.batch_operation_type == kind
        eventually(lambda key=made.batch_operation_key: ended(key))
    operation = world.search("search_batch_operations", "BatchOperationSearchQuery", state="COMPLETED")[0]
    assert (operation.operations_total_count, operation.operations_completed_count, operation.errors) == (3, 3, [])
    found = world.search(
        "search_batch_operation_items", "BatchOperationItemSearchQuery", batchOperationKey=operation.batch_operation_key
    )
    assert {(one.process_instance_key, one.state, one.error_message) for one in found} == {
        (key, "COMPLETED", None) for key in keys
    }
    request = models.ProcessInstanceModificationBatchOperationRequest.from_dict(
        {"filter": {}, "moveInstructions": [{"sourceElementId": "approve", "targetElementId": "ship"}]}
    )
    assert client.modify_process_instances_batch_operation(data=request).batch_operation_type.startswith("MODIFY")
    request = models.ProcessInstanceDeletionBatchOperationRequest.from_dict({"filter": {"state": "TERMINATED"}})
    made = client.delete_process_instances_batch_operation(data=request)
    eventually(lambda: ended(made.batch_operation_key))
    for act in (client.suspend_batch_operation, client.resume_batch_operation, client.cancel_batch_operation):
        with pytest.raises(errors.UnexpectedStatus):
            act(made.batch_operation_key)


def test_listeners_of_a_task(world: World) -> None:
    process = Process("heard")
    heard = listeners(("assigning", "check"), kind="task")
    process.path(process.start(), process.user("t", extra=heard), process.end())
    world.bpm.deploy(process.xml())
    instance = world.start("heard").process_instance_key
    task = world.one_task(instance)

    def assign() -> None:
        body = models.UserTaskAssignmentRequest(assignee="ann", action="give")
        world.client.assign_user_task(task.user_task_key, data=body)

    thread = threading.Thread(target=assign)
    thread.start()
    (job,) = eventually(lambda: world.activate("check"))
    told = job.user_task
    assert (told.action, told.assignee, told.changed_attributes) == ("give", "ann", ["assignee"])
    assert job.custom_headers.to_dict()["io.camunda.zeebe:userTaskKey"] == task.user_task_key
    body = models.JobCompletionRequest.from_dict({"result": {"type": "userTask", "corrections": {"priority": 80}}})
    world.client.complete_job(job.job_key, data=body)
    thread.join(20)
    found = world.client.get_user_task(task.user_task_key)
    assert (found.assignee, found.priority, found.state) == ("ann", 80, "CREATED")
    (line,) = world.search("search_jobs", "JobSearchQuery", type="check")
    assert (line.is_denied, line.listener_event_type) == (False, "ASSIGNING")


def test_ad_hoc_activities_wait_states_and_conditionals(world: World) -> None:
    process, inner = Process("flexible"), Scope()
    inner.user("a")
    text = '<bpmn:condition xsi:type="bpmn:tFormalExpression">=x = 1</bpmn:condition>'
    start = process.start("s", event("conditional", text))
    process.path(start, process.add("adHocSubProcess", "x", "".join(inner.elements)), process.end())
    world.bpm.deploy(process.xml())
    body = models.ConditionalEvaluationInstruction.from_dict({"variables": {"x": 1}})
    (started,) = world.client.evaluate_conditionals(data=body).process_instances
    instance = started.process_instance_key
    found = world.search(
        "search_element_instances", "ElementInstanceSearchQuery", processInstanceKey=instance, type="AD_HOC_SUB_PROCESS"
    )
    wanted = {"elements": [{"elementId": "a", "variables": {"n": 1}}], "cancelRemainingInstances": True}
    world.client.activate_ad_hoc_sub_process_activities(
        found[0].element_instance_key,
        data=models.AdHocSubProcessActivateActivitiesInstruction.from_dict(wanted),
    )
    (wait,) = world.search(
        "search_element_instance_wait_states", "ElementInstanceWaitStateQuery", processInstanceKey=instance
    )
    assert (wait.element_id, wait.element_type, wait.details.wait_state_type) == ("a", "USER_TASK", "USER_TASK")


def test_suspension_modification_and_migration(world: World) -> None:
    client = world.client
    key = world.start("waiting", orderId="o-1").process_instance_key
    client.suspend_process_instance(key, data=None)
    assert client.get_process_instance(key).state == "SUSPENDED"
    client.resume_process_instance(key, data=None)
    assert client.get_process_instance(key).state == "ACTIVE"
    newer = waiting().replace(b'name="Waiting"', b'name="Waits"')
    world.bpm.deploy(newer)
    query = {"processDefinitionId": "waiting", "isLatestVersion": True}
    [target] = world.search("search_process_definitions", "ProcessDefinitionSearchQuery", **query)
    plan = {
        "targetProcessDefinitionKey": target.process_definition_key,
        "mappingInstructions": [{"sourceElementId": "catch", "targetElementId": "catch"}],
    }
    client.migrate_process_instance(key, data=models.ProcessInstanceMigrationInstruction.from_dict(plan))
    assert client.get_process_instance(key).process_definition_version == 2
    batch = {"filter": {"processDefinitionId": "waiting", "processDefinitionVersion": 1}, "migrationPlan": plan}
    request = models.ProcessInstanceMigrationBatchOperationRequest.from_dict(batch)
    made = client.migrate_process_instances_batch_operation(data=request)
    assert made.batch_operation_type == "MIGRATE_PROCESS_INSTANCE"
    change = {
        "activateInstructions": [{"elementId": "after"}],
        "terminateInstructions": [{"elementId": "catch"}],
    }
    client.modify_process_instance(key, data=models.ProcessInstanceModificationInstruction.from_dict(change))
    assert world.one_task(key).element_id == "after"

"""The audit log over REST: who did what, told to those who may know it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.bpmn_builder import Process
from tests.support.rest import add_person

if TYPE_CHECKING:
    from tests.support.product import Product
    from tests.support.rest import Rest


def entries(rest: Rest, **filters: Any) -> list[dict[str, Any]]:
    return rest.search("audit-logs", filter=filters, sort=[{"field": "auditLogKey", "order": "ASC"}])


def acts(rest: Rest, **filters: Any) -> list[tuple[str, str, str]]:
    return [(one["entityType"], one["operationType"], one["actorId"]) for one in entries(rest, **filters)]


@pytest.fixture
def instance(bpm: Product, rest: Rest) -> str:
    """A running instance of process ``p``, which waits at a user task for ann or anybody of sales."""
    process = Process("p")
    work = '<zeebe:assignmentDefinition assignee="" candidateGroups="sales"/>'.replace('assignee="" ', "")
    process.path(process.start(), process.user("approve", extra=work), process.end())
    assert rest.deploy(p_bpmn=process.xml()).status == 200
    key: str = rest.post("/v2/process-instances", {"processDefinitionId": "p"})["processInstanceKey"]
    return key


def test_what_people_do_with_an_instance_is_told_in_order(bpm: Product, rest: Rest, instance: str) -> None:
    ann = rest.as_(add_person(bpm, "ann", groups=("sales",)))
    task = str(bpm.task("approve").key)
    assert ann.post(f"/v2/user-tasks/{task}/assignment", {"assignee": "ann"}).status == 204
    assert rest.patch(f"/v2/user-tasks/{task}", {"changeset": {"priority": 80}}).status == 204
    assert ann.delete(f"/v2/user-tasks/{task}/assignee").status == 204
    body = {"variables": {"amount": 1, "note": "x"}}
    assert rest.put(f"/v2/element-instances/{instance}/variables", body).status == 204
    assert ann.post(f"/v2/user-tasks/{task}/completion", {}).status == 204
    found = entries(rest, processInstanceKey=instance)
    assert [(one["entityType"], one["operationType"], one["actorId"]) for one in found] == [
        ("PROCESS_INSTANCE", "CREATE", "root"),
        ("USER_TASK", "ASSIGN", "ann"),
        ("USER_TASK", "UPDATE", "root"),
        ("USER_TASK", "UNASSIGN", "ann"),
        ("VARIABLE", "UPDATE", "root"),
        ("USER_TASK", "COMPLETE", "ann"),
    ]
    assert {one["rootProcessInstanceKey"] for one in found} == {instance}
    assert {one["processDefinitionId"] for one in found} == {"p"}
    assert {one["result"] for one in found} == {"SUCCESS"}
    assert (found[1]["relatedEntityType"], found[1]["relatedEntityKey"]) == ("USER", "ann")
    assert (found[2]["entityDescription"], found[4]["entityDescription"]) == ("priority", "amount, note")
    assert [one["category"] for one in found[:2]] == ["DEPLOYED_RESOURCES", "USER_TASKS"]


def test_an_entry_is_read_by_its_key(rest: Rest, instance: str) -> None:
    found = entries(rest, entityType="PROCESS_INSTANCE")[0]
    assert rest.get(f"/v2/audit-logs/{found['auditLogKey']}").body == found
    assert rest.get("/v2/audit-logs/1").status == 404


def test_entries_outlive_what_they_are_about(rest: Rest, instance: str) -> None:
    assert rest.post(f"/v2/process-instances/{instance}/cancellation").status == 204
    assert rest.post(f"/v2/process-instances/{instance}/deletion").status == 204
    assert [one[1] for one in acts(rest, processInstanceKey=instance)] == ["CREATE", "CANCEL", "DELETE"]


def test_operations_on_an_instance_are_told(rest: Rest, instance: str) -> None:
    for act in ("suspension", "resumption"):
        assert rest.post(f"/v2/process-instances/{instance}/{act}").status == 204
    moving = {"activateInstructions": [{"elementId": "approve"}]}
    assert rest.post(f"/v2/process-instances/{instance}/modification", moving).status == 204
    assert [one[1] for one in acts(rest, processInstanceKey=instance)] == ["CREATE", "SUSPEND", "RESUME", "MODIFY"]


def test_what_was_refused_leaves_no_entry(bpm: Product, rest: Rest, instance: str) -> None:
    bob = rest.as_(add_person(bpm, "bob"))
    before = acts(rest)
    task = bpm.task("approve").key
    assert bob.post(f"/v2/user-tasks/{task}/completion", {}).status == 403
    assert bob.post(f"/v2/process-instances/{instance}/cancellation").status == 403
    assert rest.post("/v2/groups", {"groupId": "not a name", "name": "x"}).status == 400
    assert acts(rest) == before
    assert acts(rest, result="FAIL") == []


def test_a_deployment_names_each_definition(rest: Rest, instance: str) -> None:
    one = entries(rest, entityType="RESOURCE")[0]
    assert (one["operationType"], one["entityDescription"], one["processDefinitionId"]) == ("CREATE", "p.bpmn", "p")
    assert one["entityKey"] == one["processDefinitionKey"]
    assert rest.post(f"/v2/resources/{one['processDefinitionKey']}/deletion").status == 200
    assert acts(rest, entityKey=one["entityKey"])[-1] == ("RESOURCE", "DELETE", "root")


def test_changes_of_people_and_rights_are_told(rest: Rest) -> None:
    rest.post("/v2/users", {"username": "eve", "password": "correct horse battery", "name": "Eve", "email": "e@x.org"})
    rest.post("/v2/groups", {"groupId": "sales", "name": "Sales"})
    assert rest.put("/v2/groups/sales/users/eve").status == 204
    rest.post("/v2/roles", {"roleId": "auditor", "name": "Auditor"})
    assert rest.put("/v2/roles/auditor/users/eve").status == 204
    right = {
        "ownerId": "auditor",
        "ownerType": "ROLE",
        "resourceId": "USER_TASKS",
        "resourceType": "AUDIT_LOG",
        "permissionTypes": ["READ"],
    }
    assert rest.post("/v2/authorizations", right).status == 201
    assert rest.delete("/v2/groups/sales/users/eve").status == 204
    assert rest.delete("/v2/users/eve").status == 204
    assert acts(rest, category="ADMIN", actorId="root") == [
        ("USER", "CREATE", "root"),
        ("GROUP", "CREATE", "root"),
        ("GROUP", "ASSIGN", "root"),
        ("ROLE", "CREATE", "root"),
        ("ROLE", "ASSIGN", "root"),
        ("AUTHORIZATION", "CREATE", "root"),
        ("GROUP", "UNASSIGN", "root"),
        ("USER", "DELETE", "root"),
    ]
    granted = entries(rest, entityType="AUTHORIZATION")[0]
    assert (granted["relatedEntityType"], granted["relatedEntityKey"]) == ("ROLE", "auditor")
    assert granted["entityDescription"] == "AUDIT_LOG:READ:USER_TASKS"


def test_the_command_line_is_a_client(rest: Rest) -> None:
    found = entries(rest, entityType="USER", entityKey="root")
    assert [(one["actorId"], one["actorType"]) for one in found] == [("system", "CLIENT")] * len(found)
    assert found


# --- who may read ---------------------------------------------------------------------------------------


def test_one_sees_the_categories_processes_and_tasks_that_are_ones_own(bpm: Product, rest: Rest, instance: str) -> None:
    task = bpm.task("approve").key
    rest.patch(f"/v2/user-tasks/{task}", {"changeset": {"priority": 80}})
    ann = rest.as_(add_person(bpm, "ann", groups=("sales",)))
    bob = rest.as_(add_person(bpm, "bob"))
    operator = rest.as_(add_person(bpm, "olga", roles=("operator",)))
    assert [one[:2] for one in acts(ann)] == [("USER_TASK", "UPDATE")]
    assert acts(bob) == []
    seen = [one[0] for one in acts(operator)]
    assert {"PROCESS_INSTANCE", "USER_TASK", "RESOURCE"} == set(seen)
    hidden = entries(rest, entityType="USER")[0]["auditLogKey"]
    assert operator.get(f"/v2/audit-logs/{hidden}").status == 403


def test_a_tasks_log_is_for_those_who_see_the_task(bpm: Product, rest: Rest, instance: str) -> None:
    task = bpm.task("approve").key
    rest.patch(f"/v2/user-tasks/{task}", {"changeset": {"priority": 80}})
    ann = rest.as_(add_person(bpm, "ann", groups=("sales",)))
    bob = rest.as_(add_person(bpm, "bob"))
    path = f"/v2/user-tasks/{task}/audit-logs/search"
    body = {"filter": {"operationType": "UPDATE"}, "sort": [{"field": "timestamp", "order": "DESC"}]}
    found = ann.post(path, body)
    assert (found.status, [one["actorId"] for one in found["items"]]) == (200, ["root"])
    assert ann.post(path, {"filter": {"category": "ADMIN"}}).status == 400
    assert bob.post(path, {}).status == 403
    assert rest.post("/v2/user-tasks/1/audit-logs/search", {}).status == 404


def test_pages_follow_each_other_by_cursor(rest: Rest, instance: str) -> None:
    everything = entries(rest)
    walked: list[Any] = []
    page: dict[str, Any] = {"limit": 2}
    while True:
        found = rest.post("/v2/audit-logs/search", {"page": page, "sort": [{"field": "timestamp"}]})
        walked += found["items"]
        if len(found["items"]) < 2:
            break
        page = {"limit": 2, "after": found["page"]["endCursor"]}
    assert sorted(one["auditLogKey"] for one in walked) == sorted(one["auditLogKey"] for one in everything)

"""Batch operations over REST: what they are for, how far they are, who may, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.bpmn_builder import Process
from tests.support.rest import add_person
from tests.support.worlds import two_tasks

if TYPE_CHECKING:
    from tests.support.product import Product
    from tests.support.rest import Answer, Rest
    from tests.support.worlds import World


def calling() -> bytes:
    p = Process("caller")
    called = '<bpmn:extensionElements><zeebe:calledElement processId="p"/></bpmn:extensionElements>'
    p.path(p.start(), p.add("callActivity", "call", called), p.end())
    return p.xml()


def start(rest: Rest, process_id: str = "p", **variables: Any) -> str:
    answer = rest.post("/v2/process-instances", {"processDefinitionId": process_id, "variables": variables})
    key: str = answer["processInstanceKey"]
    return key


def ask(rest: Rest, act: str, **wanted: Any) -> Answer:
    return rest.post(f"/v2/process-instances/{act}", {"filter": wanted})


def created(answer: Answer) -> str:
    assert answer.status == 200, answer.body
    key: str = answer["batchOperationKey"]
    return key


def operation(rest: Rest, key: str) -> dict[str, Any]:
    found: dict[str, Any] = rest.get(f"/v2/batch-operations/{key}").body
    return found


def items(rest: Rest, key: str, **more: Any) -> list[dict[str, Any]]:
    return rest.search("batch-operation-items", filter={"batchOperationKey": key, **more})


def counts(rest: Rest, key: str) -> tuple[str, int, int, int]:
    found = operation(rest, key)
    return (
        found["state"],
        found["operationsTotalCount"],
        found["operationsCompletedCount"],
        found["operationsFailedCount"],
    )


@pytest.fixture
def deployed(rest: Rest) -> Rest:
    rest.upload(("p.bpmn", two_tasks()), ("q.bpmn", two_tasks("q")), ("caller.bpmn", calling()))
    return rest


def fail_job(bpm: Product, rest: Rest) -> str:
    """An instance with an incident."""
    key = start(rest)
    bpm.task("a", instance=int(key)).complete()
    job = rest.search("jobs", filter={"processInstanceKey": key})[0]["jobKey"]
    rest.post("/v2/jobs/activation", {"type": "work", "maxJobsToActivate": 9, "timeout": 1000})
    assert rest.post(f"/v2/jobs/{job}/failure", {"retries": 0, "errorMessage": "no power"}).status == 204
    return key


class TestCancellation:
    def test_all_that_fit_are_canceled_and_nothing_else(self, bpm: Product, deployed: Rest) -> None:
        mine = {start(deployed) for _ in range(25)}
        other = start(deployed, "q")
        answer = ask(deployed, "cancellation", processDefinitionId="p")
        assert answer["batchOperationType"] == "CANCEL_PROCESS_INSTANCE"
        key = created(answer)
        later = start(deployed)
        assert counts(deployed, key) == ("CREATED", 25, 0, 0)
        assert operation(deployed, key)["startDate"] is None
        bpm.deliver()
        assert counts(deployed, key) == ("COMPLETED", 25, 25, 0)
        found = operation(deployed, key)
        assert (found["actorType"], found["actorId"], found["errors"]) == ("USER", "root", [])
        assert found["startDate"] and found["endDate"]
        assert {bpm.state(int(one)) for one in mine} == {"TERMINATED"}
        assert [bpm.state(int(one)) for one in (other, later)] == ["ACTIVE", "ACTIVE"]
        done = items(deployed, key)
        assert {(one["itemKey"], one["processInstanceKey"], one["rootProcessInstanceKey"]) for one in done} == {
            (one, one, one) for one in mine
        }
        assert {(one["state"], one["errorMessage"], bool(one["processedDate"])) for one in done} == {
            ("COMPLETED", None, True)
        }

    def test_called_instances_go_with_their_caller(self, bpm: Product, deployed: Rest) -> None:
        root = start(deployed, "caller")
        key = created(ask(deployed, "cancellation", parentProcessInstanceKey="1"))
        assert [one["itemKey"] for one in items(deployed, key)] == [root]
        bpm.deliver()
        assert deployed.search("process-instances", filter={"state": "ACTIVE"}) == []

    def test_a_state_narrows_and_ended_ones_are_refused(self, deployed: Rest) -> None:
        start(deployed)
        for wanted in ("COMPLETED", {"$in": ["ACTIVE", "TERMINATED"]}, {"$eq": "COMPLETED"}):
            answer = ask(deployed, "cancellation", state=wanted)
            assert (answer.status, answer["field"]) == (400, "filter.state"), answer.body
        assert counts(deployed, created(ask(deployed, "cancellation", state="SUSPENDED")))[1] == 0
        assert counts(deployed, created(ask(deployed, "cancellation", state={"$neq": "SUSPENDED"})))[1] == 1

    def test_nothing_fits_and_it_has_ended_at_once(self, deployed: Rest) -> None:
        key = created(ask(deployed, "cancellation", processDefinitionId="nothing"))
        assert counts(deployed, key) == ("COMPLETED", 0, 0, 0)
        assert operation(deployed, key)["endDate"]

    def test_what_has_ended_meanwhile_is_skipped(self, bpm: Product, deployed: Rest) -> None:
        one, two = start(deployed), start(deployed)
        key = created(ask(deployed, "cancellation"))
        deployed.post(f"/v2/process-instances/{one}/cancellation")
        bpm.deliver()
        assert counts(deployed, key) == ("COMPLETED", 2, 2, 0)
        states = {found["itemKey"]: (found["state"], found["errorMessage"]) for found in items(deployed, key)}
        assert states[two] == ("COMPLETED", None)
        assert states[one][0] == "SKIPPED" and "TERMINATED since" in states[one][1]


def test_ended_instances_are_deleted_and_the_log_stays(bpm: Product, deployed: Rest) -> None:
    ended = [start(deployed) for _ in range(3)]
    for one in ended:
        deployed.post(f"/v2/process-instances/{one}/cancellation")
    runs = start(deployed)
    key = created(ask(deployed, "deletion", processDefinitionId="p"))
    bpm.deliver()
    assert counts(deployed, key) == ("COMPLETED", 3, 3, 0)
    assert [one["processInstanceKey"] for one in deployed.search("process-instances")] == [runs]
    assert [one["itemKey"] for one in items(deployed, key)] == ended


class TestIncidents:
    def test_all_are_resolved(self, bpm: Product, deployed: Rest) -> None:
        stuck = [fail_job(bpm, deployed) for _ in range(3)]
        incidents = deployed.search("incidents")
        key = created(ask(deployed, "incident-resolution", hasIncident=True, state="COMPLETED"))
        bpm.deliver()
        assert counts(deployed, key) == ("COMPLETED", 3, 3, 0)
        assert [one["itemKey"] for one in items(deployed, key)] == [one["incidentKey"] for one in incidents]
        assert [one["processInstanceKey"] for one in items(deployed, key)] == stuck
        assert deployed.search("incidents", filter={"state": "ACTIVE"}) == []
        jobs = deployed.search("jobs", filter={"state": "CREATED"})
        assert {(one["retries"], one["hasFailedWithRetriesLeft"]) for one in jobs} == {(1, True)}

    def test_a_filter_about_incidents_picks_all_of_an_instance(self, bpm: Product, deployed: Rest) -> None:
        stuck = fail_job(bpm, deployed)
        fail_job(bpm, deployed)
        wanted = {"errorMessage": {"$like": "no*"}, "processInstanceKey": stuck}
        key = created(ask(deployed, "incident-resolution", **wanted))
        assert [one["processInstanceKey"] for one in items(deployed, key)] == [stuck]

    def test_those_of_one_instance_are_an_operation(self, bpm: Product, deployed: Rest) -> None:
        stuck = fail_job(bpm, deployed)
        fail_job(bpm, deployed)
        key = created(deployed.post(f"/v2/process-instances/{stuck}/incident-resolution"))
        bpm.deliver()
        assert counts(deployed, key) == ("COMPLETED", 1, 1, 0)
        assert deployed.post("/v2/process-instances/1/incident-resolution").status == 404

    def test_what_cannot_be_mended_fails_with_its_reason(self, bpm: Product, deployed: Rest) -> None:
        p = Process("formless")
        p.path(p.start(), p.user("a", extra='<zeebe:formDefinition formId="nowhere"/>'), p.end())
        deployed.upload(("formless.bpmn", p.xml()))
        start(deployed, "formless")
        stuck = fail_job(bpm, deployed)
        key = created(ask(deployed, "incident-resolution"))
        bpm.deliver()
        assert counts(deployed, key) == ("COMPLETED", 2, 1, 1)
        failed = items(deployed, key, state="FAILED")[0]
        assert "Expected form 'nowhere' to be deployed" in failed["errorMessage"]
        assert items(deployed, key, state="COMPLETED")[0]["processInstanceKey"] == stuck


class TestRunning:
    """Modification, migration and suspension: the rules of the single operations hold for each item."""

    def test_tokens_are_moved_where_they_are(self, bpm: Product, deployed: Rest) -> None:
        one, two = start(deployed), start(deployed)
        bpm.task("a", instance=int(two)).complete()
        moves = [{"sourceElementId": "a", "targetElementId": "b"}]
        body = {"filter": {"processDefinitionId": "p", "state": "COMPLETED"}, "moveInstructions": moves}
        key = created(deployed.post("/v2/process-instances/modification", body))
        bpm.deliver()
        assert bpm.open_tasks() == ["b"]
        assert counts(deployed, key) == ("COMPLETED", 2, 2, 0), "where nothing is to be moved, nothing is"
        elements = deployed.search("element-instances", filter={"processInstanceKey": one, "state": "ACTIVE"})
        assert [found["elementId"] for found in elements] == ["b"]

    def test_instances_go_on_by_another_version(self, bpm: Product, deployed: Rest) -> None:
        mine = [start(deployed) for _ in range(3)]
        p = Process("p")
        p.path(p.start(), p.user("a"), p.user("c"), p.end())
        target = deployed.upload(("p.bpmn", p.xml()))["deployments"][0]["processDefinition"]["processDefinitionKey"]
        mapping = [{"sourceElementId": "a", "targetElementId": "a"}]
        plan = {"targetProcessDefinitionKey": target, "mappingInstructions": mapping}
        body = {"filter": {"processDefinitionId": "p"}, "migrationPlan": plan}
        key = created(deployed.post("/v2/process-instances/migration", body))
        bpm.deliver()
        assert counts(deployed, key) == ("COMPLETED", 3, 3, 0)
        found = deployed.search("process-instances", filter={"processDefinitionKey": target})
        assert [line["processInstanceKey"] for line in found] == mine
        plan["targetProcessDefinitionKey"] = "1"
        assert deployed.post("/v2/process-instances/migration", body).status == 404

    def test_suspended_and_resumed_each_for_itself(self, bpm: Product, deployed: Rest) -> None:
        root = start(deployed, "caller")
        called = deployed.search("process-instances", filter={"parentProcessInstanceKey": root})[0]
        key = created(ask(deployed, "suspension", parentProcessInstanceKey="1"))
        bpm.deliver()
        assert counts(deployed, key) == ("COMPLETED", 2, 2, 0)
        assert [bpm.state(int(one)) for one in (root, called["processInstanceKey"])] == ["SUSPENDED"] * 2
        key = created(ask(deployed, "resumption", processInstanceKey=root, state="COMPLETED"))
        bpm.deliver()
        assert [bpm.state(int(one)) for one in (root, called["processInstanceKey"])] == ["ACTIVE", "SUSPENDED"]
        assert counts(deployed, created(ask(deployed, "cancellation", state="SUSPENDED")))[1] == 0

    def test_each_needs_the_right_of_the_single_operation(self, bpm: Product, deployed: Rest, nobody: Rest) -> None:
        start(deployed)
        ann = nobody.as_(add_person(bpm, "ann"))
        grant(deployed, "ann", "BATCH", "*", "CREATE_BATCH_OPERATION_SUSPEND_PROCESS_INSTANCE")
        grant(deployed, "ann", "PROCESS_DEFINITION", "*", "READ_PROCESS_INSTANCE")
        key = created(ask(ann, "suspension"))
        bpm.deliver()
        assert counts(ann, key) == ("COMPLETED", 1, 0, 1)
        assert "PROCESS_DEFINITION:SUSPEND_PROCESS_INSTANCE" in items(ann, key)[0]["errorMessage"]
        assert created(ask(ann, "resumption"))

    @pytest.mark.parametrize(
        ("act", "body"),
        [
            ("modification", {"filter": {}}),
            ("modification", {"filter": {}, "moveInstructions": []}),
            ("modification", {"filter": {}, "moveInstructions": [{"sourceElementId": "a"}]}),
            ("migration", {"filter": {}}),
            ("migration", {"filter": {}, "migrationPlan": {"targetProcessDefinitionKey": "1"}}),
            (
                "migration",
                {"filter": {}, "migrationPlan": {"targetProcessDefinitionKey": 1, "mappingInstructions": []}},
            ),
        ],
    )
    def test_wrong_plans_change_nothing(self, world: World, act: str, body: Any) -> None:
        with world.unchanged():
            world.refused(world.rest.post(f"/v2/process-instances/{act}", body))


class TestLife:
    def test_held_let_go_on_and_stopped(self, bpm: Product, deployed: Rest) -> None:
        for _ in range(3):
            start(deployed)
        key = created(ask(deployed, "cancellation"))
        path = f"/v2/batch-operations/{key}"
        assert deployed.post(f"{path}/resumption").status == 409
        assert deployed.post(f"{path}/suspension", {}).status == 204
        bpm.deliver()
        assert counts(deployed, key) == ("SUSPENDED", 3, 0, 0)
        assert deployed.post(f"{path}/suspension").status == 409
        assert deployed.post(f"{path}/resumption").status == 204
        bpm.deliver()
        assert counts(deployed, key) == ("COMPLETED", 3, 3, 0)
        assert deployed.post(f"{path}/cancellation").status == 409

    def test_a_stopped_one_does_nothing_more(self, bpm: Product, deployed: Rest) -> None:
        mine = [start(deployed) for _ in range(3)]
        key = created(ask(deployed, "cancellation"))
        deployed.post(f"/v2/batch-operations/{key}/suspension")
        assert deployed.post(f"/v2/batch-operations/{key}/cancellation", {}).status == 204
        bpm.deliver()
        assert counts(deployed, key) == ("CANCELED", 3, 0, 0)
        assert {(one["state"], one["processedDate"]) for one in items(deployed, key)} == {("CANCELED", None)}
        assert {bpm.state(int(one)) for one in mine} == {"ACTIVE"}
        assert operation(deployed, key)["endDate"]

    def test_unknown_ones_are_not_found(self, deployed: Rest) -> None:
        assert deployed.get("/v2/batch-operations/1").status == 404
        for act in ("suspension", "resumption", "cancellation"):
            assert deployed.post(f"/v2/batch-operations/1/{act}").status == 404


class TestSearches:
    def test_operations_are_found(self, bpm: Product, deployed: Rest) -> None:
        start(deployed)
        cancel = created(ask(deployed, "cancellation"))
        bpm.deliver()
        delete = created(ask(deployed, "deletion"))

        def keys(**body: Any) -> list[str]:
            return [one["batchOperationKey"] for one in deployed.search("batch-operations", **body)]

        assert keys() == [cancel, delete]
        assert keys(filter={"state": "COMPLETED"}) == [cancel]
        assert keys(filter={"operationType": {"$in": ["DELETE_PROCESS_INSTANCE"]}}) == [delete]
        assert keys(filter={"actorId": {"$like": "r*"}, "actorType": "USER"}) == [cancel, delete]
        assert keys(filter={"operationType": "UPDATE_JOB"}) == []
        assert keys(sort=[{"field": "startDate", "order": "DESC"}]) == [cancel, delete]
        assert keys(sort=[{"field": "operationType", "order": "DESC"}]) == [delete, cancel]

    def test_items_come_in_pages(self, bpm: Product, deployed: Rest) -> None:
        mine = [start(deployed) for _ in range(5)]
        key = created(ask(deployed, "cancellation"))
        bpm.deliver()
        found: list[str] = []
        page: dict[str, Any] = {"limit": 2}
        while True:
            body = {"filter": {"batchOperationKey": key}, "sort": [{"field": "processedDate"}], "page": page}
            answer = deployed.post("/v2/batch-operation-items/search", body)
            if not answer["items"]:
                break
            assert answer["page"]["totalItems"] == 5
            found += [one["itemKey"] for one in answer["items"]]
            page = {"limit": 2, "after": answer["page"]["endCursor"]}
        assert found == mine
        assert [one["itemKey"] for one in items(deployed, key, processInstanceKey=mine[3])] == [mine[3]]

    def test_instances_are_found_by_their_operation(self, bpm: Product, deployed: Rest) -> None:
        one, two = start(deployed), start(deployed, "q")
        key = created(ask(deployed, "cancellation", processDefinitionId="p"))

        def found(wanted: Any, name: str = "batchOperationKey") -> list[str]:
            lines = deployed.search("process-instances", filter={name: wanted})
            return [line["processInstanceKey"] for line in lines]

        assert (
            found(key) == found({"$in": [key]}) == found({"$exists": True}) == found(key, "batchOperationId") == [one]
        )
        assert found({"$neq": key}) == found({"$notIn": [key]}) == found({"$exists": False}) == [two]


class TestRights:
    def test_asking_needs_the_right_for_batches(self, bpm: Product, deployed: Rest, nobody: Rest) -> None:
        start(deployed)
        ann = nobody.as_(add_person(bpm, "ann", roles=("staff",)))
        answer = ask(ann, "cancellation")
        assert answer.status == 403
        assert "BATCH:CREATE_BATCH_OPERATION_CANCEL_PROCESS_INSTANCE" in answer["detail"]
        assert nobody.post("/v2/process-instances/cancellation", {"filter": {}}).status == 401

    def test_one_kind_can_be_allowed_alone(self, bpm: Product, deployed: Rest, nobody: Rest) -> None:
        ann = nobody.as_(add_person(bpm, "ann"))
        grant(deployed, "ann", "BATCH", "*", "CREATE_BATCH_OPERATION_CANCEL_PROCESS_INSTANCE")
        assert ask(ann, "deletion").status == 403
        key = created(ask(ann, "cancellation"))
        assert operation(ann, key)["actorId"] == "ann"
        assert ann.post(f"/v2/batch-operations/{key}/suspension").status == 403
        assert [one["batchOperationKey"] for one in ann.search("batch-operations")] == [key]

    def test_others_do_not_see_it(self, bpm: Product, deployed: Rest, nobody: Rest) -> None:
        start(deployed)
        key = created(ask(deployed, "cancellation"))
        ann = nobody.as_(add_person(bpm, "ann", roles=("staff",)))
        assert ann.get(f"/v2/batch-operations/{key}").status == 403
        assert ann.search("batch-operations") == ann.search("batch-operation-items") == []

    def test_it_is_for_what_the_asker_sees_and_may(self, bpm: Product, deployed: Rest, nobody: Rest) -> None:
        one, two, hidden = start(deployed), start(deployed, "q"), start(deployed, "caller")
        ann = nobody.as_(add_person(bpm, "ann"))
        grant(deployed, "ann", "BATCH", "*", "CREATE")
        grant(deployed, "ann", "PROCESS_DEFINITION", "p", "READ_PROCESS_INSTANCE", "CANCEL_PROCESS_INSTANCE")
        grant(deployed, "ann", "PROCESS_DEFINITION", "q", "READ_PROCESS_INSTANCE")
        key = created(ask(ann, "cancellation"))
        bpm.deliver()
        assert counts(ann, key) == ("COMPLETED", 2, 1, 1)
        states = {found["itemKey"]: found for found in items(ann, key)}
        assert states[one]["state"] == "COMPLETED"
        assert "CANCEL_PROCESS_INSTANCE on 'q', but it is missing" in states[two]["errorMessage"]
        assert [bpm.state(int(key)) for key in (one, two, hidden)] == ["TERMINATED", "ACTIVE", "ACTIVE"]

    def test_rights_that_are_taken_away_count_at_once(self, bpm: Product, deployed: Rest, nobody: Rest) -> None:
        one = start(deployed)
        ann = nobody.as_(add_person(bpm, "ann", roles=("operator",)))
        key = created(ask(ann, "cancellation"))
        assert deployed.delete("/v2/users/ann").status == 204
        bpm.deliver()
        assert counts(deployed, key) == ("COMPLETED", 1, 0, 1)
        assert "Expected 'ann' to have the permission" in items(deployed, key)[0]["errorMessage"]
        assert bpm.state(int(one)) == "ACTIVE"


def grant(rest: Rest, username: str, resource: str, resource_id: str, *permissions: str) -> None:
    """Rights by a role of one's own."""
    if rest.get(f"/v2/roles/{username}").status == 404:
        rest.post("/v2/roles", {"roleId": username, "name": username})
        rest.put(f"/v2/roles/{username}/users/{username}")
    body = {
        "ownerId": username,
        "ownerType": "ROLE",
        "resourceType": resource,
        "resourceId": resource_id,
        "permissionTypes": list(permissions),
    }
    answer = rest.post("/v2/authorizations", body)
    assert answer.status == 201, answer.body


@pytest.mark.parametrize(
    "body",
    [
        None,
        {},
        {"filter": None},
        {"filter": []},
        {"filter": {"nonsense": 1}},
        {"filter": {"processInstanceKey": "x"}},
        {"filter": {"state": "RUNNING"}},
        {"filter": {}, "operationReference": 0},
        {"filter": {"$or": [{"nonsense": 1}]}},
    ],
)
@pytest.mark.parametrize("act", ["cancellation", "deletion", "incident-resolution", "suspension", "resumption"])
def test_wrong_requests_change_nothing(world: World, act: str, body: Any) -> None:
    with world.unchanged():
        world.refused(world.rest.post(f"/v2/process-instances/{act}", body))

"""User tasks with listeners over REST: the answer comes when the listeners are done, and says what they said."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from bpm_server.kernel.errors import WrongState
from bpm_server.reports.replay import replay
from bpm_server.services import jobs, process_instances, tasks
from bpm_server.store.tables.instances import process_instance
from bpm_server.store.tables.tasks import user_task, user_task_candidate
from bpm_server.web import parking
from tests.conformance.camunda8.scenario import listeners
from tests.integration.test_concurrency import person
from tests.support.bpmn_builder import Process, extensions, timer
from tests.support.contention import at_once
from tests.support.product import ADMIN

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.product import Product
    from tests.support.rest import Answer, Rest

MOMENTS = ("assigning", "updating", "completing", "canceling")


@pytest.fixture
def task(bpm: Product) -> str:
    """Path of an open task whose listeners are called like their moments; a boundary timer interrupts it."""
    p = Process()
    extra = '<zeebe:assignmentDefinition candidateUsers="ann, bob"/>'
    extra += listeners(*((moment, moment) for moment in MOMENTS), kind="task")
    p.path(p.start(), p.user("t", extra=extra), p.user("after"), p.end())
    p.path(p.boundary("late", "t", timer("Duration", "PT1H")), p.end("e2"))
    bpm.deploy(p.xml())
    bpm.start()
    return f"/v2/user-tasks/{bpm.task('t').key}"


def take(rest: Rest, kind: str) -> dict[str, Any]:
    """The listener's job; waits for it."""
    asked = {"type": kind, "timeout": 60_000, "maxJobsToActivate": 1, "requestTimeout": 30_000}
    (job,) = rest.post("/v2/jobs/activation", asked)["jobs"]
    found: dict[str, Any] = job
    return found


def meanwhile(act: Callable[[], Answer], rest: Rest, kind: str, **result: Any) -> tuple[Answer, dict[str, Any]]:
    """The answer to a request, and the job that its listener did before it came."""
    answers: list[Answer] = []
    thread = threading.Thread(target=lambda: answers.append(act()))
    thread.start()
    job = take(rest, kind)
    assert rest.post(f"/v2/jobs/{job['jobKey']}/completion", {"result": {"type": "userTask", **result}}).status == 204
    thread.join()
    return answers[0], job


def test_an_assignment_is_answered_when_its_listener_is_done(rest: Rest, task: str) -> None:
    answer, job = meanwhile(
        lambda: rest.post(f"{task}/assignment", {"assignee": "ann", "action": "give"}),
        rest, "assigning", corrections={"priority": 80, "candidateUsers": ["eve"], "assignee": None},
    )  # fmt: skip
    key = task.rpartition("/")[2]
    assert answer.status == 204
    assert (job["kind"], job["listenerEventType"]) == ("TASK_LISTENER", "ASSIGNING")
    told = {"userTaskKey": key, "action": "give", "assignee": "ann", "changedAttributes": ["assignee"], "priority": 50}
    told |= {"candidateGroups": [], "candidateUsers": ["ann", "bob"]}
    told |= {"dueDate": None, "followUpDate": None, "formKey": None}
    assert job["userTask"] == told
    assert job["customHeaders"] == {
        "io.camunda.zeebe:userTaskKey": key,
        "io.camunda.zeebe:action": "give",
        "io.camunda.zeebe:assignee": "ann",
        "io.camunda.zeebe:candidateUsers": '["ann","bob"]',
        "io.camunda.zeebe:changedAttributes": '["assignee"]',
        "io.camunda.zeebe:priority": "50",
    }
    found = rest.get(task)
    assert (found["state"], found["assignee"], found["priority"]) == ("CREATED", "ann", 80)
    assert found["candidateUsers"] == ["eve"]


def test_candidates_that_a_listener_corrects_can_be_found(rest: Rest, bpm: Product, task: str) -> None:
    meanwhile(
        lambda: rest.patch(task, {"changeset": {"candidateGroups": ["boss"]}}),
        rest, "updating", corrections={"candidateUsers": ["eve"], "followUpDate": "2027-01-01T00:00:00Z"},
    )  # fmt: skip
    rows = bpm.rows(sa.select(user_task_candidate.c.kind, user_task_candidate.c.name))
    assert sorted(tuple(row) for row in rows) == [("g", "boss"), ("u", "eve")]
    found = rest.get(task)
    assert found["followUpDate"] == "2027-01-01T00:00:00.000Z"
    meanwhile(lambda: rest.patch(task, {"changeset": {"followUpDate": ""}}), rest, "updating")
    assert rest.get(task)["followUpDate"] is None


def test_a_denied_request_is_told_why(rest: Rest, task: str) -> None:
    for act, kind in (
        (lambda: rest.post(f"{task}/assignment", {"assignee": "ann"}), "assigning"),
        (lambda: rest.patch(task, {"changeset": {"priority": 80}}), "updating"),
        (lambda: rest.post(f"{task}/completion", {"variables": {"x": 1}}), "completing"),
    ):
        answer, _ = meanwhile(act, rest, kind, denied=True, deniedReason="not on a Friday")
        assert (answer.status, answer["code"], answer["reason"]) == (409, "wrong_state", "not on a Friday")
        assert answer["detail"].endswith("a task listener denied it: not on a Friday")
    found = rest.get(task)
    assert (found["state"], found["assignee"], found["priority"]) == ("CREATED", None, 50)


def test_who_completed_is_the_person_and_not_the_worker(rest: Rest, bpm: Product, task: str) -> None:
    answer, job = meanwhile(lambda: rest.post(f"{task}/completion", {"variables": {"x": 1}}), rest, "completing")
    assert (answer.status, job["userTask"]["action"]) == (204, "complete")
    (row,) = bpm.rows(sa.select(user_task).where(user_task.c.element_id == "t"))
    assert (row.state, row.ended_by, row.operation) == ("COMPLETED", "root", None)
    (instance,) = bpm.scalars(sa.select(process_instance.c.key))
    assert bpm.variables(instance) == {"x": 1}


def test_variables_set_at_a_task_wait_for_its_updating_listener(rest: Rest, task: str) -> None:
    key = task.rpartition("/")[2]
    body = {"variables": {"x": 1}, "local": True}
    answer, job = meanwhile(lambda: rest.put(f"/v2/element-instances/{key}/variables", body), rest, "updating")
    assert (answer.status, job["userTask"]["changedAttributes"]) == (204, ["variables"])
    assert [one["name"] for one in rest.search("variables", filter={"scopeKey": key})] == ["x"]


def test_without_a_worker_the_request_times_out_and_the_change_goes_on(rest: Rest, bpm: Product, task: str) -> None:
    places = rest.app.extensions[parking.EXTENSION]
    taken = [places._places.acquire(blocking=False) for _ in range(bpm.server.settings.threads // 2)]
    assert all(taken), "nobody may wait now: the answer comes at once"
    answer = rest.post(f"{task}/assignment", {"assignee": "ann"})
    assert (answer.status, answer["code"]) == (504, "timeout")
    assert rest.get(task)["state"] == "ASSIGNING"
    again = rest.post(f"{task}/assignment", {"assignee": "bob"})
    assert (again.status, again["state"]) == (409, "ASSIGNING")
    job = take(rest, "assigning")
    assert rest.post(f"/v2/jobs/{job['jobKey']}/completion").status == 204
    assert rest.get(task)["assignee"] == "ann"


def test_a_task_that_is_taken_back_meanwhile_is_a_conflict(rest: Rest, bpm: Product, task: str) -> None:
    answers: list[Answer] = []
    thread = threading.Thread(target=lambda: answers.append(rest.post(f"{task}/assignment", {"assignee": "ann"})))
    thread.start()
    take(rest, "assigning")
    bpm.clock.advance(hours=1)
    assert rest.get(task)["state"] == "CANCELING"
    thread.join()
    assert (answers[0].status, answers[0]["code"]) == (409, "wrong_state")
    bpm.complete_job("t")
    assert rest.get(task)["state"] == "CANCELED"
    assert bpm.open_tasks() == []


def test_a_cancelled_instance_ends_after_its_canceling_listeners(rest: Rest, bpm: Product, task: str) -> None:
    key = rest.get(task)["processInstanceKey"]
    assert rest.post(f"/v2/process-instances/{key}/cancellation").status == 204
    assert (rest.get(f"/v2/process-instances/{key}")["state"], rest.get(task)["state"]) == ("ACTIVE", "CANCELING")
    job = take(rest, "canceling")
    path = f"/v2/jobs/{job['jobKey']}/completion"
    assert rest.post(path, {"result": {"type": "userTask", "denied": True}}).status == 400
    assert rest.post(path, {"result": {"type": "userTask", "corrections": {"priority": 1}}}).status == 204
    assert rest.get(f"/v2/process-instances/{key}")["state"] == "TERMINATED"
    assert (rest.get(task)["state"], rest.get(task)["priority"]) == ("CANCELED", 1)
    assert replay(bpm.server, int(key)).difference is None


def test_a_called_process_that_still_ends_keeps_its_caller_from_being_deleted(rest: Rest, bpm: Product) -> None:
    called, caller = Process("called"), Process("caller")
    called.path(called.start(), called.user("t", extra=listeners(("canceling", "canceling"), kind="task")))
    call = caller.add("callActivity", "call", extensions('<zeebe:calledElement processId="called"/>'))
    caller.path(caller.start(), call, caller.end())
    caller.path(caller.boundary("late", "call", timer("Duration", "PT1H")), caller.end("e2"))
    bpm.deploy(called.xml(), caller.xml())
    instance = bpm.start("caller")
    bpm.clock.advance(hours=1)
    assert (bpm.state(instance), rest.search("user-tasks")[0]["state"]) == ("COMPLETED", "CANCELING")
    path = f"/v2/process-instances/{instance}/deletion"
    assert rest.post(path).status == 409
    bpm.complete_job("t")
    assert {one["state"] for one in rest.search("process-instances")} == {"COMPLETED", "TERMINATED"}
    assert rest.post(path).status == 204


@pytest.mark.parametrize(
    "corrections", [{"priority": 101}, {"assignee": 5}, {"candidateUsers": "ann"}, {"dueDate": "tomorrow"}, []]
)
def test_wrong_corrections_change_nothing(rest: Rest, bpm: Product, task: str, corrections: Any) -> None:
    tasks.claim_task(bpm.server, person(1), int(task.rpartition("/")[2]))
    path = f"/v2/jobs/{bpm.job('t')}/completion"
    assert rest.post(path, {"result": {"type": "userTask", "corrections": corrections}}).status == 400
    assert rest.get(task)["state"] == "ASSIGNING"


def test_one_of_many_claims_waits_for_the_listener(bpm: Product, task: str) -> None:
    key = int(task.rpartition("/")[2])
    found = at_once(10, lambda number: tasks.claim_task(bpm.server, person(number), key))
    assert [type(one) for one in found if not isinstance(one, int)] == [WrongState] * 9
    winner = next(number for number, one in enumerate(found) if isinstance(one, int))
    bpm.complete_job("t")
    assert bpm.scalars(sa.select(user_task.c.assignee).where(user_task.c.key == key)) == [f"person{winner}"]


def test_a_listener_and_an_interruption_at_once_leave_one_of_them(bpm: Product, task: str) -> None:
    key = int(task.rpartition("/")[2])
    tasks.complete_task(bpm.server, ADMIN, key)
    job = bpm.job("t")
    (instance,) = bpm.scalars(sa.select(process_instance.c.key))
    acts: list[Callable[[], Any]] = [
        lambda: jobs.complete_job(bpm.server, ADMIN, job),
        lambda: process_instances.cancel_instance(bpm.server, ADMIN, instance),
    ]
    at_once(2, lambda number: acts[number]())
    (row,) = bpm.rows(sa.select(user_task).where(user_task.c.key == key))
    assert row.state in ("COMPLETED", "CANCELING")
    if row.state == "CANCELING":
        bpm.complete_job("t")
    assert bpm.state(instance) == "TERMINATED"
    assert replay(bpm.server, instance).difference is None

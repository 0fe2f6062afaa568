"""User task listeners."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from bpm_server import bpmn
from bpm_server.domain import commands as c
from bpm_server.kernel.errors import InvalidInput, WrongState
from bpm_server.services import jobs
from bpm_server.store.tables.jobs import job as job_table
from tests.conformance.camunda8.scenario import incidents, listeners, resolve, run, zeebe
from tests.support.bpmn_builder import Process, timer
from tests.support.engine_world import World
from tests.support.product import ADMIN, Product
from tests.support.rest import add_person, application


def heard(*entries: tuple[str, str], assignee: str | None = None, **attributes: str) -> Process:
    """A user task ``t`` with listeners, then ``after``."""
    p = Process()
    who = zeebe("assignmentDefinition", assignee=assignee) if assignee else ""
    headers = '<zeebe:taskHeaders><zeebe:header key="of" value="task"/></zeebe:taskHeaders>'
    extra = who + headers + listeners(*entries, kind="task", **attributes)
    p.path(p.start(), p.user("t", extra=extra), p.user("after"), p.end())
    return p


def types(world: World) -> list[str]:
    """Types of the open jobs."""
    return [job.type for job in world.jobs.values()]


def deny(world: World) -> None:
    """The listener's job says no."""
    (job,) = world.jobs.values()
    world.do(c.CompleteJob(job.element_key, {}, job.chunk, {}, True))


def test_the_task_is_there_when_its_creating_listeners_are_done() -> None:
    """User task listeners / Blocking behavior: the transition is paused; listeners follow each other."""
    world = run(heard(("creating", "one"), ("creating", "two")))
    assert (types(world), world.tasks) == (["one"], {})
    assert (types(world.work("t")), world.tasks) == (["two"], {})
    assert world.work("t").open() == ["t"]
    assert world.complete("t").open() == ["after"]


def test_an_assignee_in_the_process_calls_the_assigning_listeners() -> None:
    """User task listeners / Trigger a user task listener: after ``creating``, where an assignee is specified."""
    world = run(heard(("assigning", "two"), ("creating", "one"), assignee="ann"))
    assert types(world) == ["one"]
    assert types(world.work("t")) == ["two"]
    assert world.work("t").task("t").assignee == "ann"
    assert run(heard(("assigning", "two"))).open() == ["t"]


def test_a_denied_assignment_leaves_the_task_unassigned() -> None:
    """User task listeners / Denying the lifecycle transition: as if the event had never occurred."""
    world = run(heard(("assigning", "one"), assignee="ann"))
    deny(world)
    assert world.task("t").assignee is None
    assert world.complete("t").open() == ["after"]


def test_the_answer_counts_when_its_completing_listeners_are_done() -> None:
    """User task listeners / Blocking behavior: completion waits for the listeners."""
    world = run(heard(("completing", "one"), ("completing", "two"))).complete("t", {"x": 1})
    assert (types(world), world.process_variables()) == (["one"], {})
    assert types(world.work("t")) == ["two"]
    assert world.work("t").open() == ["after"]
    assert world.process_variables() == {"x": 1}


def test_a_task_cannot_be_completed_twice_meanwhile() -> None:
    """User task listeners / User task lifecycle: a task that is completing is not created."""
    world = run(heard(("completing", "one"))).complete("t")
    with pytest.raises(WrongState, match="its completing listeners are at work"):
        world.complete("t")


def test_a_denied_completion_leaves_the_task_open() -> None:
    """User task listeners / Denying the lifecycle transition: state and data are preserved; try again."""
    world = run(heard(("completing", "one"), ("completing", "two"))).complete("t", {"x": 1}).work("t")
    deny(world)
    assert (world.open(), world.process_variables()) == (["t"], {})
    assert types(world.complete("t", {"x": 2})) == ["one"]
    assert world.work("t").work("t").process_variables() == {"x": 2}


def test_a_listener_has_retries_and_headers() -> None:
    """User task listeners / Properties; Accessing user task data: task headers and the task's key."""
    world = run(heard(("completing", "one"), retries="5"))
    key = world.task("t").key
    (job,) = world.complete("t").jobs.values()
    assert (job.kind, job.listener_event, job.retries) == ("task-listener", "completing", 5)
    assert job.headers == {"of": "task", "io.camunda.zeebe:userTaskKey": str(key)}


@pytest.mark.parametrize("moment", ["creating", "completing"])
def test_an_interrupted_task_takes_its_listeners_with_it(moment: str) -> None:
    """User task listeners / User task lifecycle: from creating and completing it may be cancelled."""
    p = heard((moment, "one"))
    p.path(p.boundary("late", "t", timer("Duration", "PT1H")), p.user("x"))
    world = run(p)
    if moment == "completing":
        world.complete("t")
    world.advance(hours=1)
    assert (world.open(), world.jobs, list(world.tasks)) == (["x"], {}, [world.task("x").key])


def test_a_listener_type_that_is_no_text_is_an_incident() -> None:
    """User task listeners / Expression evaluation and incident behavior: the transition is tried again."""
    world = run(heard(("completing", "=kind"))).complete("t", {"x": 1})
    assert [i.element_id for i in world.incidents.values()] == ["t"]
    world.set(kind="one").complete("t", {"x": 2})
    assert (types(world), world.incidents) == (["one"], {})
    assert world.work("t").process_variables() == {"kind": "one", "x": 2}


def test_only_the_failed_listener_is_repeated(bpm_sqlite: Product) -> None:
    """User task listeners / Incident recovery: job failure."""
    bpm_sqlite.deploy(heard(("completing", "one"), ("completing", "two")).xml())
    bpm_sqlite.start()
    bpm_sqlite.task("t").complete(x=1)
    bpm_sqlite.complete_job("t")
    jobs.fail_job(bpm_sqlite.server, ADMIN, bpm_sqlite.job("t"), retries=0)
    assert incidents(bpm_sqlite) == [("t", "JOB_NO_RETRIES")]
    resolve(bpm_sqlite)
    assert bpm_sqlite.scalars(sa.select(job_table.c.type).where(job_table.c.state == "CREATED")) == ["two"]
    bpm_sqlite.complete_job("t")
    assert bpm_sqlite.open_tasks() == ["after"]


def test_a_listener_sets_no_variables_and_throws_no_errors(bpm_sqlite: Product) -> None:
    """User task listeners / Limitations; creation cannot be denied."""
    bpm_sqlite.deploy(heard(("creating", "one")).xml())
    bpm_sqlite.start()
    job = bpm_sqlite.job("t")
    with pytest.raises(InvalidInput, match="Expected no variables"):
        jobs.complete_job(bpm_sqlite.server, ADMIN, job, {"x": 1})
    with pytest.raises(InvalidInput, match="task listener"):
        jobs.throw_job_error(bpm_sqlite.server, ADMIN, job, "E1")
    with pytest.raises(InvalidInput, match="can deny"):
        jobs.complete_job(bpm_sqlite.server, ADMIN, job, denied=True)
    bpm_sqlite.complete_job("t")
    assert bpm_sqlite.open_tasks() == ["t"]


def test_a_worker_denies_over_rest(bpm_sqlite: Product) -> None:
    """User task listeners / Denying the lifecycle transition; REST "Complete job": ``result.denied``."""
    bpm, nobody = application(bpm_sqlite)
    rest = nobody.as_(add_person(bpm, "root", roles=("admin",)))
    bpm.deploy(heard(("completing", "one")).xml())
    bpm.start()
    task = bpm.task("t")
    assert rest.post(f"/v2/user-tasks/{task.key}/completion", {"variables": {"x": 1}}).status == 204
    (job,) = rest.post("/v2/jobs/activation", {"type": "one", "timeout": 60_000, "maxJobsToActivate": 1})["jobs"]
    assert (job["kind"], job["listenerEventType"]) == ("TASK_LISTENER", "COMPLETING")
    path = f"/v2/jobs/{job['jobKey']}/completion"
    corrected = {"result": {"type": "userTask", "denied": False, "corrections": {"assignee": "ann"}}}
    assert rest.post(path, corrected).status == 400
    assert rest.post(path, {"result": {"type": "userTask", "denied": True}}).status == 204
    assert bpm.open_tasks() == ["t"]
    assert rest.post(f"/v2/user-tasks/{task.key}/completion", {"variables": {"x": 2}}).status == 204
    bpm.complete_job("t")
    assert bpm.open_tasks() == ["after"]


def test_listeners_that_do_not_run_yet_are_a_warning() -> None:
    """Ours: nothing is dropped in silence (docs/reference/bpmn.md)."""
    found = bpmn.read(heard(("canceling", "one"), ("creating", "two")).xml(), name="p.bpmn").findings
    assert [(finding.severity, finding.rule) for finding in found] == [("warning", "not-yet")]
    assert "canceling" in found[0].message

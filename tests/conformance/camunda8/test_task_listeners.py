"""User task listeners."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from bpm_server import bpmn
from bpm_server.domain import commands as c
from bpm_server.domain import events as e
from bpm_server.domain.tasks import TaskValues
from bpm_server.kernel.errors import InvalidInput, WrongState
from bpm_server.services import jobs, tasks
from bpm_server.store.tables.jobs import job as job_table
from tests.conformance.camunda8.scenario import event_sub_process, incidents, listeners, resolve, run, zeebe
from tests.support.bpmn_builder import Process, Scope, event, multi_instance, timer
from tests.support.engine_world import World
from tests.support.product import ADMIN, Product
from tests.support.rest import add_person, application

DUE = datetime(2027, 1, 1, tzinfo=UTC)


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


def state(world: World) -> str:
    """Of the task ``t``."""
    return world.states[world.task("t").key]


def told(world: World) -> dict[str, Any]:
    """What the open listener's job says of its task."""
    (job,) = world.jobs.values()
    assert job.task is not None
    return job.task


def deny(world: World) -> World:
    """The listener's job says no."""
    (job,) = world.jobs.values()
    return world.do(c.CompleteJob(job.element_key, {}, job.chunk, {}, True, None, "not now"))


def correct(world: World, **values: Any) -> World:
    """The listener's job corrects its task."""
    (job,) = world.jobs.values()
    return world.do(c.CompleteJob(job.element_key, {}, job.chunk, corrections=TaskValues(**values)))


def change(world: World, moment: str, **values: Any) -> World:
    """Somebody assigns or updates the task."""
    return world.do(c.ChangeTask(world.task("t").key, moment, TaskValues(**values), moment))


def test_the_task_is_there_when_its_creating_listeners_are_done() -> None:
    """User task listeners / Blocking behavior: the transition is paused; listeners follow each other."""
    world = run(heard(("creating", "one"), ("creating", "two")))
    assert (types(world), state(world)) == (["one"], "CREATING")
    assert (types(world.work("t")), state(world)) == (["two"], "CREATING")
    assert state(world.work("t")) == "CREATED"
    assert world.complete("t").open() == ["after"]


def test_an_assignee_in_the_process_calls_the_assigning_listeners() -> None:
    """User task listeners / Trigger a user task listener: after ``creating``, where an assignee is specified."""
    world = run(heard(("assigning", "two"), ("creating", "one"), assignee="ann"))
    assert (types(world), told(world)["assignee"]) == (["one"], "ann")
    assert (types(world.work("t")), state(world), world.task("t").assignee) == (["two"], "ASSIGNING", None)
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
    (job,) = world.complete("t").jobs.values()
    assert (job.kind, job.listener_event, job.retries) == ("task-listener", "completing", 5)
    assert job.headers == {"of": "task"}


def test_an_assignment_counts_when_its_listeners_are_done() -> None:
    """User task listeners / Trigger: ``assigning`` when the API is called; the action and what changes are told."""
    world = change(run(heard(("assigning", "one"))), "assigning", assignee="ann")
    assert (state(world), world.task("t").assignee) == ("ASSIGNING", None)
    assert (told(world)["assignee"], told(world)["action"], told(world)["changed"]) == (
        "ann",
        "assigning",
        ["assignee"],
    )
    world.work("t")
    assert (state(world), world.task("t").assignee) == ("CREATED", "ann")
    assert deny(change(world, "assigning", assignee=None)).task("t").assignee == "ann"
    assert change(world, "assigning", assignee=None).work("t").task("t").assignee is None


def test_an_update_counts_when_its_listeners_are_done() -> None:
    """User task listeners / Trigger: ``updating``; it may be denied."""
    world = change(run(heard(("updating", "one"))), "updating", priority=80)
    assert (state(world), world.task("t").priority, told(world)["priority"]) == ("UPDATING", 50, 80)
    assert (state(deny(world)), world.task("t").priority) == ("CREATED", 50)
    assert change(world, "updating", priority=90).work("t").task("t").priority == 90
    assert world.complete("t").open() == ["after"]


def test_variables_of_a_task_are_an_update() -> None:
    """User task listeners / Trigger: ``updating`` when variables of a user task instance are set."""
    world = run(heard(("updating", "one")))
    key = world.task("t").key
    world.do(c.SetVariables(key, {"x": 1}, heard=True))
    assert (state(world), told(world)["changed"], world.variables.get(key)) == ("UPDATING", ["variables"], None)
    assert world.work("t").variables[key] == {"x": 1}
    deny(world.do(c.SetVariables(key, {"x": 2}, heard=True)))
    assert world.variables[key] == {"x": 1}
    assert world.do(c.SetVariables(key, {"y": 3}, False, heard=True)).work("t").process_variables() == {"y": 3}


def test_a_change_without_listeners_of_its_own_counts_at_once() -> None:
    """User task listeners: only the moments that have listeners wait; the others know what was changed."""
    world = change(run(heard(("completing", "one"))), "assigning", assignee="ann")
    assert (state(world), world.task("t").assignee) == ("CREATED", "ann")
    assert told(world.complete("t"))["assignee"] == "ann"


def test_a_task_that_began_without_listeners_goes_on_without() -> None:
    """Ours: the process goes on by a version that has listeners (migration)."""
    world = run(heard())
    other = World.of(heard(*((moment, "one") for moment in ("assigning", "completing", "canceling"))).xml())
    world.definition = other.definition
    change(world, "assigning", assignee="ann")
    assert (state(world), world.task("t").assignee, world.jobs) == ("CREATED", "ann", {})
    assert world.complete("t", {"x": 1}).open() == ["after"]


def test_corrections_change_the_task() -> None:
    """User task listeners / Correcting user task data: seen by the next listener, applied at the end, no update."""
    world = run(heard(("assigning", "one"), ("assigning", "two"), ("updating", "never")))
    correct(change(world, "assigning", assignee="ann"), assignee="bob", priority=80, candidate_users=("eve",))
    assert (world.task("t").assignee, told(world)["assignee"]) == (None, "bob")
    world.work("t")
    task = world.task("t")
    assert (task.assignee, task.priority, task.candidate_users) == ("bob", 80, ("eve",))


def test_what_is_corrected_back_has_not_changed() -> None:
    """User task listeners / Changed attributes: the documentation's own example of three listeners."""
    world = run(heard(("assigning", "one"), ("assigning", "two"), ("assigning", "three")))
    assert told(change(world, "assigning", assignee="ann"))["changed"] == ["assignee"]
    assert sorted(told(correct(world, priority=80))["changed"]) == ["assignee", "priority"]
    assert told(correct(world, priority=50))["changed"] == ["assignee"]


def test_a_denial_discards_corrections() -> None:
    """User task listeners / Denying: corrections made by preceding listeners are discarded."""
    world = run(heard(("completing", "one"), ("completing", "two"))).complete("t")
    assert deny(correct(world, priority=80)).task("t").priority == 50
    assert told(world.complete("t"))["priority"] == 50


@pytest.mark.parametrize("moment", ["creating", "completing", "canceling"])
def test_corrections_of_every_moment_reach_the_task(moment: str) -> None:
    """User task listeners / Correcting user task data: before the lifecycle transition is finalized."""
    world = run(heard((moment, "one")))
    if moment == "completing":
        world.complete("t")
    if moment == "canceling":
        world.cancel()
    correct(world, priority=80, due_date=DUE)
    changes = [event for event in world.log if isinstance(event, e.UserTaskChanged)]
    assert changes[-1].values == TaskValues(priority=80, due_date=DUE)


def test_the_assignee_of_the_process_is_corrected_while_assigning_only() -> None:
    """User task listeners / On correcting the assignee."""
    assert correct(run(heard(("creating", "one"))), assignee="bob").task("t").assignee == "bob"
    world = run(heard(("creating", "one"), ("assigning", "two"), assignee="ann"))
    with pytest.raises(InvalidInput, match="that the process names"):
        correct(world, assignee="bob")
    world = run(heard(("creating", "one"), ("assigning", "two"), assignee="ann")).work("t")
    assert correct(world, assignee="bob").task("t").assignee == "bob"


def interrupted(*entries: tuple[str, str]) -> Process:
    """The listened task with a boundary timer that leads to ``x``."""
    p = heard(*entries)
    p.path(p.boundary("late", "t", timer("Duration", "PT1H")), p.user("x"))
    return p


def test_an_interruption_waits_for_canceling_listeners() -> None:
    """User task listeners / Trigger: ``canceling`` when a catch event interrupts a user task."""
    world = run(interrupted(("canceling", "one"), ("canceling", "two"))).advance(hours=1)
    assert (types(world), state(world), ("t", "terminated") in world.history) == (["one"], "CANCELING", False)
    with pytest.raises(WrongState, match="canceling listeners"):
        world.complete("t")
    assert types(world.work("t")) == ["two"]
    assert world.work("t").open() == ["x"]
    assert ("t", "terminated") in world.history
    assert world.complete("x").finished


@pytest.mark.parametrize("moment", ["creating", "assigning", "updating", "completing"])
def test_canceling_ends_what_other_listeners_were_asked(moment: str) -> None:
    """User task listeners / User task lifecycle: from every state to canceling."""
    world = run(interrupted((moment, "one"), ("canceling", "two")))
    if moment == "completing":
        world.complete("t", {"x": 1})
    elif moment != "creating":
        change(world, moment, assignee="ann", priority=80)
    assert types(world) == ["one"]
    assert types(world.advance(hours=1)) == ["two"]
    assert (world.task("t").assignee, world.task("t").priority) == (None, 50)
    assert world.work("t").open() == ["x"]
    assert world.process_variables() == {}


def test_a_cancelled_instance_waits_for_canceling_listeners() -> None:
    """User task listeners / Trigger: ``canceling`` when a canceling process instance terminates a user task."""
    p, inner = Process(), Scope()
    extra = listeners(("canceling", "one"), kind="task")
    inner.path(inner.start("s-s"), inner.user("t", extra=extra), inner.end("s-e"))
    p.path(p.start(), p.add("parallelGateway", "split"), p.sub("sub", inner), p.end())
    p.path("split", p.user("other"), p.end("e2"))
    world = run(p).cancel()
    assert (world.finished, world.open(), ("other", "terminated") in world.history) == (False, ["t"], True)
    assert world.cancel().open() == ["t"]
    assert world.work("t").finished
    assert world.history[-2:] == [("t", "terminated"), ("sub", "terminated")]
    assert isinstance(world.log[-1], e.InstanceTerminated)


def test_an_event_sub_process_waits_for_all_canceling_listeners() -> None:
    """Event sub-processes: an interrupting one cancels the elements of its scope, before it starts."""
    p = Process()
    extra = listeners(("canceling", "one"), kind="task")
    p.path(p.start(), p.add("parallelGateway", "split"), p.user("t", extra=extra), p.end())
    p.path("split", p.user("u", extra=extra), p.end("e2"))
    event_sub_process(p, "esp", timer("Duration", "PT1H"), "mend")
    world = run(p).advance(hours=1)
    assert world.open() == ["t", "u"]
    assert world.work("u").open() == ["t"]
    assert world.work("t").open() == ["mend"]
    assert world.complete("mend").finished


def test_a_terminate_end_waits_for_canceling_listeners() -> None:
    """Terminate events: all element instances of the scope are terminated; the process ends after them."""
    p = Process()
    extra = listeners(("canceling", "one"), kind="task")
    p.path(p.start(), p.add("parallelGateway", "split"), p.user("t", extra=extra), p.end())
    p.path("split", p.user("stop"), p.end("kill", event("terminate")))
    world = run(p).complete("stop")
    assert (world.finished, world.open(), state(world)) == (False, ["t"], "CANCELING")
    assert world.work("t").finished


def test_an_error_behind_a_canceling_listener_keeps_its_variables() -> None:
    """Error events: the boundary event gets the variables of the error, also where its host still has to end."""
    p, inner = Process(), Scope()
    p.error("err", "E1")
    extra = listeners(("canceling", "one"), kind="task")
    inner.path(inner.start("s-s"), inner.add("parallelGateway", "split"), inner.user("t", extra=extra))
    inner.path("split", inner.service("w"))
    p.path(p.start(), p.sub("sub", inner), p.end())
    p.path(p.boundary("caught", "sub", event("error", errorRef="err")), p.user("x"))
    world = run(p)
    (job,) = world.jobs.values()
    world.do(c.ThrowError(job.element_key, "E1", None, {"why": "sold out"}))
    assert (world.open(), world.process_variables()) == (["t"], {})
    assert world.work("t").open() == ["x"]
    assert world.process_variables() == {"why": "sold out"}


def test_items_that_are_not_needed_wait_for_their_canceling_listeners() -> None:
    """Multi-instance / Completion condition: what is still active is terminated."""
    p = Process()
    loop = multi_instance("=items", "item", until="=true", output=("results", "=item"))
    extra = listeners(("canceling", "one"), kind="task")
    p.path(p.start(), p.user("t", loop, extra), p.user("after"), p.end())
    world = World.of(p.xml(), reload=True, partial=True).start({"items": [1, 2, 3]}).complete("t")
    assert world.open() == ["t", "t"]
    assert world.work("t").open() == ["t"]
    assert world.work("t").open() == ["after"]
    assert world.process_variables()["results"] == [1, None, None]


def test_a_canceling_listener_that_cannot_be_asked_is_an_incident() -> None:
    """User task listeners / Incident recovery: the cancellation is paused until it is resolved."""
    world = run(interrupted(("canceling", "=kind"))).advance(hours=1)
    assert ([i.element_id for i in world.incidents.values()], world.open()) == (["t"], [])
    world.set(kind="one").resolve("t")
    assert (types(world), world.incidents) == (["one"], {})
    assert world.work("t").open() == ["x"]


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
    with pytest.raises(WrongState, match="completing listeners"):
        world.complete("t")
    world.set(kind="one").resolve("t")
    assert (types(world), world.incidents) == (["one"], {})
    assert world.work("t").process_variables() == {"kind": "one", "x": 1}


def test_all_listeners_are_asked_again_after_a_failed_expression() -> None:
    """User task listeners / Incident recovery: the entire lifecycle transition is retried."""
    world = run(heard(("completing", "one"), ("completing", "=kind"))).complete("t").work("t")
    assert types(world.set(kind="two").resolve("t")) == ["one"]
    assert types(world.work("t")) == ["two"]
    assert world.work("t").open() == ["after"]


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
    tasks.complete_task(bpm.server, ADMIN, task.key, {"x": 1})
    (job,) = rest.post("/v2/jobs/activation", {"type": "one", "timeout": 60_000, "maxJobsToActivate": 1})["jobs"]
    assert (job["kind"], job["listenerEventType"]) == ("TASK_LISTENER", "COMPLETING")
    path = f"/v2/jobs/{job['jobKey']}/completion"
    both = {"result": {"type": "userTask", "denied": True, "corrections": {"assignee": "ann"}}}
    assert rest.post(path, both).status == 400
    assert rest.post(path, {"result": {"type": "userTask", "denied": True, "deniedReason": "no"}}).status == 204
    assert bpm.open_tasks() == ["t"]
    (found,) = rest.search("jobs", filter={"isDenied": True})
    assert (found["isDenied"], found["deniedReason"]) == (True, "no")


def test_listeners_of_unknown_events_are_a_warning() -> None:
    """Ours: nothing is dropped in silence (docs/reference/bpmn.md)."""
    found = bpmn.read(heard(("closing", "one"), ("creating", "two")).xml(), name="p.bpmn").findings
    assert [(finding.severity, finding.rule) for finding in found] == [("warning", "listener-event")]
    assert "closing" in found[0].message

"""Job workers, incidents and execution listeners."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from bpm_server.services import jobs, process_instances
from bpm_server.store.tables.jobs import job as job_table
from tests.conformance.camunda8.scenario import catch, incidents, listeners, refused, resolve, run, throw, zeebe
from tests.support.bpmn_builder import Process, Scope, event, extensions, io, timer
from tests.support.engine_world import START
from tests.support.product import ADMIN, Product


def work(bpm: Product) -> int:
    """A process with job ``a``, started."""
    p = Process()
    p.path(p.start(), p.service("a"), p.user("after"))
    bpm.deploy(p.xml())
    return bpm.start(x=1)


def fail(bpm: Product, **options: object) -> None:
    """The job ``a`` fails."""
    jobs.fail_job(bpm.server, ADMIN, bpm.job("a"), **options)  # type: ignore[arg-type]


def activated(bpm: Product) -> list[int]:
    """Retries of the jobs that are handed out now."""
    found = jobs.activate_jobs(bpm.server, ADMIN, ["work"], limit=5, lease_ms=60_000)
    return [one.row.retries for one in found]


# --- jobs -----------------------------------------------------------------------------------------------


def test_a_job_has_three_tries_unless_told_otherwise(bpm_sqlite: Product) -> None:
    """Service tasks / Task definition: ``retries`` defaults to 3."""
    work(bpm_sqlite)
    assert activated(bpm_sqlite) == [3]


def test_a_job_is_handed_to_one_worker(bpm_sqlite: Product) -> None:
    """Job workers / Requesting jobs: sent to only one worker until it times out."""
    work(bpm_sqlite)
    assert activated(bpm_sqlite) == [3]
    assert activated(bpm_sqlite) == []


def test_a_worker_fetches_the_variables_that_it_names(bpm_sqlite: Product) -> None:
    """Job workers / Requesting jobs: ``fetchVariables`` limits what a job carries."""
    work(bpm_sqlite)
    (one,) = jobs.activate_jobs(
        bpm_sqlite.server, ADMIN, ["work"], limit=5, lease_ms=1000, variable_names=["x", "nothing"]
    )
    assert one.variables == {"x": 1}


def test_a_failed_job_is_tried_again(bpm_sqlite: Product) -> None:
    """Job workers / Completing or failing jobs: with retries left it is retried, at once without back-off."""
    work(bpm_sqlite)
    fail(bpm_sqlite, retries=2, backoff_ms=0)
    assert activated(bpm_sqlite) == [2]
    assert incidents(bpm_sqlite) == []


def test_a_failed_job_waits_for_its_back_off(bpm_sqlite: Product) -> None:
    """Job workers / Completing or failing jobs: a retry back-off delays the retry."""
    work(bpm_sqlite)
    fail(bpm_sqlite, retries=2, backoff_ms=3_600_000)
    assert activated(bpm_sqlite) == []


def test_a_failed_job_without_retries_is_an_incident(bpm_sqlite: Product) -> None:
    """Incidents / Resolving a job-related incident: variables, retries, resolve; then it is handed out again."""
    instance = work(bpm_sqlite)
    fail(bpm_sqlite, retries=0, message="no connection")
    assert incidents(bpm_sqlite) == [("a", "JOB_NO_RETRIES")]
    assert activated(bpm_sqlite) == []
    process_instances.set_variables(bpm_sqlite.server, ADMIN, instance, {"x": 2})
    jobs.update_job(bpm_sqlite.server, ADMIN, bpm_sqlite.scalars(sa.select(job_table.c.key))[0], retries=3)
    resolve(bpm_sqlite)
    assert activated(bpm_sqlite) == [3]
    assert incidents(bpm_sqlite) == []


def test_the_variables_of_a_failure_stay_at_the_task(bpm_sqlite: Product) -> None:
    """Job workers / Completing or failing jobs: failing creates variables in the local scope of the task."""
    instance = work(bpm_sqlite)
    element = bpm_sqlite.scalars(sa.select(job_table.c.element_key))[0]
    fail(bpm_sqlite, retries=1, variables={"x": 9})
    assert bpm_sqlite.variables(instance) == {"x": 1}
    assert bpm_sqlite.variables(element) == {"x": 9}


def test_a_job_type_that_is_no_text_is_an_incident() -> None:
    """Service tasks / Task definition: the type must result in text; Incidents: resolved with new variables."""
    p = Process()
    p.path(p.start(), p.service("a", type="=kind"), p.end())
    world = run(p)
    assert [i.element_id for i in world.incidents.values()] == ["a"]
    assert [j.type for j in world.set(kind="x").resolve("a").jobs.values()] == ["x"]


# --- execution listeners --------------------------------------------------------------------------------


def listened(*entries: tuple[str, str], mapping: str = "", **attributes: str) -> Process:
    """A job ``a`` with listeners."""
    p = Process()
    headers = '<zeebe:taskHeaders><zeebe:header key="of" value="task"/></zeebe:taskHeaders>'
    p.path(p.start(), p.service("a", extra=headers + mapping + listeners(*entries, **attributes)), p.user("after"))
    return p


def test_listeners_block_and_follow_each_other() -> None:
    """Execution listeners / Blocking behavior: start listeners in order, the job, end listeners, then on."""
    world = run(listened(("start", "one"), ("start", "two"), ("end", "three")))
    seen = []
    while world.jobs:
        (job,) = world.jobs.values()
        seen.append(job.type)
        world.work("a")
    assert seen == ["one", "two", "work", "three"]
    assert world.open() == ["after"]


def test_the_variables_of_a_start_listener_are_local() -> None:
    """Execution listeners / Start listeners: set as local variables of the element, seen by what follows."""
    world = run(listened(("start", "one")), x=0).work("a", {"x": 1, "y": 2})
    (job,) = world.jobs.values()
    assert world.variables[job.element_key] == {"x": 1, "y": 2}
    assert world.process_variables() == {"x": 0}


def test_the_variables_of_an_end_listener_go_out() -> None:
    """Execution listeners / End listeners: propagated to the parent scope, as output mappings are."""
    world = run(listened(("end", "one"), mapping=io({"x": "=0"}, {"z": "=x"}))).work("a", {"x": 5})
    world.work("a", {"x": 7, "y": 8})
    assert world.process_variables() == {"x": 7, "y": 8, "z": 5}


def test_a_start_listener_sees_input_mappings_and_decides_expressions() -> None:
    """Execution listeners / Start listeners: after input mappings, before subscribing and evaluating."""
    p = Process()
    extra = io({"base": "=10"}) + listeners(("start", "one"))
    p.path(p.start(), catch(p, "t", timer("Duration", '=duration("PT" + string(base + n) + "M")'), extra), p.end())
    world = run(p)
    assert not world.timers
    world.work("t", {"n": 5})
    assert [found.due_at for found in world.timers.values()] == [START + timedelta(minutes=15)]


def test_a_listener_has_retries_of_its_own() -> None:
    """Execution listeners / Define an execution listener: the number of job retries."""
    (job,) = run(listened(("start", "one"), retries="7")).jobs.values()
    assert (job.retries, job.kind, job.listener_event) == (7, "execution-listener", "start")


def test_a_listener_gets_the_headers_of_its_element() -> None:
    """Execution listeners / Task headers: those of the element too; the listener's own go first."""
    own = '<zeebe:taskHeaders><zeebe:header key="who" value="listener"/></zeebe:taskHeaders>'
    entry = f'<zeebe:executionListener eventType="start" type="one">{own}</zeebe:executionListener>'
    p = Process()
    headers = (
        '<zeebe:taskHeaders><zeebe:header key="of" value="task"/><zeebe:header key="who" value="task"/>'
        "</zeebe:taskHeaders>"
    )
    extra = f"{headers}<zeebe:executionListeners>{entry}</zeebe:executionListeners>"
    p.path(p.start(), p.service("a", extra=extra), p.end())
    (job,) = run(p).jobs.values()
    assert job.headers == {"of": "task", "who": "listener"}


def test_only_the_failed_listener_is_repeated(bpm_sqlite: Product) -> None:
    """Execution listeners / Incident recovery: completed listeners are not executed again."""
    bpm_sqlite.deploy(listened(("start", "one"), ("start", "two")).xml())
    bpm_sqlite.start()
    bpm_sqlite.complete_job("a")
    fail(bpm_sqlite, retries=0)
    assert incidents(bpm_sqlite) == [("a", "JOB_NO_RETRIES")]
    resolve(bpm_sqlite)
    open_jobs = sa.select(job_table.c.type).where(job_table.c.state == "CREATED")
    assert bpm_sqlite.scalars(open_jobs) == ["two"]


def test_a_process_and_its_sub_processes_have_listeners() -> None:
    """Execution listeners / Define an execution listener: for the process and sub-processes as well."""
    p, inner = Process(), Scope()
    p.elements.append(extensions(listeners(("start", "begin"), ("end", "finish"))))
    inner.path(inner.start("is"), inner.user("u"), inner.end("ie"))
    p.path(p.start(), p.sub("sub", inner, extensions(listeners(("start", "in"), ("end", "out")))), p.end())
    world = run(p)
    assert [job.type for job in world.jobs.values()] == ["begin"]
    world.work("p", {"x": 1}).work("sub").complete("u").work("sub")
    assert [job.type for job in world.jobs.values()] == ["finish"]
    world.work("p", {"y": 2})
    assert world.finished
    assert world.result == {"x": 1, "y": 2}


def test_a_listener_of_a_gateway_chooses_the_way() -> None:
    """Execution listeners / Start listeners: they can set what decides the outgoing path."""
    p = Process()
    p.path(p.start(), p.add("exclusiveGateway", "g", extensions(listeners(("start", "one"))), default="f_g_b"))
    p.flow("g", p.user("a"), "=x = 1")
    p.flow("g", p.user("b"))
    assert run(p).work("g", {"x": 1}).open() == ["a"]


def test_a_throw_event_has_listeners() -> None:
    """Execution listeners / Define an execution listener: events too."""
    p = Process()
    p.path(p.start(), throw(p, "t", "", listeners(("start", "one"))), p.end())
    assert run(p).work("t").finished


def test_the_same_listener_twice_is_refused() -> None:
    """Execution listeners / Limitations: event type and type must be unique together."""
    assert refused(listened(("start", "one"), ("start", "one"))) == {"listener-twice"}
    assert refused(listened(("start", "one"), ("end", "one"))) == set()


def test_the_priority_of_a_job_may_be_an_expression() -> None:
    """Job workers / Job prioritization: defined at the task."""
    p = Process()
    p.path(p.start(), p.service("a", extra=zeebe("jobPriorityDefinition", priority="=n * 2")), p.end())
    assert [job.priority for job in run(p, n=45).jobs.values()] == [90]


def test_an_error_of_a_job_ends_its_boundary_timers() -> None:
    """Error events / Catching the error: the associated task is terminated first."""
    p = Process()
    p.path(p.start(), p.service("a"), p.end())
    p.path(p.boundary("late", "a", timer("Duration", "PT1H")), p.user("x"))
    p.path(p.boundary("any", "a", event("error")), p.user("mend"))
    world = run(p).error("a", "E1")
    assert (world.open(), world.timers, world.jobs) == (["mend"], {}, {})

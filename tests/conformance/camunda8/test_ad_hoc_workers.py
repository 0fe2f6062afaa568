"""Ad-hoc sub-processes that a job worker leads."""

from __future__ import annotations

from typing import Any

import pytest

from bpm_server.domain import commands as c
from bpm_server.kernel.errors import InvalidInput
from tests.conformance.camunda8.scenario import event_sub_process, run, zeebe
from tests.support.bpmn_builder import Process, Scope, event, extensions, timer
from tests.support.engine_world import World
from tests.support.product import Product
from tests.support.rest import add_person, application


def led(inner: Scope | None = None, *, late: bool = False) -> Process:
    """User tasks ``a`` and ``b`` -> ``c`` in an ad-hoc sub-process ``x`` with a worker ``lead``; then ``after``."""
    p = Process()
    inner = inner or Scope()
    inner.user("a")
    inner.path(inner.user("b"), inner.user("c"))
    settings = zeebe("adHoc", outputCollection="results", outputElement="=result")
    body = extensions(zeebe("taskDefinition", type="lead"), settings) + "".join(inner.elements)
    p.path(p.start(), p.add("adHocSubProcess", "x", body), p.user("after"))
    if late:
        p.path(p.boundary("late", "x", timer("Duration", "PT1H")), p.user("escalate"))
    return p


def decide(world: World, *activate: tuple[str, dict[str, Any]], fulfilled: bool = False, cancel: bool = False) -> World:
    """The worker completes its job."""
    (job,) = [job for job in world.jobs.values() if job.type == "lead"]
    choice = {"activate": [list(one) for one in activate], "fulfilled": fulfilled, "cancel": cancel}
    return world.do(c.CompleteJob(job.element_key, {}, job.chunk, {}, False, choice))


def test_the_worker_is_asked_first() -> None:
    """Ad-hoc sub-processes / Job worker implementation: a job upon activation, with what may be activated."""
    world = run(led())
    (job,) = world.jobs.values()
    assert (job.type, job.kind) == ("lead", "ad-hoc")
    known = world.variables[job.element_key]["adHocSubProcessElements"]
    assert [one["elementId"] for one in known] == ["a", "b"]


def test_the_worker_activates_elements_with_variables() -> None:
    """Ad-hoc sub-processes / Job worker implementation: the elements of the result, several at once."""
    world = decide(run(led()), ("a", {"n": 1}), ("b", {}))
    assert world.open() == ["a", "b"]
    assert {"n": 1} in [{name: found[name] for name in ("n",) if name in found} for found in world.variables.values()]
    assert "n" not in world.process_variables()


def test_the_worker_is_asked_again_after_each_flow() -> None:
    """Ad-hoc sub-processes / Job worker implementation: a new job when a flow inside completes, one at a time."""
    world = decide(run(led()), ("a", {}), ("b", {})).complete("b")
    assert world.open() == ["a", "c"]
    assert world.complete("c", {"result": 1}).open() == ["a", "x"]
    assert world.complete("a", {"result": 2}).open() == ["x"]
    assert decide(world, fulfilled=True).open() == ["after"]
    assert world.process_variables() == {"results": [1, 2]}


def test_the_worker_may_cancel_what_is_active() -> None:
    """Ad-hoc sub-processes / Job worker implementation: with the condition fulfilled, active elements end."""
    world = decide(run(led()), ("a", {}), ("b", {})).complete("a", {"result": 1})
    assert decide(world, fulfilled=True, cancel=True).open() == ["after"]
    assert ("b", "terminated") in world.history


def test_the_worker_may_wait_for_what_is_active() -> None:
    """Ad-hoc sub-processes / Job worker implementation: without cancelling it completes after the rest."""
    world = decide(run(led()), ("a", {}), ("a", {})).complete("a", {"result": 1})
    assert decide(world, fulfilled=True).open() == ["a"]
    assert world.complete("a", {"result": 2}).open() == ["after"]


def test_an_element_that_is_not_inside_is_refused() -> None:
    """Ad-hoc sub-processes / Job worker implementation: only elements that can be activated."""
    with pytest.raises(InvalidInput, match="without incoming flow, but found 'c'"):
        decide(run(led()), ("c", {}))


def test_an_interrupting_event_sub_process_needs_no_worker() -> None:
    """Ad-hoc sub-processes / Event sub-processes: it cancels all and completes without the worker."""
    inner = Scope()
    event_sub_process(inner, "esp", timer("Duration", "PT1H"), "mend")
    world = decide(run(led(inner)), ("a", {})).advance(hours=1)
    assert world.open() == ["mend"]
    assert world.complete("mend").open() == ["after"]


def test_an_event_sub_process_beside_asks_the_worker_again() -> None:
    """Ad-hoc sub-processes / Event sub-processes: when it finishes, control is back at the worker."""
    inner = Scope()
    event_sub_process(inner, "esp", timer("Duration", "PT1H"), "look", interrupting=False)
    world = decide(run(led(inner)), ("a", {})).advance(hours=1)
    assert world.open() == ["a", "look"]
    assert world.complete("look").open() == ["a", "x"]


def test_a_boundary_event_ends_the_job() -> None:
    """Ad-hoc sub-processes: an embedded sub-process, with its boundary events."""
    world = run(led(late=True)).advance(hours=1)
    assert (world.open(), world.jobs) == (["escalate"], {})


def test_an_error_of_the_worker_is_caught() -> None:
    """Error events / Throwing the error: while processing a job, here that of the sub-process."""
    p = led()
    p.path(p.boundary("on-error", "x", event("error")), p.user("mend"))
    assert run(p).error("x", "E1").open() == ["mend"]


def test_a_worker_leads_over_rest(bpm_sqlite: Product) -> None:
    """REST "Complete job", result of type ``adHocSubProcess``."""
    bpm, nobody = application(bpm_sqlite)
    rest = nobody.as_(add_person(bpm, "root", roles=("admin",)))
    bpm.deploy(led().xml())
    instance = bpm.start()

    def answer(**result: Any) -> int:
        asked = {"type": "lead", "timeout": 60_000, "maxJobsToActivate": 1}
        (job,) = rest.post("/v2/jobs/activation", asked)["jobs"]
        assert job["kind"] == "AD_HOC_SUB_PROCESS"
        body = {"result": {"type": "adHocSubProcess", **result}}
        status: int = rest.post(f"/v2/jobs/{job['jobKey']}/completion", body).status
        return status

    assert answer(activateElements=[{"elementId": "a", "variables": {"n": 1}}]) == 204
    bpm.task("a").complete(result=7)
    assert answer(isCompletionConditionFulfilled=True) == 204
    assert bpm.open_tasks() == ["after"]
    assert bpm.variables(instance) == {"results": [7]}


def test_wrong_decisions_change_nothing(bpm_sqlite: Product) -> None:
    """Ad-hoc sub-processes / Job worker implementation: not both at once; only elements inside."""
    bpm, nobody = application(bpm_sqlite)
    rest = nobody.as_(add_person(bpm, "root", roles=("admin",)))
    bpm.deploy(led().xml())
    bpm.start()
    path = f"/v2/jobs/{bpm.job('x')}/completion"
    for result in (
        {"activateElements": [{"elementId": "a"}], "isCompletionConditionFulfilled": True},
        {"activateElements": [{"elementId": "c"}]},
        {"activateElements": [{"elementId": 5}]},
        {"activateElements": "a"},
        {"denied": True},
    ):
        assert rest.post(path, {"result": {"type": "adHocSubProcess", **result}}).status == 400
    assert rest.post(path, {"result": {"type": "adHocSubProcess"}}).status == 204

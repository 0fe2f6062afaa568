"""Multi-instance activities."""

from __future__ import annotations

import pytest

from tests.conformance.camunda8.scenario import run
from tests.support.bpmn_builder import Process, Scope, event, io, multi_instance, timer


def each(*, sequential: bool = False, extra: str = "", **options: object) -> Process:
    """A job ``a`` for each of ``items``."""
    p = Process()
    loop = multi_instance("=items", "item", sequential=sequential, **options)  # type: ignore[arg-type]
    p.path(p.start(), p.service("a", body=loop, extra=extra), p.end())
    return p


def items(world: object) -> list[dict[str, object]]:
    """Local variables of the open jobs."""
    return [world.variables[job.element_key] for job in world.jobs.values()]  # type: ignore[attr-defined]


def test_parallel_items_start_together() -> None:
    """Multi-instance / Sequential vs. parallel: all instances are created when the body is activated."""
    world = run(each(), items=["x", "y"])
    assert items(world) == [{"item": "x", "loopCounter": 1}, {"item": "y", "loopCounter": 2}]
    assert world.work("a").work("a").finished


def test_sequential_items_follow_each_other() -> None:
    """Multi-instance / Sequential vs. parallel: one at a time."""
    world = run(each(sequential=True), items=["x", "y"])
    assert items(world) == [{"item": "x", "loopCounter": 1}]
    assert items(world.work("a")) == [{"item": "y", "loopCounter": 2}]
    assert world.work("a").finished


def test_outputs_stand_in_the_order_of_the_inputs() -> None:
    """Multi-instance / Collecting the output: at the same index, whatever order they complete in."""
    world = run(each(output=("results", "=result")), items=["x", "y"])
    world.work("a", {"result": 2}, nth=1).work("a", {"result": 1})
    assert world.result == {"items": ["x", "y"], "results": [1, 2]}


def test_an_output_that_nobody_set_is_null() -> None:
    """Multi-instance / Collecting the output: the variable is local to the item and null if not updated."""
    world = run(each(output=("results", "=result")), items=["x", "y"], result="outer")
    world.work("a", {"result": 1}).work("a")
    assert world.result["results"] == [1, None]
    assert world.result["result"] == "outer"


@pytest.mark.parametrize("sequential", [True, False])
def test_an_empty_collection_skips_the_activity(sequential: bool) -> None:
    """Multi-instance / Defining the collection: completed immediately, with an empty output collection."""
    assert run(each(sequential=sequential, output=("results", "=result")), items=[]).result == {
        "items": [],
        "results": [],
    }


@pytest.mark.parametrize("found", [None, "text", {"a": 1}])
def test_a_collection_that_is_no_list_is_an_incident(found: object) -> None:
    """Multi-instance / Defining the collection: it must result in an array."""
    world = run(each(), items=found)
    assert [i.element_id for i in world.incidents.values()] == ["a"]
    assert world.set(items=[1]).resolve("a").open() == ["a"]


def test_a_completion_condition_ends_the_rest() -> None:
    """Multi-instance / Completion condition: when it holds, the instances that are left are terminated."""
    world = run(each(until='=result = "no"', output=("results", "=result")), items=[1, 2, 3])
    assert world.work("a", {"result": "yes"}).open() == ["a", "a"]
    world.work("a", {"result": "no"})
    assert world.finished
    assert world.result["results"] == ["yes", "no", None]


def test_a_completion_condition_sees_the_counters() -> None:
    """Multi-instance / Completion condition: numberOfInstances, ...Active..., ...Completed..., ...Terminated..."""
    text = (
        "=numberOfInstances = 3 and numberOfActiveInstances = 1 and numberOfCompletedInstances = 2 "
        "and numberOfTerminatedInstances = 0"
    )
    world = run(each(until=text), items=[1, 2, 3]).work("a")
    assert not world.finished
    assert world.work("a").finished


def test_input_mappings_see_the_item() -> None:
    """Multi-instance / Variable mappings: applied on each instance, with access to its local variables."""
    world = run(each(extra=io({"label": "=string(loopCounter) + item.name"})), items=[{"name": "x"}, {"name": "y"}])
    assert [found["label"] for found in items(world)] == ["1x", "2y"]


def test_an_output_mapping_fills_the_output_element() -> None:
    """Multi-instance / Variable mappings, example: the mapping keeps parallel items from sharing a variable."""
    world = run(each(output=("results", "=output"), extra=io(outputs={"output": "=x"})), items=[1, 2])
    world.work("a", {"x": "one"}).work("a", {"x": "two"})
    assert world.result == {"items": [1, 2], "results": ["one", "two"]}


def test_an_interrupting_boundary_event_ends_all_items() -> None:
    """Multi-instance / Boundary events: the body and all instances end, without partial output."""
    p = each(output=("results", "=result"))
    p.path(p.boundary("late", "a", timer("Duration", "PT1H")), p.user("b"))
    world = run(p, items=[1, 2]).work("a", {"result": 1}).advance(hours=1)
    assert world.open() == ["b"]
    assert world.process_variables() == {"items": [1, 2]}


def test_a_boundary_event_does_not_see_the_items() -> None:
    """Multi-instance / Boundary events: the path behind a non-interrupting one has no access to local variables."""
    p = each()
    p.path(p.boundary("b", "a", timer("Duration", "PT1H"), interrupting=False), p.script("look", "=item", "seen"))
    world = run(p, items=[1]).advance(hours=1)
    assert world.process_variables()["seen"] is None
    assert world.open() == ["a"]


def test_a_sub_process_may_be_multi_instance() -> None:
    """Multi-instance: embedded sub-processes can be marked; an error of one item ends the body."""
    p, inner = Process(), Scope()
    p.error("err", "E1")
    inner.path(inner.start("is"), inner.service("a"), inner.end("ie"))
    p.path(p.start(), p.sub("sub", inner, multi_instance("=items", "item")), p.end())
    p.path(p.boundary("b", "sub", event("error", errorRef="err")), p.user("mend"))
    assert run(p, items=[1, 2]).error("a", "E1").open() == ["mend"]

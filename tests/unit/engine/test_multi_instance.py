"""Multi-instance: items, outputs by index, early end, and a cost that does not grow with the number of items."""

from __future__ import annotations

import pytest

from tests.support.bpmn_builder import Process, Scope, event, multi_instance
from tests.support.engine_world import World


def of_tasks(marker: str, *, reload: bool = True, partial: bool = False) -> World:
    p = Process()
    p.path(p.start(), p.user("a", marker), p.user("after"), p.end())
    return World.of(p.xml(), reload=reload, partial=partial)


def test_parallel_items_are_open_at_once_and_know_their_number() -> None:
    world = of_tasks(multi_instance("=items", "item")).start({"items": ["x", "y", "z"]})
    assert world.open() == ["a", "a", "a"]
    scopes = [world.variables[task.key] for task in world.tasks.values()]
    assert scopes == [{"loopCounter": n + 1, "item": item} for n, item in enumerate("xyz")]


def test_outputs_come_by_index_whatever_the_order_of_completion() -> None:
    world = of_tasks(multi_instance("=items", "item", output=("results", "=answer"))).start({"items": [1, 2, 3]})
    for nth, answer in ((2, "third"), (1, "second"), (0, "first")):
        world.complete("a", {"answer": answer}, nth=nth)
    assert world.process_variables()["results"] == ["first", "second", "third"]
    assert "answer" not in world.process_variables()
    assert world.open() == ["after"]


def test_sequential_items_come_one_after_the_other() -> None:
    marker = multi_instance("=items", "item", sequential=True, output=("results", "=item + loopCounter"))
    world = of_tasks(marker).start({"items": [10, 20]})
    assert world.open() == ["a"]
    assert world.complete("a").open() == ["a"]
    assert world.complete("a").open() == ["after"]
    assert world.process_variables()["results"] == [11, 22]


def test_an_empty_collection_is_done_at_once_with_an_empty_result() -> None:
    world = of_tasks(multi_instance("=items", "item", output=("results", "=x"))).start({"items": []})
    assert world.open() == ["after"]
    assert world.process_variables()["results"] == []


@pytest.mark.parametrize("items", [None, "text", 3, {"a": 1}])
def test_a_collection_that_is_no_list_is_an_incident(items: object) -> None:
    world = of_tasks(multi_instance("=items", "item")).start({"items": items})
    (incident,) = world.incidents.values()
    assert "input collection 'items' to be a list, but found" in incident.message
    world.set(items=["ok"]).resolve("a")
    assert world.open() == ["a"]


@pytest.mark.parametrize("partial", [False, True])
def test_a_completion_condition_ends_the_rest(*, partial: bool) -> None:
    marker = multi_instance(
        "=items", "item", output=("results", "=answer"), until="=numberOfCompletedInstances / numberOfInstances > 0.5"
    )
    world = of_tasks(marker, partial=partial).start({"items": [1, 2, 3]})
    world.complete("a", {"answer": "yes"}, nth=1)
    assert world.open() == ["a", "a"]
    world.complete("a", {"answer": "yes"}, nth=0)
    assert world.open() == ["after"]
    assert world.process_variables()["results"] == ["yes", "yes", None]
    assert ("a", "terminated") in world.history


def test_the_condition_sees_the_outputs_so_far() -> None:
    marker = multi_instance("=items", "item", output=("votes", "=vote"), until='=count(votes[item = "yes"]) >= 2')
    world = of_tasks(marker, partial=True).start({"items": [1, 2, 3, 4]})
    for vote in ("yes", "no"):
        world.complete("a", {"vote": vote})
    assert world.open() == ["a", "a"]
    assert world.complete("a", {"vote": "yes"}).open() == ["after"]


def test_looping_back_over_a_filled_output_collection_starts_anew() -> None:
    p = Process()
    p.start()
    p.add("exclusiveGateway", "in")
    p.user("a", multi_instance("=items", "item", output=("results", "=answer")))
    p.add("exclusiveGateway", "more", default="done")
    p.path("s", "in", "a", "more")
    p.flow("more", "in", "=count(results[item = 1]) > 0")
    p.flow("more", p.end(), id="done")
    world = World.of(p.xml(), reload=True).start({"items": [1, 2]})
    for answer in (1, 1, 2, 2):
        world.complete("a", {"answer": answer})
    assert world.finished
    assert world.result["results"] == [2, 2]


def test_an_element_variable_shadows_one_of_the_process() -> None:
    world = of_tasks(multi_instance("=items", "item")).start({"items": [1], "item": "outer"})
    world.complete("a")
    assert world.process_variables()["item"] == "outer"


def test_a_boundary_event_ends_all_items() -> None:
    p, inner = Process(), Scope()
    p.message("m", "stop", '="k"')
    inner.path(inner.start("is"), inner.user("a"), inner.end("ie"))
    p.path(p.start(), p.sub("sub", inner, multi_instance("=items", "item")), p.end())
    p.path(p.boundary("b", "sub", event("message", messageRef="m")), p.user("after"))
    world = World.of(p.xml(), reload=True, partial=True).start({"items": [1, 2, 3]})
    world.complete("a").message("stop")
    assert world.open() == ["after"]


def test_an_error_inside_one_item_is_caught_at_the_activity() -> None:
    p, inner = Process(), Scope()
    p.error("err", "E1")
    inner.path(inner.start("is"), inner.service("job"), inner.end("ie"))
    p.path(p.start(), p.sub("sub", inner, multi_instance("=items", "item")), p.end())
    p.path(p.boundary("b", "sub", event("error", errorRef="err")), p.user("after"))
    world = World.of(p.xml(), reload=True).start({"items": [1, 2]}).error("job", "E1")
    assert world.open() == ["after"]


def test_multi_instances_nest() -> None:
    p, inner = Process(), Scope()
    inner.path(inner.start("is"), inner.user("a", multi_instance("=row", "cell", output=("cells", "=cell * 2"))))
    p.path(p.start(), p.sub("sub", inner, multi_instance("=rows", "row", output=("table", "=cells"))), p.end())
    world = World.of(p.xml(), reload=True, partial=True).start({"rows": [[1, 2], [3]]})
    for _ in range(3):
        world.complete("a")
    assert world.finished
    assert world.result["table"] == [[2, 4], [6]]


@pytest.mark.parametrize("count", [10, 1_000])
def test_completing_an_item_writes_the_same_however_many_there_are(count: int) -> None:
    world = of_tasks(multi_instance("=items", "item", output=("results", "=answer")), partial=True)
    world.start({"items": list(range(count))})
    before = len(world.log)
    world.complete("a", {"answer": "yes"}, nth=count // 2)
    assert len(world.log) - before <= 6
    assert len(world.chunks[0][1]) < 200
    assert len(world.instance.tasks) <= 4


def test_too_many_items_are_an_incident() -> None:
    from bpm_server import engine

    world = of_tasks(multi_instance("=items", "item"))
    world.limits = engine.Limits(items=5)
    world.start({"items": list(range(6))})
    (incident,) = world.incidents.values()
    assert "Expected at most 5 items" in incident.message

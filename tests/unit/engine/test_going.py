"""Leaving a user task for another element than its flows lead to."""

from __future__ import annotations

import pytest

from bpm_server.domain import commands as c
from bpm_server.kernel.errors import InvalidInput
from tests.support.bpmn_builder import Process, Scope, io, multi_instance, timer
from tests.support.engine_world import World


def go(world: World, element_id: str, target: str, **values: object) -> World:
    task = world.task(element_id)
    return world.do(c.CompleteTask(task.key, dict(values), task.chunk, "return", target))


def row() -> Process:
    p = Process()
    p.path(p.start(), p.user("a"), p.user("b"), p.user("c"), p.end())
    return p


@pytest.mark.parametrize("reload", [False, True])
def test_back_and_through_everything_again(reload: bool) -> None:
    world = World.of(row().xml(), reload=reload).start().complete("a").complete("b")
    go(world, "c", "a", outcome="returned")
    assert world.open() == ["a"]
    assert world.process_variables() == {"outcome": "returned"}
    world.complete("a").complete("b").complete("c")
    assert world.finished
    assert world.completed() == ["s", "a", "b", "c", "a", "b", "c", "e"]


def test_straight_forth_again() -> None:
    world = World.of(row().xml()).start().complete("a").complete("b")
    go(world, "c", "a")
    go(world, "a", "c")
    assert world.open() == ["c"]
    assert world.complete("c").finished


def test_output_mappings_of_the_task_that_is_left_are_done() -> None:
    p = Process()
    p.path(p.start(), p.user("a"), p.user("b", extra=io(outputs={"reason": "=why"})), p.end())
    world = World.of(p.xml()).start().complete("a")
    go(world, "b", "a", why="numbers")
    assert world.process_variables() == {"reason": "numbers"}


def test_going_back_before_a_fork_ends_the_other_branch_and_the_join_that_waits() -> None:
    p = Process()
    p.path(p.start(), p.user("a"), p.add("parallelGateway", "f"), p.user("b"), p.add("parallelGateway", "j"))
    p.path("f", p.user("c"), "j", p.user("d"), p.end())
    p.path("f", p.user("x"), "j")
    world = World.of(p.xml()).start().complete("a").complete("c")
    go(world, "b", "a")
    assert world.open() == ["a"]
    world.complete("a")
    assert world.open() == ["b", "c", "x"]
    world.complete("c").complete("b")
    assert world.open() == ["x"]
    world.complete("x").complete("d")
    assert world.finished


def test_going_back_inside_a_branch_leaves_the_others_alone() -> None:
    p = Process()
    p.path(p.start(), p.add("parallelGateway", "f"), p.user("a"), p.user("b"), p.add("parallelGateway", "j"), p.end())
    p.path("f", p.user("c"), "j")
    world = World.of(p.xml()).start().complete("a")
    go(world, "b", "a")
    assert world.open() == ["a", "c"]
    assert world.complete("a").complete("b").complete("c").finished


def test_boundary_events_of_the_task_that_is_left_are_over() -> None:
    p = row()
    p.path(p.boundary("late", "c", timer("Duration", "PT1H")), p.user("x"))
    world = World.of(p.xml()).start().complete("a").complete("b")
    go(world, "c", "b")
    assert not world.timers
    assert world.open() == ["b"]


@pytest.mark.parametrize(
    ("target", "found"),
    [("nowhere", "none"), ("s", "a start event"), ("i", "one in 'sub'"), ("late", "a boundary event")],
)
def test_what_cannot_be_gone_to_is_refused_and_nothing_has_happened(target: str, found: str) -> None:
    inner = Scope()
    inner.path(inner.start("si"), inner.user("i"), inner.end("ei"))
    p = Process()
    p.path(p.start(), p.sub("sub", inner), p.user("a"), p.end())
    p.path(p.boundary("late", "a", timer("Duration", "PT1H")), p.user("x"))
    world = World.of(p.xml()).start().complete("i")
    with pytest.raises(InvalidInput, match=found):
        go(world, "a", target)
    assert world.complete("a").finished


def test_an_item_of_a_multi_instance_goes_nowhere_else() -> None:
    p = Process()
    p.path(p.start(), p.user("b"), p.user("a", body=multi_instance("=[1, 2]")), p.end())
    world = World.of(p.xml()).start().complete("b")
    with pytest.raises(InvalidInput, match="an item of multi-instance"):
        go(world, "a", "b")

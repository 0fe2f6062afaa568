"""What a token must have passed to be where it is."""

from __future__ import annotations

from bpm_server import bpmn
from bpm_server.bpmn.dominators import dominators
from tests.support.bpmn_builder import Process, Scope, event, timer


def found(p: Process, scope: str = "p") -> dict[str, tuple[str, ...]]:
    return dominators(bpmn.read(p.xml(), name="test.bpmn").process("p"), scope)


def test_along_a_row_all_that_was_passed_nearest_first() -> None:
    p = Process()
    p.path(p.start(), p.user("a"), p.user("b"), p.user("c"), p.end())
    assert found(p)["c"] == ("c", "b", "a", "s")


def test_behind_a_choice_neither_of_its_ways() -> None:
    p = Process()
    p.path(p.start(), p.add("exclusiveGateway", "x"), p.user("a"), p.add("exclusiveGateway", "y"), p.user("c"))
    p.path("x", p.user("b"), "y")
    assert found(p)["c"] == ("c", "y", "x", "s")
    assert found(p)["b"] == ("b", "x", "s")


def test_in_a_branch_and_behind_a_join_the_fork() -> None:
    p = Process()
    p.path(p.start(), p.user("a"), p.add("parallelGateway", "f"), p.user("b"), p.add("parallelGateway", "j"))
    p.path("f", p.user("c"), "j", p.user("d"))
    assert found(p)["b"] == ("b", "f", "a", "s")
    assert found(p)["j"] == ("j", "f", "a", "s")


def test_a_loop_is_led_to_by_its_entry() -> None:
    p = Process()
    p.path(p.start(), p.user("a"), p.user("b"), p.add("exclusiveGateway", "x"), p.user("c"))
    p.flow("x", "a")
    assert found(p)["a"] == ("a", "s")
    assert found(p)["c"] == ("c", "x", "b", "a", "s")


def test_a_boundary_event_is_led_to_by_its_activity_and_links_are_ways() -> None:
    p = Process()
    p.path(p.start(), p.user("a"), p.end())
    p.path(p.boundary("late", "a", timer("Duration", "PT1H")), p.user("b"))
    p.path("b", p.add("intermediateThrowEvent", "out", event("link", name="L")))
    p.path(p.add("intermediateCatchEvent", "in", event("link", name="L")), p.user("c"))
    assert found(p)["c"] == ("c", "in", "out", "b", "late", "a", "s")


def test_scopes_are_graphs_of_their_own_and_event_sub_processes_are_reached_by_no_flow() -> None:
    inner, handler = Scope(), Scope()
    inner.path(inner.start("si"), inner.user("i"), inner.end("ei"))
    handler.path(handler.start("sh", timer("Duration", "PT1H")), handler.user("h"))
    p = Process()
    p.path(p.start(), p.sub("sub", inner), p.user("a"))
    p.sub("on-time", handler, by_event=True)
    assert found(p, "sub")["i"] == ("i", "si")
    assert found(p)["a"] == ("a", "sub", "s")
    assert "on-time" not in found(p)

"""Tokens, gateways, loops and ends; every trap of SpiffWorkflow's own runtime that touches them is a test."""

from __future__ import annotations

import pytest

from bpm_server import bpmn, engine
from bpm_server.kernel.errors import InvalidInput
from tests.support.bpmn_builder import Process, Scope, event, timer
from tests.support.engine_world import World


def run(process: Process, **variables: object) -> World:
    return World.of(process.xml(), reload=True).start(dict(variables))


def test_an_activity_without_outgoing_flow_ends_its_path() -> None:
    p = Process()
    p.path(p.start(), p.user("a"))
    world = run(p).complete("a")
    assert world.finished


def test_several_outgoing_flows_are_a_split() -> None:
    p = Process()
    p.start()
    p.flow("s", p.user("a"))
    p.flow("s", p.user("b"))
    world = run(p)
    assert world.open() == ["a", "b"]
    assert not world.complete("a").finished
    assert world.complete("b").finished


def test_ids_start_and_end_are_ordinary_ids() -> None:
    p = Process()
    p.start("Start")
    p.end("End")
    p.path("Start", p.user("Root"), "End")
    world = run(p).complete("Root")
    assert world.completed() == ["Start", "Root", "End"]


def test_reaching_one_end_does_not_end_the_others() -> None:
    p = Process()
    p.path(p.start(), p.add("parallelGateway", "g"))
    p.path("g", p.end("e1"))
    p.path("g", p.user("a"), p.end("e2"))
    world = run(p)
    assert not world.finished
    assert world.complete("a").finished


def test_a_loop_of_five_thousand_turns_completes() -> None:
    p = Process()
    p.start()
    p.script("count", "=n + 1", "n")
    p.add("exclusiveGateway", "in")
    p.add("exclusiveGateway", "more", default="again")
    p.path("s", "in", "count", "more")
    p.flow("more", "in", id="again")
    p.flow("more", p.end(), "=n >= 5000")
    world = run(p, n=0)
    assert world.finished
    assert world.result == {"n": 5000}


def test_a_row_of_two_thousand_tasks_completes() -> None:
    p = Process()
    p.path(p.start(), *[p.add("task", f"t{n}") for n in range(2_000)], p.end())
    assert run(p).finished


def test_a_loop_that_nothing_ends_becomes_an_incident() -> None:
    p = Process()
    p.path(p.start(), p.add("exclusiveGateway", "in"), p.add("task", "a"), "in")
    world = World.of(p.xml(), limits=engine.Limits(steps=500)).start()
    (incident,) = world.incidents.values()
    assert incident.kind == "EXECUTION_LIMIT"
    assert "Expected at most 500 steps in one command" in incident.message
    assert not world.finished


def test_a_parallel_join_fires_once_per_turn_of_a_loop() -> None:
    p = Process()
    p.start()
    p.add("exclusiveGateway", "in")
    p.add("parallelGateway", "split")
    p.add("parallelGateway", "join")
    p.add("exclusiveGateway", "more", default="done")
    p.path("s", "in", "split")
    for name in ("a", "b"):
        p.path("split", p.user(name), "join")
    p.path("join", "more")
    p.flow("more", "in", "=again")
    p.flow("more", p.user("c"), id="done")
    world = run(p)
    for again in (True, False):
        world.complete("a", {"again": again})
        assert world.open() == ["b"]
        world.complete("b", {"again": again})
    assert world.open() == ["c"]


def test_a_parallel_join_counts_per_flow() -> None:
    """Two tokens on one flow do not stand for one on each."""
    p = Process()
    p.start()
    p.add("parallelGateway", "split")
    p.add("exclusiveGateway", "merge")
    p.add("parallelGateway", "join")
    p.path("s", "split")
    for name in ("a", "b"):
        p.path("split", p.user(name), "merge")
    p.path("split", p.user("c"), "join")
    p.path("merge", "join", p.user("after"))
    world = run(p).complete("a").complete("b")
    assert world.open() == ["c"]
    world.complete("c")
    assert world.open() == ["after"]
    assert [e.element_id for e in world.log if type(e).__name__ == "ElementActivated"].count("join") == 2


def test_an_exclusive_gateway_without_a_true_condition_raises_an_incident_and_can_be_resolved() -> None:
    p = Process()
    p.path(p.start(), p.add("exclusiveGateway", "g"))
    p.flow("g", p.user("a"), "=x > 1")
    p.flow("g", p.user("b"), "=x > 2")
    world = run(p, x=0)
    (incident,) = world.incidents.values()
    assert incident.kind == "CONDITION_ERROR"
    assert incident.element_id == "g"
    world.set(x=5).resolve("g")
    assert world.open() == ["a"]
    assert not world.incidents


def test_a_condition_that_is_not_true_or_false_says_what_it_gave() -> None:
    p = Process()
    p.path(p.start(), p.add("exclusiveGateway", "g"))
    p.flow("g", p.user("a"), "=missing.amount > 1")
    p.flow("g", p.user("b"), "=true")
    (incident,) = run(p).incidents.values()
    assert "condition of flow 'f_g_a'" in incident.message
    assert "found null" in incident.message


@pytest.mark.parametrize(("x", "opened"), [(1, ["a"]), (2, ["a", "b"]), (0, ["c"])])
def test_an_inclusive_gateway_takes_every_true_flow_or_the_default(x: int, opened: list[str]) -> None:
    p = Process()
    p.path(p.start(), p.add("inclusiveGateway", "g", default="f_g_c"))
    p.flow("g", p.user("a"), "=x >= 1")
    p.flow("g", p.user("b"), "=x >= 2")
    p.flow("g", p.user("c"))
    assert run(p, x=x).open() == opened


def test_an_inclusive_join_fires_when_the_other_token_can_no_longer_arrive() -> None:
    p = Process()
    p.start()
    p.add("inclusiveGateway", "split")
    p.add("inclusiveGateway", "join")
    p.path("s", "split")
    p.flow("split", p.user("a"), "=true")
    p.flow("split", p.user("b"), "=true")
    p.path("a", "join")
    p.add("exclusiveGateway", "leave", default="f_leave_join")
    p.path("b", "leave", "join")
    p.flow("leave", p.end("gone"), "=quit")
    p.path("join", p.user("after"))
    world = run(p).complete("a")
    assert world.open() == ["b"]
    world.complete("b", {"quit": True})
    assert world.open() == ["after"]


def test_links_jump_within_their_scope() -> None:
    p = Process()
    p.path(p.start(), p.add("intermediateThrowEvent", "out", event("link", name="L")))
    p.path(p.add("intermediateCatchEvent", "in", event("link", name="L")), p.user("a"))
    assert run(p).open() == ["a"]


def test_terminate_ends_its_own_scope_only() -> None:
    p, inner = Process(), Scope()
    inner.path(inner.start("is"), inner.add("parallelGateway", "ig"))
    inner.path("ig", inner.user("a"))
    inner.path("ig", inner.user("b"), inner.end("stop", event("terminate")))
    p.start()
    p.flow("s", p.sub("sub", inner))
    p.flow("s", p.user("beside"))
    p.path("sub", p.user("after"))
    world = run(p).complete("b")
    assert world.open() == ["after", "beside"]
    assert ("a", "terminated") in world.history


def test_a_start_event_with_a_trigger_does_not_wait_inside_the_instance() -> None:
    p = Process()
    p.message("m", "order")
    p.path(p.start("by-message", event("message", messageRef="m")), p.user("a"))
    world = World.of(p.xml())
    with pytest.raises(InvalidInput, match="Expected process 'p' to have a start event without a trigger"):
        world.start()
    assert World.of(p.xml()).start(element_id="by-message").open() == ["a"]


def test_an_uncaught_error_end_is_an_incident_not_the_end() -> None:
    p = Process()
    p.error("err", "E1")
    p.path(p.start(), p.end("boom", event("error", errorRef="err")))
    world = run(p)
    assert not world.finished
    assert [i.kind for i in world.incidents.values()] == ["UNHANDLED_ERROR_EVENT"]


def test_an_error_in_one_sub_process_leaves_its_neighbour_alone() -> None:
    p = Process()
    p.error("err", "E1")
    p.start()
    for name in ("left", "right"):
        inner = Scope()
        inner.path(inner.start(f"{name}-s"), inner.service(f"{name}-job"), inner.end(f"{name}-e"))
        p.flow("s", p.sub(name, inner))
        p.path(p.boundary(f"{name}-error", name, event("error", errorRef="err")), p.user(f"{name}-caught"))
    world = run(p).error("left-job", "E1")
    assert world.open() == ["left-caught", "right-job"]


def test_data_objects_and_associations_are_drawing() -> None:
    p = Process()
    p.add("dataObject", "data")
    p.add("dataObjectReference", "ref", dataObjectRef="data")
    association = (
        '<bpmn:dataInputAssociation id="da"><bpmn:sourceRef>elsewhere</bpmn:sourceRef></bpmn:dataInputAssociation>'
    )
    p.path(p.start(), p.user("a", association), p.end())
    assert run(p).complete("a").finished


def test_a_user_variable_may_have_any_name() -> None:
    p = Process()
    p.path(p.start(), p.user("a"), p.end())
    world = run(p, typename="x", __class__="y", 客户="华泰").complete("a")
    assert world.result == {"typename": "x", "__class__": "y", "客户": "华泰"}


def test_an_interrupted_activity_takes_its_subscriptions_along() -> None:
    p, inner = Process(), Scope()
    p.message("m", "news", '="k"')
    inner.path(inner.start("is"), inner.add("intermediateCatchEvent", "wait", event("message", messageRef="m")))
    p.path(p.start(), p.sub("sub", inner), p.end())
    p.path(p.boundary("late", "sub", timer("Duration", "PT1H")), p.user("a"))
    world = run(p).advance(hours=2)
    assert world.open() == ["a"]
    assert not world.waits
    assert not world.timers


def test_completing_a_task_twice_is_refused() -> None:
    p = Process()
    p.path(p.start(), p.user("a"), p.user("b"))
    world = run(p)
    first = world.task("a").key
    world.complete("a")
    from bpm_server.domain.commands import CompleteTask
    from bpm_server.kernel.errors import WrongState

    with pytest.raises(WrongState, match="to be active, but it has ended"):
        engine.advance(world.instance, CompleteTask(first), world.context())


def test_several_processes_in_one_file_are_compiled_apart() -> None:
    first, second = Process("p"), Process("q")
    first.path(first.start("s1"), first.user("a"))
    second.path(second.start("s2"), second.user("b"))
    body = second.xml().decode()
    inner = body[body.index("<bpmn:process") : body.index("</bpmn:definitions>")]
    xml = first.xml().decode().replace("</bpmn:definitions>", inner + "</bpmn:definitions>").encode()
    diagram = bpmn.read(xml, name="two.bpmn")
    assert [process.id for process in diagram.processes] == ["p", "q"]
    assert World.of(xml, "q").start().open() == ["b"]

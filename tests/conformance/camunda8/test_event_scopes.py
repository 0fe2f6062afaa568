"""Event sub-processes, terminate end events, links, conditional events, event-based gateways."""

from __future__ import annotations

import pytest

from tests.conformance.camunda8.scenario import catch, catch_message, event_sub_process, refused, run, throw, zeebe
from tests.support.bpmn_builder import Process, Scope, event, extensions, io, multi_instance, timer


def condition(text: str, changes: str | None = None) -> str:
    """A conditional event definition."""
    filters = "" if changes is None else extensions(zeebe("conditionalFilter", variableEvents=changes))
    return event("conditional", f'{filters}<bpmn:condition xsi:type="bpmn:tFormalExpression">{text}</bpmn:condition>')


def watched(definition: str, *, interrupting: bool = True, extra: str = "") -> Process:
    """A job ``a`` with a boundary event that leads to user task ``b``."""
    p = Process()
    p.path(p.start(), p.service("a", extra=extra), p.end())
    p.path(p.boundary("on", "a", definition, interrupting=interrupting), p.user("b"))
    return p


# --- event sub-processes --------------------------------------------------------------------------------


def with_event_sub_process(*, interrupting: bool) -> Process:
    p = Process()
    p.message("m", "cancel", '="k"')
    p.path(p.start(), p.user("a"), p.end())
    event_sub_process(p, "esp", event("message", messageRef="m"), "x", interrupting=interrupting)
    return p


def test_an_interrupting_event_sub_process_ends_its_scope_and_starts_once() -> None:
    """Event subprocess: all active instances of its scope are terminated; triggered only once."""
    world = run(with_event_sub_process(interrupting=True)).message("cancel", {"why": "late"})
    assert world.open() == ["x"]
    assert not world.waits
    assert world.complete("x").result == {"why": "late"}


def test_a_non_interrupting_event_sub_process_starts_as_often_as_it_is_triggered() -> None:
    """Event subprocess: its scope is completed only when every triggered instance is."""
    world = run(with_event_sub_process(interrupting=False)).message("cancel").message("cancel")
    assert world.open() == ["a", "x", "x"]
    assert not world.complete("a").finished
    assert world.complete("x").complete("x").finished


def test_an_interrupting_event_sub_process_ends_the_others() -> None:
    """Event subprocess: also instances of non-interrupting event sub-processes of the scope."""
    p = with_event_sub_process(interrupting=False)
    event_sub_process(p, "stop", timer("Duration", "PT1H"), "y")
    world = run(p).message("cancel")
    assert world.open() == ["a", "x"]
    assert world.advance(hours=1).open() == ["y"]


def test_an_event_sub_process_changes_the_variables_of_its_scope() -> None:
    """Event subprocess / Variables: it sees and modifies the local variables of the containing scope."""
    p, inner = Process(), Scope()
    p.message("m", "note", '="k"')
    inner.path(inner.start("is"), inner.user("a"), inner.end("ie"))
    event_sub_process(inner, "esp", event("message", messageRef="m"), "x", interrupting=False)
    p.path(p.start(), p.sub("sub", inner, extensions(io({"n": "=1"}, {"n": "=n"}))), p.end())
    world = run(p).message("note", {"n": 2})
    assert world.complete("x", {"n": 3}).complete("a").result == {"n": 3}


def test_local_variables_of_an_event_sub_process_can_be_mapped() -> None:
    """Event subprocess / Variables: input mappings are local, output mappings keep what they name."""
    p = Process()
    p.message("m", "note", '="k"')
    p.path(p.start(), p.user("a"), p.end())
    mapping = io({"draft": "=1"}, {"final": "=draft + 1"})
    event_sub_process(p, "esp", event("message", messageRef="m"), "x", extra=mapping)
    assert run(p).message("note").complete("x", {"draft": 5}).result == {"final": 6}


# --- terminate ------------------------------------------------------------------------------------------


def parallel_to_terminate(scope: Scope) -> None:
    """Two user tasks, the end of ``c`` terminates."""
    scope.path(scope.start("ts"), scope.add("parallelGateway", "tg"), scope.user("b"), scope.end("te"))
    scope.path("tg", scope.user("c"), scope.end("terminate", event("terminate")))


def test_a_terminate_end_event_ends_the_process() -> None:
    """Terminate events / On the process scope: everything is terminated, the process completes."""
    p = Process()
    parallel_to_terminate(p)
    world = run(p).complete("c")
    assert world.finished
    assert ("b", "terminated") in world.history


def test_a_terminate_end_event_stays_in_its_sub_process() -> None:
    """Terminate events / Inside a subprocess: the sub-process completes and its flow is taken."""
    p, inner = Process(), Scope()
    parallel_to_terminate(inner)
    p.start()
    p.flow("s", p.sub("sub", inner))
    p.path("s", p.user("outside"))
    p.path("sub", p.user("after"))
    assert run(p).complete("c").open() == ["after", "outside"]


def test_a_terminate_end_event_ends_one_iteration() -> None:
    """Terminate events / Inside a subprocess: other multi-instance iterations are not terminated."""
    p, inner = Process(), Scope()
    parallel_to_terminate(inner)
    p.path(p.start(), p.sub("sub", inner, multi_instance("=[1, 2]")), p.end())
    world = run(p).complete("c")
    assert world.open() == ["b", "c"]
    assert world.complete("c").finished


# --- links ----------------------------------------------------------------------------------------------


def test_a_link_is_a_flow() -> None:
    """Link events: a pair works as two none events with a sequence flow; many may throw to one."""
    p = Process()
    p.path(p.start(), p.user("a"), throw(p, "t", event("link", name="L")))
    p.path(catch(p, "c", event("link", name="L")), p.user("b"), p.end())
    assert run(p).complete("a").open() == ["b"]


def test_a_link_makes_a_loop() -> None:
    """Link events: a pair can form a retry loop."""
    p = Process()
    p.path(p.start(), p.script("n1", "=0", "n"), p.add("exclusiveGateway", "in"))
    p.path(catch(p, "c", event("link", name="again")), "in")
    p.path("in", p.script("inc", "=n + 1", "n"), p.add("exclusiveGateway", "g", default="back"))
    p.flow("g", p.end(), "=n >= 3")
    p.flow("g", throw(p, "t", event("link", name="again")), id="back")
    assert run(p).result == {"n": 3}


def test_a_link_without_target_is_refused() -> None:
    """Link events: the two events are a pair by their link name."""
    p = Process()
    p.path(p.start(), throw(p, "t", event("link", name="nowhere")))
    assert refused(p) == {"link-target"}


# --- conditional events ---------------------------------------------------------------------------------


def test_a_condition_that_holds_on_activation_triggers() -> None:
    """Conditionals / Triggering on scope activation: the job is cancelled at once."""
    world = run(watched(condition("=x > 10")), x=11)
    assert world.open() == ["b"]


def test_a_condition_triggers_when_its_variable_changes() -> None:
    """Conditionals / Triggering on variable changes."""
    world = run(watched(condition("=x > 10")), x=5)
    assert world.open() == ["a"]
    assert world.set(x=11).open() == ["b"]


def test_an_intermediate_conditional_event_waits() -> None:
    """Conditional events / Intermediate conditional catch events."""
    p = Process()
    p.path(p.start(), catch(p, "c", condition("=ready")), p.end())
    world = run(p, ready=False)
    assert not world.finished
    assert world.set(ready=True).finished


def test_a_non_interrupting_condition_triggers_at_every_change() -> None:
    """Conditional events / Conditional boundary events: several times, once for each update."""
    world = run(watched(condition("=x > 10"), interrupting=False), x=5)
    assert world.set(x=11).set(x=12).set(x=3).open() == ["a", "b", "b"]


def test_several_variables_in_one_update_trigger_once() -> None:
    """Conditionals / Single evaluation per state update."""
    world = run(watched(condition("=x > 10 or y > 5"), interrupting=False), x=1, y=1)
    assert world.set(x=11, y=6).open() == ["a", "b"]


def test_a_variable_that_the_condition_does_not_name_triggers_nothing() -> None:
    """Conditionals / Expression-based evaluation: only the variables of the expression count."""
    world = run(watched(condition("=x > 10"), interrupting=False), x=11)
    assert world.open() == ["a", "b"]
    assert world.set(other=1).open() == ["a", "b"]


@pytest.mark.parametrize(("changes", "opened"), [("create", 1), ("update", 1), ("create, update", 2)])
def test_a_filter_limits_the_kinds_of_change(changes: str, opened: int) -> None:
    """Conditionals / Variable filter semantics: created, updated, or both."""
    world = run(watched(condition("=x > 10", changes), interrupting=False))
    world.set(x=11).set(x=12)
    assert world.open() == ["a", *["b"] * opened]


def test_an_input_mapping_can_trigger_a_condition() -> None:
    """Conditionals / Triggering from input mappings."""
    assert run(watched(condition("=x > 10"), extra=io({"x": "=20"})), x=1).open() == ["b"]


def test_results_do_not_trigger_a_condition_of_their_own_activity() -> None:
    """Conditionals / No triggering from output mappings: the subscription is gone by then."""
    assert run(watched(condition("=x > 10"))).work("a", {"x": 11}).finished


def test_a_local_change_does_not_reach_other_scopes() -> None:
    """Conditionals / Scope isolation: only events that see the variable are evaluated."""
    p, inner = Process(), Scope()
    inner.path(inner.start("is"), inner.service("a"), inner.end("ie"))
    inner.path(inner.boundary("on-a", "a", condition("=x > 10")), inner.user("ia"))
    p.start()
    p.flow("s", p.sub("sub", inner, extensions(io({"x": "=0"}))))
    p.flow("s", p.service("b"))
    p.path(p.boundary("on-b", "b", condition("=x > 10")), p.user("ib"))
    world = run(p)
    from bpm_server.domain import commands as c

    sub = next(key for key, (element, _) in world.active.items() if element == "sub")
    assert world.do(c.SetVariables(sub, {"x": 11}, True)).open() == ["b", "ia"]


def test_a_conditional_event_sub_process_starts() -> None:
    """Conditional events / Event subprocess conditional start events: interrupting cancels its scope."""
    p = Process()
    p.path(p.start(), p.service("a"), p.end())
    event_sub_process(p, "esp", condition("=canceled"), "x")
    assert run(p, canceled=False).set(canceled=True).open() == ["x"]


# --- event-based gateways -------------------------------------------------------------------------------


def test_the_first_event_behind_a_gateway_decides() -> None:
    """Event-based gateway: the first event that is triggered is taken, the others are closed."""
    p = Process()
    p.message("m", "reply", '="k"')
    p.path(p.start(), p.add("eventBasedGateway", "g"))
    p.path("g", catch_message(p, "answer", "m"), p.user("thank"))
    p.path("g", catch(p, "late", timer("Duration", "PT1H")), p.user("phone"))
    assert run(p).advance(hours=1).open() == ["phone"]
    world = run(p).message("reply", {"text": "yes"})
    assert (world.open(), world.timers, world.process_variables()) == (["thank"], {}, {"text": "yes"})


def test_an_event_based_gateway_needs_two_events() -> None:
    """Event-based gateway: at least two outgoing flows, each to a catch event."""
    p = Process()
    p.path(p.start(), p.add("eventBasedGateway", "g"), catch(p, "t", timer("Duration", "PT1H")), p.end())
    assert refused(p) == {"event-gateway-flows"}

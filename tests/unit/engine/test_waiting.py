"""Timers, messages, boundary events, event sub-processes and event-based gateways."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bpm_server.domain import events as e
from tests.support.bpmn_builder import Process, Scope, event, io, multi_instance, timer
from tests.support.engine_world import START, World


def run(process: Process, **variables: object) -> World:
    return World.of(process.xml(), reload=True).start(dict(variables))


def test_a_timer_is_due_from_the_engine_time_of_its_command() -> None:
    p = Process()
    p.path(p.start(), p.add("intermediateCatchEvent", "t", timer("Duration", "PT15M")), p.end())
    world = run(p)
    assert [t.due_at for t in world.timers.values()] == [START + timedelta(minutes=15)]
    assert not world.advance(minutes=14).finished
    assert world.advance(minutes=1).finished


@pytest.mark.parametrize("text", ["=due", '=duration("PT1H")', "=date and time(due)", '="2026-01-01T01:00:00Z"'])
def test_a_timer_may_be_an_expression(text: str) -> None:
    kind = "Duration" if "duration" in text else "Date"
    p = Process()
    p.path(p.start(), p.add("intermediateCatchEvent", "t", timer(kind, text)), p.end())
    world = run(p, due="2026-01-01T01:00:00Z")
    assert [t.due_at for t in world.timers.values()] == [START + timedelta(hours=1)]


def test_a_timer_that_is_no_time_is_an_incident_and_can_be_mended() -> None:
    p = Process()
    p.path(p.start(), p.add("intermediateCatchEvent", "t", timer("Duration", "=wait")), p.end())
    world = run(p, wait="soon")
    (incident,) = world.incidents.values()
    assert "such as PT15M or P3D, but found 'soon'" in incident.message
    world.set(wait="PT1M").resolve("t")
    assert world.advance(minutes=1).finished


def test_a_non_interrupting_cycle_fires_as_often_as_it_says_and_does_not_drift() -> None:
    p = Process()
    p.path(p.start(), p.user("a"), p.end())
    p.path(p.boundary("again", "a", timer("Cycle", "R3/PT1H"), interrupting=False), p.user("remind"))
    world = run(p)
    for count in (1, 2, 3):
        world.advance(minutes=61)
        assert world.open().count("remind") == count
    assert not world.timers
    assert world.open().count("a") == 1


def test_an_interrupting_boundary_event_ends_its_host() -> None:
    p = Process()
    p.path(p.start(), p.user("a"), p.end())
    p.path(p.boundary("late", "a", timer("Duration", "PT1H")), p.user("b"))
    world = run(p).advance(hours=1)
    assert world.open() == ["b"]
    assert ("a", "terminated") in world.history


def test_a_message_finds_its_instance_by_key_and_brings_variables() -> None:
    p = Process()
    p.message("m", "payment", "=orderNumber")
    p.path(p.start(), p.add("receiveTask", "r", messageRef="m"), p.user("a"))
    world = run(p, orderNumber=42)
    assert [w.correlation_key for w in world.waits.values()] == ["42"]
    world.message("payment", {"paid": True})
    assert world.process_variables() == {"orderNumber": 42, "paid": True}


def test_a_correlation_key_that_is_null_is_an_incident() -> None:
    p = Process()
    p.message("m", "payment", "=orderNumber")
    p.path(p.start(), p.add("receiveTask", "r", messageRef="m"))
    (incident,) = run(p).incidents.values()
    assert "correlation key of 'r' 'orderNumber' to be text or a number, but found null" in incident.message


def test_the_first_event_behind_a_gateway_wins() -> None:
    p = Process()
    p.message("m", "reply", '="k"')
    p.path(p.start(), p.add("eventBasedGateway", "g"))
    p.path("g", p.add("intermediateCatchEvent", "late", timer("Duration", "P3D")), p.user("phone"))
    p.path("g", p.add("intermediateCatchEvent", "answer", event("message", messageRef="m")), p.user("thank"))
    world = run(p)
    world.message("reply", {"text": "yes"})
    assert world.open() == ["thank"]
    assert not world.timers
    assert world.process_variables()["text"] == "yes"
    assert run(p).advance(days=3).open() == ["phone"]


def handler(inner_id: str, definition: str, *, interrupting: bool) -> Scope:
    scope = Scope()
    scope.path(
        scope.start(f"{inner_id}-s", definition, isInterrupting=str(interrupting).lower()),
        scope.user(f"{inner_id}-task"),
        scope.end(f"{inner_id}-e"),
    )
    return scope


def test_an_event_sub_process_does_not_run_at_process_start() -> None:
    p = Process()
    p.error("err", "E1")
    p.path(p.start(), p.service("job"), p.end())
    p.sub("on-error", handler("h", event("error", errorRef="err"), interrupting=True), by_event=True)
    world = run(p)
    assert world.open() == ["job"]
    world.error("job", "E1")
    assert world.open() == ["h-task"]
    assert world.complete("h-task").finished


def test_a_non_interrupting_event_sub_process_runs_beside() -> None:
    p = Process()
    p.message("m", "news", '="k"')
    p.path(p.start(), p.user("a"), p.end())
    p.sub("on-news", handler("h", event("message", messageRef="m"), interrupting=False), by_event=True)
    world = run(p).message("news").message("news")
    assert world.open() == ["a", "h-task", "h-task"]
    world.complete("a")
    assert not world.finished
    assert world.complete("h-task").complete("h-task").finished


def test_an_interrupting_event_sub_process_ends_the_rest_of_its_scope_and_no_other_can_start() -> None:
    p, inner = Process(), Scope()
    p.message("m", "stop", '="k"')
    inner.path(inner.start("is"), inner.user("a"), inner.end("ie"))
    inner.sub("on-stop", handler("h", event("message", messageRef="m"), interrupting=True), by_event=True)
    inner.sub("on-time", handler("t", timer("Duration", "PT1H"), interrupting=False), by_event=True)
    p.path(p.start(), p.sub("sub", inner), p.user("after"))
    world = run(p).message("stop")
    assert world.open() == ["h-task"]
    assert not world.timers
    assert world.complete("h-task").open() == ["after"]


def test_an_event_sub_process_whose_timer_waits_does_not_hold_the_process_open() -> None:
    p = Process()
    p.path(p.start(), p.user("a"), p.end())
    p.sub("on-time", handler("t", timer("Duration", "PT1H"), interrupting=True), by_event=True)
    world = run(p).complete("a")
    assert world.finished
    assert not world.timers


def test_an_escalation_that_nobody_catches_has_no_effect() -> None:
    p = Process()
    p.escalation("esc", "E")
    p.path(p.start(), p.add("intermediateThrowEvent", "up", event("escalation", escalationRef="esc")), p.user("a"))
    assert run(p).open() == ["a"]


def test_an_interrupting_escalation_ends_the_sub_process_that_threw_it() -> None:
    p, inner = Process(), Scope()
    p.escalation("esc", "E")
    inner.path(
        inner.start("is"), inner.add("intermediateThrowEvent", "up", event("escalation", escalationRef="esc")),
        inner.user("a"),
    )  # fmt: skip
    p.path(p.start(), p.sub("sub", inner))
    p.path(p.boundary("caught", "sub", event("escalation", escalationRef="esc")), p.user("b"))
    world = run(p)
    assert world.open() == ["b"]
    assert ("sub", "terminated") in world.history


def test_an_exact_error_code_goes_before_catch_all() -> None:
    p = Process()
    p.error("err", "E1")
    p.path(p.start(), p.service("job"))
    p.path(p.boundary("any", "job", event("error")), p.user("by-any"))
    p.path(p.boundary("exact", "job", event("error", errorRef="err")), p.user("by-code"))
    assert run(p).error("job", "E1").open() == ["by-code"]
    assert run(p).error("job", "other").open() == ["by-any"]


def test_a_boundary_message_maps_its_variables() -> None:
    p = Process()
    p.message("m", "news", '="k"')
    p.path(p.start(), p.user("a"))
    from tests.support.bpmn_builder import extensions

    body = extensions(io(outputs={"headline": "=title"})) + event("message", messageRef="m")
    p.path(p.boundary("b", "a", body), p.user("read"))
    world = run(p).message("news", {"title": "T", "rest": 1})
    assert world.process_variables() == {"headline": "T"}


def test_compensation_runs_the_handlers_of_what_was_completed() -> None:
    p = Process()
    p.path(p.start(), p.user("book"), p.user("pay"))
    p.path("pay", p.add("intermediateThrowEvent", "undo", event("compensate")), p.user("after"))
    p.boundary("book-undo", "book", event("compensate"))
    p.add("userTask", "cancel-booking", isForCompensation="true")
    p.add("association", "assoc", sourceRef="book-undo", targetRef="cancel-booking")
    world = run(p).complete("book").complete("pay")
    assert world.open() == ["cancel-booking"]
    assert world.complete("cancel-booking").open() == ["after"]


@pytest.mark.parametrize(
    ("events", "sets", "reminders"),
    [
        ("", [{"x": 5}, {"x": 6}], 2),
        ("create", [{"x": 5}, {"x": 6}], 1),
        ("update", [{"x": 5}, {"x": 6}], 1),
        ("create, update", [{"x": 5}, {"x": 6}], 2),
    ],
)
def test_a_conditional_event_counts_the_changes_that_its_filter_names(
    events: str, sets: list[dict[str, int]], reminders: int
) -> None:
    conditions = (
        "<bpmn:conditionalEventDefinition><bpmn:extensionElements>"
        f'<zeebe:conditionalFilter variableNames="x" variableEvents="{events}"/></bpmn:extensionElements>'
        "<bpmn:condition>=x &gt; 3</bpmn:condition></bpmn:conditionalEventDefinition>"
    )
    p = Process()
    p.path(p.start(), p.user("a"), p.end())
    p.path(p.boundary("again", "a", conditions, interrupting=False), p.user("remind"))
    world = run(p)
    for values in sets:
        world.set(**values)
    assert world.open().count("remind") == reminders


def waiting_items(**options: bool) -> World:
    """Two parallel items; in each a user task, then a conditional event that waits for ``go``."""
    p, inner = Process(), Scope()
    condition = '<bpmn:condition xsi:type="bpmn:tFormalExpression">=go</bpmn:condition>'
    inner.add("intermediateCatchEvent", "c", event("conditional", condition))
    inner.path(inner.start("s1"), inner.user("a"), "c", inner.user("b"), inner.end("e1"))
    p.sub("P", inner, multi_instance("=[1, 2]"))
    p.path(p.start(), "P", p.end())
    return World.of(p.xml(), **options).start()


def test_a_condition_comes_true_in_items_that_were_not_loaded() -> None:
    world = waiting_items(reload=True, partial=True).complete("a").complete("a")
    assert world.set(go=True).open() == ["b", "b"]


def test_conditions_come_true_in_the_order_in_which_their_elements_began_also_after_loading() -> None:
    world = waiting_items(reload=True).complete("a", nth=1).complete("a")
    world.set(go=True)
    caught = [happened.element_key for happened in world.log if isinstance(happened, e.EventTriggered)]
    assert caught == sorted(caught)

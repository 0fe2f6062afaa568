"""Compensation events and handlers."""

from __future__ import annotations

from tests.conformance.camunda8.scenario import event_sub_process, run, throw
from tests.support.bpmn_builder import Process, Scope, event, extensions, io, multi_instance
from tests.support.engine_world import World


def undoable(scope: Scope, id: str, body: str = "", handler: str = "") -> str:  # noqa: A002
    """A job with a compensation handler ``undo-<id>``."""
    scope.service(id, body=body)
    scope.add("boundaryEvent", f"on-{id}", event("compensate"), attachedToRef=id)
    work = extensions('<zeebe:taskDefinition type="undo"/>', handler)
    scope.add("serviceTask", f"undo-{id}", work, isForCompensation="true")
    scope.add("association", f"as-{id}", sourceRef=f"on-{id}", targetRef=f"undo-{id}", associationDirection="One")
    return id


def undo(scope: Scope, id: str = "undo", **attributes: str) -> str:  # noqa: A002
    """A compensation throw event."""
    return throw(scope, id, event("compensate", **attributes))


def worked(world: World, *ids: str) -> World:
    for key in ids:
        world.work(key)
    return world


def test_completed_activities_are_compensated() -> None:
    """Compensation events: the handler runs, then the throw event goes on."""
    p = Process()
    p.path(p.start(), undoable(p, "a"), undo(p), p.user("after"))
    world = worked(run(p), "a")
    assert world.open() == ["undo-a"]
    assert worked(world, "undo-a").open() == ["after"]


def test_all_handlers_are_invoked_at_once() -> None:
    """Compensation events / Triggering compensation: all of the scope; the throw event waits for each."""
    p = Process()
    p.path(p.start(), undoable(p, "a"), undoable(p, "b"), undo(p), p.user("after"))
    world = worked(run(p), "a", "b")
    assert world.open() == ["undo-a", "undo-b"]
    assert worked(world, "undo-a").open() == ["undo-b"]
    assert worked(world, "undo-b").open() == ["after"]


def test_active_activities_are_not_compensated() -> None:
    """Compensation events / Triggering compensation: handlers of active activities are not invoked."""
    p = Process()
    p.path(p.start(), p.add("parallelGateway", "g"), undoable(p, "a"), p.end())
    p.path("g", p.user("b"), undo(p), p.user("after"))
    assert run(p).complete("b").open() == ["a", "after"]


def test_a_handler_runs_as_often_as_its_activity_was_completed() -> None:
    """Compensation handler: invoked as many times as the activity was completed."""
    p = Process()
    p.path(p.start(), p.add("exclusiveGateway", "in"), undoable(p, "a"), p.add("exclusiveGateway", "g", default="on"))
    p.flow("g", "in", "=again")
    p.flow("g", undo(p), id="on")
    world = run(p, again=True).work("a", {"again": True}).work("a", {"again": False})
    assert world.open() == ["undo-a", "undo-a"]


def test_one_activity_can_be_compensated() -> None:
    """Compensation events / Triggering compensation for a specific activity."""
    p = Process()
    p.path(p.start(), undoable(p, "a"), undoable(p, "b"), undo(p, activityRef="a"), p.user("after"))
    assert worked(run(p), "a", "b").open() == ["undo-a"]


def test_a_completed_sub_process_is_compensated_inside() -> None:
    """Compensation events / Compensating embedded subprocesses: the handlers inside are invoked."""
    p, inner = Process(), Scope()
    inner.path(inner.start("is"), undoable(inner, "a"), inner.end("ie"))
    p.path(p.start(), p.sub("sub", inner), undo(p), p.user("after"))
    assert worked(run(p), "a").open() == ["undo-a"]


def test_a_throw_inside_a_sub_process_stays_inside() -> None:
    """Compensation events / Compensating embedded subprocesses: nothing outside is invoked."""
    p, inner = Process(), Scope()
    inner.path(inner.start("is"), undoable(inner, "b"), undo(inner), inner.end("ie"))
    p.path(p.start(), undoable(p, "a"), p.sub("sub", inner), p.user("after"))
    assert worked(run(p), "a", "b").open() == ["undo-b"]


def test_a_multi_instance_activity_is_compensated_once() -> None:
    """Compensation events / Compensating multi-instance activities: once, when all items are completed."""
    p = Process()
    p.path(p.start(), undoable(p, "a", multi_instance("=[1, 2]")), undo(p), p.user("after"))
    assert worked(run(p), "a", "a").open() == ["undo-a"]


def test_an_event_sub_process_compensates_its_scope() -> None:
    """Compensation events / Triggering compensation from an event subprocess: in the outer scope."""
    p, body = Process(), Scope()
    p.error("err", "E1")
    p.path(p.start(), undoable(p, "a"), p.service("b"), p.end())
    body.path(body.start("es", event("error", errorRef="err")), undo(body), body.end("ee"))
    p.sub("esp", body, by_event=True)
    assert worked(run(p), "a").error("b", "E1").open() == ["undo-a"]


def test_a_compensation_end_event_compensates() -> None:
    """Compensation events / Triggering compensation: also an end event."""
    p = Process()
    p.path(p.start(), undoable(p, "a"), p.end("e", event("compensate")))
    world = worked(run(p), "a")
    assert world.open() == ["undo-a"]
    assert worked(world, "undo-a").finished


def test_a_handler_has_mappings() -> None:
    """Compensation handler: input mappings before, output mappings after it."""
    p = Process()
    mapping = io({"why": "=reason"}, {"undone": "=ok"})
    p.path(p.start(), undoable(p, "a", handler=mapping), undo(p), p.end())
    world = worked(run(p, reason="late"), "a")
    (job,) = world.jobs.values()
    assert world.variables[job.element_key] == {"why": "late"}
    assert world.work("undo-a", {"ok": True, "noise": 1}).result == {"reason": "late", "undone": True}


def test_nothing_to_compensate_is_no_obstacle() -> None:
    """Compensation events / Triggering compensation: without completed activities it goes on."""
    p = Process()
    p.path(p.start(), undo(p), p.user("after"))
    event_sub_process(p, "unused", event("error"), "x")
    assert run(p).open() == ["after"]

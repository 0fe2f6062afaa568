"""Instances that go on by another version: what stays, what changes, and what stands in the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from bpm_server.domain.identity import Actor
from bpm_server.kernel.errors import Forbidden, InvalidInput, NotFound, WrongState
from bpm_server.reports.replay import replay
from bpm_server.services import incidents, jobs, migration, process_instances, resources, suspension, tasks
from bpm_server.store.tables.definitions import process_definition
from bpm_server.store.tables.instances import element_instance, incident, process_instance
from bpm_server.store.tables.jobs import job
from bpm_server.store.tables.jobs import timer as timer_rows
from bpm_server.store.tables.messages import subscription
from bpm_server.store.tables.tasks import user_task
from tests.support.bpmn_builder import Process, Scope, event, extensions, multi_instance, timer
from tests.support.product import ADMIN

if TYPE_CHECKING:
    from tests.support.product import Product


def definition(bpm: Product, version: int, process_id: str = "p") -> int:
    t = process_definition
    return int(bpm.scalars(sa.select(t.c.key).where(t.c.process_id == process_id, t.c.version == version))[0])


def migrate(bpm: Product, key: int, version: int = 2, **mapping: str) -> None:
    """To a version of ``p``; what the trial says must be what happens, on a server that has forgotten the instance."""
    target = definition(bpm, version)
    bpm.server.hot.clear()
    trial = migration.check_migration(bpm.server, ADMIN, key, target, mapping)
    expected = [one.as_json() for one in trial.obstacles]
    found: list[dict[str, str]] = []
    try:
        migration.migrate_instance(bpm.server, ADMIN, key, target, list(mapping.items()))
    except WrongState as error:
        found = error.details["obstacles"]
        raise
    finally:
        assert found == expected
    bpm.server.hot.clear()
    assert replay(bpm.server, key).difference is None


def line(*elements: str, kind: str = "user") -> bytes:
    process = Process()
    process.start("s")
    for element in elements:
        getattr(process, kind)(element)
    process.path("s", *elements, process.end("e"))
    return process.xml()


def test_an_assigned_task_stays_and_the_new_version_goes_on_behind_it(bpm: Product) -> None:
    bpm.deploy(line("a"))
    key = bpm.start()
    task = bpm.task("a")
    tasks.assign_task(bpm.server, ADMIN, task.key, "ann")
    bpm.deploy(line("first", "second"))
    migrate(bpm, key, a="first")
    (row,) = bpm.rows(sa.select(user_task).where(user_task.c.key == task.key))
    assert (row.element_id, row.assignee, row.process_version, row.state) == ("first", "ann", 2, "CREATED")
    (instance,) = bpm.rows(sa.select(process_instance).where(process_instance.c.key == key))
    assert (instance.version, instance.process_definition_key) == (2, definition(bpm, 2))
    task.complete()
    assert bpm.open_tasks() == ["second"]
    bpm.task("second").complete()
    assert bpm.state(key) == "COMPLETED"
    t = element_instance
    history = bpm.scalars(sa.select(t.c.element_id).where(t.c.instance_key == key).order_by(t.c.key))
    assert history == ["s", "first", "second", "e"]


def test_a_job_keeps_its_lease_and_an_incident_can_be_mended(bpm: Product) -> None:
    def model(condition: str) -> bytes:
        process = Process()
        process.start("s")
        process.service("w", "work")
        process.add("exclusiveGateway", "g", default="")
        process.path("s", "w", "g")
        process.flow("g", process.end("e"), condition)
        return process.xml().replace(b' default=""', b"")

    bpm.deploy(model("=missing > 3"))
    key, other = bpm.start(), bpm.start()
    first, second = jobs.activate_jobs(bpm.server, ADMIN, ["work"], limit=2, lease_ms=60_000)
    jobs.complete_job(bpm.server, ADMIN, first.row.key, {})  # no condition is true: an incident
    bpm.deploy(model("=true"))
    with pytest.raises(WrongState, match="active element 'g' is not mapped"):
        migrate(bpm, key, w="w")
    migrate(bpm, key, g="g")
    migrate(bpm, other, w="w")
    (row,) = bpm.rows(sa.select(job).where(job.c.key == second.row.key))
    assert (row.lease, row.process_version) == (second.row.lease, 2)
    jobs.complete_job(bpm.server, ADMIN, second.row.key, {})
    (found,) = bpm.scalars(sa.select(incident.c.key).where(incident.c.state == "ACTIVE"))
    incidents.resolve_incident(bpm.server, ADMIN, found)
    assert (bpm.state(key), bpm.state(other)) == ("COMPLETED", "COMPLETED")


def waiting(name: str, *events: tuple[str, str], host: str = "a") -> bytes:
    """A task with boundary events: ``(id, "timer PT2H" | "message name")``; a further task behind each."""
    process = Process(name="p")
    process.start("s")
    process.user(host)
    process.path("s", host, process.end("e"))
    for event_id, what in events:
        kind, text = what.split(" ")
        if kind == "message":
            body = event("message", messageRef=process.message(f"m_{text}", text, "=order"))
        else:
            body = timer("Duration", text)
        process.boundary(event_id, host, body, interrupting=not event_id.startswith("soft"))
        process.path(event_id, process.user(f"after_{event_id}"), process.end(f"end_{event_id}"))
    return process.xml().replace(b'id="definitions"', f'id="{name}"'.encode())


def test_mapped_events_go_on_waiting_others_end_or_begin(bpm: Product) -> None:
    bpm.deploy(waiting("one", ("late", "timer PT2H"), ("paid", "message paid"), ("gone", "message gone")))
    key = bpm.start(order="o1")
    bpm.clock.advance(hours=1)
    bpm.deploy(waiting("two", ("softly", "timer PT5H"), ("cash", "message money"), ("fresh", "timer PT9H"), host="b"))
    migrate(bpm, key, a="b", late="softly", paid="cash")
    due = {row.event_id: row.due_at for row in bpm.rows(sa.select(timer_rows))}
    assert sorted(due) == ["fresh", "softly"]
    assert (due["softly"] - bpm.clock.now()).total_seconds() == 3_600  # as it was: two hours after the start
    waits = bpm.rows(sa.select(subscription.c.event_id, subscription.c.name).where(subscription.c.instance_key == key))
    assert [tuple(row) for row in waits] == [("cash", "paid")]  # the name that was awaited
    bpm.publish("gone", "o1")
    assert bpm.open_tasks() == ["b"]
    bpm.clock.advance(hours=1)
    assert bpm.open_tasks() == ["after_softly", "b"]  # the new version says that it does not interrupt
    bpm.publish("paid", "o1")
    assert bpm.open_tasks() == ["after_cash", "after_softly"]


def test_events_may_change_places(bpm: Product) -> None:
    bpm.deploy(waiting("one", ("x", "message m1"), ("y", "message m2")))
    key = bpm.start(order="o1")
    bpm.deploy(waiting("two", ("x", "message m1"), ("y", "message m2"), ("z", "message m3")))
    migrate(bpm, key, a="a", x="y", y="x")
    bpm.publish("m1", "o1")
    assert bpm.open_tasks() == ["after_y"]


def test_an_intermediate_timer_keeps_its_due_time(bpm: Product) -> None:
    def model(duration: str, element_id: str) -> bytes:
        process = Process()
        process.start("s")
        process.add("intermediateCatchEvent", element_id, timer("Duration", duration))
        process.path("s", element_id, process.user("after"), process.end("e"))
        return process.xml()

    bpm.deploy(model("PT2H", "t"))
    key = bpm.start()
    bpm.deploy(model("PT99H", "wait"))
    migrate(bpm, key, t="wait")
    bpm.clock.advance(hours=2)
    assert bpm.open_tasks() == ["after"]


def each(*inner_tasks: str, sequential: bool = False, output: str | None = "done") -> bytes:
    process, inner = Process(), Scope()
    inner.start("is")
    for name in inner_tasks:
        inner.user(name)
    inner.path("is", *inner_tasks, inner.end("ie"))
    process.start("s")
    gathered = (output, "=n") if output else None
    process.sub("each", inner, multi_instance("=[1, 2, 3]", "n", sequential=sequential, output=gathered))
    process.path("s", "each", process.end("e"))
    return process.xml()


def test_items_of_a_multi_instance_keep_their_place_and_what_is_done(bpm: Product) -> None:
    bpm.deploy(each("x"))
    key = bpm.start()
    bpm.task("x", 1).complete()
    bpm.deploy(each("x", "y"))
    migrate(bpm, key, each="each", x="x")
    assert bpm.open_tasks() == ["x", "x"]
    for name in ("x", "x", "y", "y"):
        bpm.server.hot.clear()
        bpm.task(name).complete()
    assert bpm.state(key) == "COMPLETED"
    assert bpm.variables(key)["done"] == [1, 2, 3]


def test_a_join_keeps_the_tokens_that_have_arrived(bpm: Product) -> None:
    def model(*more: str) -> bytes:
        process = Process()
        process.start("s")
        process.add("parallelGateway", "fork")
        process.add("parallelGateway", "join")
        process.path("s", "fork")
        for task in ("a", "b"):
            process.path("fork", process.user(task), "join")
        rest = [process.user(name) for name in more]
        process.path("join", *rest, process.end("e"))
        return process.xml()

    bpm.deploy(model())
    key = bpm.start()
    bpm.task("a").complete()
    bpm.deploy(model("last"))
    with pytest.raises(WrongState, match="'join' is not mapped"):
        migrate(bpm, key, b="b")
    migrate(bpm, key, b="b", join="join")
    bpm.task("b").complete()
    assert bpm.open_tasks() == ["last"]


def test_a_called_process_goes_on_and_returns_to_the_migrated_caller(bpm: Product) -> None:
    called = Process("called")
    called.start("s")
    called.path("s", called.user("inner"), called.end("e"))

    def model(*more: str) -> bytes:
        process = Process()
        process.start("s")
        process.add("callActivity", "call", extensions('<zeebe:calledElement processId="called"/>'))
        process.path("s", "call", *[process.user(name) for name in more], process.end("e"))
        return process.xml()

    bpm.deploy(called.xml(), model())
    key = bpm.start()
    bpm.deploy(model("after"))
    migrate(bpm, key, call="call")
    bpm.task("inner").complete()
    assert bpm.open_tasks() == ["after"]


def test_a_suspended_instance_is_migrated_and_stays_suspended(bpm: Product) -> None:
    bpm.deploy(waiting("one", ("late", "timer PT2H")))
    key = bpm.start(order="o1")
    suspension.suspend_instance(bpm.server, ADMIN, key)
    bpm.deploy(waiting("two", ("late", "timer PT2H"), ("fresh", "timer PT1H")))
    migrate(bpm, key, a="a", late="late")
    bpm.clock.advance(hours=5)
    assert bpm.open_tasks() == ["a"]
    assert bpm.state(key) == "SUSPENDED"
    suspension.resume_instance(bpm.server, ADMIN, key)
    bpm.deliver()
    assert bpm.open_tasks() == ["after_fresh"]


def test_what_could_be_compensated_must_still_be(bpm: Product) -> None:
    def model(handler: bool, *more: str) -> bytes:
        process = Process()
        process.start("s")
        process.user("a")
        if handler:
            process.add("userTask", "undo", extensions("<zeebe:userTask/>"), isForCompensation="true")
            process.boundary("c", "a", event("compensate"))
            process.add("association", "as", sourceRef="c", targetRef="undo")
        process.add("intermediateThrowEvent", "throw", event("compensate"))
        process.path("s", "a", process.user("b"), *[process.user(name) for name in more], "throw", process.end("e"))
        return process.xml()

    bpm.deploy(model(handler=True))
    key = bpm.start()
    bpm.task("a").complete()
    bpm.deploy(model(handler=False))
    with pytest.raises(WrongState, match="completed activity 'a' could be compensated"):
        migrate(bpm, key, b="b")
    bpm.deploy(model(True, "more"))
    migrate(bpm, key, 3, b="b")
    bpm.task("b").complete()
    bpm.task("more").complete()
    assert bpm.open_tasks() == ["undo"]


@pytest.mark.parametrize(
    ("source", "target", "mapping", "reason"),
    [
        (line("a"), line("a", kind="service"), {"a": "a"}, "is userTask (user), and serviceTask (job) in the target"),
        (line("a"), line("b"), {}, "active element 'a' is not mapped"),
        (each("x"), each("x", "y", sequential=True), {"each": "each", "x": "x"}, "'each' takes its items at once"),
        (each("x"), each("x", output=None), {"each": "each", "x": "x"}, "collects outputs only in the source"),
        (each("x"), line("x"), {"each": "x", "x": "x"}, "'each' (to 'x') is subProcess, and userTask"),
        (
            waiting("one", ("x", "message m1")),
            waiting("two", ("x", "timer PT1H")),
            {"a": "a", "x": "x"},
            "event 'x' waits for something else",
        ),
    ],
)  # fmt: skip
def test_what_stands_in_the_way_is_said(
    bpm: Product, source: bytes, target: bytes, mapping: dict[str, str], reason: str
) -> None:
    bpm.deploy(source)
    key = bpm.start(order="o1")
    before = bpm.rows(sa.select(process_instance))
    bpm.deploy(target)
    with pytest.raises(WrongState) as raised:
        migrate(bpm, key, **mapping)
    assert reason in " | ".join(one["reason"] for one in raised.value.details["obstacles"])
    assert bpm.rows(sa.select(process_instance)) == before


def test_an_element_inside_another_scope_is_no_place_to_go(bpm: Product) -> None:
    process, inner = Process(), Scope()
    inner.start("is")
    inner.path("is", inner.user("a"), inner.end("ie"))
    process.start("s")
    process.sub("sub", inner)
    process.path("s", "sub", process.end("e"))
    bpm.deploy(line("a"))
    key = bpm.start()
    bpm.deploy(process.xml())
    with pytest.raises(WrongState, match="'a' is inside 'p', and inside 'sub' in the target"):
        migrate(bpm, key, a="a")


def test_without_a_mapping_the_trial_maps_elements_of_the_same_id(bpm: Product) -> None:
    bpm.deploy(line("a", "b"))
    key = bpm.start()
    bpm.deploy(line("a", "c"))
    found = migration.check_migration(bpm.server, ADMIN, key, definition(bpm, 2))
    assert found.mapping == {"s": "s", "a": "a", "e": "e"}
    assert found.obstacles == ()
    assert bpm.open_tasks() == ["a"]


def test_wrong_requests(bpm: Product) -> None:
    bpm.deploy(line("a"))
    key = bpm.start()
    bpm.deploy(line("a", "b"))
    target = definition(bpm, 2)

    def attempt(expected: type[Exception], actor: Actor = ADMIN, **changes: Any) -> None:
        values: dict[str, Any] = {"key": key, "target_key": target, "mapping": [("a", "a")], **changes}
        with pytest.raises(expected):
            migration.migrate_instance(bpm.server, actor, values["key"], values["target_key"], values["mapping"])

    attempt(InvalidInput, mapping=[("a", "nothing")])
    attempt(InvalidInput, mapping=[("nothing", "a")])
    attempt(InvalidInput, mapping=[("a", "a"), ("a", "b")])
    attempt(NotFound, key=5)
    attempt(NotFound, target_key=5)
    attempt(Forbidden, actor=Actor("nobody"))
    resources.delete_resource(bpm.server, ADMIN, target)
    attempt(NotFound)
    process_instances.cancel_instance(bpm.server, ADMIN, key)
    attempt(NotFound, target_key=definition(bpm, 1))


def test_an_instance_with_many_items_is_migrated(bpm: Product) -> None:
    """As many rows as a large multi-instance has, in one transaction."""

    def model(*more: str) -> bytes:
        process = Process()
        process.start("s")
        process.user("each", multi_instance("=for i in 1..5000 return i", "n"))
        process.path("s", "each", *[process.user(name) for name in more], process.end("e"))
        return process.xml()

    bpm.deploy(model())
    key = bpm.start()
    bpm.deploy(model("after"))
    target = definition(bpm, 2)
    migration.migrate_instance(bpm.server, ADMIN, key, target, [("each", "each")])
    versions = sa.select(user_task.c.process_version, sa.func.count()).group_by(user_task.c.process_version)
    assert [tuple(row) for row in bpm.rows(versions)] == [(2, 5_000)]

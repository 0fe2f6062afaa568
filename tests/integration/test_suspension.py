"""Suspended instances: nothing moves, nothing is lost, and everything goes on when they are resumed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bpm_server.domain.identity import Actor
from bpm_server.kernel.errors import Forbidden, NotFound, WrongState
from bpm_server.services import deletion, jobs, messages, process_instances, suspension, tasks
from tests.support.bpmn_builder import Process, Scope, event, extensions, timer
from tests.support.product import ADMIN, SYSTEM

if TYPE_CHECKING:
    from tests.support.product import Product


def split(*branches: str, process: Process | None = None) -> Process:
    """A process whose start leads to every branch at once."""
    process = process or Process()
    process.start("s")
    for branch in branches:
        process.flow("s", branch)
        process.path(branch, process.end(f"end_{branch}"))
    return process


def suspend(bpm: Product, key: int) -> None:
    suspension.suspend_instance(bpm.server, ADMIN, key)


def resume(bpm: Product, key: int) -> None:
    suspension.resume_instance(bpm.server, ADMIN, key)
    bpm.deliver()


def test_tasks_of_a_suspended_instance_wait(bpm: Product) -> None:
    process = Process()
    process.user("u")
    bpm.deploy(split("u", process=process).xml())
    key = bpm.start()
    task = bpm.task("u")
    suspend(bpm, key)
    assert bpm.state(key) == "SUSPENDED"
    for act in (
        task.complete,
        lambda: tasks.claim_task(bpm.server, ADMIN, task.key),
        lambda: tasks.assign_task(bpm.server, ADMIN, task.key, "ann"),
        lambda: tasks.update_task(bpm.server, ADMIN, task.key, priority=3),
    ):
        with pytest.raises(WrongState, match="suspended"):
            act()
    resume(bpm, key)
    task.complete()
    assert bpm.state(key) == "COMPLETED"


def test_timers_fire_after_the_resumption_when_they_were_due_before(bpm: Product) -> None:
    process = Process()
    process.add("intermediateCatchEvent", "t", timer("Duration", "PT1H"))
    bpm.deploy(split("t", process=process).xml())
    key = bpm.start()
    suspend(bpm, key)
    bpm.clock.advance(hours=2)
    assert bpm.deliver() == 0
    assert bpm.state(key) == "SUSPENDED"
    resume(bpm, key)
    assert bpm.state(key) == "COMPLETED"


def test_jobs_are_not_handed_out_but_results_of_earlier_ones_are_kept(bpm: Product) -> None:
    process = Process()
    process.service("a", "work")
    process.service("b", "work")
    bpm.deploy(split("a", "b", process=process).xml())
    key = bpm.start()
    (early,) = jobs.activate_jobs(bpm.server, ADMIN, ["work"], limit=1, lease_ms=60_000)
    suspend(bpm, key)
    assert jobs.activate_jobs(bpm.server, ADMIN, ["work"], limit=5, lease_ms=60_000) == []
    jobs.complete_job(bpm.server, ADMIN, early.row.key, {"done": 1})
    with pytest.raises(NotFound, match="COMPLETED"):
        jobs.complete_job(bpm.server, ADMIN, early.row.key, {"done": 2})
    assert bpm.variables(key) == {}
    resume(bpm, key)
    assert bpm.variables(key) == {"done": 1}
    (other,) = jobs.activate_jobs(bpm.server, ADMIN, ["work"], limit=5, lease_ms=60_000)
    jobs.complete_job(bpm.server, ADMIN, other.row.key, {})
    assert bpm.state(key) == "COMPLETED"


def test_an_error_thrown_meanwhile_is_caught_after_the_resumption(bpm: Product) -> None:
    process = Process()
    error = process.error("error", "no")
    process.service("a", "work")
    process.boundary("caught", "a", event("error", errorRef=error))
    process.path("caught", process.user("mend"), process.end("mended"))
    bpm.deploy(split("a", process=process).xml())
    key = bpm.start()
    (job,) = jobs.activate_jobs(bpm.server, ADMIN, ["work"], limit=1, lease_ms=60_000)
    suspend(bpm, key)
    jobs.throw_job_error(bpm.server, ADMIN, job.row.key, "no", variables={"why": "empty"})
    assert bpm.open_tasks() == []
    resume(bpm, key)
    assert bpm.open_tasks() == ["mend"]
    assert bpm.variables(key) == {"why": "empty"}


def test_a_message_is_kept_for_its_time_to_live_and_a_signal_passes_by(bpm: Product) -> None:
    process = Process()
    message = process.message("m", "paid", '="o1"')
    signal = process.signal("sig", "stop")
    process.add("intermediateCatchEvent", "caught", event("message", messageRef=message))
    process.add("intermediateCatchEvent", "heard", event("signal", signalRef=signal))
    bpm.deploy(split("caught", "heard", process=process).xml())
    key = bpm.start()
    suspend(bpm, key)
    bpm.publish("paid", "o1", ttl_ms=3_600_000, amount=5)
    bpm.publish("paid", "o2", ttl_ms=3_600_000)
    bpm.signal("stop")
    with pytest.raises(NotFound):
        messages.correlate_message(bpm.server, ADMIN, "paid", "o1")
    assert bpm.variables(key) == {}
    resume(bpm, key)
    assert bpm.variables(key) == {"amount": 5}
    assert bpm.state(key) == "ACTIVE"  # still waits for the signal
    bpm.signal("stop")
    assert bpm.state(key) == "COMPLETED"


def test_a_called_process_ends_and_its_suspended_caller_goes_on_later(bpm: Product) -> None:
    called = Process("called")
    called.start("s")
    called.path("s", called.user("inner"), called.end("e"))
    caller = Process("p")
    caller.start("s")
    caller.add("callActivity", "call", extensions('<zeebe:calledElement processId="called"/>'))
    caller.path("s", "call", caller.user("after"), caller.end("e"))
    bpm.deploy(called.xml(), caller.xml())
    key = bpm.start()
    suspend(bpm, key)
    bpm.task("inner").complete(answer=42)  # the called instance is not suspended
    assert bpm.open_tasks() == []
    resume(bpm, key)
    assert bpm.open_tasks() == ["after"]
    assert bpm.variables(key)["answer"] == 42


def test_a_suspended_called_process_is_cancelled_with_its_caller(bpm: Product) -> None:
    called = Process("called")
    called.start("s")
    called.path("s", called.user("inner"), called.end("e"))
    caller = Process("p")
    caller.start("s")
    caller.add("callActivity", "call", extensions('<zeebe:calledElement processId="called"/>'))
    caller.path("s", "call", caller.end("e"))
    bpm.deploy(called.xml(), caller.xml())
    key = bpm.start()
    inner = process_instance_of(bpm, "inner")
    suspend(bpm, inner)
    process_instances.cancel_instance(bpm.server, ADMIN, key)
    assert (bpm.state(key), bpm.state(inner)) == ("TERMINATED", "TERMINATED")
    deletion.delete_instance(bpm.server, ADMIN, key)


def process_instance_of(bpm: Product, element_id: str) -> int:
    import sqlalchemy as sa

    from bpm_server.store.tables.tasks import user_task

    (found,) = bpm.scalars(sa.select(user_task.c.instance_key).where(user_task.c.element_id == element_id))
    return int(found)


def test_conditions_are_looked_at_when_it_goes_on(bpm: Product) -> None:
    process = Process()
    condition = '<bpmn:condition xsi:type="bpmn:tFormalExpression">=go = true</bpmn:condition>'
    process.add("intermediateCatchEvent", "c", event("conditional", condition))
    bpm.deploy(split("c", process=process).xml())
    key = bpm.start(go=False)
    suspend(bpm, key)
    process_instances.set_variables(bpm.server, ADMIN, key, {"go": True})
    bpm.deliver()
    assert bpm.state(key) == "SUSPENDED"
    resume(bpm, key)
    assert bpm.state(key) == "COMPLETED"


def test_it_stays_suspended_when_the_server_forgets_the_live_instance(bpm: Product) -> None:
    process, inner = Process(), Scope()
    inner.start("is")
    inner.path("is", inner.user("u"), inner.end("ie"))
    process.sub("sub", inner)
    bpm.deploy(split("sub", process=process).xml())
    key = bpm.start()
    suspend(bpm, key)
    bpm.server.hot.clear()
    with pytest.raises(WrongState, match="suspended"):
        bpm.task("u").complete()
    bpm.server.hot.clear()
    resume(bpm, key)
    bpm.task("u").complete()
    assert bpm.state(key) == "COMPLETED"


def test_what_cannot_be_suspended_or_resumed(bpm: Product) -> None:
    process = Process()
    process.user("u")
    bpm.deploy(split("u", process=process).xml())
    key = bpm.start()
    with pytest.raises(WrongState, match="ACTIVE already"):
        suspension.resume_instance(bpm.server, ADMIN, key)
    with pytest.raises(Forbidden):
        suspension.suspend_instance(bpm.server, Actor("nobody"), key)
    suspend(bpm, key)
    with pytest.raises(WrongState, match="SUSPENDED already"):
        suspend(bpm, key)
    process_instances.cancel_instance(bpm.server, SYSTEM, key)
    with pytest.raises(NotFound, match="TERMINATED"):
        resume(bpm, key)
    with pytest.raises(NotFound):
        suspend(bpm, 1)

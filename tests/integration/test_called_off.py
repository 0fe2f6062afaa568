"""What a step begins and calls off again has no consequences, and neither has what a later step of its command ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from bpm_server.domain.identity import SYSTEM
from bpm_server.services import jobs
from bpm_server.store.tables.instances import incident, instance_item, process_instance
from bpm_server.store.tables.tasks import user_task
from tests.support.bpmn_builder import Process, Scope, event, extensions, multi_instance
from tests.support.product import ADMIN

if TYPE_CHECKING:
    from tests.support.product import Product

FORM = '<zeebe:formDefinition formId="not-deployed"/>'


def call(process_id: str) -> str:
    return extensions(f'<zeebe:calledElement processId="{process_id}"/>')


def with_terminating_branch(p: Process) -> Process:
    """A branch ``x`` beside one that ends everything in the same step."""
    p.path(p.start(), p.add("parallelGateway", "g"), "x", p.end())
    p.path("g", p.end("stop", event("terminate")))
    return p


def called(p: Process, process_id: str = "called") -> Process:
    """A process that waits for a person, beside ``p``."""
    other = p.another(process_id)
    other.path(other.start("called_s"), other.user("called_u"), other.end("called_e"))
    return other


def test_a_call_that_ends_in_the_step_that_begins_it_starts_nothing(bpm: Product) -> None:
    p = Process()
    p.add("callActivity", "x", call("called"))
    called(p)
    bpm.deploy(with_terminating_branch(p).xml())
    key = bpm.start()
    assert bpm.scalars(sa.select(process_instance.c.key)) == [key]
    assert bpm.state(key) == "COMPLETED"


def test_a_task_that_ends_in_the_step_that_creates_it_needs_no_form(bpm: Product) -> None:
    p = Process()
    p.user("x", extra=FORM)
    bpm.deploy(with_terminating_branch(p).xml())
    assert bpm.state(bpm.start()) == "COMPLETED"
    assert bpm.rows(sa.select(user_task)) == []


def test_a_kept_message_does_not_reach_a_wait_that_ends_in_its_step(bpm: Product) -> None:
    p = Process()
    p.message("m", "paid", '="key"')
    p.add("receiveTask", "x", messageRef="m")
    bpm.deploy(with_terminating_branch(p).xml())
    bpm.publish("paid", "key", ttl_ms=60_000)
    assert bpm.state(bpm.start()) == "COMPLETED"


def test_of_two_kept_messages_the_first_may_end_the_wait_for_the_second(bpm: Product) -> None:
    p = Process()
    p.start()
    p.add("parallelGateway", "g")
    p.path("s", "g")
    for name in ("first", "second"):
        p.message(f"m_{name}", name, '="key"')
        p.path("g", p.add("receiveTask", name, messageRef=f"m_{name}"), p.end(f"e_{name}", event("terminate")))
    bpm.deploy(p.xml())
    for name in ("first", "second"):
        bpm.publish(name, "key", ttl_ms=60_000)
    assert bpm.state(bpm.start()) == "COMPLETED"


def test_an_error_that_nobody_catches_where_its_branch_is_terminated_in_the_same_step(bpm: Product) -> None:
    p = Process()
    p.error("failed", "failed")
    p.end("x", event("error", errorRef="failed"))
    p.path(p.start(), p.add("parallelGateway", "g"), "x")
    p.path("g", p.end("stop", event("terminate")))
    bpm.deploy(p.xml())
    assert bpm.state(bpm.start()) == "COMPLETED"


def test_an_error_out_of_a_called_item_ends_the_other_items_after_a_restart(bpm: Product) -> None:
    p, failing = Process(), Process("failing")
    p.error("failed", "failed")
    p.add("callActivity", "x", call("failing") + multi_instance("=[1, 2]"))
    p.boundary("caught", "x", event("error", errorRef="failed"))
    p.path(p.start(), "x", p.end())
    p.path("caught", p.user("after"))
    p.beside.append(failing)
    failing.path(failing.start("fs"), failing.user("u"), failing.end("fe", event("error", errorRef="failed")))
    bpm.deploy(p.xml())
    bpm.start()
    bpm.server.hot.clear()
    bpm.task("u").complete(SYSTEM)
    assert bpm.open_tasks() == ["after"]


def test_an_error_that_a_later_step_throws_out_of_one_item_ends_the_others_after_a_restart(bpm: Product) -> None:
    p, inner, failing = Process(), Scope(), Process("failing")
    p.error("failed", "failed")
    inner.add("callActivity", "c", call("failing"))
    inner.path(inner.start("is"), inner.user("u"), "c", inner.end("ie"))
    p.sub("x", inner, multi_instance("=[1, 2]"))
    p.boundary("caught", "x", event("error", errorRef="failed"))
    p.path(p.start(), "x", p.end())
    p.path("caught", p.user("after"))
    p.beside.append(failing)
    failing.path(failing.start("fs"), failing.end("fe", event("error", errorRef="failed")))
    bpm.deploy(p.xml())
    bpm.start()
    bpm.server.hot.clear()
    bpm.task("u").complete()
    assert bpm.open_tasks() == ["after"]


def test_a_failure_whose_variables_interrupt_the_element_is_nobodys_incident(bpm: Product) -> None:
    p = Process()
    condition = '<bpmn:condition xsi:type="bpmn:tFormalExpression">=broken</bpmn:condition>'
    p.path(p.start(), p.service("x"), p.end())
    p.path(p.boundary("b", "x", event("conditional", condition)), p.user("after"))
    bpm.deploy(p.xml())
    bpm.start()
    jobs.fail_job(bpm.server, ADMIN, bpm.job("x"), retries=0, variables={"broken": True})
    assert bpm.open_tasks() == ["after"]
    assert bpm.rows(sa.select(incident)) == []


def test_a_finished_multi_instance_leaves_no_rows_of_its_items(bpm: Product) -> None:
    p, inner = Process(), Scope()
    inner.path(inner.start("is"), inner.user("u"), inner.end("ie"))
    p.sub("x", inner, multi_instance("=[1, 2]", output=("results", "=1")))
    p.path(p.start(), "x", p.user("after"), p.end())
    bpm.deploy(p.xml())
    bpm.start()
    for _ in range(2):
        bpm.task("u").complete()
    assert bpm.open_tasks() == ["after"]
    assert bpm.rows(sa.select(instance_item)) == []

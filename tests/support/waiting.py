"""A process that waits in every way there is, and how to finish it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.bpmn_builder import Process, event, extensions, io, multi_instance, timer

if TYPE_CHECKING:
    from tests.support.product import Product

LANES = ("review", "work", "each", "paid", "later", "call")


def waiting_process() -> bytes:
    """Six tokens side by side: a task with a reminder, a job, items, a message, a timer and a called process."""
    p, q = Process(), Process("q")
    p.message("m_paid", "paid", "=order")
    p.start("s")
    p.add("parallelGateway", "fork")
    p.add("parallelGateway", "join")
    p.flow("s", "fork")
    p.user("review", extra='<zeebe:assignmentDefinition candidateGroups="sales"/>')
    p.boundary("reminder", "review", timer("Cycle", "R3/PT2H"), interrupting=False)
    p.path("reminder", p.end("reminded"))
    p.service("work")
    p.user("each", multi_instance("=[1, 2]", "n", output=("done", "=n")))
    p.add("intermediateCatchEvent", "paid", event("message", messageRef="m_paid"))
    p.add("intermediateCatchEvent", "later", timer("Duration", "PT1H"))
    p.add("callActivity", "call", extensions('<zeebe:calledElement processId="q"/>'))
    for lane in LANES:
        p.path("fork", lane, "join")
    p.path("join", p.end("e"))
    q.path(q.start("qs"), q.user("inner"), q.end("qe"))
    p.beside.append(q)
    return p.xml()


def webhook_process() -> bytes:
    """Its job is done by the outbox."""
    p = Process("w")
    p.path(
        p.start(), p.service("send", "webhook", extra=io({"endpoint": '="finance"', "eventType": '="paid"'})), p.end()
    )
    return p.xml()


def finish(bpm: Product, key: int, order: str) -> None:
    """Does everything that an instance waits for."""
    bpm.publish("paid", order)
    bpm.task("review", instance=key).complete(amount="0.10")
    for _ in range(2):
        bpm.task("each", instance=key).complete()
    bpm.complete_job("work")
    bpm.task("inner").complete()
    bpm.clock.advance(hours=1)
    bpm.deliver()

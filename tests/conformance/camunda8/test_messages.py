"""Message events: correlation, buffering, cardinality, uniqueness."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from bpm_server.kernel.errors import AlreadyExists, NotFound
from bpm_server.services import messages
from bpm_server.store.tables.instances import process_instance
from tests.conformance.camunda8.scenario import catch_message, publish, refused, run, throw, zeebe
from tests.support.bpmn_builder import Process, event, io
from tests.support.product import ADMIN, Product

HOUR = 3_600_000


def waits(process_id: str = "p", extra: str = "", key: str = "=orderId") -> Process:
    """Waits for ``paid``, then a user task ``after``."""
    p = Process(process_id)
    p.message("m", "paid", key)
    p.path(p.start(), catch_message(p, "c", "m", extra), p.user("after"), p.end())
    return p


def started_by_message() -> Process:
    """Started by ``order``; a user task ``a``."""
    p = Process()
    p.message("m", "order")
    p.path(p.start("s", event("message", messageRef="m")), p.user("a"), p.end())
    return p


def count(bpm: Product, state: str = "ACTIVE") -> int:
    """Instances in this state."""
    return len(bpm.scalars(sa.select(process_instance.c.key).where(process_instance.c.state == state)))


def test_a_message_goes_to_the_instance_with_its_key(bpm_sqlite: Product) -> None:
    """Messages / Message subscriptions: name and correlation key must match."""
    bpm_sqlite.deploy(waits().xml())
    one, two = bpm_sqlite.start(orderId="1"), bpm_sqlite.start(orderId="2")
    bpm_sqlite.publish("paid", "2", amount=5)
    assert bpm_sqlite.task("after", instance=two)
    assert bpm_sqlite.variables(two) == {"orderId": "2", "amount": 5}
    assert bpm_sqlite.variables(one) == {"orderId": "1"}


def test_a_number_is_a_correlation_key_too(bpm_sqlite: Product) -> None:
    """Message events / Messages: the key must result in text or a number."""
    bpm_sqlite.deploy(waits().xml())
    bpm_sqlite.start(orderId=42)
    bpm_sqlite.publish("paid", "42")
    assert bpm_sqlite.open_tasks() == ["after"]


def test_a_subscription_is_not_updated(bpm_sqlite: Product) -> None:
    """Messages / Message subscriptions: opened once, whatever becomes of the variable."""
    p = waits()
    bpm_sqlite.deploy(p.xml())
    instance = bpm_sqlite.start(orderId="1")
    from bpm_server.services import process_instances

    process_instances.set_variables(bpm_sqlite.server, ADMIN, instance, {"orderId": "2"})
    bpm_sqlite.publish("paid", "2")
    assert bpm_sqlite.open_tasks() == []
    bpm_sqlite.publish("paid", "1")
    assert bpm_sqlite.open_tasks() == ["after"]


def test_a_key_that_is_null_is_an_incident() -> None:
    """Message events / Messages: the expression must result in text or a number."""
    world = run(waits(), orderId=None)
    assert [i.element_id for i in world.incidents.values()] == ["c"]
    world.set(orderId="1").resolve("c")
    assert world.message("paid", key="1").open() == ["after"]


def test_a_message_name_may_be_an_expression() -> None:
    """Message events / Messages: the name may be an expression, evaluated on activation."""
    p = Process()
    p.message("m", '="order " + status', '="k"')
    p.path(p.start(), catch_message(p, "c", "m"), p.end())
    world = run(p, status="canceled")
    assert [w.name for w in world.waits.values()] == ["order canceled"]


def test_an_output_mapping_chooses_among_the_variables_of_a_message() -> None:
    """Message events / Variable mappings: by default all are merged; an output mapping customises it."""
    world = run(waits(extra=io(outputs={"sum": "=amount"})), orderId="1")
    world.message("paid", {"amount": 5, "noise": 1})
    assert world.process_variables() == {"orderId": "1", "sum": 5}


def test_a_message_is_buffered_for_its_time_to_live(bpm_sqlite: Product) -> None:
    """Messages / Message buffering: a subscription that opens in time finds it."""
    bpm_sqlite.deploy(waits().xml())
    bpm_sqlite.publish("paid", "1", ttl_ms=HOUR, amount=1)
    bpm_sqlite.clock.advance(minutes=59)
    bpm_sqlite.start(orderId="1")
    bpm_sqlite.deliver()
    assert bpm_sqlite.open_tasks() == ["after"]


def test_a_message_is_gone_after_its_time_to_live(bpm_sqlite: Product) -> None:
    """Messages / Message buffering: only within the time to live."""
    bpm_sqlite.deploy(waits().xml())
    bpm_sqlite.publish("paid", "1", ttl_ms=HOUR)
    bpm_sqlite.clock.advance(minutes=61)
    bpm_sqlite.start(orderId="1")
    bpm_sqlite.deliver()
    assert bpm_sqlite.open_tasks() == []


def test_without_time_to_live_a_message_is_discarded(bpm_sqlite: Product) -> None:
    """Messages / Message buffering: a time to live of zero disables buffering."""
    bpm_sqlite.deploy(waits().xml())
    bpm_sqlite.publish("paid", "1")
    bpm_sqlite.start(orderId="1")
    bpm_sqlite.deliver()
    assert bpm_sqlite.open_tasks() == []


def test_buffered_messages_come_first_in_first_out(bpm_sqlite: Product) -> None:
    """Messages / Message buffering: of several that match, the one published first."""
    bpm_sqlite.deploy(waits().xml())
    bpm_sqlite.publish("paid", "1", ttl_ms=HOUR, n=1)
    bpm_sqlite.publish("paid", "1", ttl_ms=HOUR, n=2)
    instance = bpm_sqlite.start(orderId="1")
    bpm_sqlite.deliver()
    assert bpm_sqlite.variables(instance)["n"] == 1


def test_a_message_reaches_one_instance_of_each_process(bpm_sqlite: Product) -> None:
    """Messages / Message cardinality: once for a process, to all processes that wait."""
    bpm_sqlite.deploy(waits("p").xml(), waits("q").xml())
    for process in ("p", "p", "q"):
        bpm_sqlite.start(process, orderId="1")
    bpm_sqlite.publish("paid", "1")
    assert len(bpm_sqlite.open_tasks()) == 2
    assert bpm_sqlite.task("after", nth=1)


def test_a_buffered_message_is_correlated_once_for_a_process(bpm_sqlite: Product) -> None:
    """Messages / Message cardinality: also where it stays in the buffer afterwards, across versions."""
    bpm_sqlite.deploy(waits().xml())
    bpm_sqlite.start(orderId="1")
    bpm_sqlite.publish("paid", "1", ttl_ms=HOUR)
    changed = waits()
    changed.name = "version 2"
    bpm_sqlite.deploy(changed.xml())
    bpm_sqlite.start(orderId="1")
    bpm_sqlite.deliver()
    assert bpm_sqlite.open_tasks() == ["after"]


def test_a_message_id_is_taken_while_it_is_buffered(bpm_sqlite: Product) -> None:
    """Messages / Message uniqueness: the same name, key and id is rejected until it leaves the buffer."""
    publish(bpm_sqlite, "paid", "1", "tracking-12345", HOUR)
    with pytest.raises(AlreadyExists):
        publish(bpm_sqlite, "paid", "1", "tracking-12345", HOUR)
    publish(bpm_sqlite, "paid", "2", "tracking-12345", HOUR)
    publish(bpm_sqlite, "paid", "1", None, HOUR)
    bpm_sqlite.clock.advance(minutes=61)
    publish(bpm_sqlite, "paid", "1", "tracking-12345", HOUR)


def test_one_instance_is_active_for_a_key(bpm_sqlite: Product) -> None:
    """Messages / Single instance: further messages with the key start nothing while it is active."""
    bpm_sqlite.deploy(started_by_message().xml())
    bpm_sqlite.publish("order", "k")
    bpm_sqlite.publish("order", "k")
    bpm_sqlite.publish("order", "other")
    assert count(bpm_sqlite) == 2


def test_a_buffered_message_starts_the_next_instance_when_the_first_has_ended(bpm_sqlite: Product) -> None:
    """Message events / Message correlation: a buffered one is correlated when the active instance ends."""
    bpm_sqlite.deploy(started_by_message().xml())
    bpm_sqlite.publish("order", "k", ttl_ms=HOUR)
    bpm_sqlite.publish("order", "k", ttl_ms=HOUR)
    assert count(bpm_sqlite) == 1
    bpm_sqlite.task("a").complete()
    bpm_sqlite.deliver()
    assert (count(bpm_sqlite), count(bpm_sqlite, "COMPLETED")) == (1, 1)


def test_without_key_every_message_starts_an_instance(bpm_sqlite: Product) -> None:
    """Message events / Message correlation: an empty key does not look for active instances."""
    bpm_sqlite.deploy(started_by_message().xml())
    bpm_sqlite.publish("order", x=1)
    bpm_sqlite.publish("order", x=2)
    assert count(bpm_sqlite) == 2


def test_correlating_at_once_says_who_got_it(bpm_sqlite: Product) -> None:
    """Messages / Message subscriptions, "Correlate message": feedback at once; nobody is an error."""
    bpm_sqlite.deploy(waits().xml())
    instance = bpm_sqlite.start(orderId="1")
    with pytest.raises(NotFound):
        messages.correlate_message(bpm_sqlite.server, ADMIN, "paid", "2")
    assert messages.correlate_message(bpm_sqlite.server, ADMIN, "paid", "1").instance_key == instance


def test_a_non_interrupting_boundary_event_takes_several_messages(bpm_sqlite: Product) -> None:
    """Message events / Message boundary events: the activity goes on, and several can be correlated."""
    p = Process()
    p.message("m", "note", '="k"')
    p.path(p.start(), p.user("a"), p.end())
    p.path(p.boundary("b", "a", event("message", messageRef="m"), interrupting=False), p.user("read"))
    bpm_sqlite.deploy(p.xml())
    bpm_sqlite.start()
    bpm_sqlite.publish("note", "k")
    bpm_sqlite.publish("note", "k")
    assert bpm_sqlite.open_tasks() == ["a", "read", "read"]


def test_a_message_throw_event_is_a_job() -> None:
    """Message events / Message throw events: they create a job of their type, as a service task does."""
    p = Process()
    p.message("m", "shipped", '="k"')
    definition = event("message", messageRef="m")
    p.path(p.start(), throw(p, "t", definition, zeebe("taskDefinition", type="send")), p.end())
    world = run(p)
    assert [job.type for job in world.jobs.values()] == ["send"]
    assert world.work("t", {"sent": True}).result == {"sent": True}


def test_a_catch_event_without_correlation_key_is_refused() -> None:
    """Message events / Messages: the key is required unless only start events use the message."""
    p = Process()
    p.message("m", "paid")
    p.path(p.start(), catch_message(p, "c", "m"), p.end())
    assert refused(p) == {"correlation-key-missing"}

"""Messages are kept as long as they may be needed, and no longer; what they reached stays on record."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from bpm_server.kernel.errors import AlreadyExists
from bpm_server.services import deletion, messages
from bpm_server.services.examining import examine
from bpm_server.store.tables.messages import correlation, message
from tests.support.bpmn_builder import Process
from tests.support.product import ADMIN

if TYPE_CHECKING:
    from tests.support.product import Product


def waiting() -> bytes:
    p = Process()
    paid = p.message("m", "paid", "=order")
    catch = f'<bpmn:messageEventDefinition messageRef="{paid}"/>'
    p.path(p.start(), p.add("intermediateCatchEvent", "c", catch), p.end())
    return p.xml()


def kept(bpm: Product) -> int:
    found: int = bpm.scalars(sa.select(sa.func.count()).select_from(message))[0]
    return found


def test_a_message_that_is_not_to_be_kept_is_gone_when_it_was_delivered(bpm: Product) -> None:
    bpm.deploy(waiting())
    key = bpm.start(order="A")
    bpm.publish("paid", "A")
    bpm.publish("paid", "nobody")
    assert bpm.state(key) == "COMPLETED"
    assert kept(bpm) == 0
    (row,) = bpm.rows(sa.select(correlation.c.instance_key, correlation.c.name, correlation.c.correlation_key))
    assert tuple(row) == (key, "paid", "A")


def test_messages_whose_time_is_over_make_way_for_new_ones(bpm: Product) -> None:
    for number in range(5):
        bpm.publish("paid", f"late {number}", ttl_ms=60_000)
    assert kept(bpm) == 5
    bpm.clock.advance(minutes=2)
    bpm.publish("paid", "new", ttl_ms=60_000)
    assert kept(bpm) == 1


def test_a_second_message_with_the_same_id_does_not_push_out_one_that_is_on_its_way(bpm: Product) -> None:
    bpm.deploy(waiting())
    key = bpm.start(order="A")
    messages.publish_message(bpm.server, ADMIN, "paid", "A", message_id="once")
    with pytest.raises(AlreadyExists):
        messages.publish_message(bpm.server, ADMIN, "paid", "A", message_id="once")
    bpm.deliver()
    assert bpm.state(key) == "COMPLETED"
    messages.publish_message(bpm.server, ADMIN, "paid", "A", message_id="once")


def test_what_received_a_message_and_is_deleted_does_not_get_it_again(bpm: Product) -> None:
    bpm.deploy(waiting())
    key = bpm.start(order="A")
    messages.publish_message(bpm.server, ADMIN, "paid", "A", time_to_live_ms=60_000, message_id="once")
    bpm.deliver()
    assert bpm.state(key) == "COMPLETED"
    deletion.delete_instance(bpm.server, ADMIN, key)
    assert list(examine(bpm.server)) == []
    second = bpm.start(order="A")
    bpm.deliver()
    assert bpm.state(second) == "ACTIVE"
    with pytest.raises(AlreadyExists):
        messages.publish_message(bpm.server, ADMIN, "paid", "A", message_id="once")
    bpm.clock.advance(minutes=2)
    messages.publish_message(bpm.server, ADMIN, "paid", "A", message_id="once")
    bpm.deliver()
    assert bpm.state(second) == "COMPLETED"
    assert bpm.scalars(sa.select(correlation.c.instance_key)) == [second]  # nothing is left of the deleted one


def test_what_is_left_of_a_deleted_instance_goes_with_its_message(bpm: Product) -> None:
    bpm.deploy(waiting())
    key = bpm.start(order="A")
    bpm.publish("paid", "A", ttl_ms=60_000)
    deletion.delete_instance(bpm.server, ADMIN, key)
    assert bpm.scalars(sa.select(correlation.c.instance_key)) == [key]
    bpm.clock.advance(minutes=2)
    bpm.publish("other", "B")
    assert (kept(bpm), bpm.rows(sa.select(correlation))) == (0, [])


@pytest.mark.parametrize("starts_by_it", [False, True])
def test_a_process_that_waits_for_the_same_message_again_does_not_get_it_twice(
    bpm: Product, *, starts_by_it: bool
) -> None:
    p = Process()
    paid = p.message("m", "paid", '="A"')
    catch = f'<bpmn:messageEventDefinition messageRef="{paid}"/>'
    p.path(p.start("s", catch if starts_by_it else ""), p.add("exclusiveGateway", "g"))
    p.path("g", p.add("intermediateCatchEvent", "c", catch), "g")
    bpm.deploy(p.xml())
    if not starts_by_it:
        bpm.start()
    bpm.publish("paid", "A", ttl_ms=60_000)
    assert kept(bpm) == 1
    assert bpm.scalars(sa.select(sa.func.count()).select_from(correlation)) == [1]

"""Processes that a message starts, one at a time for each correlation key, on both databases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.bpmn_builder import Process

if TYPE_CHECKING:
    from tests.support.product import Product


def test_the_end_of_an_instance_lets_the_next_kept_message_of_its_key_start(bpm: Product) -> None:
    p = Process()
    p.message("m", "order")
    body = '<bpmn:messageEventDefinition messageRef="m"/>'
    p.path(p.add("startEvent", "s", body), p.user("ship"), p.end())
    bpm.deploy(p.xml())
    for order, key in (("a1", "a"), ("a2", "a"), ("b1", "b"), ("b2", "b")):
        bpm.publish("order", key, ttl_ms=600_000, order=order)
    assert bpm.open_tasks() == ["ship", "ship"]
    bpm.task("ship").complete()
    bpm.deliver()
    assert bpm.open_tasks() == ["ship", "ship"]
    bpm.task("ship").complete()
    bpm.deliver()
    bpm.task("ship").complete()
    bpm.task("ship").complete()
    bpm.deliver()
    assert bpm.open_tasks() == []

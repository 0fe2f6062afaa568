"""Instances that have ended, what they leave in the tables, and removing them."""

from __future__ import annotations

import gzip
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server.domain.identity import SYSTEM
from bpm_server.services import retention, tasks
from bpm_server.store.tables.connectors import webhook_attempt, webhook_delivery
from bpm_server.store.tables.instances import process_instance
from tests.support.bpmn_builder import Process, extensions, multi_instance
from tests.support.product import ADMIN

if TYPE_CHECKING:
    from pathlib import Path

    from bpm_server.domain.retention import Ended
    from tests.support.product import Product

DMN = b"""<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="d" name="D" namespace="http://e.org">
  <decision id="level" name="Level"><literalExpression id="l"><text>amount * 2</text></literalExpression></decision>
</definitions>"""
STAYS = {"audit_log", "batch_operation_item", "document"}
"""Logs of who did what outlive instances; documents have an end of their own."""


def kept_for(p: Process, text: str) -> Process:
    p.elements.append(
        extensions(f'<zeebe:properties><zeebe:property name="historyTimeToLive" value="{text}"/></zeebe:properties>')
    )
    return p


def simple(days: str = "30", process_id: str = "p") -> bytes:
    p = kept_for(Process(process_id), days)
    p.path(p.start(), p.user("a"), p.end())
    return p.xml()


def rich(days: str = "30") -> bytes:
    """Fills the tables of history: decisions, items, jobs, messages, called instances."""
    p = kept_for(Process("caller"), days)
    p.message("m", "paid", "=order")
    rule = extensions('<zeebe:calledDecision decisionId="level" resultVariable="level"/>')
    called = extensions('<zeebe:calledElement processId="called" propagateAllChildVariables="false"/>')
    each = multi_instance("=[1, 2]", "n", output=("results", "=n"))
    p.path(
        p.start(),
        p.add("businessRuleTask", "rule", rule),
        p.service("j", "work"),
        p.add("receiveTask", "r", messageRef="m"),
        p.user("each", body=each),
        p.add("callActivity", "call", called),
        p.end(),
    )
    other = p.another("called")
    other.path(other.start("cs"), other.user("b"), other.end("ce"))
    return p.xml()


def run_rich(bpm: Product) -> int:
    key = bpm.start("caller", order="A", amount=5, text="文字")
    bpm.complete_job("j")
    bpm.publish("paid", "A")
    for nth in (0, 0):
        tasks.comment_task(bpm.server, ADMIN, bpm.task("each", nth).key, "looks fine")
        bpm.task("each", nth).complete()
    bpm.task("b").complete()
    assert bpm.state(key) == "COMPLETED"
    insert_delivery(bpm, key, "delivered")
    return key


def insert_delivery(bpm: Product, instance: int, state: str) -> int:
    """A webhook as an element of the instance left it, with one attempt."""
    key, now = bpm.server.new_key(), bpm.clock.now()
    values = {
        "key": key, "endpoint_name": "finance", "webhook_id": f"msg_{key}", "event_type": "order", "state": state,
        "payload": b'{"amount": 500000.10}', "attempts": 1, "next_at": now + timedelta(days=999), "lease": None,
        "job_key": None, "instance_key": instance, "element_key": None, "chunk": 0, "replay_of": None,
        "created_at": now, "ended_at": now, "suspended": False,
    }  # fmt: skip
    with bpm.server.database.write() as connection:
        connection.execute(webhook_delivery.insert().values(values))
        connection.execute(
            webhook_attempt.insert().values(delivery_key=key, number=1, at=now, duration_ms=5, status=200)
        )
        connection.commit()
    return key


def finish(bpm: Product, count: int, process_id: str = "p") -> list[int]:
    keys = [bpm.start(process_id) for _ in range(count)]
    for key in keys:
        bpm.task("a", instance=key).complete()
    return keys


def roots(bpm: Product) -> list[int]:
    return bpm.scalars(sa.select(process_instance.c.key).order_by(process_instance.c.key))


def archived(folder: Path) -> list[dict[str, Any]]:
    """Reads an archive with nothing of ours."""
    found = []
    for path in sorted(folder.rglob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as file:
            found += [json.loads(line) for line in file]
    assert not list(folder.rglob("*.unfinished"))
    return found


def run_all(bpm: Product, which: Ended = retention.DUE, folder: Path | None = None) -> retention.Removed:
    total, after = retention.Removed(), 0
    while keys := retention.removable(bpm.server, which, after):
        total.add(retention.remove_ended(bpm.server, SYSTEM, keys, which, folder))
        after = keys[-1] if which.before else 0
    return total

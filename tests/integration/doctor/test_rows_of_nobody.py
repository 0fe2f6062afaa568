"""Rows that no instance needs, and work that nobody does: the doctor finds them, ends them or says so."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from bpm_server.connectors.contract import Connector, Result
from bpm_server.domain.batch_operations import Kind
from bpm_server.services import jobs
from bpm_server.services.examining import examine
from bpm_server.store.tables.batch_operations import batch_operation, batch_operation_item
from bpm_server.store.tables.instances import process_instance
from bpm_server.store.tables.jobs import job
from bpm_server.store.tables.messages import message, subscription
from bpm_server.store.tables.tasks import user_task_candidate
from tests.support.bpmn_builder import Process
from tests.support.doctor import LOST, damage, repair, rules
from tests.support.product import ADMIN, START, Product
from tests.support.snapshot import Snapshot
from tests.support.waiting import webhook_process

# --- rows of nobody -------------------------------------------------------------------------------------


def test_rows_of_no_instance_are_deleted(bpm: Product, instance: int) -> None:
    called = bpm.scalars(sa.select(process_instance.c.key).where(process_instance.c.parent_key == instance))
    damage(bpm, process_instance.delete().where(process_instance.c.key.in_([instance, *called])))
    found = {(defect.rule, defect.table) for defect in examine(bpm.server)}
    assert {rule for rule, _ in found} == {"row-of-no-instance"}
    assert {table for _, table in found} >= {
        "journal",
        "element_instance",
        "user_task",
        "job",
        "timer",
        "subscription",
        "variable",
        "instance_item",
    }
    assert repair(bpm)
    assert rules(bpm) == {}
    left = Snapshot(bpm.server.database)
    assert left.rows("timer") == []


def test_open_rows_of_an_ended_instance_are_ended(bpm: Product, failed: int) -> None:
    damage(bpm, process_instance.update().values(state="TERMINATED", ended_at=START, tokens=None))
    found = {(defect.rule, defect.table) for defect in examine(bpm.server)}
    assert found == {("open-row-of-ended-instance", name) for name in LOST}
    assert repair(bpm)
    assert rules(bpm) == {}


def test_candidates_of_no_open_task_are_deleted(bpm: Product, instance: int) -> None:
    damage(bpm, user_task_candidate.update().values(task_key=5))
    found = rules(bpm)
    assert set(found) == {("candidate-of-no-task", "user_task_candidate"), ("other-candidates", "user_task_candidate")}
    assert repair(bpm)
    assert rules(bpm) == {}
    assert bpm.scalars(sa.select(user_task_candidate.c.name)) == ["sales"]


def test_a_lease_without_end_is_let_go(bpm: Product, instance: int) -> None:
    damage(bpm, job.update().values(lease="x" * 32, available_at=START + timedelta(days=10_000)))
    assert list(rules(bpm)) == [("lease-too-long", "job")]
    assert repair(bpm)
    assert rules(bpm) == {}
    assert len(jobs.activate_jobs(bpm.server, ADMIN, ["work"], limit=1, lease_ms=1000)) == 1


def test_a_job_of_the_outbox_stays_with_it(bpm: Product) -> None:
    bpm.deploy(webhook_process())
    bpm.start("w")
    assert rules(bpm) == {}
    damage(bpm, job.delete())
    assert repair(bpm)
    assert rules(bpm) == {}
    assert bpm.scalars(sa.select(job.c.lease)) == ["outbox"]
    assert jobs.activate_jobs(bpm.server, ADMIN, ["webhook"], limit=1, lease_ms=1000) == []


def test_a_batch_operation_counts_its_items(bpm: Product, instance: int) -> None:
    with bpm.server.database.write() as connection:
        connection.execute(
            batch_operation.insert(),
            {
                "key": 3,
                "kind": Kind.RESOLVE_INCIDENT,
                "state": "ACTIVE",
                "asker_kind": "USER",
                "asker": "a",
                "total": 5,
                "completed": 0,
                "failed": 1,
                "created_at": START,
            },
        )
        for item, state in ((1, "COMPLETED"), (2, "SKIPPED"), (3, "FAILED")):
            connection.execute(
                batch_operation_item.insert(),
                {
                    "operation_key": 3,
                    "item_key": item,
                    "instance_key": 1,
                    "root_key": 1,
                    "state": state,
                    "available_at": START,
                },
            )
        connection.commit()
    assert list(rules(bpm)) == [("batch-count", "batch_operation")]
    assert repair(bpm)
    (row,) = bpm.rows(sa.select(batch_operation))
    assert (row.state, row.total, row.completed, row.failed) == ("COMPLETED", 3, 2, 1)
    assert rules(bpm) == {}


def test_a_kept_message_reaches_who_waits_for_it(bpm: Product, instance: int) -> None:
    damage(bpm, subscription.update().values(correlation_key="other"))
    bpm.publish("paid", "A-1", ttl_ms=3_600_000)
    damage(bpm, subscription.update().values(correlation_key="A-1"))
    assert list(rules(bpm)) == [("message-not-delivered", "message")]
    assert repair(bpm)
    bpm.deliver()
    assert bpm.scalars(sa.select(message.c.pending)) == [False]
    assert bpm.scalars(sa.select(subscription.c.key).where(subscription.c.name == "paid")) == []
    assert rules(bpm) == {}


def test_work_that_nobody_does_is_a_warning(bpm: Product, instance: int) -> None:
    bpm.clock.set(START + timedelta(hours=1, minutes=20))
    found = rules(bpm)
    assert list(found) == [("no-progress", "timer")]
    assert found["no-progress", "timer"].severity == "warning"


def test_since_when_work_is_late_is_told(bpm: Product, instance: int) -> None:
    bpm.clock.set(START + timedelta(hours=1, minutes=20))  # due after an hour
    assert [defect.rule for defect in examine(bpm.server, timedelta(minutes=19))] == ["no-progress"]
    assert list(examine(bpm.server, timedelta(minutes=21))) == []


@pytest.mark.parametrize(("connector", "channel"), [
    (Connector("send", {}, handler=lambda _: Result()), "job:/send"),
    (Connector("send", {}, handler=lambda _: Result(), url_input="url"), "job:example.com/send"),
    (None, None),
])  # fmt: skip
def test_a_job_that_is_written_again_is_found_by_workers(
    bpm: Product, connector: Connector | None, channel: str | None
) -> None:
    p = Process()
    p.path(p.start(), p.service("one", "send"), p.end())
    bpm.deploy(p.xml())
    if connector is not None:
        bpm.server.connectors.add(connector)
    bpm.start(url="https://example.com/x")
    before = bpm.rows(sa.select(job))
    assert [row.channel for row in before] == [channel]
    damage(bpm, job.delete())
    assert [defect.rule for defect in repair(bpm)] == ["missing-row"]
    assert bpm.scalars(sa.select(job.c.channel)) == [channel]
    assert rules(bpm) == {}

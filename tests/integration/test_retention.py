"""What has ended is removed when its time is over: whole call trees, and nothing that is needed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from bpm_server.domain.identity import SYSTEM, Actor
from bpm_server.domain.retention import Ended
from bpm_server.kernel.errors import Forbidden, NotFound
from bpm_server.reports import retention as report
from bpm_server.services import process_instances, retention, webhook_endpoints
from bpm_server.store import outbox
from bpm_server.store import retention as store
from bpm_server.store.tables import db
from bpm_server.store.tables.instances import process_instance
from bpm_server.worker import rounds
from tests.support.bpmn_builder import Process
from tests.support.contents import contents, row_counts
from tests.support.ended import (
    DMN,
    STAYS,
    finish,
    insert_delivery,
    kept_for,
    rich,
    roots,
    run_all,
    run_rich,
    simple,
)
from tests.support.product import ADMIN, START
from tests.support.statements import counted

if TYPE_CHECKING:
    from datetime import datetime

    from tests.support.product import Product


# --- when -------------------------------------------------------------------------------------------------


def test_an_instance_goes_when_its_time_is_over_and_not_before(bpm: Product) -> None:
    bpm.deploy(simple())
    (key,) = finish(bpm, 1)
    assert bpm.scalars(sa.select(process_instance.c.removal_at)) == [START + timedelta(days=30)]
    bpm.clock.set(START + timedelta(days=30) - timedelta(microseconds=1))
    bpm.deliver()
    assert roots(bpm) == [key]
    bpm.clock.set(START + timedelta(days=30))
    assert bpm.deliver() == 1
    assert roots(bpm) == []


def test_what_nobody_has_set_a_time_for_is_kept(bpm: Product) -> None:
    p = Process()
    p.path(p.start(), p.user("a"), p.end())
    bpm.deploy(p.xml())
    (key,) = finish(bpm, 1)
    bpm.clock.set(START + timedelta(days=20_000))
    bpm.deliver()
    assert rounds.remove_history(bpm.server) == 0
    assert roots(bpm) == [key]


def test_the_installation_decides_where_the_process_does_not(bpm: Product) -> None:
    p = Process()
    p.path(p.start(), p.user("a"), p.end())
    bpm.deploy(p.xml(), ("own.bpmn", simple("P2D", "own")))
    bpm = bpm.with_settings(history_days=10)
    finish(bpm, 1)
    finish(bpm, 1, "own")
    query = sa.select(process_instance.c.process_id, process_instance.c.removal_at)
    assert dict(map(tuple, bpm.rows(query))) == {"p": START + timedelta(days=10), "own": START + timedelta(days=2)}


def test_a_new_version_decides_for_what_ends_by_it(bpm: Product) -> None:
    bpm.deploy(simple("30"))
    old = bpm.start()
    bpm.deploy(simple("10"))
    new = bpm.start()
    for key in (old, new):
        bpm.task("a", instance=key).complete()
    found = bpm.scalars(sa.select(process_instance.c.removal_at).order_by(process_instance.c.key))
    assert found == [START + timedelta(days=30), START + timedelta(days=10)]


def test_a_canceled_instance_goes_too_and_one_that_runs_does_not(bpm: Product) -> None:
    bpm.deploy(simple("0"))
    canceled, running = bpm.start(), bpm.start()
    process_instances.cancel_instance(bpm.server, ADMIN, canceled)
    bpm.deliver()
    assert roots(bpm) == [running]
    assert run_all(bpm, Ended(before=START + timedelta(days=999))).trees == 0
    bpm.task("a", instance=running).complete()
    bpm.deliver()
    assert roots(bpm) == []


def test_the_wait_of_the_worker_ends_when_the_next_time_is_over(bpm: Product) -> None:
    bpm.deploy(simple("P1D"), ("now.bpmn", simple("0", "now")))
    finish(bpm, 1)
    assert rounds.wait_s(bpm.server, ("history",), 200_000) == 86_400
    (needed,) = finish(bpm, 1, "now")
    insert_delivery(bpm, needed, "waiting")
    assert bpm.deliver() == 0
    assert rounds.wait_s(bpm.server, ("history",), 200_000) == 86_400  # it is not looked at again and again


# --- what ---------------------------------------------------------------------------------------------------


def test_everything_of_the_tree_goes_and_nothing_else(bpm: Product) -> None:
    bpm.deploy(rich(), ("level.dmn", DMN))
    run_rich(bpm)
    before = row_counts(bpm)
    bpm.clock.set(START + timedelta(days=1))
    run_rich(bpm)
    mine = set(roots(bpm)[2:])
    bpm.clock.set(START + timedelta(days=29))
    removed = run_all(bpm, Ended(before=START + timedelta(hours=1)))
    assert (removed.trees, removed.instances) == (1, 2)
    after = row_counts(bpm)
    assert {name for name in before if after[name] != before[name]} <= {*STAYS, "audit_seal"}
    assert set(roots(bpm)) == mine
    bpm.clock.set(START + timedelta(days=31))
    removed.add(run_all(bpm))
    assert roots(bpm) == []
    left = "\n".join(line for table, lines in contents(bpm).items() if table not in STAYS for line in lines)
    assert not any(str(key) in left for key in mine)
    assert removed.rows.total() == sum(removed.rows.values()) > 60


def test_every_table_that_names_an_instance_is_thought_of(bpm: Product) -> None:
    """A new table with instances in it is deleted with them, or named here with the reason."""
    bpm.deploy(simple())
    keys = finish(bpm, 1)
    with counted(bpm.server.database) as statements, bpm.server.database.write() as connection:
        store.delete_trees(connection, keys)
    deleted = {text.split()[2] for text in statements.texts if text.startswith("DELETE FROM")}
    named = {
        name for name, table in db.metadata.tables.items() if {"instance_key", "root_key"} & set(table.columns.keys())
    }
    assert named - deleted == STAYS


def test_running_parts_deliveries_on_their_way_and_kept_messages_hold_a_tree(bpm: Product) -> None:
    p = kept_for(Process("takes"), "0")
    p.message("m", "paid", "=order")
    p.path(p.start(), p.add("receiveTask", "r", messageRef="m"), p.end())
    bpm.deploy(p.xml(), ("rich.bpmn", rich("0")), ("p.bpmn", simple("0")), ("level.dmn", DMN))
    reached = bpm.start("takes", order="K")
    bpm.publish("paid", "K", ttl_ms=60_000)
    (sending,) = finish(bpm, 1)
    delivery = insert_delivery(bpm, sending, "waiting")
    tree = run_rich(bpm)
    child = bpm.scalars(sa.select(process_instance.c.key).where(process_instance.c.parent_key == tree))[0]
    set_end(bpm, child, None)
    assert bpm.state(reached) == "COMPLETED"
    assert bpm.deliver() == 0
    assert roots(bpm) == [reached, sending, tree, child]

    set_end(bpm, child, START)
    bpm.deliver()
    assert roots(bpm) == [reached, sending]
    with bpm.server.database.write() as connection:
        outbox.update_delivery(connection, delivery, state="failed")
        connection.commit()
    bpm.deliver()
    assert roots(bpm) == [reached]
    again = bpm.start("takes", order="K")
    assert bpm.state(again) == "ACTIVE"  # the message has been here
    bpm.clock.advance(minutes=2)
    bpm.deliver()
    assert roots(bpm) == [again]


def set_end(bpm: Product, key: int, at: datetime | None) -> None:
    with bpm.server.database.write() as connection:
        connection.execute(process_instance.update().where(process_instance.c.key == key).values(ended_at=at))
        connection.commit()


def test_only_of_the_process_that_was_named(bpm: Product) -> None:
    bpm.deploy(simple("0"), ("other.bpmn", simple("0", "other")))
    (mine,), (other,) = finish(bpm, 1), finish(bpm, 1, "other")
    found = report.removable(bpm.server, retention.DUE)
    assert [(one.process_id, one.instances, one.first_ended_at) for one in found] == [
        ("other", 1, START),
        ("p", 1, START),
    ]
    assert run_all(bpm, Ended(process_id="p")).trees == 1
    assert roots(bpm) == [other]
    assert mine not in roots(bpm)


def test_who_may_not_delete_instances_removes_none(bpm: Product) -> None:
    bpm.deploy(simple("0"))
    keys = finish(bpm, 1)
    with pytest.raises(Forbidden):
        retention.remove_ended(bpm.server, Actor("nobody"), keys)
    assert roots(bpm) == keys


def test_a_replayed_delivery_holds_its_instance(bpm: Product) -> None:
    bpm.deploy(simple("0"))
    (key,) = finish(bpm, 1)
    delivery = insert_delivery(bpm, key, "failed")
    webhook_endpoints.replay_delivery(bpm.server, ADMIN, delivery)
    assert retention.remove_ended(bpm.server, SYSTEM, [key]).trees == 0
    (other,) = finish(bpm, 1)
    gone = insert_delivery(bpm, other, "failed")
    assert retention.remove_ended(bpm.server, SYSTEM, [other]).trees == 1
    with pytest.raises(NotFound):
        webhook_endpoints.replay_delivery(bpm.server, ADMIN, gone)


def test_a_batch_is_small_and_takes_the_same_statements_whatever_it_removes(bpm: Product) -> None:
    bpm.deploy(simple("0"))
    finish(bpm, 3 * retention.BATCH)
    keys = retention.removable(bpm.server)
    assert len(keys) == retention.BATCH
    with counted(bpm.server.database) as many:
        retention.remove_ended(bpm.server, SYSTEM, keys)
    with counted(bpm.server.database) as one:
        retention.remove_ended(bpm.server, SYSTEM, retention.removable(bpm.server)[:1])
    assert many.texts[1:] and len(many) == len(one) - 2  # the second one looked for its key as well

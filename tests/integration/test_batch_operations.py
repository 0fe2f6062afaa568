"""Batch operations survive dead workers, are shared by several, and take turns: each item is done once."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from bpm_server.domain.batch_operations import Kind
from bpm_server.domain.identity import ANONYMOUS, SYSTEM
from bpm_server.kernel.errors import BpmError
from bpm_server.reports import batch_targets
from bpm_server.reports.query import Condition, Query
from bpm_server.services import batch_operations, identities, installation, process_instances, users
from bpm_server.store.tables.batch_operations import batch_operation, batch_operation_item
from bpm_server.store.tables.history import journal
from bpm_server.store.tables.instances import process_instance
from bpm_server.worker import rounds
from tests.support.bpmn_builder import Process
from tests.support.statements import counted

if TYPE_CHECKING:
    from bpm_server.domain.identity import Actor
    from tests.support.product import Product

CANCEL = Kind.CANCEL_PROCESS_INSTANCE


@pytest.fixture
def ann(bpm: Product) -> Actor:
    """An operator, and a process with one task."""
    installation.prepare_installation(bpm.server, "correct horse battery")
    users.create_user(bpm.server, SYSTEM, "ann", password="correct horse", roles=("operator",))
    p = Process()
    p.path(p.start(), p.user("a"), p.end())
    bpm.deploy(p.xml())
    return identities.actor_by_name(bpm.server, "ann")


def ask(bpm: Product, actor: Actor, *conditions: Condition, kind: Kind = CANCEL) -> int:
    targets = batch_targets.of_query(bpm.server, actor, kind, Query(conditions))
    return batch_operations.create_operation(bpm.server, actor, kind, targets)


def counts(bpm: Product, key: int) -> tuple[str, int, int, int]:
    o = batch_operation.c
    row = bpm.rows(sa.select(o.state, o.total, o.completed, o.failed).where(o.key == key))[0]
    return tuple(row)


def item_states(bpm: Product, key: int) -> Counter[str]:
    i = batch_operation_item.c
    return Counter(bpm.scalars(sa.select(i.state).where(i.operation_key == key)))


def end_leases(bpm: Product) -> None:
    """As if their time had passed."""
    with bpm.server.database.write() as connection:
        past = sa.select(sa.func.min(process_instance.c.started_at)).scalar_subquery()
        connection.execute(batch_operation_item.update().values(available_at=past))
        connection.commit()


def steps(bpm: Product) -> Counter[int]:
    """How many commands each instance has seen, by its journal."""
    return Counter(bpm.scalars(sa.select(journal.c.instance_key)))


class Killed(BaseException):
    """The process is gone: nobody catches this."""


def test_a_worker_that_dies_in_the_middle_loses_and_doubles_nothing(
    bpm: Product, ann: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = {bpm.start() for _ in range(12)}
    key = ask(bpm, ann)
    cancel = process_instances.cancel
    done: list[int] = []

    def dying(tx: Any, instance: int) -> None:
        cancel(tx, instance)
        done.append(instance)
        if len(done) == 5:
            raise Killed

    monkeypatch.setattr(process_instances, "cancel", dying)
    with pytest.raises(Killed):
        rounds.do_batch_items(bpm.server)
    monkeypatch.setattr(process_instances, "cancel", cancel)
    assert counts(bpm, key) == ("ACTIVE", 12, 4, 0)
    assert item_states(bpm, key) == {"COMPLETED": 4, "ACTIVE": 8}
    assert rounds.do_batch_items(bpm.server) == 0, "the leases of the dead worker hold"
    end_leases(bpm)
    assert rounds.do_batch_items(bpm.server) == 8
    assert counts(bpm, key) == ("COMPLETED", 12, 12, 0)
    assert steps(bpm) == dict.fromkeys(keys, 2), "begun, and canceled once"


def test_a_worker_that_comes_too_late_changes_nothing(bpm: Product, ann: Actor) -> None:
    bpm.start()
    key = ask(bpm, ann)
    (late,) = batch_operations.lease_items(bpm.server, 1)
    end_leases(bpm)
    (now,) = batch_operations.lease_items(bpm.server, 1)
    assert not batch_operations.do_item(bpm.server, late)
    assert batch_operations.do_item(bpm.server, now)
    assert not batch_operations.do_item(bpm.server, now)
    assert counts(bpm, key) == ("COMPLETED", 1, 1, 0)


def test_an_operation_that_is_stopped_while_an_item_is_done_takes_it_back(
    bpm: Product, ann: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance = bpm.start()
    key = ask(bpm, ann)
    (item,) = batch_operations.lease_items(bpm.server, 1)
    batch_operations.cancel_operation(bpm.server, ann, key)
    monkeypatch.setattr("bpm_server.store.batch_operations.is_due", lambda *_: True)
    with pytest.raises(BpmError, match="it was canceled"):
        batch_operations.do_item(bpm.server, item)
    assert bpm.state(instance) == "ACTIVE"
    assert counts(bpm, key) == ("CANCELED", 1, 0, 0)


def test_an_operation_can_be_held_between_items(bpm: Product, ann: Actor) -> None:
    for _ in range(30):
        bpm.start()
    key = ask(bpm, ann)
    assert rounds.do_batch_items(bpm.server) == rounds.BATCH
    batch_operations.suspend_operation(bpm.server, ann, key)
    assert rounds.do_batch_items(bpm.server) == 0
    assert counts(bpm, key) == ("SUSPENDED", 30, rounds.BATCH, 0)
    batch_operations.resume_operation(bpm.server, ann, key)
    bpm.deliver()
    assert counts(bpm, key) == ("COMPLETED", 30, 30, 0)


def test_several_workers_at_once_do_every_item_once(bpm: Product, ann: Actor) -> None:
    keys = {bpm.start() for _ in range(60)}
    key = ask(bpm, ann)

    def work(_number: int) -> int:
        return rounds.run_until_idle(bpm.server, topics=("batch-operations",))

    with ThreadPoolExecutor(3) as pool:
        assert sum(pool.map(work, range(3))) == 60
    assert counts(bpm, key) == ("COMPLETED", 60, 60, 0)
    assert steps(bpm) == dict.fromkeys(keys, 2), "begun, and canceled once"


def test_operations_take_turns_and_leave_room_for_other_work(bpm: Product, ann: Actor) -> None:
    for _ in range(40):
        bpm.start()
    first = ask(bpm, ann)
    second = ask(bpm, ann, kind=Kind.RESOLVE_INCIDENT)
    third = ask(bpm, ann)
    assert counts(bpm, second)[0] == "COMPLETED"
    assert rounds.do_batch_items(bpm.server) == rounds.BATCH
    assert counts(bpm, first)[2] == rounds.BATCH // 2
    assert counts(bpm, third)[2] == rounds.BATCH // 2
    bpm.deliver()
    assert item_states(bpm, first) + item_states(bpm, third) == {"COMPLETED": 40, "SKIPPED": 40}


def test_an_error_of_ours_fails_the_item_and_the_others_go_on(
    bpm: Product, ann: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, _other = bpm.start(), bpm.start()
    key = ask(bpm, ann)
    cancel = process_instances.cancel

    def failing(tx: Any, instance: int) -> None:
        if instance == broken:
            message = "no such column"
            raise ValueError(message)
        cancel(tx, instance)

    monkeypatch.setattr(process_instances, "cancel", failing)
    bpm.deliver()
    assert counts(bpm, key) == ("COMPLETED", 2, 1, 1)
    i = batch_operation_item.c
    assert bpm.scalars(sa.select(i.error_message).where(i.state == "FAILED")) == ["ValueError: no such column"]


def test_nobody_in_particular_may_ask_while_the_door_is_open(bpm: Product, ann: Actor) -> None:
    bpm.start()
    key = ask(bpm, ANONYMOUS)
    rounds.do_batch_items(bpm.with_settings(anonymous_v2=True).server)
    assert counts(bpm, key) == ("COMPLETED", 1, 1, 0)
    bpm.start()
    key = ask(bpm, ANONYMOUS)
    bpm.deliver()
    assert counts(bpm, key) == ("COMPLETED", 1, 0, 1)


def test_asking_costs_the_same_for_few_and_for_many(bpm: Product, ann: Actor) -> None:
    one, *_others = [bpm.start() for _ in range(30)]
    with counted(bpm.server.database) as few:
        ask(bpm, ann, Condition("key", "eq", one))
    with counted(bpm.server.database) as many:
        ask(bpm, ann)
    assert len(few) == len(many) <= 4

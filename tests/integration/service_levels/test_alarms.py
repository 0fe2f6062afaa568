"""What clocks do: remind, escalate, decide; once each, in order, also very many at once.

``make proof`` drains 10,000.
"""

from __future__ import annotations

import os
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from bpm_server.services import alarms, suspension
from bpm_server.store import instances
from bpm_server.store.tables.approvals import approval
from bpm_server.store.tables.service_levels import sla_clock
from bpm_server.store.tables.tasks import user_task
from bpm_server.worker import rounds
from tests.support.approvals import Desk, hire
from tests.support.bpmn_builder import Camunda7Process, Process, multi_instance
from tests.support.offices import at
from tests.support.product import ADMIN
from tests.support.service_levels import acts, clock, open_office, plain, properties, signed
from tests.support.statements import counted

if TYPE_CHECKING:
    from datetime import datetime

    from tests.support.product import Product

MANY = 10_000 if os.environ.get("BPM_PROOF") == "1" else 500
MOST_STATEMENTS = 12
"""For an alarm that reminds, with the reading of what is due."""
MONDAY = "2026-03-02 "


@pytest.fixture
def desk(bpm: Product) -> Desk:
    hire(bpm)
    open_office(bpm)
    bpm.clock.set(at(MONDAY + "09:00"))
    return Desk(bpm)


def until(desk: Desk, time: str) -> None:
    desk.bpm.clock.set(at(MONDAY + time))
    desk.bpm.deliver()


def start(desk: Desk, file: bytes, element_id: str = "do") -> int:
    return desk.start(file, element_id=element_id)[1]


def test_warnings_and_due_date_remind_once_each(desk: Desk) -> None:
    key = start(desk, plain({"sla.target": "PT7H", "sla.warnings": "PT1H, PT4H"}))
    said = []
    for time in ("11:59", "12:00", "13:10", "16:00", "17:00", "18:00"):
        until(desk, time)
        until(desk, time)
        said.append(len(acts(desk.bpm, key)))
    assert said == [0, 1, 1, 2, 3, 3]
    assert set(acts(desk.bpm, key)) == {("system", "remind", '["ann"]')}
    assert clock(desk.bpm, key).alarm_at is None


def test_a_worker_that_comes_late_rings_what_it_missed_in_order(desk: Desk) -> None:
    key = start(desk, plain({"sla.target": "PT3H", "sla.warnings": "PT2H,PT1H"}))
    desk.bpm.clock.set(at("2026-03-04 10:00"))
    left = []
    while rounds.ring_alarms(desk.bpm.server):
        left.append(clock(desk.bpm, key).rung)
    assert left == [7_200_000_000, 3_600_000_000, 0]


def test_a_time_out_later_than_the_due_date(desk: Desk) -> None:
    values = {"sla.target": "PT1H", "approval.timeout": "PT2H", "approval.timeoutAction": "reject"}
    key = start(desk, signed("all", "ann", values), "sign")
    until(desk, "10:00")
    assert [act for _, act, _ in acts(desk.bpm, key)] == ["remind"]
    assert desk.outcome(key) is None
    until(desk, "11:00")
    assert desk.outcome(key) == "rejected"


@pytest.mark.parametrize(("action", "outcome", "vote"), [("approve", "approved", "yes"), ("reject", "rejected", "no")])
def test_the_policy_decides_and_nobody_has_voted_by_that(desk: Desk, action: str, outcome: str, vote: str) -> None:
    values = {"approval.timeout": "PT2H", "approval.timeoutAction": action}
    instance, key = desk.start(signed("all", "ann, cai", values))
    desk.vote("ann", key=key)
    until(desk, "11:00")
    assert desk.bpm.state(instance) == "COMPLETED"
    assert desk.items(key) == {"ann": "approved", "cai": "handled-by-another"}
    assert acts(desk.bpm, key)[-1] == ("system", "timeout", '["cai"]')
    row = desk.bpm.rows(sa.select(approval).where(approval.c.task_key == key))[0]
    assert (row.outcome, row.decided_by) == (outcome, "system")
    found = desk.bpm.variables(instance)
    assert found["outcome"] == outcome
    ann, system = found["votes"]
    assert (ann["signer"], ann["vote"], ann["by"], "timeout" in ann) == ("ann", "yes", "ann", False)
    assert (system["signer"], system["vote"], system["by"], system["timeout"]) == (None, vote, "system", True)
    assert clock(desk.bpm, key).alarm_at is None


def test_where_nobody_was_found_a_time_out_never_approves(desk: Desk) -> None:
    values = {"approval.timeout": "PT2H", "approval.timeoutAction": "approve", "approval.noSigner": "group:nobody"}
    key = start(desk, signed("all", "group:nobody", values), "sign")
    assert desk.asked(key) == []
    until(desk, "11:00")
    assert (desk.outcome(key), acts(desk.bpm, key)) == (None, [("system", "remind", "[]")])


def test_an_approval_is_escalated_to_the_superior(desk: Desk) -> None:
    key = start(desk, signed("all", "ann, cai", {"sla.target": "PT1H", "approval.timeoutAction": "escalate"}), "sign")
    desk.vote("cai", key=key)
    until(desk, "10:00")
    assert desk.asked(key) == ["bob"]
    assert desk.items(key) == {"ann": "transferred", "cai": "approved", "bob": "to-do"}
    assert desk.reason(key, "bob") == {"escalated_from": "ann", "by": "system"}
    assert acts(desk.bpm, key)[-1] == ("system", "escalate", '["bob"]')
    assert desk.vote("bob", key=key) == "approved"


def test_a_superior_who_signs_already_is_not_asked_again(desk: Desk) -> None:
    key = start(desk, signed("all", "ann, bob", {"sla.target": "PT1H", "approval.timeoutAction": "escalate"}), "sign")
    until(desk, "10:00")
    assert desk.asked(key) == ["ann", "bob"]
    assert [act for _, act, _ in acts(desk.bpm, key)] == ["remind"]


def test_a_plain_task_is_offered_to_the_superior_too(desk: Desk) -> None:
    key = start(desk, plain({"sla.target": "PT1H", "sla.timeoutAction": "escalate"}))
    until(desk, "10:00")
    assert desk.asked(key) == ["ann", "bob"]
    assert desk.bpm.scalars(sa.select(user_task.c.assignee)) == [None]
    assert acts(desk.bpm, key) == [("system", "escalate", '["bob"]')]


def test_without_a_superior_it_is_a_reminder(desk: Desk) -> None:
    key = start(desk, plain({"sla.target": "PT1H", "sla.timeoutAction": "escalate"}, assignment='assignee="bob"'))
    until(desk, "10:00")
    assert acts(desk.bpm, key) == [("system", "remind", '["bob"]')]


def test_camunda_7_says_it_in_its_own_words(desk: Desk) -> None:
    p = Camunda7Process()
    rows = '<camunda:property name="sla.target" value="PT1H"/>'
    extra = f"<bpmn:extensionElements><camunda:properties>{rows}</camunda:properties></bpmn:extensionElements>"
    p.path(p.start(), p.add("userTask", "do", extra, **{"camunda:assignee": "ann"}), p.end())
    key = start(desk, p.xml())
    until(desk, "10:00")
    assert acts(desk.bpm, key) == [("system", "remind", '["ann"]')]


def test_one_that_fails_rings_later_and_holds_up_nobody(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = start(desk, plain({"sla.target": "PT1H"}))
    desk.bpm.start()
    whole = max(desk.bpm.scalars(sa.select(sla_clock.c.task_key)))
    remind = alarms.remind

    def fail(tx: Any, task: Any, people: Any) -> None:
        if task.key == broken:
            raise ZeroDivisionError
        remind(tx, task, people)

    monkeypatch.setattr(alarms, "remind", fail)
    desk.bpm.clock.set(at(MONDAY + "10:00"))
    assert rounds.ring_alarms(desk.bpm.server) == 1
    assert (len(acts(desk.bpm, whole)), acts(desk.bpm, broken)) == (1, [])
    assert (clock(desk.bpm, broken).failures, clock(desk.bpm, broken).rung) == (1, None)
    monkeypatch.undo()
    until(desk, "10:01")
    assert len(acts(desk.bpm, broken)) == 1


@pytest.mark.postgresql
def test_an_instance_that_somebody_works_on_does_not_hold_up_the_others(bpm_postgresql: Product) -> None:
    bpm = bpm_postgresql
    open_office(bpm)
    bpm.clock.set(at(MONDAY + "09:00"))
    bpm.deploy(plain({"sla.target": "PT1H"}))
    busy, _ = bpm.start(), bpm.start()
    bpm.clock.set(at(MONDAY + "10:00"))
    with bpm.server.database.write() as connection:
        instances.lock_instance(connection, busy)
        assert rounds.ring_alarms(bpm.server) == 1
    assert rounds.ring_alarms(bpm.server) == 1
    assert rounds.ring_alarms(bpm.server) == 0


def many() -> bytes:
    """A task with a clock for each of ``items``."""
    p = Process()
    each = multi_instance("=items", "person")
    extra = '<zeebe:assignmentDefinition assignee="ann"/>' + properties({"sla.target": "PT1H"})
    p.path(p.start(), p.user("do", body=each, extra=extra), p.end())
    return p.xml()


def test_very_many_due_at_once_are_drained_in_batches_and_in_order(desk: Desk) -> None:
    """And those of a suspended instance do not ring."""
    bpm = desk.bpm
    bpm.deploy(many())
    bpm.start(items=list(range(MANY)))
    quiet = bpm.start(items=[1, 2, 3])
    suspension.suspend_instance(bpm.server, ADMIN, quiet)
    bpm.clock.set(at(MONDAY + "10:00"))
    order: list[tuple[datetime, int]] = []
    ring, due_at = alarms.ring_alarm, at(MONDAY + "10:00")

    def note(server: Any, key: int) -> bool:
        order.append((due_at, key))
        return ring(server, key)

    alarms.ring_alarm = note  # type: ignore[assignment]
    try:
        with counted(bpm.server.database) as asked:
            assert rounds.run_until_idle(bpm.server, topics=("alarms",), most=10 * MANY) == MANY
    finally:
        alarms.ring_alarm = ring
    assert order == sorted(order)
    assert asked.commits == MANY
    assert len(asked) <= MOST_STATEMENTS * MANY
    assert sum("alarm_at <=" in text and "LIMIT" in text for text in asked.texts) == MANY // rounds.BATCH + 1
    counts = sa.select(sa.func.count()).select_from(sla_clock)
    assert bpm.scalars(counts.where(sla_clock.c.rung == 0)) == [MANY]
    assert bpm.scalars(counts.where(sla_clock.c.instance_key == quiet, sla_clock.c.rung.is_(None))) == [3]


def test_what_was_decided_before_is_not_decided_again(desk: Desk) -> None:
    key = start(desk, signed("all", "ann", {"approval.timeout": "PT1H", "approval.timeoutAction": "reject"}), "sign")
    desk.bpm.clock.set(at(MONDAY + "09:59") + timedelta(seconds=59))
    desk.vote("ann", key=key)
    until(desk, "12:00")
    assert desk.outcome(key) == "approved"
    assert acts(desk.bpm, key) == [("ann", "approve", "[]")]

"""Clocks of tasks: when they are due by the office's hours, paused and resumed, stopped, set anew."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from bpm_server.domain.calendars import DayKind, SpecialDay
from bpm_server.kernel.errors import Conflict, WrongState
from bpm_server.kernel.findings import RefusedFile
from bpm_server.services import alarms, calendars, process_instances, returning, suspension, tasks
from bpm_server.services.incidents import resolve_incident
from bpm_server.store.tables.instances import incident
from bpm_server.store.tables.service_levels import sla_clock
from tests.support.approvals import Desk, hire, person, starter
from tests.support.offices import at
from tests.support.product import ADMIN
from tests.support.service_levels import china, clock, due, open_office, plain, signed

if TYPE_CHECKING:
    from tests.support.product import Product

H = timedelta(hours=1)


def start_at(bpm: Product, moment: datetime, file: bytes, element_id: str = "do", **variables: object) -> int:
    bpm.clock.set(moment)
    bpm.deploy(file)
    bpm.start(**variables)
    return bpm.task(element_id).key


@pytest.mark.parametrize(
    ("begun", "target", "expected"),
    [
        ("2026-03-02 10:00", "PT3H", "2026-03-02 14:00"),  # over lunch
        ("2026-03-06 17:00", "PT2H", "2026-03-09 10:00"),  # over a weekend
        ("2026-09-30 17:00", "PT9H", "2026-10-08 18:00"),  # over the National Day holidays
        ("2026-10-09 17:00", "PT2H", "2026-10-10 10:00"),  # into a Saturday that is worked
        ("2026-02-13 17:00", "PT9H", "2026-02-14 18:00"),  # the Saturday before Spring Festival
        ("2026-02-14 17:00", "PT2H", "2026-02-24 10:00"),  # and the holidays after it
        ("2026-09-19 10:00", "PT1H", "2026-09-20 10:00"),  # begun on a free Saturday, the Sunday is worked
    ],
)
def test_due_by_the_chinese_calendar_of_2026(bpm: Product, begun: str, target: str, expected: str) -> None:
    open_office(bpm)
    key = start_at(bpm, at(begun), plain({"sla.target": target}))
    assert due(bpm, key) == at(expected)


def test_due_in_a_zone_whose_clocks_are_changed(bpm: Product) -> None:
    """Berlin, 29 March 2026: the Saturday night has an hour less; nine o'clock stays nine o'clock."""
    berlin = ZoneInfo("Europe/Berlin")
    open_office(bpm, replace(china(), calendar_id="berlin", time_zone="Europe/Berlin", days={}))
    begun = datetime(2026, 3, 27, 17, tzinfo=berlin)
    key = start_at(bpm, begun, plain({"sla.target": "PT2H", "sla.calendar": "berlin"}))
    expected = datetime(2026, 3, 30, 10, tzinfo=berlin)
    assert due(bpm, key) == expected
    assert expected.astimezone(UTC) - begun.astimezone(UTC) == 64 * H


def test_the_designers_due_date_stays(bpm: Product) -> None:
    open_office(bpm)
    schedule = '<zeebe:taskSchedule dueDate="2026-12-24T12:00:00Z"/>'
    key = start_at(bpm, at("2026-03-02 10:00"), plain({"sla.target": "PT1H"}, schedule=schedule))
    assert due(bpm, key) == datetime(2026, 12, 24, 12, tzinfo=UTC)
    assert clock(bpm, key).due_at == at("2026-03-02 11:00")


@pytest.mark.parametrize(
    ("target", "urgent", "expected"),
    [
        ('=if urgent then "PT1H" else "PT16H"', True, "2026-03-02 11:00"),
        ('=if urgent then "PT1H" else "PT16H"', False, "2026-03-04 10:00"),
        ('=duration("PT24H")', False, "2026-03-05 10:00"),
    ],
)
def test_a_target_by_feel(bpm: Product, target: str, urgent: bool, expected: str) -> None:
    open_office(bpm)
    file = plain({"sla.target": target, "sla.warnings": "PT2H"})
    assert due(bpm, start_at(bpm, at("2026-03-02 10:00"), file, urgent=urgent)) == at(expected)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"sla.target": "=nope"}, "Expected a working time such as PT16H by '=nope', but found NoneType.*'nope'"),
        ({"sla.target": '="soon"'}, "found 'soon'"),
        ({"sla.target": "PT1H", "sla.calendar": "mars"}, "Expected to find calendar 'mars', but there is none"),
    ],
)
def test_a_clock_that_cannot_be_started_is_an_incident(bpm: Product, values: dict[str, str], said: str) -> None:
    open_office(bpm)
    key = start_at(bpm, at("2026-03-02 10:00"), plain(values))
    (row,) = bpm.rows(sa.select(incident.c.kind, incident.c.message, incident.c.element_key))
    assert (row.kind, row.element_key) == ("SERVICE_LEVEL_ERROR", key)
    assert re.search(said, row.message)
    assert bpm.rows(sa.select(sla_clock)) == []
    with pytest.raises(WrongState, match=said):
        resolve_incident(bpm.server, ADMIN, bpm.scalars(sa.select(incident.c.key))[0])
    bpm.task("do").complete()


def test_resolving_the_incident_starts_the_clock(bpm: Product) -> None:
    open_office(bpm)
    key = start_at(bpm, at("2026-03-02 10:00"), plain({"sla.target": "=hours"}), hours=None)
    instance = bpm.scalars(sa.select(incident.c.instance_key))[0]
    process_instances.set_variables(bpm.server, ADMIN, instance, {"hours": "PT2H"})
    bpm.clock.set(at("2026-03-02 11:00"))
    resolve_incident(bpm.server, ADMIN, bpm.scalars(sa.select(incident.c.key))[0])
    assert due(bpm, key) == clock(bpm, key).due_at == at("2026-03-02 14:00")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"sla.target": "P1D"}, "working time in hours and minutes"),
        ({"sla.target": "=if"}, "expected FEEL after '='"),
        ({"sla.target": "PT2H", "sla.warnings": "PT1H, later"}, "sla.warnings"),
        ({"sla.target": "PT2H", "sla.warnings": "PT2H"}, "less than the target"),
        ({"sla.target": "PT2H", "sla.timeout": "PT1H"}, "the target or later"),
        ({"sla.target": "PT2H", "sla.timeoutAction": "approve"}, "one of remind, escalate"),
        ({"sla.target": "PT2H", "sla.goal": "1"}, "found 'sla.goal'"),
        ({"sla.warnings": "PT2H"}, "beside 'sla.warnings'"),
    ],
)
def test_findings_at_deployment(bpm: Product, values: dict[str, str], said: str) -> None:
    with pytest.raises(RefusedFile) as refused:
        bpm.deploy(plain(values))
    (finding,) = refused.value.findings
    assert said in finding.message
    assert finding.element == "do"


def test_findings_of_an_approval(bpm: Product) -> None:
    for values, said in (
        ({"approval.timeout": "PT2H", "approval.timeoutAction": "forget"}, "one of remind, escalate, approve, reject"),
        ({"approval.timeoutAction": "remind"}, "Expected 'sla.target' or 'approval.timeout'"),
        ({"sla.target": "PT1H", "sla.timeout": "PT2H"}, "at an approval it is 'approval.timeout'"),
    ):
        with pytest.raises(RefusedFile) as refused:
            bpm.deploy(signed("all", "ann", values))
        assert said in refused.value.findings[0].message


def test_suspended_it_does_not_count_and_does_not_ring(bpm: Product) -> None:
    open_office(bpm)
    key = start_at(bpm, at("2026-03-02 10:00"), plain({"sla.target": "PT4H"}))
    (instance,) = bpm.scalars(sa.select(sla_clock.c.instance_key))
    bpm.clock.set(at("2026-03-02 11:00"))
    suspension.suspend_instance(bpm.server, ADMIN, instance)
    assert (due(bpm, key), clock(bpm, key).alarm_at) == (None, None)
    bpm.clock.set(at("2026-03-05 11:00"))
    assert bpm.deliver() == 0
    suspension.resume_instance(bpm.server, ADMIN, instance)
    assert due(bpm, key) == at("2026-03-05 15:00")
    assert clock(bpm, key).alarm_at == at("2026-03-05 15:00")


def test_what_was_reached_before_a_pause_and_not_heard_rings_after_it(bpm: Product) -> None:
    open_office(bpm)
    key = start_at(bpm, at("2026-03-02 10:00"), plain({"sla.target": "PT1H"}))
    (instance,) = bpm.scalars(sa.select(sla_clock.c.instance_key))
    bpm.clock.set(at("2026-03-02 14:00"))  # no worker was there
    suspension.suspend_instance(bpm.server, ADMIN, instance)
    suspension.resume_instance(bpm.server, ADMIN, instance)
    assert clock(bpm, key).alarm_at <= bpm.clock.now()


def test_it_pauses_while_the_initiator_corrects(bpm: Product) -> None:
    open_office(bpm)
    hire(bpm)
    bpm.clock.set(at("2026-03-02 10:00"))
    desk = Desk(bpm)
    instance, key = desk.start(signed("all", "ann", {"sla.target": "PT4H"}))
    bpm.clock.set(at("2026-03-02 11:00"))
    returning.give_back(bpm.server, person("ann"), key, "initiator", "numbers do not add up")
    assert due(bpm, key) is None
    suspension.suspend_instance(bpm.server, ADMIN, instance)
    suspension.resume_instance(bpm.server, ADMIN, instance)
    assert due(bpm, key) is None, "still being corrected"
    bpm.clock.set(at("2026-03-05 11:00"))
    returning.resubmit(bpm.server, starter("eve"), key)
    assert due(bpm, key) == at("2026-03-05 15:00")


def test_it_stops_with_its_task(bpm: Product) -> None:
    open_office(bpm)
    key = start_at(bpm, at("2026-03-02 10:00"), plain({"sla.target": "PT1H"}))
    bpm.clock.set(at("2026-03-02 10:30"))
    tasks.complete_task(bpm.server, ADMIN, key)
    row = clock(bpm, key)
    assert (row.ended_at, row.alarm_at, row.due_at) == (at("2026-03-02 10:30"), None, at("2026-03-02 11:00"))
    other = start_at(bpm, at("2026-03-02 10:00"), plain({"sla.target": "PT1H"}))
    (instance,) = bpm.scalars(sa.select(sla_clock.c.instance_key).where(sla_clock.c.task_key == other))
    process_instances.cancel_instance(bpm.server, ADMIN, instance)
    assert clock(bpm, other).alarm_at is None
    bpm.clock.set(at("2026-03-09 10:30"))
    assert bpm.deliver() == 0


def test_a_changed_calendar_sets_open_clocks_anew(bpm: Product) -> None:
    """In batches, each clock once; what somebody set by hand stays."""
    open_office(bpm)
    bpm.clock.set(at("2026-03-02 10:00"))
    bpm.deploy(plain({"sla.target": "PT9H"}))
    for _ in range(7):
        bpm.start()
    keys = bpm.scalars(sa.select(sla_clock.c.task_key).order_by(sla_clock.c.task_key))
    by_hand = datetime(2026, 6, 1, tzinfo=UTC)
    tasks.update_task(bpm.server, ADMIN, keys[0], due_date=by_hand)
    tasks.complete_task(bpm.server, ADMIN, keys[1])
    assert {due(bpm, key) for key in keys[2:]} == {at("2026-03-03 11:00")}
    free = SpecialDay(date(2026, 3, 3), DayKind.HOLIDAY)
    calendars.save_days(bpm.server, ADMIN, "default", [free])
    assert [alarms.set_clocks(bpm.server, 4) for _ in range(3)] == [4, 2, 0]
    assert {due(bpm, key) for key in keys[2:]} == {at("2026-03-04 11:00")}
    assert (due(bpm, keys[0]), due(bpm, keys[1])) == (by_hand, at("2026-03-03 11:00"))
    assert {clock(bpm, key).alarm_at for key in (keys[0], *keys[2:])} == {at("2026-03-04 11:00")}


def test_nobody_is_reminded_by_hours_that_do_not_count_any_more(bpm: Product) -> None:
    open_office(bpm)
    key = start_at(bpm, at("2026-03-02 17:00"), plain({"sla.target": "PT2H"}))
    calendars.save_days(bpm.server, ADMIN, "default", [SpecialDay(date(2026, 3, 3), DayKind.HOLIDAY)])
    bpm.clock.set(at("2026-03-03 11:00"))
    assert alarms.ring_alarm(bpm.server, key)
    assert (clock(bpm, key).rung, clock(bpm, key).alarm_at) == (None, at("2026-03-04 10:00"))


def test_a_calendar_that_clocks_run_on_stays(bpm: Product) -> None:
    open_office(bpm)
    key = start_at(bpm, at("2026-03-02 10:00"), plain({"sla.target": "PT1H"}))
    with pytest.raises(Conflict, match="open tasks go by 'default'"):
        calendars.delete_calendar(bpm.server, ADMIN, "default")
    tasks.complete_task(bpm.server, ADMIN, key)
    calendars.delete_calendar(bpm.server, ADMIN, "default")

"""Clocks of service levels: what was used, what is left, and when something is due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpm_server.domain import sla
from bpm_server.domain.calendars import AROUND_THE_CLOCK, working_time_between
from bpm_server.domain.sla import Alarm, SlaClock
from bpm_server.kernel import json
from bpm_server.kernel.errors import InvalidInput, WrongState
from tests.support.offices import CHINA, at

H = timedelta(hours=1)
MONDAY = "2026-09-14 "


def clock(target: int = 8, *warnings: int, since: str = MONDAY + "09:00") -> SlaClock:
    return sla.start_clock("default", target * H, [w * H for w in warnings], at(since))


def test_due_is_counted_in_office_hours() -> None:
    assert sla.due_at(clock(8), CHINA) == at(MONDAY + "18:00")
    assert sla.due_at(clock(9), CHINA) == at("2026-09-15 10:00")


def test_a_paused_clock_has_no_due_date_and_loses_nothing() -> None:
    paused = sla.pause_clock(clock(8), CHINA, at(MONDAY + "11:00"))
    assert (paused.is_paused, sla.due_at(paused, CHINA), sla.alarms(paused, CHINA)) == (True, None, [])
    assert sla.left_time(paused, CHINA, at("2026-09-18 18:00")) == 6 * H
    resumed = sla.resume_clock(paused, at("2026-09-16 17:00"))
    assert sla.due_at(resumed, CHINA) == at("2026-09-17 15:00")


def test_what_is_late_is_negative_in_working_time() -> None:
    assert sla.left_time(clock(2), CHINA, at("2026-09-15 10:00")) == -7 * H


def test_warnings_come_in_order_and_not_again_after_a_pause() -> None:
    running = clock(8, 4, 1)
    assert sla.alarms(running, CHINA) == [
        Alarm(at(MONDAY + "14:00").astimezone(UTC), 4 * H),
        Alarm(at(MONDAY + "17:00").astimezone(UTC), H),
        Alarm(at(MONDAY + "18:00").astimezone(UTC), timedelta()),
    ]
    paused = sla.pause_clock(running, CHINA, at(MONDAY + "15:00"))
    resumed = sla.resume_clock(paused, at("2026-09-15 09:00"))
    assert [alarm.left for alarm in sla.alarms(resumed, CHINA)] == [H, timedelta()]


def test_a_stopped_clock_stands() -> None:
    stopped = sla.stop_clock(clock(8), CHINA, at(MONDAY + "10:00"))
    assert sla.left_time(stopped, CHINA, at("2026-12-01 10:00")) == 7 * H
    for act in (
        lambda: sla.pause_clock(stopped, CHINA, at(MONDAY + "11:00")),
        lambda: sla.resume_clock(stopped, at(MONDAY + "11:00")),
        lambda: sla.stop_clock(stopped, CHINA, at(MONDAY + "11:00")),
    ):
        with pytest.raises(WrongState, match=r"was stopped at 2026-09-14T02:00:00\.000Z"):
            act()


def test_acts_that_come_at_the_wrong_time() -> None:
    paused = sla.pause_clock(clock(), CHINA, at(MONDAY + "10:00"))
    with pytest.raises(WrongState, match="is paused"):
        sla.pause_clock(paused, CHINA, at(MONDAY + "11:00"))
    with pytest.raises(WrongState, match="but it runs"):
        sla.resume_clock(clock(), at(MONDAY + "11:00"))
    with pytest.raises(InvalidInput, match="calendar 'default', but found 'around-the-clock'"):
        sla.due_at(clock(), AROUND_THE_CLOCK)


def test_targets_and_warnings_that_cannot_be() -> None:
    for target, warnings in ((0, []), (8, [8]), (8, [0]), (8, [-1]), (8, [4, 9])):
        with pytest.raises(InvalidInput):
            clock(target, *warnings)


@pytest.mark.parametrize("text", ["P1D", "P1M", "PT0S", "-PT1H", "4h", ""])
def test_working_times_that_cannot_be(text: str) -> None:
    with pytest.raises(InvalidInput, match="Expected"):
        sla.read_working_time(text)


def test_working_time_is_read() -> None:
    assert sla.read_working_time("PT4H30M") == timedelta(hours=4, minutes=30)


@given(
    st.lists(st.integers(1, 3_000), min_size=1, max_size=8),
    st.integers(1, 200),
    st.lists(st.integers(1, 10_000), max_size=3),
)
def test_pauses_count_nothing_and_the_stored_clock_is_the_same(
    steps: list[int], target: int, warnings: list[int]
) -> None:
    start = at("2026-09-16 08:30")
    whole = target * H
    now, expected = start, timedelta()
    running = sla.start_clock("default", whole, [w for n in warnings if (w := timedelta(minutes=n)) < whole], start)
    for number, minutes in enumerate(steps):
        later = now + timedelta(minutes=minutes)
        if number % 2:
            running = sla.resume_clock(running, later)
        else:
            expected += working_time_between(CHINA, now, later)
            running = sla.pause_clock(running, CHINA, later)
        now = later
        running = sla.from_json(json.loads(json.dumps(sla.as_json(running))))
    assert sla.left_time(running, CHINA, now) == whole - expected
    due = sla.due_at(running, CHINA)
    if due is not None and expected < whole:
        assert sla.left_time(running, CHINA, due) == timedelta()
        times = [alarm.at for alarm in sla.alarms(running, CHINA)]
        assert times == sorted(times) and times[-1] == due
    assert isinstance(now, datetime)

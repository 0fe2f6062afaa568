"""Which alarm of a clock comes next; none is lost between two runs, none is said twice."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bpm_server.domain import sla
from bpm_server.domain.sla import Alarm
from bpm_server.kernel import json
from bpm_server.kernel.errors import InvalidInput
from tests.support.offices import CHINA, at

H = timedelta(hours=1)
MONDAY = "2026-09-14 "


def clock() -> sla.SlaClock:
    return sla.start_clock("default", 4 * H, [2 * H], at(MONDAY + "09:00"), timeout=6 * H)


def test_one_after_the_other() -> None:
    rung = None
    found = []
    while (alarm := sla.next_alarm(clock(), CHINA, rung)) is not None:
        found.append(alarm)
        rung = alarm.left
    due, over = at(MONDAY + "14:00"), at(MONDAY + "16:00")
    assert found == [Alarm(at(MONDAY + "11:00"), 2 * H), Alarm(due, 0 * H), Alarm(over, -2 * H)]
    assert found == sla.alarms(clock(), CHINA)


def test_what_nobody_heard_before_a_pause_is_due_when_it_runs_again() -> None:
    paused = sla.pause_clock(clock(), CHINA, at(MONDAY + "15:00"))
    assert sla.next_alarm(paused, CHINA, None) is None
    resumed = sla.resume_clock(paused, at("2026-09-16 09:00"))
    assert sla.next_alarm(resumed, CHINA, None) == Alarm(at("2026-09-16 09:00"), 2 * H)
    assert sla.next_alarm(resumed, CHINA, 2 * H) == Alarm(at("2026-09-16 09:00"), 0 * H)
    assert sla.next_alarm(resumed, CHINA, 0 * H) == Alarm(at("2026-09-16 10:00"), -2 * H)
    assert sla.next_alarm(resumed, CHINA, -2 * H) is None


def test_a_time_out_is_stored_and_not_before_the_target() -> None:
    assert sla.from_json(json.loads(json.dumps(sla.as_json(clock())))) == clock()
    with pytest.raises(InvalidInput, match="time-out at the target"):
        sla.start_clock("default", 4 * H, [], at(MONDAY + "09:00"), timeout=3 * H)

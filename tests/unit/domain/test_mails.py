"""Which mails go out when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bpm_server.domain.mails import Choices, When, check_choices, check_hour, next_daily, wait_after
from bpm_server.domain.notifications import Kind
from bpm_server.kernel.errors import InvalidInput


@pytest.mark.parametrize(
    ("now", "hour", "zone", "due"),
    [
        ("2026-01-01T00:00", 9, "Asia/Shanghai", "2026-01-01T01:00"),
        ("2026-01-01T01:00", 9, "Asia/Shanghai", "2026-01-02T01:00"),
        ("2026-01-01T17:00", 0, "Asia/Shanghai", "2026-01-02T16:00"),
        ("2026-03-28T12:00", 8, "Europe/Berlin", "2026-03-29T06:00"),  # the clocks go forward that night
        ("2026-10-24T12:00", 8, "Europe/Berlin", "2026-10-25T07:00"),  # and back
        ("2026-03-28T12:00", 2, "Europe/Berlin", "2026-03-29T01:00"),  # an hour that there is not
        ("2026-01-01T00:00", 8, "America/New_York", "2026-01-01T13:00"),
    ],
)
def test_the_daily_mail_goes_out_by_the_clock_on_the_wall(now: str, hour: int, zone: str, due: str) -> None:
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    assert next_daily(moment, hour, ZoneInfo(zone)) == datetime.fromisoformat(due).replace(tzinfo=UTC)


def test_what_is_not_chosen_is_as_usual_and_the_usual_is_not_stored() -> None:
    assert (Choices().when(Kind.TURN), Choices().when(Kind.COPIED)) == (When.AT_ONCE, When.DAILY)
    assert check_choices({"turn": "at_once", "copied": "never"}) == {"copied": "never"}
    assert Choices(by_kind={"copied": "never"}).everything()["copied"] == "never"


@pytest.mark.parametrize("chosen", [{"gossip": "daily"}, {"turn": "hourly"}, {"turn": 1}])
def test_unknown_words_are_refused(chosen: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        check_choices(chosen)


@pytest.mark.parametrize("hour", [-1, 24])
def test_a_day_has_24_hours(hour: int) -> None:
    with pytest.raises(InvalidInput, match="0 to 23"):
        check_hour(hour)


def test_tries_are_over_after_two_days() -> None:
    waits = [wait for attempts in range(1, 20) if (wait := wait_after(attempts)) is not None]
    assert waits == sorted(waits)
    assert timedelta(days=1) < sum(waits, timedelta()) < timedelta(days=2)

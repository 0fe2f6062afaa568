"""Timers where clocks change: in Berlin and New York every year, in Shanghai until 1991.

Berlin: 2026-03-29 from 02:00 to 03:00, 2026-10-25 from 03:00 to 02:00. New York: 2026-03-08 from 02:00 to 03:00,
2026-11-01 from 02:00 to 01:00. Shanghai: 1986-05-04 from 02:00 to 03:00, 1986-09-14 from 02:00 to 01:00.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bpm_server.bpmn.timers import Cycle, parse_cycle, parse_duration

BERLIN, NEW_YORK, SHANGHAI = (ZoneInfo(name) for name in ("Europe/Berlin", "America/New_York", "Asia/Shanghai"))


def at(text: str, zone: ZoneInfo, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold)


def turns(text: str, begin: datetime, count: int) -> list[str]:
    """When a cycle that is scheduled at ``begin`` is due, on the clocks of its zone with their offset."""
    cycle = parse_cycle(text)
    due = cycle.first(begin)
    found = []
    while due is not None and len(found) < count:
        assert due.tzinfo is UTC
        found.append(due.astimezone(begin.tzinfo).isoformat(timespec="minutes")[5:])
        due = cycle.following(due.astimezone(begin.tzinfo))
    return found


# --- days are of the calendar, hours are exact ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "begin", "expected"),
    [
        # 09:00 stays 09:00 over both nights; 24 hours do not
        ("R/P1D", at("2026-03-27T09:00", BERLIN), ["03-28T09:00+01:00", "03-29T09:00+02:00", "03-30T09:00+02:00"]),
        ("R/PT24H", at("2026-03-27T09:00", BERLIN), ["03-28T09:00+01:00", "03-29T10:00+02:00", "03-30T10:00+02:00"]),
        ("R/P1D", at("2026-10-23T09:00", BERLIN), ["10-24T09:00+02:00", "10-25T09:00+01:00", "10-26T09:00+01:00"]),
        ("R/PT24H", at("2026-10-23T09:00", BERLIN), ["10-24T09:00+02:00", "10-25T08:00+01:00", "10-26T08:00+01:00"]),
        ("R/P1D", at("2026-03-06T17:30", NEW_YORK), ["03-07T17:30-05:00", "03-08T17:30-04:00", "03-09T17:30-04:00"]),
        ("R/PT24H", at("2026-10-30T17:30", NEW_YORK), ["10-31T17:30-04:00", "11-01T16:30-05:00", "11-02T16:30-05:00"]),
        ("R/P1W", at("2026-03-22T00:15", BERLIN), ["03-29T00:15+01:00", "04-05T00:15+02:00"]),
        ("R/P1DT12H", at("2026-03-27T20:00", BERLIN), ["03-29T09:00+02:00", "03-30T21:00+02:00"]),
        ("R/P1D", at("1986-05-02T09:00", SHANGHAI), ["05-03T09:00+08:00", "05-04T09:00+09:00", "05-05T09:00+09:00"]),
        ("R/PT24H", at("1986-05-02T09:00", SHANGHAI), ["05-03T09:00+08:00", "05-04T10:00+09:00"]),
        ("R/P1D", at("1986-09-12T09:00", SHANGHAI), ["09-13T09:00+09:00", "09-14T09:00+08:00"]),
        ("R/P1D", at("2026-03-28T09:00", SHANGHAI), ["03-29T09:00+08:00", "03-30T09:00+08:00"]),
    ],
)
def test_a_cycle_of_days_keeps_the_time_of_day_and_one_of_hours_keeps_the_hours(
    text: str, begin: datetime, expected: list[str]
) -> None:
    assert turns(text, begin, len(expected)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("P1D", at("2026-03-29T09:00", BERLIN)),
        ("PT24H", at("2026-03-29T10:00", BERLIN)),
        ("P1M", at("2026-04-28T09:00", BERLIN)),
        ("P1Y", at("2027-03-28T09:00", BERLIN)),
        ("-P1D", at("2026-03-27T09:00", BERLIN)),
    ],
)
def test_a_duration_too(text: str, expected: datetime) -> None:
    assert parse_duration(text).after(at("2026-03-28T09:00", BERLIN)) == expected.astimezone(UTC)


# --- nothing drifts -------------------------------------------------------------------------------------------


def test_a_start_is_the_measure_of_every_turn() -> None:
    """The night that has no 02:30 moves its own turn only; a short month moves only itself."""
    text = "R/2026-03-27T02:30:00[Europe/Berlin]/P1D"
    assert turns(text, at("2026-03-26T12:00", BERLIN), 4) == [
        "03-27T02:30+01:00",
        "03-28T02:30+01:00",
        "03-29T03:30+02:00",
        "03-30T02:30+02:00",
    ]
    text = "R/2026-01-31T09:00:00[Asia/Shanghai]/P1M"
    assert turns(text, at("2026-01-01T00:00", SHANGHAI), 5) == [
        "01-31T09:00+08:00",
        "02-28T09:00+08:00",
        "03-31T09:00+08:00",
        "04-30T09:00+08:00",
        "05-31T09:00+08:00",
    ]


def test_an_hour_that_comes_twice_has_one_turn() -> None:
    text = "R/2026-10-24T02:30:00[Europe/Berlin]/P1D"
    assert turns(text, at("2026-10-24T00:00", BERLIN), 3) == [
        "10-24T02:30+02:00",
        "10-25T02:30+02:00",
        "10-26T02:30+01:00",
    ]


@pytest.mark.parametrize("start", ["2026-03-27T08:00:00Z", "2026-03-27T09:00:00+01:00"])
def test_a_start_without_a_named_zone_goes_by_the_calendar_of_the_installation(start: str) -> None:
    assert turns(f"R/{start}/P1D", at("2026-03-26T12:00", BERLIN), 3)[-1] == "03-29T09:00+02:00"


@pytest.mark.parametrize("zone", [BERLIN, NEW_YORK, SHANGHAI])
def test_ten_years_of_days_keep_the_time_of_day(zone: ZoneInfo) -> None:
    begin = at("1985-12-31T17:00", zone)
    due, cycle = begin.astimezone(UTC), parse_cycle("R/P1D")
    for _ in range(3_650):
        following = cycle.following(due.astimezone(zone))
        assert following is not None
        local = following.astimezone(zone)
        assert (local.hour, local.minute) == (17, 0)
        assert local.date() - due.astimezone(zone).date() == timedelta(days=1)
        due = following


def test_a_late_worker_moves_nothing() -> None:
    """What follows is counted from when it was due, not from when somebody came."""
    cycle = Cycle(None, parse_duration("PT10M"))
    assert cycle.following(at("2026-03-29T01:55", BERLIN)) == at("2026-03-29T03:05", BERLIN).astimezone(UTC)


# --- cron -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "begin", "expected"),
    [
        # 02:30 on the night without it: once, as late as the clocks are put forward; then at 02:30 again
        ("0 30 2 * * *", at("2026-03-28T01:00", BERLIN),
         ["03-28T02:30+01:00", "03-29T03:30+02:00", "03-30T02:30+02:00"]),
        ("0 30 2 * * *", at("2026-03-07T01:00", NEW_YORK),
         ["03-07T02:30-05:00", "03-08T03:30-04:00", "03-09T02:30-04:00"]),
        ("0 30 2 * * *", at("1986-05-03T01:00", SHANGHAI),
         ["05-03T02:30+08:00", "05-04T03:30+09:00", "05-05T02:30+09:00"]),
        # on the night that has it twice: the first time
        ("0 30 2 * * *", at("2026-10-24T01:00", BERLIN),
         ["10-24T02:30+02:00", "10-25T02:30+02:00", "10-26T02:30+01:00"]),
        ("0 30 1 * * *", at("2026-10-31T01:00", NEW_YORK),
         ["10-31T01:30-04:00", "11-01T01:30-04:00", "11-02T01:30-05:00"]),
        ("0 30 1 * * *", at("1986-09-13T01:00", SHANGHAI),
         ["09-13T01:30+09:00", "09-14T01:30+09:00", "09-15T01:30+08:00"]),
        # hours that fall together do so once
        ("0 30 2,3 * * *", at("2026-03-28T12:00", BERLIN), ["03-29T03:30+02:00", "03-30T02:30+02:00"]),
        # every real hour, without the one that is not there and with both that are
        ("0 30 * * * *", at("2026-03-29T00:45", BERLIN),
         ["03-29T01:30+01:00", "03-29T03:30+02:00", "03-29T04:30+02:00"]),
        (
            "0 30 * * * *",
            at("2026-10-25T00:45", BERLIN),
            ["10-25T01:30+02:00", "10-25T02:30+02:00", "10-25T02:30+01:00", "10-25T03:30+01:00"],
        ),
        (
            "0 */20 * * * *",
            at("2026-11-01T01:10", NEW_YORK),
            ["11-01T01:20-04:00", "11-01T01:40-04:00", "11-01T01:00-05:00", "11-01T01:20-05:00", "11-01T01:40-05:00",
             "11-01T02:00-05:00"],
        ),
        ("0 */20 * * * *", at("2026-03-29T01:30", BERLIN),
         ["03-29T01:40+01:00", "03-29T03:00+02:00", "03-29T03:20+02:00"]),
        # by days of the week and of the month
        ("0 0 9 ? * MON-FRI", at("2026-03-27T12:00", BERLIN), ["03-30T09:00+02:00", "03-31T09:00+02:00"]),
        ("0 0 9 L * *", at("2026-03-01T12:00", BERLIN), ["03-31T09:00+02:00", "04-30T09:00+02:00"]),
        ("@daily", at("2026-03-28T12:00", BERLIN), ["03-29T00:00+01:00", "03-30T00:00+02:00"]),
    ],
)  # fmt: skip
def test_cron_goes_by_the_clock_on_the_wall(text: str, begin: datetime, expected: list[str]) -> None:
    assert turns(text, begin, len(expected)) == expected


def test_within_the_second_time_of_an_hour_its_first_time_is_over() -> None:
    cycle = parse_cycle("0 30 2 * * *")
    assert cycle.first(at("2026-10-25T02:15", BERLIN, fold=1)) == at("2026-10-26T02:30", BERLIN).astimezone(UTC)
    hourly = parse_cycle("0 30 * * * *")
    assert hourly.first(at("2026-10-25T02:15", BERLIN, fold=1)) == at("2026-10-25T02:30", BERLIN, 1).astimezone(UTC)


@pytest.mark.parametrize("zone", [BERLIN, NEW_YORK, SHANGHAI, UTC])
def test_a_year_of_quarters_of_an_hour_misses_none(zone: ZoneInfo) -> None:
    """As many as there are in the year, whatever the clocks say, each later than the one before."""
    cycle, due = parse_cycle("0 */15 * * * *"), datetime(1986, 1, 1, tzinfo=UTC)
    count, end = 0, datetime(1987, 1, 1, tzinfo=UTC)
    while due < end:
        following = cycle.following(due.astimezone(zone))
        assert following == due + timedelta(minutes=15)
        due, count = following, count + 1
    assert count == 365 * 24 * 4


@pytest.mark.parametrize("text", ["0 0 0 31 2 *", "0 0 12 30 2 *"])
def test_a_day_that_never_comes_is_never_due(text: str) -> None:
    assert parse_cycle(text).first(at("2026-01-01T00:00", BERLIN)) is None


@pytest.mark.parametrize("text", ["@hourly", "@daily", "R/P1D", "R/2026-01-01T00:00:00Z/P4000Y"])
def test_the_end_of_the_calendar_is_no_error(text: str) -> None:
    due = parse_cycle(text).following(datetime(9999, 12, 31, 23, 30, tzinfo=UTC).astimezone(NEW_YORK))
    assert due is None or due <= datetime(9999, 12, 31, 23, 59, tzinfo=UTC)

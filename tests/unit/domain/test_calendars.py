"""Business calendars, counted against an oracle that looks at the clock on the wall minute by minute."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpm_server.domain.calendars import (
    AROUND_THE_CLOCK,
    Calendar,
    DayKind,
    Span,
    SpecialDay,
    add_working_time,
    check_calendar,
    next_opening,
    working_time_between,
)
from bpm_server.kernel.errors import InvalidInput
from tests.support.offices import CHINA, OFFICE, at

MINUTE = timedelta(minutes=1)
NEW_YEAR = date(2026, 1, 1)


def is_open(calendar: Calendar, moment: datetime) -> bool:
    """The oracle: what the clock on the wall shows."""
    wall = moment.astimezone(ZoneInfo(calendar.time_zone))
    minute = wall.hour * 60 + wall.minute
    special = calendar.days.get(wall.date())
    spans = calendar.week[wall.weekday()]
    if special is not None:
        usual = next(hours for hours in calendar.week if hours)
        spans = () if special.kind is DayKind.HOLIDAY else special.spans or usual
    return any(span.begin <= minute < span.end for span in spans)


def slow_between(calendar: Calendar, begin: datetime, end: datetime) -> timedelta:
    count, moment = 0, begin
    while moment < end:
        count += is_open(calendar, moment)
        moment += MINUTE
    return count * MINUTE


def slow_add(calendar: Calendar, start: datetime, minutes: int, patience: int) -> datetime | None:
    moment, left = start, minutes
    for _ in range(patience):
        if not left:
            return moment
        left -= is_open(calendar, moment)
        moment += MINUTE
    return None


@st.composite
def spans(draw: st.DrawFn) -> tuple[Span, ...]:
    marks = sorted(draw(st.sets(st.integers(0, 96), max_size=6)))
    return tuple(Span(15 * a, 15 * b) for a, b in zip(marks[::2], marks[1::2], strict=False))


CHANGES = {
    "Asia/Shanghai": (2026, 3, 29),
    "Europe/Berlin": (2026, 3, 29),
    "America/New_York": (2026, 11, 1),
    "Africa/Cairo": (2026, 4, 24),  # midnight is left out
    "Asia/Beirut": (2026, 10, 25),  # midnight comes twice
    "Australia/Lord_Howe": (2026, 4, 5),  # half an hour
    "Pacific/Apia": (2011, 12, 30),  # a whole day is left out
    "America/St_Johns": (2026, 3, 8),
}


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Calendar, datetime, int]:
    """A calendar, a moment near a change of its clocks, and a number of minutes."""
    zone = draw(st.sampled_from(sorted(CHANGES)))
    week = tuple(draw(st.lists(spans(), min_size=7, max_size=7)))
    if not any(week):
        week = (OFFICE, *week[1:])
    near = date(*CHANGES[zone])
    days = {}
    for offset in draw(st.sets(st.integers(-3, 3), max_size=3)):
        day = near + timedelta(days=offset)
        hours = draw(st.none() | spans().filter(bool))
        kind = DayKind.HOLIDAY if draw(st.booleans()) else DayKind.WORKDAY
        days[day] = SpecialDay(day, kind, spans=hours if kind is DayKind.WORKDAY else None)
    noon = datetime(near.year, near.month, near.day, 12, tzinfo=UTC)
    start = noon + draw(st.integers(-3 * 1440, 1440)) * MINUTE
    return check_calendar(Calendar("c", "c", zone, week, days)), start, draw(st.integers(0, 3 * 1440))


@given(worlds())
def test_time_between_is_what_the_wall_clock_counts(world: tuple[Calendar, datetime, int]) -> None:
    calendar, begin, minutes = world
    end = begin + minutes * MINUTE
    counted = working_time_between(calendar, begin, end)
    assert counted == slow_between(calendar, begin, end)
    assert working_time_between(calendar, end, begin) == -counted


@given(worlds())
def test_time_is_added_as_the_wall_clock_counts(world: tuple[Calendar, datetime, int]) -> None:
    calendar, start, minutes = world
    expected = slow_add(calendar, start, minutes % 900, 5 * 1440)
    if expected is not None:
        assert add_working_time(calendar, start, minutes % 900 * MINUTE) == expected


@given(worlds(), st.integers(0, 86_400_000_000))
def test_what_is_added_lies_between(world: tuple[Calendar, datetime, int], microseconds: int) -> None:
    calendar, start, minutes = world
    duration = minutes * MINUTE + timedelta(microseconds=microseconds)
    end = add_working_time(calendar, start, duration)
    assert working_time_between(calendar, start, end) == duration
    if duration:
        assert is_open(calendar, end - timedelta(microseconds=1))


@given(worlds())
def test_the_next_opening_is_the_first_open_moment(world: tuple[Calendar, datetime, int]) -> None:
    calendar, start, _ = world
    opened = next_opening(calendar, start)
    assert opened >= start and is_open(calendar, opened)
    assert working_time_between(calendar, start, opened) == timedelta()


@given(worlds(), st.integers(0, 2000))
def test_time_adds_up(world: tuple[Calendar, datetime, int], more: int) -> None:
    calendar, a, minutes = world
    b = a + minutes * MINUTE
    c = b + more * MINUTE
    whole = working_time_between(calendar, a, c)
    assert whole == working_time_between(calendar, a, b) + working_time_between(calendar, b, c)


@pytest.mark.parametrize(
    ("start", "hours", "end"),
    [
        ("2026-09-14 09:00", 3, "2026-09-14 12:00"),  # not when it opens again
        ("2026-09-14 09:00", 4, "2026-09-14 14:00"),
        ("2026-09-14 12:30", 1, "2026-09-14 14:00"),
        ("2026-09-18 17:00", 2, "2026-09-20 10:00"),  # Sunday is a make-up day, Saturday is free
        ("2026-09-30 17:00", 8, "2026-10-08 17:00"),  # the holidays do not count
        ("2026-10-09 17:00", 2, "2026-10-10 10:00"),  # a working Saturday
    ],
)
def test_office_hours_in_china(start: str, hours: int, end: str) -> None:
    assert add_working_time(CHINA, at(start), timedelta(hours=hours)) == at(end)


def test_around_the_clock_is_time_itself() -> None:
    begin = at("2026-03-28 00:00", ZoneInfo("Europe/Berlin"))
    assert add_working_time(AROUND_THE_CLOCK, begin, timedelta(hours=100)) - begin.astimezone(UTC) == timedelta(
        hours=100
    )


@pytest.mark.parametrize("text", ["9:00-12:00", "12:00-09:00", "09:00-24:01", "09:00-09:00", "09:60-10:00", "", "x"])
def test_hours_that_cannot_be(text: str) -> None:
    with pytest.raises(InvalidInput, match="Expected hours such as"):
        Span.parse(text)


@pytest.mark.parametrize(
    ("calendar", "says"),
    [
        (Calendar("a b", "x", "UTC", CHINA.week), "a calendar id"),
        (Calendar("c", "x", "Mars/Olympus", CHINA.week), "time zone .* 'Mars/Olympus'"),
        (Calendar("c", "x", "../../etc/passwd", CHINA.week), "time zone"),
        (Calendar("c", "x", "UTC", ((),) * 7), "at least one weekday"),
        (Calendar("c", "x", "UTC", (OFFICE[::-1],) * 7), "monday .* 09:00-12:00 after 13:00-18:00"),
        (
            Calendar("c", "x", "UTC", CHINA.week, {NEW_YEAR: SpecialDay(NEW_YEAR, DayKind.HOLIDAY, spans=OFFICE)}),
            "no hours on the holiday 2026-01-01",
        ),
    ],
)  # fmt: skip
def test_calendars_that_cannot_be(calendar: Calendar, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        check_calendar(calendar)


def test_what_is_too_far_away_is_refused() -> None:
    now = at("2026-01-01 00:00")
    for call in (
        lambda: working_time_between(CHINA, now, now.replace(year=2086)),
        lambda: add_working_time(CHINA, now, timedelta(days=365 * 40)),
        lambda: add_working_time(CHINA, now.replace(year=9980), MINUTE),
        lambda: add_working_time(CHINA, now, -MINUTE),
    ):
        with pytest.raises(InvalidInput):
            call()

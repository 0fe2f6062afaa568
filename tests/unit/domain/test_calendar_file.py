"""Calendars from files; the shipped one has what was announced."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from bpm_server.domain.calendar_file import calendar_values, make_calendar, read_calendar, read_day, read_days
from bpm_server.domain.calendars import Calendar, DayKind, Span, SpecialDay, add_working_time
from bpm_server.domain.lines import write_xlsx
from bpm_server.kernel.findings import RefusedFile
from tests.support.offices import OFFICE, at
from tests.support.services import ROOT

PATH = ROOT / "calendars" / "default.json"


def shipped() -> Calendar:
    return read_calendar(PATH.read_bytes(), PATH.name)


def test_the_shipped_calendar_has_the_days_of_2026() -> None:
    """State Council, 4 November 2025: first and last day of each holiday, and the days that are worked instead."""
    calendar = shipped()
    assert (calendar.calendar_id, calendar.time_zone, calendar.week) == (
        "default",
        "Asia/Shanghai",
        (OFFICE,) * 5 + ((), ()),
    )
    days = calendar.days.values()
    found: dict[str, list[date]] = {}
    for one in days:
        if one.kind is DayKind.HOLIDAY:
            found.setdefault(one.name or "", []).append(one.day)
    assert {name: (f"{min(all_):%m%d}-{max(all_):%m%d}", len(all_)) for name, all_ in found.items()} == {
        "元旦": ("0101-0103", 3),
        "春节": ("0215-0223", 9),
        "清明节": ("0404-0406", 3),
        "劳动节": ("0501-0505", 5),
        "端午节": ("0619-0621", 3),
        "中秋节": ("0925-0927", 3),
        "国庆节": ("1001-1007", 7),
    }
    worked = [f"{one.day:%m%d}" for one in days if one.kind is DayKind.WORKDAY]
    assert worked == ["0104", "0214", "0228", "0509", "0920", "1010"]
    assert all(date(2026, int(d[:2]), int(d[2:])).weekday() > 4 for d in worked)


def test_working_days_of_2026_in_china() -> None:
    calendar = shipped()
    days = [date(2026, 1, 1) + timedelta(days=n) for n in range(365)]
    assert sum(bool(calendar.hours(day)) for day in days) == 248  # 261 weekdays - 19 in holidays + 6 made up
    assert add_working_time(calendar, at("2026-02-14 17:00"), timedelta(hours=2)) == at("2026-02-24 10:00")


def test_written_and_read_is_the_same() -> None:
    values = calendar_values(shipped())
    days = [read_day(one["day"], one["kind"], one["name"], one["hours"]) for one in values.pop("days")]
    assert make_calendar(**values, days=days) == shipped()


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"{", "Expected a calendar, but found"),
        (b'{"calendarId": "c"}', "missing required field `name`"),
        (b'{"calendarId": "c", "name": "x", "timeZone": "UTC", "week": {}, "x": 1}', "unknown field `x`"),
        (b'{"calendarId": "c", "name": "x", "timeZone": "UTC", "week": {"montag": []}}', "weekdays among monday"),
        (
            b'{"calendarId": "c", "name": "x", "timeZone": "UTC", "week": {}, "days": [{"day": 1, "kind": "x"}]}',
            r"`str`, got `int` - at `\$.days\[0\].day`",
        ),
    ],
)
def test_calendars_that_cannot_be(data: bytes, says: str) -> None:
    with pytest.raises(RefusedFile, match=says):
        read_calendar(data, "c.json")


def test_days_of_a_table() -> None:
    rows = [
        {"day": "2027-01-01", "kind": "holiday", "name": "元旦"},
        {"day": "2027-01-02", "kind": "workday", "hours": "09:00-12:00 13:00-15:30"},
    ]
    expected = [
        SpecialDay(date(2027, 1, 1), DayKind.HOLIDAY, "元旦"),
        SpecialDay(date(2027, 1, 2), DayKind.WORKDAY, None, (Span(540, 720), Span(780, 930))),
    ]
    text = "day,kind,name,hours\n2027-01-01,holiday,元旦,\n2027-01-02,workday,,09:00-12:00 13:00-15:30\n"
    assert read_days(text.encode(), "days.csv") == expected
    assert read_days(write_xlsx("days", ("day", "kind", "name", "hours"), rows), "days.xlsx") == expected


def test_every_wrong_line_is_named() -> None:
    text = "day,kind,hours\n2027-02-30,holiday,\n2027-01-01,feast,\n2027-01-02,workday,9-12\n"
    text += "2027-01-03,holiday,09:00-10:00\n2027-01-04,holiday,\n2027-01-04,workday,\n"
    with pytest.raises(RefusedFile) as raised:
        read_days(text.encode(), "days.csv")
    places = [(finding.line, finding.element) for finding in raised.value.findings]
    assert places == [(2, "day"), (3, "kind"), (4, "hours"), (5, "hours"), (7, "day")]

"""Dates, times and durations: reading, writing, arithmetic, order, properties."""

from __future__ import annotations

import pytest

from bpm_server import feel
from bpm_server.feel.temporal.text import parse_date
from tests.unit.feel.tables import evaluated, notes, rows


@rows("""
    date("2026-01-31") => 2026-01-31
    date("2024-02-29") => 2024-02-29
    date("2026-02-29") => null
    date("2026-1-1") => null
    date("999999999-12-31") => 999999999-12-31
    date("-999999999-01-01") => -999999999-01-01
    date("1000000000-01-01") => null
    date("0001-01-01") => 0001-01-01
    date("-0044-03-15") => -0044-03-15
    date("2026-01-31T10:00:00") => null
    date(2026, 1, 31) => 2026-01-31
    date(2026, 13, 1) => null
    date(2026.5, 1, 1) => null
    date(date and time("2026-01-31T23:00:00-05:00")) => 2026-01-31
    time("12:30:15") => 12:30:15
    time("12:30:15.000000001Z") => 12:30:15.000000001Z
    time("12:30:15+01:30") => 12:30:15+01:30
    time("12:30:15-14:00") => 12:30:15-14:00
    time("12:30:15+14:01") => null
    time("12:30:15@Europe/Berlin") => 12:30:15@Europe/Berlin
    time("12:30:15@Nowhere/Land") => null
    time("12:30:15+01:00@Europe/Berlin") => null
    time("24:00:01") => null
    time("12:60:00") => null
    time("12:30") => null
    time(12, 30, 15.5) => 12:30:15.5
    time(12, 30, 15, duration("PT1H")) => 12:30:15+01:00
    time(12, 30, 15, null) => 12:30:15
    time(25, 0, 0) => null
    time(date("2026-01-31")) => 00:00:00Z
    time(date and time("2026-01-31T10:00:00@Asia/Tokyo")) => 10:00:00@Asia/Tokyo
    date and time("2026-01-31T10:00:00") => 2026-01-31T10:00:00
    date and time("2026-01-31") => 2026-01-31T00:00:00
    date and time(date("2026-01-31"), time("10:00:00Z")) => 2026-01-31T10:00:00Z
    date and time(date and time("2026-01-31T01:02:03"), time("10:00:00")) => 2026-01-31T10:00:00
    date and time("-2026-01-31T10:00:00.123456789+05:30") => -2026-01-31T10:00:00.123456789+05:30
    duration("P1Y2M") => P1Y2M
    duration("-P14M") => -P1Y2M
    duration("P1DT2H3M4.5S") => P1DT2H3M4.5S
    duration("PT36H") => P1DT12H
    duration("P0D") => PT0S
    duration("P1Y1D") => null
    duration("P") => null
    duration("P1DT") => null
    duration("PT0.000000001S") => PT0.000000001S
    @"2026-01-31" => 2026-01-31
    @"10:00:00" => 10:00:00
    @"2026-01-31T10:00:00Z" => 2026-01-31T10:00:00Z
    @"P1Y" => P1Y
    @"PT1S" => PT1S
    @"yesterday" => null
    now() => 2026-01-31T12:30:15.25+01:00
    today() => 2026-01-31
""")
def test_reading_and_writing(expression: str, expected: str) -> None:
    assert evaluated(expression) == expected


@rows("""
    @"2026-01-31" + @"P1M" => 2026-02-28
    @"2024-01-31" + @"P1M" => 2024-02-29
    @"2024-02-29" + @"P1Y" => 2025-02-28
    @"2026-03-31" - @"P1M" => 2026-02-28
    @"2026-12-31" + @"P1D" => 2027-01-01
    @"2026-01-01" - @"P1D" => 2025-12-31
    @"2026-01-31" + @"PT36H" => 2026-02-01
    @"2026-01-31" - @"PT1H" => 2026-01-30
    @"0001-01-01" - @"P1D" => 0000-12-31
    @"999999999-12-31" + @"P1D" => null
    @"2026-01-31T10:00:00" + @"PT14H" => 2026-02-01T00:00:00
    @"2026-01-31T10:00:00+02:00" + @"P1M" => 2026-02-28T10:00:00+02:00
    @"2026-01-31T10:00:00@Europe/Berlin" - @"P1D" => 2026-01-30T10:00:00@Europe/Berlin
    @"P1M" + @"2026-01-31" => 2026-02-28
    @"23:00:00" + @"PT2H" => 01:00:00
    @"01:00:00Z" - @"PT2H" => 23:00:00Z
    @"10:00:00" + @"P1Y" => null
    @"2026-03-01" - @"2026-02-01" => P28D
    @"2026-02-01" - @"2026-03-01" => -P28D
    @"2026-01-31T10:00:00Z" - @"2026-01-31T10:00:00+01:00" => PT1H
    @"2026-01-31T10:00:00" - @"2026-01-31T10:00:00Z" => null
    @"12:00:00" - @"10:30:00" => PT1H30M
    @"P1Y" + @"P6M" => P1Y6M
    @"P1Y" - @"P18M" => -P6M
    @"PT1H" + @"P1D" => P1DT1H
    @"P1Y" + @"P1D" => null
    @"P1Y" * 2.5 => P2Y6M
    @"PT1H" * 1.5 => PT1H30M
    2 * @"PT1H" => PT2H
    @"PT1H" / 4 => PT15M
    @"P1Y" / 5 => P2M
    @"PT3H" / @"PT2H" => 1.5
    @"P1Y" / @"P5M" => 2.4
    @"PT1H" / 0 => null
    @"PT1H" / @"PT0S" => null
    -@"PT1H" => -PT1H
    abs(-@"P1M") => P1M
    @"2026-01-31" * 2 => null
    @"2026-01-31" + 1 => null
    @"2026-01-31" + @"2026-01-31" => null
    date("2026-01-31") + duration("P1D") + duration("P1M") => 2026-03-01
    years and months duration(@"2024-02-29", @"2026-02-28") => P1Y11M
    years and months duration(@"2026-02-28", @"2024-02-29") => -P1Y11M
    years and months duration(@"2024-12-31", @"2025-01-01") => P0M
    years and months duration(@"2024-12-31", @"2025-01-31") => P1M
""")
def test_arithmetic(expression: str, expected: str) -> None:
    assert evaluated(expression) == expected


@rows("""
    @"2026-01-31" < @"2026-02-01" => true
    @"2026-01-31" = date(2026, 1, 31) => true
    @"2026-01-31" = @"2026-01-31T00:00:00" => null
    @"10:00:00Z" = @"11:00:00+01:00" => true
    @"10:00:00Z" < @"10:30:00+01:00" => false
    @"2026-01-31T10:00:00Z" = @"2026-01-31T11:00:00@Europe/Berlin" => true
    @"2026-07-31T10:00:00Z" = @"2026-07-31T12:00:00@Europe/Berlin" => true
    @"2026-01-31T10:00:00@Europe/Berlin" = @"2026-01-31T10:00:00@Europe/Paris" => true
    @"P1Y" = @"P12M" => true
    @"P1D" = @"PT24H" => true
    @"P1Y" = @"P365D" => null
    @"P1Y" > @"P11M" => true
    @"PT1H" between @"PT59M" and @"PT61M" => true
    @"2026-01-15" in [@"2026-01-01"..@"2026-01-31"] => true
    @"2026-01-31" in [@"2026-01-01"..@"2026-01-31") => false
    max(@"2026-01-31", @"2026-02-01") => 2026-02-01
    sort([@"PT2H", @"PT1H"]) => [PT1H, PT2H]
""")
def test_order(expression: str, expected: str) -> None:
    assert evaluated(expression) == expected


@rows("""
    @"2026-01-31".year => 2026
    @"2026-01-31".month => 1
    @"2026-01-31".day => 31
    @"2026-01-31".weekday => 6
    @"2026-01-31".hour => null
    @"10:20:30.5+02:00".second => 30.5
    @"10:20:30+02:00".time offset => PT2H
    @"10:20:30".time offset => null
    @"2026-01-31T10:20:30@Europe/Berlin".timezone => "Europe/Berlin"
    @"2026-01-31T10:20:30@Europe/Berlin".time offset => PT1H
    @"2026-07-31T10:20:30@Europe/Berlin".time offset => PT2H
    @"2026-01-31T10:20:30".minute => 20
    @"P1Y14M".years => 2
    @"P1Y14M".months => 2
    @"-P1DT25H".days => -2
    @"-P1DT25H".hours => -1
    @"PT61.5S".seconds => 1.5
    @"PT61.5S".minutes => 1
    @"P1Y".days => null
    day of week(@"2026-01-31") => "Saturday"
    day of year(@"2026-12-31") => 365
    month of year(@"2026-01-31") => "January"
    week of year(@"2026-12-31") => 53
    week of year(@"2027-01-03") => 53
    week of year(@"2027-01-04") => 1
""")
def test_properties(expression: str, expected: str) -> None:
    assert evaluated(expression) == expected


@pytest.mark.parametrize("function", ["now()", "today()"])
def test_without_a_clock_there_is_no_present(function: str) -> None:
    result = feel.compile(function).evaluate({})
    assert result.value is None
    assert [note.kind for note in result.diagnostics] == ["clock"]


def test_each_day_of_four_centuries_has_its_number() -> None:
    first, last = parse_date("1999-12-31"), parse_date("2400-01-01")
    assert first is not None
    assert last is not None
    previous = first
    for number in range(first.day_number + 1, last.day_number + 1):
        date = feel.Date.from_day_number(number)
        assert date.day_number == number
        assert (date.year, date.month, date.day) > (previous.year, previous.month, previous.day)
        previous = date
    assert previous == last


def test_bad_text_is_quoted() -> None:
    assert notes('date("31.1.2026")') == [
        'argument at 1:1: date: Expected a date as YYYY-MM-DD, but found the string "31.1.2026"'
    ]

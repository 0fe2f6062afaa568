"""Holidays of iCalendar files."""

from __future__ import annotations

from datetime import date

import pytest

from bpm_server.domain.calendars import DayKind
from bpm_server.domain.icalendar_file import read_icalendar
from bpm_server.kernel.findings import RefusedFile


def event(*lines: str) -> str:
    return "\r\n".join(["BEGIN:VEVENT", "UID:1", *lines, "END:VEVENT"])


def ics(*events: str) -> bytes:
    head = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//test//EN"]
    return "\r\n".join([*head, *events, "END:VCALENDAR", ""]).encode()


HOLIDAY = event("SUMMARY:国庆节（休）", "DTSTART;VALUE=DATE:20261001", "DTEND;VALUE=DATE:20261003")
WORKED = event("SUMMARY:国庆节（班）", "DTSTART;VALUE=DATE:20261010")


def test_events_of_whole_days_are_holidays_and_make_up_days() -> None:
    found = read_icalendar(ics(WORKED, HOLIDAY), "h.ics")
    assert [(one.day, one.kind, one.name) for one in found] == [
        (date(2026, 10, 1), DayKind.HOLIDAY, "国庆节（休）"),
        (date(2026, 10, 2), DayKind.HOLIDAY, "国庆节（休）"),
        (date(2026, 10, 10), DayKind.WORKDAY, "国庆节（班）"),
    ]


def test_no_events_are_no_days() -> None:
    assert read_icalendar(ics(), "h.ics") == []


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (ics(event("SUMMARY:a", "DTSTART:20261001T090000Z")), "whole days, but found 'a'"),
        (ics(event("SUMMARY:b", "DTSTART;VALUE=DATE:20261001", "RRULE:FREQ=YEARLY")), "does not repeat, but found 'b'"),
        (ics(event("SUMMARY:c")), "whole days, but found 'c'"),
        (ics(event("SUMMARY:d", "DTSTART;VALUE=DATE:20261001", "DTEND;VALUE=DATE:29991001")), "at most 5000 days"),
        (b"day,kind\n", "Expected an iCalendar file, but found"),
        (b"", "Expected an iCalendar file, but found"),
        (b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n", "Expected an iCalendar file, but found"),
    ],
)
def test_files_that_cannot_be(data: bytes, says: str) -> None:
    with pytest.raises(RefusedFile, match=says):
        read_icalendar(data, "h.ics")

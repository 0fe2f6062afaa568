"""``bpm-server calendar``: business calendars, holidays and make-up days from files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpm_server import bootstrap
from bpm_server.cli.first_run import prepare_people
from bpm_server.cli.inputs import read_file
from bpm_server.domain.calendar_file import read_calendar, read_days
from bpm_server.domain.identity import SYSTEM
from bpm_server.services import calendars

if TYPE_CHECKING:
    import argparse

    from bpm_server.domain.calendars import SpecialDay
    from bpm_server.settings import Settings


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Saves a whole calendar (JSON), or adds the days of a table or iCalendar file to one; all of it or nothing."""
    data = read_file(options.file, "a JSON, CSV or iCalendar file, or an Excel workbook")
    name = options.file.name
    is_calendar = options.file.suffix.lower() == ".json"
    bootstrap.prepare(settings)
    with bootstrap.running(settings) as server:
        prepare_people(server)
        if is_calendar:
            calendar = read_calendar(data, name)
            calendars.save_calendar(server, SYSTEM, calendar)
            print(f"Calendar {calendar.calendar_id}: {calendar.time_zone}, {len(calendar.days)} days")
        else:
            days = _read_days(data, name, options.file.suffix.lower())
            changed = calendars.save_days(server, SYSTEM, options.into, days)
            print(f"Calendar {options.into}: {changed} of {len(days)} days are new or otherwise")
    return 0


def _read_days(data: bytes, name: str, suffix: str) -> list[SpecialDay]:
    if suffix == ".ics":
        from bpm_server.domain.icalendar_file import read_icalendar  # noqa: PLC0415 - takes a while to import

        return read_icalendar(data, name)
    return read_days(data, name)

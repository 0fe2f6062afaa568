"""``bpm-server calendar``: business calendars, holidays and make-up days from files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpm_server import bootstrap
from bpm_server.cli.first_run import prepare_people
from bpm_server.cli.inputs import read_file
from bpm_server.domain.calendar_changes import is_whole_calendar, read_file_of_days
from bpm_server.domain.calendar_file import read_calendar
from bpm_server.domain.identity import SYSTEM
from bpm_server.services import calendars

if TYPE_CHECKING:
    import argparse

    from bpm_server.settings import Settings


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Saves a whole calendar (JSON), or adds the days of a table or iCalendar file to one; all of it or nothing."""
    data = read_file(options.file, "a JSON, CSV or iCalendar file, or an Excel workbook")
    name = options.file.name
    bootstrap.prepare(settings)
    with bootstrap.running(settings) as server:
        prepare_people(server)
        if is_whole_calendar(name):
            calendar = read_calendar(data, name)
            calendars.save_calendar(server, SYSTEM, calendar)
            print(f"Calendar {calendar.calendar_id}: {calendar.time_zone}, {len(calendar.days)} days")
        else:
            days = read_file_of_days(data, name)
            changed = calendars.save_days(server, SYSTEM, options.into, days)
            print(f"Calendar {options.into}: {changed} of {len(days)} days are new or otherwise")
    return 0

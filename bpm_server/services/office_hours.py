"""Business calendars as clocks see them: cached, read again when one has changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bpm_server.kernel.errors import NotFound, Unavailable
from bpm_server.store.calendars import read_calendars
from bpm_server.store.moments import read_moment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.engine import Connection

    from bpm_server.domain.calendars import Calendar
    from bpm_server.store.moments import Moment

ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class KnownCalendar:
    """A calendar and the ``calendar_version`` of its last change."""

    calendar: Calendar
    revision: int


class Calendars:
    """What one process knows of the calendars, read again when ``calendar_version`` has changed."""

    def __init__(self) -> None:
        self._known: tuple[int, Mapping[str, KnownCalendar]] = (-1, {})

    def find(self, connection: Connection, moment: Moment, calendar_id: str) -> KnownCalendar:
        """A calendar as it is at a moment, or later.

        Raises:
            NotFound: there is no such calendar.
            Unavailable: calendars are changed faster than they can be read.
        """
        found = self._at(connection, moment).get(calendar_id)
        if found is None:
            message = f"Expected to find calendar '{calendar_id}', but there is none"
            raise NotFound(message)
        return found

    def _at(self, connection: Connection, moment: Moment) -> Mapping[str, KnownCalendar]:
        for _ in range(ATTEMPTS):
            version, known = self._known
            if version == moment.calendar_version:
                return known
            found = {name: KnownCalendar(*one) for name, one in read_calendars(connection).items()}
            after = read_moment(connection)
            if after.calendar_version == moment.calendar_version:  # nothing came between its statements
                self._known = (moment.calendar_version, found)
                return found
            moment = after
        message = "Expected the calendars to stand still while they are read, but they were changed each time"
        raise Unavailable(message, retry_after=1)

"""Time zones: which offset a zone id has, for any year."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from bpm_server.feel.temporal import calendar

_ZONE_ID = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+)*\Z")
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - local clocks are naive on purpose
_EPOCH_UTC = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_DAY = calendar.day_number(2, 1, 1)
_LAST_DAY = calendar.day_number(9998, 12, 31)
_DAYS_PER_ERA = 146_097


@lru_cache(maxsize=1024)
def find_zone(zone_id: str) -> ZoneInfo | None:
    """The zone of the IANA database, where there is one of that id."""
    if len(zone_id) > 100 or not _ZONE_ID.match(zone_id):
        return None
    try:
        return ZoneInfo(zone_id)
    except (KeyError, ValueError, OSError):
        return None


def offset_at(zone_id: str, day_number: int, second_of_day: int) -> int:
    """Seconds east of UTC at a local time; in a gap the offset before it, in an overlap the first one."""
    zone = find_zone(zone_id)
    if zone is None:
        return 0
    local = _EPOCH + timedelta(days=_representable(day_number), seconds=second_of_day)
    return _seconds(zone.utcoffset(local))


def offset_at_instant(zone_id: str, seconds: int) -> int:
    """Seconds east of UTC at so many seconds after 1970-01-01T00:00Z."""
    zone = find_zone(zone_id)
    if zone is None:
        return 0
    days, second_of_day = divmod(seconds, 86_400)
    instant = _EPOCH_UTC + timedelta(days=_representable(days), seconds=second_of_day)
    return _seconds(instant.astimezone(zone).utcoffset())


def offset_text(offset: int) -> str:
    """``Z``, ``+02:00`` or ``-05:30:15``."""
    if offset == 0:
        return "Z"
    minutes, seconds = divmod(abs(offset), 60)
    text = f"{'-' if offset < 0 else '+'}{minutes // 60:02d}:{minutes % 60:02d}"
    return f"{text}:{seconds:02d}" if seconds else text


def _representable(day_number: int) -> int:
    """A day with the same rules that ``datetime`` can hold: the first one, or one of the last 400 years."""
    if day_number < _FIRST_DAY:
        return _FIRST_DAY
    if day_number > _LAST_DAY:
        return _LAST_DAY - _DAYS_PER_ERA + (day_number - _LAST_DAY) % _DAYS_PER_ERA
    return day_number


def _seconds(offset: timedelta | None) -> int:
    return 0 if offset is None else offset.days * 86_400 + offset.seconds

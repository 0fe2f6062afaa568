"""Results of expressions: as they lie in a form's data, and as JSON.

The form viewer's JSON is followed, so that the server stores what people saw: ``date("2024-01-05")`` is submitted as
``2024-01-05T00:00:00.000Z``. Times of day and durations, for which the viewer has no sensible form, are FEEL's texts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpm_server import feel
from bpm_server.domain.forms.values import TooLarge, copied

if TYPE_CHECKING:
    from datetime import datetime


def at_rest(value: Any) -> Any:
    """A result as a form's data hold it; null where it is too large."""
    try:
        return copied(value, _still)
    except TooLarge:
        return None


def _still(value: Any) -> Any:
    """Each evaluation makes a new function; its parameters are all that the viewer submits of it."""
    return {"parameterNames": list(value.parameters)} if isinstance(value, feel.FeelFunction) else value


def json_value(value: Any, now: datetime) -> Any:
    """A value of a form's data as JSON; moments without offset are on the clock of ``now``."""
    match value:
        case None | str() | bool() | int():
            return value
        case list():
            return [json_value(item, now) for item in value]
        case dict():
            return {name: json_value(item, now) for name, item in value.items()}
        case feel.Range():
            return {
                "start": json_value(value.low, now),
                "end": json_value(value.high, now),
                "start included": value.low_included,
                "end included": value.high_included,
            }
        case feel.Date():
            return f"{value}T00:00:00.000Z"
        case feel.DateTime():
            return _moment(value, now)
    try:
        return feel.to_json(value)
    except feel.NotJson:
        return None


def _moment(value: feel.DateTime, now: datetime) -> str:
    seconds = value.offset_seconds()
    if seconds == 0:
        suffix = "Z"
    else:
        if seconds is None:
            offset = now.utcoffset()
            seconds = int(offset.total_seconds()) if offset else 0
        minutes = abs(seconds) // 60
        suffix = f"{'-' if seconds < 0 else '+'}{minutes // 60:02d}:{minutes % 60:02d}"
    time = value.time
    return f"{value.date}T{time.hour:02d}:{time.minute:02d}:{time.second:02d}.{time.nano // 1_000_000:03d}{suffix}"

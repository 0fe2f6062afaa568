"""Clocks of service levels: they count working time, can be paused, and say what is due when.

A clock is a value that can be stored (:func:`as_json`): what was used up before the last pause is kept as it was
counted then. A calendar that is changed later moves only what has not been used yet.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from bpm_server.bpmn.timers import parse_duration
from bpm_server.domain.calendars import add_working_time, working_time_between
from bpm_server.kernel import json
from bpm_server.kernel.errors import InvalidInput, WrongState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bpm_server.domain.calendars import Calendar

_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class SlaClock:
    """How much working time something may take.

    Attributes:
        calendar_id: By whose hours it runs.
        target: Working time from start to due.
        warnings: Working time that is left when somebody is to be warned; the longest first.
        used: Working time of the runs that a pause has ended.
        running_since: None while it is paused, and after it was stopped.
        stopped_at: When what it measures was done.
        timeout: Working time from start to time-out; None: that is the due date.
    """

    calendar_id: str
    target: timedelta
    warnings: tuple[timedelta, ...] = ()
    used: timedelta = timedelta()
    running_since: datetime | None = None
    stopped_at: datetime | None = None
    timeout: timedelta | None = None

    @property
    def lefts(self) -> tuple[timedelta, ...]:
        """Working time that is left at each alarm, the first one first: warnings, due date, time-out (negative)."""
        over = () if self.timeout in (None, self.target) else (self.target - self.timeout,)
        return (*self.warnings, timedelta(), *over)

    @property
    def is_paused(self) -> bool:
        """Whether it waits to be resumed."""
        return self.running_since is None and self.stopped_at is None


@dataclass(frozen=True, slots=True)
class Alarm:
    """A moment at which a running clock has something to say.

    Attributes:
        left: Zero where it is the due date; negative where it is a time-out that comes later.
    """

    at: datetime
    left: timedelta


def read_working_time(text: str) -> timedelta:
    """Working time of an ISO 8601 text such as ``PT16H``. A day of a calendar has no length of its own.

    Raises:
        InvalidInput: not such a text, not positive, or with days, months or years.
    """
    duration = parse_duration(text)
    if duration.months or duration.days or not duration.is_positive:
        message = f"Expected a positive working time in hours and minutes such as PT16H, but found '{text}'"
        raise InvalidInput(message)
    return duration.time


def start_clock(
    calendar_id: str,
    target: timedelta,
    warnings: Iterable[timedelta],
    now: datetime,
    timeout: timedelta | None = None,
) -> SlaClock:
    """A clock that begins to run.

    Raises:
        InvalidInput: the target is not positive, a warning not between nothing and the target, or the time-out before
            the target.
    """
    ordered = tuple(sorted(set(warnings), reverse=True))
    if target <= timedelta():
        message = f"Expected a positive target, but found {target}"
        raise InvalidInput(message)
    if ordered and not (timedelta() < ordered[-1] and ordered[0] < target):
        message = f"Expected warnings between nothing and the target of {target}, but found {ordered[0]}"
        raise InvalidInput(message)
    if timeout is not None and timeout < target:
        message = f"Expected a time-out at the target of {target} or later, but found {timeout}"
        raise InvalidInput(message)
    return SlaClock(calendar_id, target, ordered, running_since=now.astimezone(UTC), timeout=timeout)


def pause_clock(clock: SlaClock, calendar: Calendar, now: datetime) -> SlaClock:
    """Time does not count from now on.

    Raises:
        WrongState: it does not run.
    """
    _check_running(clock, "pause")
    return replace(clock, used=used_time(clock, calendar, now), running_since=None)


def resume_clock(clock: SlaClock, now: datetime) -> SlaClock:
    """Time counts again.

    Raises:
        WrongState: it is not paused.
    """
    if not clock.is_paused:
        message = f"Expected to resume a paused clock, but it {_state(clock)}"
        raise WrongState(message)
    return replace(clock, running_since=now.astimezone(UTC))


def stop_clock(clock: SlaClock, calendar: Calendar, now: datetime) -> SlaClock:
    """What it measures is done, also where it was paused.

    Raises:
        WrongState: it was stopped already.
    """
    if clock.stopped_at is not None:
        message = f"Expected to stop a clock, but it {_state(clock)}"
        raise WrongState(message)
    used = used_time(clock, calendar, now)
    return replace(clock, used=used, running_since=None, stopped_at=now.astimezone(UTC))


def used_time(clock: SlaClock, calendar: Calendar, now: datetime) -> timedelta:
    """Working time used up so far.

    Raises:
        InvalidInput: another calendar than the clock's.
    """
    if calendar.calendar_id != clock.calendar_id:
        message = f"Expected calendar '{clock.calendar_id}', but found '{calendar.calendar_id}'"
        raise InvalidInput(message)
    if clock.running_since is None:
        return clock.used
    return clock.used + max(working_time_between(calendar, clock.running_since, now), timedelta())


def left_time(clock: SlaClock, calendar: Calendar, now: datetime) -> timedelta:
    """Working time that is left; negative by as much as it is late."""
    return clock.target - used_time(clock, calendar, now)


def due_at(clock: SlaClock, calendar: Calendar) -> datetime | None:
    """When a running clock reaches its target, in UTC, also where that is over; None while it does not run."""
    return _reached(clock, calendar, timedelta())


def alarms(clock: SlaClock, calendar: Calendar) -> list[Alarm]:
    """Warnings and due date that this run of a clock reaches, in order; without those that earlier runs reached."""
    found = []
    for left in clock.lefts:
        at = _reached(clock, calendar, left)
        if at is not None and clock.used < clock.target - left:
            found.append(Alarm(at, left))
    return found


def next_alarm(clock: SlaClock, calendar: Calendar, rung: timedelta | None) -> Alarm | None:
    """The first alarm that has not rung; None while the clock does not run, and where all have rung.

    What an earlier run reached and nobody heard is due when the clock runs again: nothing is lost between two runs.

    Args:
        clock: The clock.
        calendar: Its calendar.
        rung: Of the last alarm that rang: what was left then.
    """
    for left in clock.lefts:
        if rung is None or left < rung:
            at = _reached(clock, calendar, left)
            return None if at is None else Alarm(at, left)
    return None


def _reached(clock: SlaClock, calendar: Calendar, left: timedelta) -> datetime | None:
    if clock.running_since is None:
        return None
    used_time(clock, calendar, clock.running_since)  # the right calendar?
    ahead = clock.target - left - clock.used
    return add_working_time(calendar, clock.running_since, max(ahead, timedelta()))


def _check_running(clock: SlaClock, act: str) -> None:
    if clock.running_since is None:
        message = f"Expected to {act} a running clock, but it {_state(clock)}"
        raise WrongState(message)


def _state(clock: SlaClock) -> str:
    if clock.stopped_at is not None:
        return f"was stopped at {json.timestamp(clock.stopped_at)}"
    return "is paused" if clock.running_since is None else "runs"


# --- stored ---------------------------------------------------------------------------------------------


def as_json(clock: SlaClock) -> dict[str, Any]:
    """The clock as a JSON value; durations in microseconds."""
    return {
        "calendarId": clock.calendar_id,
        "target": clock.target // _MICROSECOND,
        "warnings": [warning // _MICROSECOND for warning in clock.warnings],
        "used": clock.used // _MICROSECOND,
        "runningSince": _text(clock.running_since),
        "stoppedAt": _text(clock.stopped_at),
        "timeout": None if clock.timeout is None else clock.timeout // _MICROSECOND,
    }


def from_json(value: Mapping[str, Any]) -> SlaClock:
    """The clock behind :func:`as_json`."""
    return SlaClock(
        value["calendarId"],
        value["target"] * _MICROSECOND,
        tuple(warning * _MICROSECOND for warning in value["warnings"]),
        value["used"] * _MICROSECOND,
        _moment(value["runningSince"]),
        _moment(value["stoppedAt"]),
        None if value["timeout"] is None else value["timeout"] * _MICROSECOND,
    )


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat()


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)

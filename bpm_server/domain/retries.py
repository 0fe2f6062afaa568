"""When a failed job is tried again."""

from __future__ import annotations

from datetime import timedelta

from bpm_server.bpmn.timers import Duration, parse_cycle, parse_duration
from bpm_server.kernel.errors import InvalidInput

DEFAULT_RETRIES = 3
FIRST_WAIT = timedelta(seconds=10)
LONGEST_WAIT = timedelta(hours=1)


def backoff(retry_cycle: str | None, left: int, before: int) -> timedelta:
    """How long a failed job waits.

    Args:
        retry_cycle: Camunda 7 ``failedJobRetryTimeCycle``: ``R3/PT10M`` or a list of durations.
        left: Tries that are left.
        before: Tries that were left before this one.
    """
    wait: timedelta | None = None if retry_cycle is None else _from_cycle(retry_cycle, left)
    if wait is not None:
        return wait
    tried = max(DEFAULT_RETRIES - before, 0)
    return min(FIRST_WAIT * int(4**tried), LONGEST_WAIT)


def cycle_retries(retry_cycle: str) -> int | None:
    """How many tries such a text means in all; None where it cannot be read."""
    try:
        if "," in retry_cycle:
            return retry_cycle.count(",") + 2
        return parse_cycle(retry_cycle).repetitions
    except InvalidInput:
        return None


def _from_cycle(retry_cycle: str, left: int) -> timedelta | None:
    try:
        if "," in retry_cycle:
            waits: list[timedelta] = [parse_duration(part).span for part in retry_cycle.split(",")]
            return waits[max(len(waits) - left, 0)] if left else waits[-1]
        interval = parse_cycle(retry_cycle).interval
    except (InvalidInput, IndexError):
        return None
    return interval.span if isinstance(interval, Duration) else None

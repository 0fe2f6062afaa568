"""Channels: what outside work goes through, so that none of them delays the others (ADR 16).

A channel is a connector with the host that it calls, or a webhook endpoint. Channels take turns; each has a limit of
what runs at once, may have a rate, and pauses after failures in a row.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

JOBS = "job:"
WEBHOOKS = "webhook:"
FAILURES_TO_PAUSE = 5
"""Calls without an answer that counts, in a row, after which a channel pauses."""
FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(minutes=5)
BURST = timedelta(seconds=1)
"""As much as a rate allows in this time may begin at once."""
LONGEST_HOST = 255


def job_channel(job_type: str, url: object = None) -> str:
    """The channel of a connector's job; ``url``: what it will call, where that is known."""
    return f"{JOBS}{_host(url)}/{job_type}"


def _host(url: object) -> str:
    if not isinstance(url, str):
        return ""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return ""
    return host[:LONGEST_HOST].replace("/", "")


def type_of(channel: str) -> str:
    """The job type of a job's channel."""
    return channel.partition("/")[2]


def webhook_channel(endpoint: str) -> str:
    """The channel of a webhook endpoint."""
    return WEBHOOKS + endpoint


def pause_after(failures: int) -> timedelta | None:
    """How long a channel pauses after so many failures in a row; None: not at all."""
    if failures < FAILURES_TO_PAUSE:
        return None
    return min(FIRST_PAUSE * int(2 ** min(failures - FAILURES_TO_PAUSE, 16)), LONGEST_PAUSE)


def is_on_trial(failures: int) -> bool:
    """Whether a channel whose pause is over must show by one call that it works again."""
    return failures >= FAILURES_TO_PAUSE


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a rate allows now.

    Attributes:
        number: So many may begin.
        free_at: With them begun, what follows counts from here; kept for the next time.
    """

    number: int
    free_at: datetime


def allowance(per_minute: int, free_at: datetime | None, now: datetime, wanted: int) -> Allowance:
    """How much of what is wanted a rate allows (the generic cell rate algorithm: one moment is all that is kept)."""
    each = timedelta(minutes=1) / per_minute
    begin = now if free_at is None else max(free_at, now)
    latest = now + max(BURST - each, timedelta())
    number = 0
    while number < wanted and begin + each * number <= latest:
        number += 1
    return Allowance(number, begin + each * number)


class Turns:
    """Deals free threads out to channels: the one that was served longest ago first, one each, then again."""

    def __init__(self) -> None:
        self._served: dict[str, int] = {}
        self._turn = 0

    def deal(self, due: Iterable[str], free: int, room: Mapping[str, int]) -> dict[str, int]:
        """How many pieces of work to take from which channel.

        Args:
            due: Channels with work that is due.
            free: Threads that would begin now.
            room: How many more each channel may run at once.
        """
        waiting = sorted(dict.fromkeys(due), key=lambda name: (self._served.get(name, 0), name))
        shares: dict[str, int] = {}
        while free > 0 and waiting:
            waiting = [name for name in waiting if shares.get(name, 0) < room[name]]
            for name in waiting[:free]:
                shares[name] = shares.get(name, 0) + 1
                self._turn += 1
                self._served[name] = self._turn
            free -= min(free, len(waiting))
        return shares

    def forget(self, *, but: int) -> None:
        """Forgets all but the channels that were served last, so that memory stays small."""
        for name in sorted(self._served, key=self._served.__getitem__)[: max(len(self._served) - but, 0)]:
            del self._served[name]

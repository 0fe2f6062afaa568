"""Mails that tell people what the bell tells them: which, when, and what becomes of one that does not arrive."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from bpm_server.domain.notifications import Kind
from bpm_server.kernel.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping
    from zoneinfo import ZoneInfo

    from bpm_server.domain.states import MailState

HOUR = 8
"""Of the daily mail, for people who have not chosen one."""
_WAITS = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 30, 120, 360, 720, 1_440))
"""After the first, second, ... try; a mail that is two days late says nothing new."""


class When(StrEnum):
    """When somebody wants to have mails of a kind."""

    AT_ONCE = "at_once"
    DAILY = "daily"
    """Together with others, once a day."""
    NEVER = "never"


UNCHOSEN: Mapping[Kind, When] = {kind: When.DAILY if kind is Kind.COPIED else When.AT_ONCE for kind in Kind}


@dataclass(frozen=True, slots=True)
class Choices:
    """What somebody has chosen of their mails.

    Attributes:
        hour: Of the daily mail, in their time zone.
        by_kind: What differs from ``UNCHOSEN``.
    """

    hour: int | None = None
    by_kind: Mapping[str, str] = field(default_factory=dict)

    def when(self, kind: Kind) -> When:
        """When mails of a kind go out."""
        return When(self.by_kind.get(kind, UNCHOSEN[kind]))

    def everything(self) -> dict[str, str]:
        """All kinds, with what holds for them."""
        return {kind: self.when(kind) for kind in Kind}


def check_hour(hour: int) -> int:
    """An hour of the day.

    Raises:
        InvalidInput: something else.
    """
    if not 0 <= hour <= 23:
        message = f"Expected an hour from 0 to 23 for the daily mail, but found {hour}"
        raise InvalidInput(message, field="mailHour")
    return hour


def check_choices(chosen: Mapping[str, Any]) -> dict[str, str]:
    """By kind of notification, when its mails go out.

    Raises:
        InvalidInput: a kind or a word that there is not; names it.
    """
    for kind, when in chosen.items():
        if kind not in set(Kind):
            message = f"Expected kinds of notifications ({', '.join(Kind)}), but found '{str(kind)[:40]}'"
            raise InvalidInput(message, field="mails")
        if not isinstance(when, str) or when not in set(When):
            message = f"Expected {', '.join(When)} for mails of the kind '{kind}', but found '{str(when)[:40]}'"
            raise InvalidInput(message, field="mails")
    return {kind: when for kind, when in chosen.items() if when != UNCHOSEN[Kind(kind)]}


def next_daily(now: datetime, hour: int, zone: ZoneInfo) -> datetime:
    """When the next daily mail goes out: at this hour of the clock there, also where the clocks are changed."""
    local = now.astimezone(zone)
    today = datetime.combine(local.date(), time(hour), zone).astimezone(now.tzinfo)
    if today > now:
        return today
    return datetime.combine(local.date() + timedelta(days=1), time(hour), zone).astimezone(now.tzinfo)


def wait_after(attempts: int) -> timedelta | None:
    """How long to wait after so many failed tries; None: it is given up."""
    return _WAITS[attempts - 1] if attempts <= len(_WAITS) else None


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail that a worker has leased.

    Attributes:
        key: The same over all tries: the mail's ``Message-ID`` is made of it.
        notifications: Keys of those that it tells of.
        daily: Whether it tells of a day.
    """

    key: int
    username: str
    notifications: tuple[int, ...]
    daily: bool
    attempts: int
    lease: str


@dataclass(frozen=True, slots=True)
class Posted:
    """What came of a try; ``WAITING``: it is worth another one."""

    state: MailState
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Unwritten:
    """There is nothing to send (any more), or nobody to send it to."""

    reason: str

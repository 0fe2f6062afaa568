"""What people are told, who of them, and when they want it by mail."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from zoneinfo import ZoneInfo

KEPT = timedelta(days=90)
"""Notifications go with their case, and after this time."""
MOST_MENTIONS = 20
"""Names in one comment that are looked up."""
TOGETHER = timedelta(seconds=60)
"""A mail waits so long for what else happens, so that much at once is one mail."""
DAILY_AT = 8
"""Hour of the person's day at which what they want daily comes."""


class Kind(StrEnum):
    """Why somebody is told."""

    TURN = "turn"
    """They are asked at an approval."""
    ASSIGNED = "assigned"
    """A task is theirs."""
    RETURNED = "returned"
    """Their request came back for correction."""
    DELEGATED = "delegated"
    TRANSFERRED = "transferred"
    ADDED = "added"
    DECIDED = "decided"
    """Of their request; ``outcome`` in the details says how."""
    URGED = "urged"
    COPIED = "copied"
    MENTIONED = "mentioned"


ASKS = frozenset({Kind.TURN, Kind.ASSIGNED, Kind.DELEGATED, Kind.TRANSFERRED, Kind.ADDED})
"""These ask for something: pointless once the task has ended in the same transaction."""


class Mailing(StrEnum):
    """When somebody wants mail of a kind."""

    NEVER = "never"
    ONCE = "at-once"
    DAILY = "daily"


DEFAULT_MAILING: Mapping[Kind, Mailing] = {
    **dict.fromkeys(Kind, Mailing.ONCE),
    Kind.COPIED: Mailing.DAILY,
}
"""For people who have chosen nothing."""

_MENTION = re.compile(r"(?<![\w@.+\-])@([A-Za-z0-9_~@.+\-]{1,256})")


def mentioned(text: str | None) -> list[str]:
    """Names that a comment may mention, at most so many, each once; a name may end with the sentence's dot."""
    found: dict[str, None] = {}
    for name in _MENTION.findall(text or ""):
        plain = name.rstrip(".-+~@")
        found.update(dict.fromkeys(one for one in (name, plain) if one))
    return list(found)[:MOST_MENTIONS]


def person_topic(username: str) -> str:
    """The topic of wake-ups for whoever shows this person's inbox."""
    return f"person:{username}"


def group_topic(group_id: str) -> str:
    """The topic of wake-ups for whoever shows inboxes of a group's members."""
    return f"group:{group_id}"


def next_daily(now: datetime, zone: ZoneInfo) -> datetime:
    """When the next daily mail is due, in a person's time zone."""
    local = now.astimezone(zone)
    due = local.replace(hour=DAILY_AT, minute=0, second=0, microsecond=0)
    if due <= local:
        due += timedelta(days=1)
    return due.astimezone(now.tzinfo)

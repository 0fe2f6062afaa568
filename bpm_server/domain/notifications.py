"""What people are told, and who hears of it."""

from __future__ import annotations

import re
from datetime import timedelta
from enum import StrEnum

KEPT = timedelta(days=90)
"""Notifications go with their case, and after this time."""
MOST_MENTIONS = 20
"""Names in one comment that are looked up."""


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
    TAKEN_BACK = "taken-back"
    """What was asked of them is not asked any more: who asked has undone it."""
    HANDOVER = "handover"
    """They succeed somebody; told once for all tasks of a handover, ``person`` in the details says whom."""


ASKS = frozenset({Kind.TURN, Kind.ASSIGNED, Kind.DELEGATED, Kind.TRANSFERRED, Kind.ADDED})
"""These ask for something: pointless once the task has ended in the same transaction."""


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

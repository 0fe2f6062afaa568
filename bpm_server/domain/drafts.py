"""Drafts of forms: where one belongs, how much it may hold, and what happens when two windows save it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from bpm_server.domain.tasks import LONGEST_COMMENT
from bpm_server.kernel import json
from bpm_server.kernel.errors import StaleVersion, TooLarge, WrongState

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

LARGEST = 256 * 1024
"""Bytes of JSON in one draft."""
MOST = 100
"""Drafts of one person."""
KEPT = timedelta(days=90)
"""Since it was last saved."""


@dataclass(frozen=True, slots=True)
class Place:
    """The form that a draft is of: the start form of a process, or that of a task.

    ``str`` of it is how rows name it.
    """

    process_id: str
    task_key: int | None = None
    instance_key: int | None = None

    def __str__(self) -> str:
        return f"start:{self.process_id}" if self.task_key is None else f"task:{self.task_key}"


@dataclass(frozen=True, slots=True)
class Draft:
    """What somebody has entered; ``version`` grows with each saving."""

    key: int
    version: int
    values: Mapping[str, Any]
    comment: str
    saved_at: datetime


def write_content(values: Mapping[str, Any], comment: str) -> str:
    """A draft's content as its row holds it.

    Raises:
        TooLarge: more than a draft may hold.
    """
    content = json.dumps({"values": dict(values), "comment": comment[:LONGEST_COMMENT]})
    size = len(content.encode())
    if size > LARGEST:
        message = f"Expected a draft of at most {LARGEST} bytes, but found {size}"
        raise TooLarge(message)
    return content


def check_version(known: int, found: Draft | None) -> None:
    """Who saves must know the version that is there: 0 where there is none.

    Raises:
        StaleVersion: another window has saved meanwhile, or the draft was sent or discarded; ``version`` of the
            details is the one that is there now.
    """
    there = 0 if found is None else found.version
    if known == there:
        return
    if found is None:
        message = f"Expected to save version {known} of a draft, but it was sent or discarded meanwhile"
        raise StaleVersion(message, version=0, retry=False)
    message = f"Expected to save version {known} of a draft, but another window has saved version {there}"
    raise StaleVersion(message, version=there, savedAt=found.saved_at, retry=False)


def check_number(found: int) -> None:
    """One more must be allowed.

    Raises:
        WrongState: there are as many as one person may have.
    """
    if found >= MOST:
        message = f"Expected fewer than {MOST} drafts before another one, but found {found}: discard some"
        raise WrongState(message, retry=False)

"""Searches of the inbox: what they can say, how they are stored, and with whom saved ones are shared."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from bpm_server.kernel.errors import Forbidden, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import tzinfo

    from bpm_server.domain.identity import Actor

SOON = timedelta(days=3)
LONGEST_NAME = 100
LONGEST_TEXT = 200
LONGEST_PROCESS = 512
EVERYBODY = "everybody"
GROUP = "group:"
RESOURCE = "INBOX_FILTER"
SHARE = "SHARE"
"""The permission to share with everybody, or with a group that one does not belong to."""


class Tab(StrEnum):
    """The lists of the inbox."""

    TODO = "todo"
    DONE = "done"
    STARTED = "started"
    COPIES = "copies"


class Due(StrEnum):
    """When it is due."""

    ANY = ""
    OVERDUE = "overdue"
    TODAY = "today"
    SOON = "soon"


class Sort(StrEnum):
    """The order of what is to do; what is due in a span of time is always in the order of due dates."""

    OLDEST = ""
    NEWEST = "newest"
    DUE = "due"


@dataclass(frozen=True, slots=True)
class Criteria:
    """A search of the inbox.

    Attributes:
        text: Must occur in the summary, the name of the task or who started it.
        process_id: Only of this process.
    """

    text: str = ""
    process_id: str = ""
    due: Due = Due.ANY
    tab: Tab = Tab.TODO
    sort: Sort = Sort.OLDEST


def due_span(due: Due, at: datetime, zone: tzinfo) -> tuple[datetime | None, datetime | None]:
    """From when to before when something is due, as it is at a moment; days are those of a time zone."""
    if due is Due.ANY:
        return None, None
    if due is Due.OVERDUE:
        return None, at
    if due is Due.SOON:
        return at, at + SOON
    today = at.astimezone(zone).date()
    return datetime.combine(today, time(), zone), datetime.combine(today + timedelta(days=1), time(), zone)


def as_json(criteria: Criteria) -> dict[str, str]:
    """The search as a JSON value; what it does not say is left out."""
    values = {
        "text": criteria.text,
        "processId": criteria.process_id,
        "due": str(criteria.due),
        "tab": "" if criteria.tab is Tab.TODO else str(criteria.tab),
        "sort": str(criteria.sort),
    }
    return {name: value for name, value in values.items() if value}


def from_json(value: Mapping[str, Any]) -> Criteria:
    """The search behind :func:`as_json`."""
    return Criteria(
        value.get("text", ""),
        value.get("processId", ""),
        Due(value.get("due", "")),
        Tab(value.get("tab", Tab.TODO)),
        Sort(value.get("sort", "")),
    )


def check_name(text: str) -> str:
    """The name without blanks around it.

    Raises:
        InvalidInput: empty, or too long.
    """
    name = " ".join(text.split())
    if not name or len(name) > LONGEST_NAME:
        found = f"{len(name)} characters" if name else "none"
        message = f"Expected a name of 1 to {LONGEST_NAME} characters for a filter, but found {found}"
        raise InvalidInput(message, field="name")
    return name


def check_shared_with(text: str | None) -> str | None:
    """With whom a filter is shared: ``everybody``, ``group:<name>``, or None.

    Raises:
        InvalidInput: something else.
    """
    if not text:
        return None
    if text == EVERYBODY or (text.startswith(GROUP) and text != GROUP and len(text) <= LONGEST_PROCESS):
        return text
    message = f"Expected a filter to be shared with '{EVERYBODY}' or '{GROUP}<name>', but found '{text[:60]}'"
    raise InvalidInput(message, field="sharedWith")


def may_share(actor: Actor, shared_with: str | None) -> bool:
    """Whether somebody may share with whom a filter names: their own group, or by permission anybody."""
    if shared_with is None or actor.may(RESOURCE, SHARE):
        return True
    return shared_with.startswith(GROUP) and shared_with.removeprefix(GROUP) in actor.groups


def check_share(actor: Actor, shared_with: str | None) -> None:
    """See :func:`may_share`.

    Raises:
        Forbidden: they may not.
    """
    if not may_share(actor, shared_with):
        message = (
            f"Expected '{actor.username}' to have the permission {RESOURCE}:{SHARE}, or to share with a group of "
            f"theirs, but found '{shared_with}'"
        )
        raise Forbidden(message, permission=f"{RESOURCE}:{SHARE}")


def sees(actor: Actor, owner: str, shared_with: str | None) -> bool:
    """Whether a filter is somebody's own, or shared with them."""
    if owner == actor.username or shared_with == EVERYBODY:
        return True
    return shared_with is not None and shared_with.removeprefix(GROUP) in actor.groups


def check_change(actor: Actor, owner: str, shared_with: str | None, key: int) -> None:
    """Its owner changes a filter; who may share with everybody changes and removes shared ones.

    Raises:
        Forbidden: somebody else.
    """
    if owner != actor.username and not (shared_with is not None and actor.may(RESOURCE, SHARE)):
        message = f"Expected '{actor.username}' to own filter '{key}', but it is somebody else's"
        raise Forbidden(message)

"""The approval of a task on its page: who is asked, how each stands, what the visitor may do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import request

from bpm_server.domain.approvals.items import ItemState
from bpm_server.reports.approvals import targets_from
from bpm_server.reports.names import person_names
from bpm_server.web import access
from bpm_server.web.pages.approval_words import item_state, mode_text, why_hidden
from bpm_server.web.pages.texts import gettext as _
from bpm_server.web.pages.wording import element_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bpm_server.domain.identity import Actor
    from bpm_server.reports.approvals import Approval, Signature
    from bpm_server.reports.task_details import TaskDetail

VOTED = (ItemState.APPROVED, ItemState.REJECTED)


@dataclass(frozen=True, slots=True)
class SignatureLine:
    """Somebody who is asked, in the visitor's words.

    Attributes:
        tone: Colour of the state.
        by: Who acted for them.
        removable: Whether the visitor may let them off.
    """

    key: int
    name: str
    state: str
    tone: str
    by: str
    comment: str
    added_by: str
    inside: bool
    removable: bool


@dataclass(frozen=True, slots=True)
class Panel:
    """What the page of a task shows of its approval.

    Attributes:
        mode: How many must agree, in words.
        may_sign: Whether it is the visitor's turn.
        may_take_back: Whether the visitor has voted, and nobody after them as far as can be seen here.
        corrects: Whether the visitor is to correct the request.
        items: For whom the visitor may sign, where that is not clear: key and name.
    """

    mode: str
    lines: tuple[SignatureLine, ...]
    may_sign: bool
    may_take_back: bool
    corrects: bool
    is_correcting: bool
    targets: tuple[tuple[str, str, str], ...]
    items: tuple[tuple[int, str], ...]
    returned: Mapping[str, str] | None


def panel(task: TaskDetail, who: Actor) -> Panel | None:
    """The approval of a task; None where it is a plain one."""
    found = task.approval
    if found is None:
        return None
    present = found.present
    people = person_names(access.server(), _people(found))
    admin = who.may("PROCESS_DEFINITION", "UPDATE_USER_TASK", task.process.id)
    may_sign = task.may_work and not found.is_correcting
    return Panel(
        mode_text(found.policy),
        tuple(_line(one, people, who, admin=admin, is_open=task.is_open) for one in present),
        may_sign,
        task.is_open and any(one.acted_by == who.username and one.state in VOTED for one in present),
        found.is_correcting and found.initiator == who.username,
        found.is_correcting,
        _targets(task, found) if may_sign else (),
        _items(found, people, who) if may_sign else (),
        _returned(found, people),
    )


def item_chosen() -> int | None:
    """Which of ``Panel.items`` the page's form names."""
    text = request.values.get("item", "")
    return int(text) if text.isdigit() and len(text) < 20 else None


def _people(found: Approval) -> list[str | None]:
    names: list[str | None] = [found.initiator, found.decided_by]
    for one in found.signatures:
        names += [one.person, one.acted_by, one.added_by]
    return names


def _line(one: Signature, people: Mapping[str, str], who: Actor, *, admin: bool, is_open: bool) -> SignatureLine:
    state, tone = item_state(one.state)
    waits = one.state in (ItemState.TO_DO, ItemState.WAITING)
    return SignatureLine(
        one.key,
        people.get(one.person, one.person),
        state,
        tone,
        "" if one.acted_by in (None, one.person) else people.get(one.acted_by or "", ""),
        one.comment or "",
        people.get(one.added_by or "", ""),
        one.parent is not None,
        is_open and waits and (admin or (one.added_by is not None and one.added_by == who.username)),
    )


def _targets(task: TaskDetail, approval: Approval) -> tuple[tuple[str, str, str], ...]:
    """Name, words, and why it cannot be."""
    found = []
    for one in targets_from(access.server(), task.process, task, approval):
        if one.name == "initiator":
            text = _("Who made the request")
        elif one.name == "previous":
            text = _("The step before")
        else:
            text = element_name(task.process, one.element_id or one.name)
        found.append((one.name, text, why_hidden(one.hidden)))
    return tuple(found)


def _items(found: Approval, people: Mapping[str, str], who: Actor) -> tuple[tuple[int, str], ...]:
    """Where somebody signs only for others, and for several: which of them."""
    ready = [one for one in found.present if one.state == ItemState.TO_DO]
    if any(one.person == who.username for one in ready) or len(ready) < 2:
        return ()
    return tuple((one.key, people.get(one.person, one.person)) for one in ready)


def _returned(found: Approval, people: Mapping[str, str]) -> Mapping[str, str] | None:
    """Who has returned the request that is being corrected, and why."""
    last = [one for one in found.signatures if one.state == ItemState.RETURNED]
    if not last or not found.is_correcting:
        return None
    return {"who": people.get(last[-1].acted_by or "", ""), "why": last[-1].comment or ""}

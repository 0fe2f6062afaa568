"""What who made a request does with it, beside correcting it: take it back, remind; and having read a copy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import Blueprint, request

from bpm_server.kernel.errors import Conflict, LimitExceeded
from bpm_server.reports.approvals import unread_copies
from bpm_server.reports.names import person_names
from bpm_server.services import informing, returning
from bpm_server.web import access
from bpm_server.web.pages import answers
from bpm_server.web.pages.texts import gettext as _
from bpm_server.web.pages.visitor import actor

if TYPE_CHECKING:
    from flask import Response

    from bpm_server.domain.identity import Actor
    from bpm_server.web.pages.case_lines import CaseLine

pages = Blueprint("case_requests", __name__)
PATH = "/instances/<int:key>"


@dataclass(frozen=True, slots=True)
class Requests:
    """What to offer somebody at a case; whether it is possible is decided by the command itself."""

    recall: bool = False
    urge: bool = False
    unread: bool = False


def requests_at(who: Actor, case: CaseLine) -> Requests:
    """What somebody may do with a case that they started, or were informed of."""
    row = case.row
    mine = row.started_by == who.username and row.ended_at is None and row.parent_key is None
    waits = mine and any(one.assignee or one.users for one in row.waiting)
    return Requests(mine, waits, row.key in unread_copies(access.server(), who, [row.key]))


@pages.post(f"{PATH}/recall")
def recall(key: int) -> Response:
    """Takes a request back before anybody else has acted."""
    back = answers.go_to("/?tab=started")
    try:
        returning.recall(access.server(), actor(), key, request.form.get("comment"))
    except Conflict:
        text = _("Somebody has acted on it already: ask them to return it to you.")
        return answers.said(answers.go_to(f"/instances/{key}?tab=started"), text, tone="bad")
    return answers.said(back, _("The request is taken back."))


@pages.post(f"{PATH}/urge")
def urge(key: int) -> Response:
    """Reminds whoever a case waits for."""
    server, who = access.server(), actor()
    try:
        people = informing.urge_case(server, who, key)
    except LimitExceeded:
        return _said(_("They were reminded within the last hour already."), "bad")
    except Conflict:
        return _said(_("It waits for nobody by name."), "bad")
    names = person_names(server, people)
    return _said(_("Reminded: %(who)s", who=_(", ").join(names[one] for one in people)))


def _said(text: str, tone: str = "good") -> Response:
    return answers.add_events(answers.html("nothing.html"), {"say": {"text": text, "tone": tone}})


@pages.post(f"{PATH}/read")
def read(key: int) -> Response:
    """The visitor has seen a case that they were informed of."""
    informing.mark_read(access.server(), actor(), key)
    return answers.add_events(answers.html("nothing.html"), {"list-changed": {}})

"""The log of mails for administrators: what was given up, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from flask import Blueprint, request

from bpm_server.domain.states import MailState
from bpm_server.reports import mails as report
from bpm_server.reports.names import person_names
from bpm_server.reports.query import Condition, Order, PageOf, Query
from bpm_server.services import mails
from bpm_server.services.authorization import authorize
from bpm_server.web import access
from bpm_server.web.pages import answers
from bpm_server.web.pages.texts import gettext as _
from bpm_server.web.pages.visitor import actor, signed_in

if TYPE_CHECKING:
    from flask import Response

    from bpm_server.web.pages.visitor import Visitor

pages = Blueprint("mail_log", __name__)
HOME = "/admin/mails"
PAGE = 50


def is_shown(who: Visitor) -> bool:
    """Whether the navigation offers the log: where mails are sent, to whoever may read it."""
    return bool(access.server().settings.smtp_url) and who.may(report.RESOURCE, "READ")


@pages.get(HOME)
def home() -> Response:
    """Newest first; those that were given up unless another state is asked for."""
    who, server = signed_in(), access.server()
    authorize(who, report.RESOURCE, "READ")
    state = request.args.get("state", MailState.FAILED)
    chosen = (Condition("state", "eq", state),) if state in set(MailState) else ()
    page = PageOf(limit=PAGE, after=request.args.get("after", "")[:100] or None)
    with server.database.read() as connection:
        found = report.MAILS.page(connection, who, Query(chosen, order=(Order("key", descending=True),), page=page))
    more = urlencode({"state": state if chosen else "", "after": found.end or ""}) if len(found.items) == PAGE else ""
    return answers.html(
        "mails.html",
        mails=found.items,
        names=person_names(server, [one.username for one in found.items]),
        states=_states(),
        state=state if chosen else "",
        more=more,
        may_change=who.may(report.RESOURCE, "UPDATE"),
    )


def _states() -> dict[str, str]:
    return {
        MailState.FAILED: _("Given up"),
        MailState.WAITING: _("Waiting"),
        MailState.SENT: _("Sent"),
        MailState.DROPPED: _("Not needed any more"),
        "": _("All states"),
    }


@pages.post(f"{HOME}/<int:key>/retry")
def retry(key: int) -> Response:
    """Sends one that was given up."""
    mails.retry_mail(access.server(), actor(), key)
    return answers.said(answers.go_to(HOME), _("It is sent once more."))

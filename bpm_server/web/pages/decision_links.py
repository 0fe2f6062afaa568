"""Deciding in two taps, without signing in: a link opens what it is about, a second tap decides.

Opening decides nothing: mail programs open links before people do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, request

from bpm_server.domain.approvals.node import Outcome
from bpm_server.kernel.errors import InvalidInput, NotFound, WrongState
from bpm_server.reports.names import person_names
from bpm_server.reports.task_details import task_detail
from bpm_server.services import approvals
from bpm_server.services.decision_links import open_link
from bpm_server.web import access, backpressure
from bpm_server.web.pages import answers
from bpm_server.web.pages.summaries import summarize
from bpm_server.web.pages.texts import gettext as _
from bpm_server.web.pages.wording import element_name, outcome_done, outcome_tone, process_name

if TYPE_CHECKING:
    from flask import Response

    from bpm_server.services.decision_links import OpenLink

pages = Blueprint("decision_links", __name__)
PATH = "/decide/<token>"


@pages.get(PATH)
def show(token: str) -> Response:
    """What is to be decided."""
    backpressure.admit_stranger(access.server())
    try:
        link = open_link(access.server(), token)
    except NotFound:
        return _nowhere()
    values = _values(link, token)
    return answers.html("decide/ask.html", **values, problem="", wanted=request.args.get("outcome"))


@pages.post(PATH)
def decide(token: str) -> Response:
    """Decides, once."""
    server = access.server()
    backpressure.admit_stranger(server)
    try:
        link = open_link(server, token)
    except NotFound:
        return _nowhere()
    values = _values(link, token)
    outcome = request.form.get("outcome", "")
    comment = request.form.get("comment")
    try:
        approvals.decide(server, link.actor, link.task_key, outcome, comment, item=link.item_key)
    except InvalidInput as error:
        known = {"comment": _("A comment is needed to reject.")}
        problem = known.get(str(error.details.get("field"))) or _(
            "Its form must be filled in first: open it in the inbox."
        )
        return answers.html("decide/ask.html", 400, **values, problem=problem, wanted=outcome)
    except WrongState:
        return _nowhere()
    return answers.html("decide/done.html", **values, done=outcome_done(outcome), tone=outcome_tone(outcome))


def _nowhere() -> Response:
    return answers.html("decide/nowhere.html", 404)


def _values(link: OpenLink, token: str) -> dict[str, Any]:
    task = task_detail(access.server(), link.actor, link.task_key)
    people = person_names(access.server(), [task.started_by, link.actor.username])
    return {
        "token": token,
        "name": element_name(task.process, task.element_id, task.name),
        "process": process_name(task.process),
        "summary": summarize(task.summary),
        "starter": people.get(task.started_by or "", ""),
        "decider": people.get(link.actor.username, link.actor.username),
        "started_at": task.started_at,
        "task_key": task.key,
        "outcomes": ((Outcome.APPROVED, _("Approve")), (Outcome.REJECTED, _("Reject"))),
    }

"""Approving many tasks at once: each in its own transaction, with a result for every row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import Blueprint, request

from bpm_server.kernel.errors import BpmError, Forbidden, InvalidInput, NotFound, WrongState
from bpm_server.reports.task_details import TaskDetail, task_detail
from bpm_server.services import tasks
from bpm_server.web import access
from bpm_server.web.pages import answers, inbox
from bpm_server.web.pages.formats import moment
from bpm_server.web.pages.submissions import unchanged
from bpm_server.web.pages.summaries import summarize
from bpm_server.web.pages.texts import gettext as _
from bpm_server.web.pages.visitor import actor, visitor
from bpm_server.web.pages.wording import element_name, outcomes

if TYPE_CHECKING:
    from flask import Response

    from bpm_server.domain.identity import Actor

pages = Blueprint("bulk", __name__)
OUTCOME = "approved"
MOST = 200


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one row; ``problem`` is empty where it was approved."""

    key: int
    what: str
    problem: str = ""


@pages.post("/inbox/bulk")
def approve() -> Response:
    """Approves what was selected."""
    who = actor()
    keys = list(dict.fromkeys(int(key) for key in request.form.getlist("key") if key.isdigit()))
    if not keys or len(keys) > MOST:
        message = f"Expected 1 to {MOST} tasks, but found {len(keys)}"
        raise InvalidInput(message)
    comment = request.form.get("comment", "").strip() or None
    results = [_approve(who, key, comment) for key in keys]
    view = inbox.View.of_request()
    values = {**inbox.list_values(who, view), "view": view, "results": results}
    part = "inbox/bulk_result.html"
    if answers.is_fragment():
        return answers.html(part, is_fragment=True, **values)
    return answers.html("inbox/page.html", opened=part, is_fragment=False, **values)


def _approve(who: Actor, key: int, comment: str | None) -> Result:
    server = access.server()
    try:
        task = task_detail(server, who, key)
    except (NotFound, Forbidden):
        return Result(key, str(key), _("It is not in your inbox any more."))
    what = f"{element_name(task.process, task.element_id, task.name)} {summarize(task.summary).reference}"
    problem = _obstacle(task)
    if problem:
        return Result(key, what, problem)
    try:
        values, _missing = unchanged(task.form, task.data)
        zone = visitor().zone.key
        operation = tasks.complete_task(
            server, who, key, values, from_form=True, outcome=OUTCOME, comment=comment, time_zone=zone
        )
    except BpmError as error:
        return Result(key, what, _said(error))
    return Result(key, what, _("A check of the process is still at work.") if operation else "")


def _obstacle(task: TaskDetail) -> str:
    """Why a task must be opened one by one; empty where nothing speaks against it."""
    if not task.is_open:
        return _("It is done already, at %(when)s.", when=moment(task.ended_at))
    if task.suspended:
        return _("Its case is suspended.")
    if not task.may_work:
        return _("Somebody else has claimed it.")
    if OUTCOME not in outcomes(task.process, task.element_id):
        return _("It cannot be approved; open it.")
    missing = unchanged(task.form, task.data)[1]
    if missing:
        return _("It needs to be filled in: %(fields)s.", fields=_(", ").join(missing))
    return ""


def _said(error: BpmError) -> str:
    if isinstance(error, WrongState):
        return _("Somebody was faster.")
    if isinstance(error, InvalidInput):
        return _("Its form has to be filled in; open it.")
    if isinstance(error, Forbidden):
        return _("You may not do this.")
    return _("It did not work; try again.")

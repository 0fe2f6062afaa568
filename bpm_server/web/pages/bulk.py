"""Approving many tasks at once: what drops out is said before; each in its own transaction, with a result."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flask import Blueprint, request

from bpm_server.kernel import json
from bpm_server.kernel.errors import BpmError, Forbidden, InvalidInput, NotFound, WrongState
from bpm_server.reports.bulk import Obstacle, obstacle
from bpm_server.reports.names import person_names
from bpm_server.reports.task_details import TaskDetail, task_detail
from bpm_server.services import tasks
from bpm_server.web import access
from bpm_server.web.pages import answers, inbox
from bpm_server.web.pages.formats import moment
from bpm_server.web.pages.inbox_view import InboxView
from bpm_server.web.pages.submissions import unchanged
from bpm_server.web.pages.summaries import summarize
from bpm_server.web.pages.texts import gettext as _
from bpm_server.web.pages.visitor import actor, visitor
from bpm_server.web.pages.wording import element_name, outcome_done, outcomes

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Response

    from bpm_server.domain.identity import Actor

pages = Blueprint("bulk", __name__)
OUTCOME = "approved"
MOST = 200


@dataclass(frozen=True, slots=True)
class Result:
    """What comes, or came, of one row; ``problem`` is empty where nothing stands in the way.

    Attributes:
        mark: Of what the task says; another one later means that it has changed.
    """

    key: int
    what: str
    problem: str = ""
    mark: str = ""
    amount: str = ""


@pages.post("/inbox/bulk/check")
def check() -> Response:
    """What would be approved, and what drops out and why."""
    who = actor()
    return _answer(who, "inbox/bulk_check.html", [_looked_at(who, key)[0] for key in _chosen()])


@pages.post("/inbox/bulk")
def approve() -> Response:
    """Approves what was selected."""
    who, comment = actor(), request.form.get("comment", "").strip() or None
    return _answer(who, "inbox/bulk_result.html", [_approve(who, key, comment) for key in _chosen()])


def _chosen() -> list[int]:
    keys = list(dict.fromkeys(int(key) for key in request.form.getlist("key") if key.isdigit()))
    if not keys or len(keys) > MOST:
        message = f"Expected 1 to {MOST} tasks, but found {len(keys)}"
        raise InvalidInput(message)
    return keys


def _answer(who: Actor, part: str, results: list[Result]) -> Response:
    view = InboxView.of_request()
    values: dict[str, Any] = {**inbox.list_values(who, view), "view": view, "results": results}
    if answers.is_fragment():
        return answers.html(part, is_fragment=True, **values)
    return answers.html("inbox/page.html", opened=part, is_fragment=False, **values)


def _looked_at(who: Actor, key: int) -> tuple[Result, TaskDetail | None]:
    try:
        task = task_detail(access.server(), who, key)
    except (NotFound, Forbidden):
        return Result(key, str(key), _("It is not in your inbox any more.")), None
    summary = summarize(task.summary)
    what = f"{element_name(task.process, task.element_id, task.name)} {summary.reference}"
    return Result(key, what, _obstacle(who, task), _mark(task), summary.amount), task


def _mark(task: TaskDetail) -> str:
    signed = [] if task.approval is None else [(one.key, one.state) for one in task.approval.signatures]
    return hashlib.sha256(json.dumps_bytes([task.summary, task.data, signed])).hexdigest()[:16]


def _approve(who: Actor, key: int, comment: str | None) -> Result:
    found, task = _looked_at(who, key)
    if found.problem or task is None:
        return found
    if request.form.get(f"mark-{key}", found.mark) != found.mark:
        return Result(key, found.what, _("It has changed since you looked; open it."))
    try:
        values, _missing = unchanged(task.form, task.data)
        operation = tasks.complete_task(
            access.server(),
            who,
            key,
            values,
            from_form=True,
            outcome=OUTCOME,
            comment=comment,
            time_zone=visitor().zone.key,
            in_bulk=True,
        )
    except BpmError as error:
        return Result(key, found.what, _said(error))
    return Result(key, found.what, _("A check of the process is still at work.") if operation else "")


def _obstacle(who: Actor, task: TaskDetail) -> str:
    """Why a task must be opened one by one; empty where nothing speaks against it."""
    if not task.is_open:
        return _done(task)
    if task.suspended:
        return _("Its case is suspended.")
    if not task.may_work:
        return _not_mine(who, task)
    if OUTCOME not in outcomes(task.process, task.element_id):
        return _("It cannot be approved; open it.")
    missing = unchanged(task.form, task.data)[1]
    if missing:
        return _("It needs to be filled in: %(fields)s.", fields=_(", ").join(missing))
    found = obstacle(access.server(), who, task)
    return "" if found is None else _reasons()[found]()


def _reasons() -> dict[Obstacle, Callable[[], str]]:
    return {
        Obstacle.RULE: lambda: _("The process wants it to be decided on its own; open it."),
        Obstacle.CORRECTION: lambda: _("The request is to be corrected; open it."),
        Obstacle.CORRECTED: lambda: _("It was returned and corrected; look at what has changed."),
        Obstacle.OPINION: lambda: _("You are asked for your opinion; open it."),
        Obstacle.ANSWERED: lambda: _("Somebody whom you asked has answered; read it first."),
        Obstacle.SEVERAL: lambda: _("You can sign for several people; open it and choose."),
    }


def _done(task: TaskDetail) -> str:
    """Who was faster."""
    who = person_names(access.server(), [task.ended_by]).get(task.ended_by or "", "")
    when = moment(task.ended_at)
    if who and task.outcome:
        return _("%(who)s decided at %(when)s: %(what)s", who=who, when=when, what=outcome_done(task.outcome))
    if who and task.state == "COMPLETED":
        return _("%(who)s completed this at %(when)s.", who=who, when=when)
    return _("It is done already, at %(when)s.", when=when)


def _not_mine(who: Actor, task: TaskDetail) -> str:
    if task.approval is None:
        return _("Somebody else has claimed it.")
    if any(one.acted_by == who.username for one in task.approval.present):
        return _("You have signed already; others are asked now.")
    return _("It is not your turn there.")


def _said(error: BpmError) -> str:
    if isinstance(error, WrongState):
        if error.details.get("bulk") is False:
            return _reasons()[Obstacle.RULE]()
        by = error.details.get("decidedBy") or error.details.get("endedBy")
        if isinstance(by, str):
            return _("%(who)s was faster.", who=person_names(access.server(), [by])[by])
        return _("Somebody was faster.")
    if isinstance(error, InvalidInput):
        return _("Its form has to be filled in; open it.")
    if isinstance(error, Forbidden):
        return _("You may not do this.")
    return _("It did not work; try again.")

"""Acts beside yes and no: return, transfer, delegate, add signers, undo these, copy, remind, comment, correct."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, make_response, request

from bpm_server.domain.approvals.items import GroupMode
from bpm_server.domain.approvals.node import Where
from bpm_server.kernel.errors import BpmError, Forbidden, InvalidInput, LimitExceeded, NotFound, TimedOut, WrongState
from bpm_server.reports.names import person_names
from bpm_server.reports.task_details import task_detail
from bpm_server.reports.undo import last_undoable
from bpm_server.services import approvals, informing, returning, transfers, undoing
from bpm_server.services import tasks as task_service
from bpm_server.web import access
from bpm_server.web.listening import Denied, await_listeners
from bpm_server.web.pages import answers, tasks
from bpm_server.web.pages.approval_panels import item_chosen
from bpm_server.web.pages.inbox_view import InboxView
from bpm_server.web.pages.submissions import read_values
from bpm_server.web.pages.texts import gettext as _
from bpm_server.web.pages.visitor import actor, signed_in, visitor

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flask import Response

    from bpm_server.domain.identity import Actor
    from bpm_server.reports.task_details import TaskDetail
    from bpm_server.services.server import Server

pages = Blueprint("approval_acts", __name__)
PATH = "/tasks/<int:key>"


def _said() -> str:
    return request.form.get("comment", "").strip()


def _people_chosen() -> list[str]:
    return [name for name in request.form.getlist("people") if name]


def _one_person() -> str:
    chosen = _people_chosen()
    if not chosen:
        message = "Expected somebody, but found nobody"
        raise InvalidInput(message, field="people")
    return chosen[0]


def _give_back(server: Server, who: Actor, key: int) -> str:
    returning.give_back(server, who, key, request.form.get("target", ""), _said(), item=item_chosen())
    return _("Returned")


def _transfer(server: Server, who: Actor, key: int) -> str:
    person, why, item = _one_person(), _said(), item_chosen()
    try:
        await_listeners(
            key, lambda: transfers.transfer_task(server, who, key, person, why, item=item), tasks.LONGEST_WAIT_S
        )
    except TimedOut:
        return _("A check of the process is still at work on this task; look again in a moment.")
    return _("Transferred")


def _delegate(server: Server, who: Actor, key: int) -> str:
    approvals.delegate(server, who, key, _one_person(), _said(), item=item_chosen())
    return _("Delegated: it comes back to you")


def _add(server: Server, who: Actor, key: int) -> str:
    where, mode = request.form.get("where", ""), request.form.get("mode", "")
    if where not in list(Where) or mode not in list(GroupMode):
        message = "Expected where to add signers and how many must agree, but found something else"
        raise InvalidInput(message, field="where")
    approvals.add_signers(
        server, who, key, _people_chosen(), Where(where), mode=GroupMode(mode), comment=_said(), item=item_chosen()
    )
    return _("Signers added")


def _remove(server: Server, who: Actor, key: int) -> str:
    approvals.remove_signer(server, who, key, item_chosen() or 0, _said())
    return _("Removed")


def _take_back(server: Server, who: Actor, key: int) -> str:
    approvals.take_back(server, who, key, item=item_chosen())
    return _("Your vote is taken back")


def _undo_act(server: Server, who: Actor, key: int) -> str:
    text = request.values.get("done", "")
    undoing.undo_act(server, who, key, int(text) if text.isdigit() and len(text) < 20 else None)
    return _("Taken back")


def _copy(server: Server, who: Actor, key: int) -> str:
    informing.send_copies(server, who, key, _people_chosen(), _said())
    return _("Copies sent")


def _urge(server: Server, who: Actor, key: int) -> str:
    people = informing.urge(server, who, key, _said())
    names = person_names(server, people)
    return _("Reminded: %(who)s", who=_(", ").join(names[one] for one in people))


def _comment(server: Server, who: Actor, key: int) -> str:
    task_service.comment_task(server, who, key, _said())
    return _("Comment written")


def _resubmit(server: Server, who: Actor, key: int) -> str:
    whole = bool(request.form.get("values"))
    returning.resubmit(server, who, key, read_values(), _said(), whole=whole, time_zone=visitor().zone.key)
    return _("Sent on")


ACTS: Mapping[str, Callable[[Server, Actor, int], str]] = {
    "return": _give_back,
    "transfer": _transfer,
    "delegate": _delegate,
    "add-signers": _add,
    "remove-signer": _remove,
    "take-back": _take_back,
    "undo": _undo_act,
    "copy": _copy,
    "urge": _urge,
    "comment": _comment,
    "resubmit": _resubmit,
}
LEAVE = ("return", "transfer", "delegate", "add-signers", "resubmit")
"""After these the next task opens, where it is nobody's turn here any more who acts."""


@pages.post(f"{PATH}/acts/<act>")
def act(key: int, act: str) -> Response:
    """One act; the next task opens where this one waits for somebody else now."""
    if act not in ACTS:
        message = f"Expected an act of approvals, but found '{act[:40]}'"
        raise NotFound(message)
    server, who, view = access.server(), actor(), InboxView.of_request()
    task = _seen(server, who, key) if act == "undo" else task_detail(server, who, key)
    try:
        text = ACTS[act](server, who, key)
    except WrongState as error:
        return _come_too_late(task, key, view, error)
    except (InvalidInput, Forbidden, NotFound, LimitExceeded) as error:
        if task is None:
            raise
        if error.details.get("errors"):
            return tasks.refused(tasks.to_correct(task), error)
        return refused(task, error)
    said: dict[str, Any] = {"say": {"text": text}, "list-changed": {}}
    if act in LEAVE and task is not None and task.may_work:
        after = _seen(server, who, key)
        undo = _undo(task, after, act, view)
        if after is None or not after.may_work:
            return tasks.open_next(task, view, text, undo)
        said["say"]["undo"] = undo
    values = tasks.detail_values(task_detail(server, signed_in(), key), view)
    if not answers.is_fragment():
        return answers.said(answers.go_to(f"/tasks/{key}{view.query()}"), text)
    response = answers.add_events(answers.html("tasks/detail.html", **values), said)
    if request.values.get("undo"):
        response.headers["HX-Push-Url"] = f"/tasks/{key}{view.query()}"
    return response


def _come_too_late(task: TaskDetail | None, key: int, view: InboxView, error: WrongState) -> Response:
    """Somebody was faster, or it is not possible as it stands now."""
    if task is None or request.values.get("undo"):
        return _not_undone(error)
    if isinstance(error, Denied):
        return tasks.refused(task, error)
    if task_detail(access.server(), signed_in(), key).is_open:
        return refused(task, error)
    return tasks.too_late(key, view)


def _seen(server: Server, who: Actor, key: int) -> TaskDetail | None:
    """The task after an act; None where who acted may not see it any more."""
    try:
        return task_detail(server, who, key)
    except Forbidden:
        return None


def _undo(before: TaskDetail, after: TaskDetail | None, act: str, view: InboxView) -> str:
    """Where an act is taken back; empty where it cannot be."""
    if act not in ("transfer", "delegate", "add-signers"):
        return ""
    found = last_undoable(access.server(), signed_in(), before.key) if after is None else after.undoable
    return "" if found is None else tasks.undo_address(before.key, "acts/undo", view, done=found.key)


def _not_undone(error: WrongState) -> Response:
    """Why an act cannot be taken back any more; what is opened stays."""
    response = make_response("", 409)
    response.headers["HX-Reswap"] = "none"
    return answers.add_events(response, {"say": {"text": _what_followed(error), "tone": "bad"}, "list-changed": {}})


def _what_followed(error: WrongState) -> str:
    since, by = error.details.get("actedSince"), error.details.get("decidedBy")
    if error.details.get("undone"):
        return _("It was taken back already.")
    if error.details.get("overtaken"):
        return _("It cannot be taken back any more: it has changed since.")
    if isinstance(since, list) and since:
        names = person_names(access.server(), since)
        return _("It cannot be taken back: %(who)s acted after you.", who=_(", ").join(names[one] for one in since))
    if isinstance(by, str):
        return _("It cannot be taken back: %(who)s has decided.", who=person_names(access.server(), [by])[by])
    return _("It cannot be taken back any more: the process has gone on.")


def refused(task: TaskDetail, error: BpmError) -> Response:
    """What is wrong, in the dialog of the act or beside the buttons."""
    field = str(error.details.get("field") or "")
    problems = {
        "comment": _("A comment is needed."),
        "people": _("Please check whom you have chosen."),
        "target": _("It cannot be returned there."),
    }
    if isinstance(error, LimitExceeded):
        problem, message = _("They were reminded within the last hour already."), ""
    elif isinstance(error, WrongState):
        problem, message = _("That is not possible as it stands now."), error.message
        if not {"actedSince", "undone", "overtaken"}.isdisjoint(error.details):
            problem, message = _what_followed(error), ""
    else:
        problem, message = problems.get(field, _("Please check what you have entered.")), error.message
    return answers.html(
        "tasks/refused.html", 422, task=task, problem=problem, errors=[], wrong=(), field=field, message=message
    )

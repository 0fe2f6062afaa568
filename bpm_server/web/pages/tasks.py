"""A task: its form, why it is here, its history, its place in the process, and the acts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from flask import Blueprint, request

from bpm_server.domain import attachments as attachment_rules
from bpm_server.domain.drafts import Place
from bpm_server.kernel import json
from bpm_server.kernel.errors import BpmError, Forbidden, InvalidInput, TimedOut, WrongState
from bpm_server.reports import inbox as inbox_report
from bpm_server.reports import undo as undo_report
from bpm_server.reports.drafts import draft_of
from bpm_server.reports.form_data import start_form
from bpm_server.reports.names import group_names, person_names
from bpm_server.reports.task_details import TaskDetail, task_detail
from bpm_server.services import approvals, tasks
from bpm_server.web import access
from bpm_server.web.listening import Denied, await_listeners
from bpm_server.web.pages import answers, approval_panels, attachments, inbox, panes
from bpm_server.web.pages.diagrams import file_address, file_reply
from bpm_server.web.pages.inbox_view import InboxView
from bpm_server.web.pages.notifications import page_state
from bpm_server.web.pages.submissions import read_values, wrong_fields
from bpm_server.web.pages.summaries import summarize
from bpm_server.web.pages.texts import gettext as _
from bpm_server.web.pages.visitor import actor, signed_in, visitor
from bpm_server.web.pages.wording import (
    element_name,
    outcome_name,
    outcome_tone,
    outcomes,
    process_name,
    translated_schema,
    web_address,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flask import Response

    from bpm_server.domain.identity import Actor
    from bpm_server.services.server import Server

pages = Blueprint("tasks", __name__)
PATH = "/tasks/<int:key>"
MAX_VALUES = 2_000_000
LONGEST_WAIT_S = 5.0
"""Of a person for the listeners of their task."""


@pages.get(PATH)
@pages.get(f"{PATH}/<any(why,timeline,diagram):pane>")
def show(key: int, pane: str = "form") -> Response:
    """A task beside the list, or one pane of it."""
    view = InboxView.of_request()
    if not answers.target():
        page_state()  # what the page shows is no older
    try:
        task = task_detail(access.server(), signed_in(), key)
    except Forbidden as error:
        return gone(key, view, error)
    if answers.target() == f"pane-{pane}" and pane != "form":
        return answers.html(f"panes/{pane}.html", **pane_values(task, pane))
    values = {**detail_values(task, view), **pane_values(task, pane), "pane": pane}
    if answers.target() == "detail":
        return answers.html("tasks/detail.html", **values)
    return whole_page(view, "tasks/detail.html", values)


def pane_values(task: TaskDetail, pane: str) -> dict[str, Any]:
    """What a pane beside the form shows."""
    if pane == "why":
        return panes.why_values(task)
    if pane == "timeline":
        return panes.timeline_values(task.instance_key, task.process)
    if pane == "diagram":
        url = file_address(f"/tasks/{task.key}", task.process_version)
        found = panes.diagram_values(task.instance_key, task.process, url)
        return {**found, "process": process_name(task.process)}
    return {}


@pages.get(f"{PATH}/diagram.bpmn")
def diagram(key: int) -> Response:
    """The diagram's file, for whoever may see the task."""
    return file_reply(task_detail(access.server(), signed_in(), key).process_definition_key)


def whole_page(view: InboxView, template: str, values: dict[str, Any]) -> Response:
    """The inbox with something opened."""
    return answers.html("inbox/page.html", opened=template, **{**inbox.page_values(signed_in(), view), **values})


def detail_values(task: TaskDetail, view: InboxView) -> dict[str, Any]:
    """What the page of a task shows."""
    server = access.server()
    panel = approval_panels.panel(task, signed_in())
    if panel is not None and panel.corrects:
        task = to_correct(task)
    asked = () if task.undoable is None else task.undoable.people
    named = [task.started_by, task.assignee, task.ended_by, task.taken_back_by]
    people = person_names(server, [*named, *task.candidate_users, *asked])
    offered = [*group_names(server, task.candidate_groups).values(), *(people[name] for name in task.candidate_users)]
    return {
        "task": task,
        "pane": "form",
        "view": view,
        "name": element_name(task.process, task.element_id, task.name),
        "process": process_name(task.process),
        "summary": summarize(task.summary),
        "people": people,
        "offered": offered,
        "asked": _(", ").join(people[name] for name in asked),
        "panel": panel,
        "form_address": web_address(task.external_form),
        "form": None if task.form is None else translated_schema(task.form),
        "draft": draft_of(server, signed_in(), Place(task.process.id, task.key))
        if task.form and task.may_work
        else None,
        "draft_address": f"/drafts/tasks/{task.key}",
        "buttons": [
            (one, outcome_name(one, task.process, task.element_id), outcome_tone(one))
            for one in outcomes(task.process, task.element_id)
        ],
        **attachments.part_values(
            attachment_rules.Place(task_key=task.key),
            may_add=task.is_open and not task.suspended,
            case=task.instance_key,
        ),
    }


def to_correct(task: TaskDetail) -> TaskDetail:
    """A task with the start form of its case, which whoever made the request corrects there."""
    schema, data = start_form(access.server(), task.process_definition_key, task.instance_key)
    return replace(task, form=schema, data=data)


@pages.post(f"{PATH}/complete")
def complete(key: int) -> Response:
    """Completes a task and opens the next one."""
    view = InboxView.of_request()
    try:
        task = task_detail(access.server(), actor(), key)
    except Forbidden as error:
        return gone(key, view, error)
    outcome = request.form.get("outcome") or None
    try:
        undo = _submit(task, outcome, request.form.get("comment", "").strip() or None, view)
    except (InvalidInput, Denied) as error:
        return refused(task, error)
    except WrongState:
        return too_late(key, view)
    except TimedOut:  # it counts when the listeners are done; a denied one comes back to the list
        return _next(task, view, outcome)
    return _next(task, view, outcome, undo)


def _submit(task: TaskDetail, outcome: str | None, comment: str | None, view: InboxView) -> str:
    """Where what was submitted is taken back: a vote, as long as others are asked; empty where it is not."""
    server, who, values = access.server(), actor(), read_values()
    whole, zone = _is_whole(task), visitor().zone.key
    if task.approval is None:
        await_listeners(
            task.key,
            lambda: tasks.complete_task(
                server, who, task.key, values, from_form=True, whole=whole, outcome=outcome, comment=comment,
                time_zone=zone,
            ),
            LONGEST_WAIT_S,
        )  # fmt: skip
        return ""
    item = approval_panels.item_chosen()
    entered = {name: value for name, value in values.items() if name not in ("outcome", "comment")}
    decided = approvals.decide(
        server, who, task.key, outcome or "", comment, variables=entered, whole=whole, time_zone=zone, item=item
    )
    return "" if decided else undo_address(task.key, "acts/take-back", view, item)


def _is_whole(task: TaskDetail) -> bool:
    """Whether what came says everything: without scripts nothing comes, and that must not empty the form's lists."""
    return bool(request.form.get("values")) or '"dynamiclist"' not in json.dumps(task.form)


def refused(task: TaskDetail, error: BpmError) -> Response:
    """What is wrong, at the fields where that can be said."""
    found = error.details.get("errors")
    errors = found if isinstance(found, list) else []
    field = error.details.get("field")
    problem = _("A comment is needed.") if field == "comment" else _("Please check what you have entered.")
    message = "" if errors else error.message
    if isinstance(error, Denied):
        problem, message = _("A check of the process has refused this."), error.details["reason"]
    return answers.html(
        "tasks/refused.html",
        422,
        task=task,
        problem=problem,
        errors=errors,
        wrong=wrong_fields(translated_schema(task.form or {}), errors),
        field=field,
        message=message,
    )


def gone(key: int, view: InboxView, error: Forbidden) -> Response:
    """Who may not see a task since it was taken back from them is told by whom; nobody else learns anything."""
    server = access.server()
    by = undo_report.taken_back_by(server, signed_in(), key)
    if by is None:
        raise error
    values = {"taken_by": person_names(server, [by])[by], "task_key": key, "view": view}
    if not answers.is_fragment():
        return whole_page(view, "tasks/taken_back.html", values)
    return answers.html("tasks/taken_back.html", 409, **values)


def too_late(key: int, view: InboxView) -> Response:
    """Somebody else has completed the task, or the process or a colleague has taken it back."""
    try:
        task = task_detail(access.server(), signed_in(), key)
    except Forbidden as error:
        return gone(key, view, error)
    values = detail_values(task, view)
    values["conflict"] = True
    if not answers.is_fragment():
        return whole_page(view, "tasks/detail.html", values)
    return answers.html("tasks/detail.html", 409, **values)


def undo_address(key: int, act: str, view: InboxView, item: int | None = None, done: int | None = None) -> str:
    """Where an act is taken back that nothing has followed yet: a vote on ``item``, or the act ``done``."""
    named = {"item": "" if item is None else str(item), "done": "" if done is None else str(done)}
    return f"/tasks/{key}/{act}{view.query(undo='1', **named)}"


def _next(task: TaskDetail, view: InboxView, outcome: str | None, undo: str = "") -> Response:
    """The next task of the list, opened by itself."""
    done = outcome_name(outcome, task.process, task.element_id) if outcome else _("Submitted")
    return open_next(task, view, done, undo)


def open_next(task: TaskDetail, view: InboxView, done: str, undo: str = "") -> Response:
    """The next task of the list, opened by itself.

    Args:
        task: The one before.
        view: The list.
        done: What was done with it.
        undo: Where that is taken back; empty where something followed it.
    """
    server, who = access.server(), signed_in()
    wanted = view.wanted(1, after="")
    behind = replace(wanted, after=inbox_report.cursor_of(wanted, task.due_date, task.key))
    found = inbox_report.todo(server, who, behind).items or inbox_report.todo(server, who, wanted).items
    said = {"text": f"{done}: {summarize(task.summary) or element_name(task.process, task.element_id)}", "undo": undo}
    url = f"/tasks/{found[0].key}{view.query()}" if found else f"/{view.query()}"
    if not answers.is_fragment():
        return answers.go_to(url)
    if found:
        values = detail_values(task_detail(server, who, found[0].key), view)
        response = answers.html("tasks/detail.html", **values)
    else:
        response = answers.html("inbox/nothing_left.html", view=view)
    response.headers["HX-Push-Url"] = url
    return answers.add_events(response, {"task-done": {"key": str(task.key), **said}})


@pages.post(f"{PATH}/claim")
def claim(key: int) -> Response:
    """Takes an offered task."""
    return _changed(key, tasks.claim_task, _("Claimed"), "release")


@pages.post(f"{PATH}/release")
def release(key: int) -> Response:
    """Gives a task back to everybody it was offered to."""
    return _changed(key, tasks.release_task, _("Released"), "claim")


def _changed(key: int, change: Callable[[Server, Actor, int], int | None], done: str, back: str) -> Response:
    """The task after a change of whose it is, with the way back; or why it has not changed."""
    try:
        await_listeners(key, lambda: change(access.server(), actor(), key), LONGEST_WAIT_S)
    except Denied as error:
        return _again(key, error)
    except WrongState:
        return too_late(key, InboxView.of_request())
    except TimedOut:  # the page says so
        return _again(key)
    text = _("Taken back") if request.values.get("undo") else done
    undo = "" if request.values.get("undo") else undo_address(key, back, InboxView.of_request())
    return _again(key, said={"say": {"text": text, "undo": undo}})


def _again(key: int, denied: Denied | None = None, said: Mapping[str, Any] | None = None) -> Response:
    view = InboxView.of_request()
    if not answers.is_fragment() and denied is None:
        return answers.go_to(f"/tasks/{key}{view.query()}")
    values = {**detail_values(task_detail(access.server(), signed_in(), key), view), "denied": denied}
    if not answers.is_fragment():
        return whole_page(view, "tasks/detail.html", values)
    return answers.add_events(answers.html("tasks/detail.html", **values), {"list-changed": {}, **(said or {})})

"""The inbox: what is to do, done and started, beside the opened one."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flask import Blueprint, make_response, request

from bpm_server.domain.tasks import ENDED
from bpm_server.reports import cases as case_report
from bpm_server.reports import inbox as report
from bpm_server.reports.approvals import unread_copies
from bpm_server.reports.names import person_names
from bpm_server.reports.process_models import models
from bpm_server.reports.task_details import state_of
from bpm_server.web import access
from bpm_server.web.pages import answers
from bpm_server.web.pages.case_lines import CaseLine, case_lines
from bpm_server.web.pages.inbox_view import PAGE, InboxView, due_choices, sort_choices
from bpm_server.web.pages.notifications import page_state
from bpm_server.web.pages.summaries import Summary, summarize
from bpm_server.web.pages.visitor import signed_in
from bpm_server.web.pages.wording import element_name, outcomes, process_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flask import Response

    from bpm_server.bpmn.model import Process
    from bpm_server.domain.identity import Actor

pages = Blueprint("inbox", __name__)


@dataclass(frozen=True, slots=True)
class Line:
    """A row with the words that people read.

    Attributes:
        bulk: Whether it can be approved together with others.
    """

    row: report.TaskRow
    name: str
    process: str
    summary: Summary
    starter: str
    assignee: str
    bulk: bool


@pages.get("/inbox/news")
def news() -> Response:
    """What has changed since a browser looked: its list anew, and a word where its opened task is gone."""
    view, actor = InboxView.of_request(), signed_in()
    shown, opened = request.args.get("rows", PAGE, int), request.args.get("open", 0, int)
    values = list_values(actor, view, min(max(shown, PAGE), report.MOST_ROWS))
    gone = _gone(actor, opened) if opened else None
    if values["seen"] == request.args.get("seen") and gone is None:
        return make_response("", 204)
    return answers.html("inbox/news.html", view=view, gone=gone, task_key=opened, **values)


def _gone(actor: Actor, key: int) -> dict[str, Any] | None:
    """Who has done the opened task in the meantime."""
    task = state_of(access.server(), actor, key)
    if task is None or task.state not in ENDED or task.ended_by == actor.username:
        return None
    names = person_names(access.server(), [task.ended_by])
    return {"task": task, "who": names.get(task.ended_by or "", "")}


@pages.get("/")
def home() -> Response:
    """The inbox."""
    view = InboxView.of_request()
    actor = signed_in()
    if answers.target() == "more":
        return answers.html("inbox/more.html", view=view, **rows(actor, view))
    if answers.target() == "list":
        return answers.html("inbox/list.html", view=view, **list_values(actor, view))
    return answers.html("inbox/page.html", view=view, opened=None, **page_values(actor, view))


def page_values(actor: Actor, view: InboxView) -> dict[str, Any]:
    """What the list side of a whole page shows, and from when it is: the stream tells what has changed since."""
    state = page_state()
    return {**list_values(actor, view, counts=state.pulse.counts), "known": state.known}


def list_values(
    actor: Actor, view: InboxView, limit: int = PAGE, counts: report.Counts | None = None
) -> dict[str, Any]:
    """What the list side of the page shows; ``counts`` where they have been asked for already."""
    server = access.server()
    counts = counts or report.counts(server, actor)
    found = rows(actor, view, limit)
    names = models(server, counts.by_process)
    filters = [(names[key].id, process_name(names[key]), number) for key, number in counts.by_process.items()]
    choices = {"dues": due_choices(), "sorts": sort_choices()}
    values = {**found, **choices, "counts": counts, "filters": sorted(filters, key=lambda one: one[1])}
    return {**values, "seen": fingerprint(values)}


def rows(actor: Actor, view: InboxView, limit: int = PAGE) -> dict[str, Any]:
    """One page of a list."""
    server = access.server()
    if view.tab in ("started", "copies"):
        mine = view.tab == "started"
        wanted = case_report.Filter(
            view.criteria.text, view.criteria.process_id, mine=mine, after=view.after, limit=limit, copied=not mine
        )
        found = case_report.cases(server, actor, wanted)
        unread = unread_copies(server, actor, [row.key for row in found.items]) if not mine else frozenset()
        return {"lines": case_lines(found.items), "next_cursor": found.next_cursor, "unread": unread}
    find = report.done if view.tab == "done" else report.todo
    tasks = find(server, actor, view.wanted(limit))
    return {"lines": lines(tasks.items), "next_cursor": tasks.next_cursor}


def lines(items: Sequence[report.TaskRow]) -> list[Line]:
    """Rows in the visitor's words."""
    server = access.server()
    processes = models(server, [row.process_definition_key for row in items])
    people = person_names(server, [name for row in items for name in (row.started_by, row.assignee)])
    return [_line(row, processes[row.process_definition_key], people) for row in items]


def _line(row: report.TaskRow, process: Process, people: Mapping[str, str]) -> Line:
    return Line(
        row,
        element_name(process, row.element_id, row.name),
        process_name(process),
        summarize(row.summary),
        people.get(row.started_by or "", ""),
        people.get(row.assignee or "", ""),
        not row.suspended and "approved" in outcomes(process, row.element_id),
    )


def fingerprint(values: Mapping[str, Any]) -> str:
    """Changes when anything of a list changes that people see, except how long things have been waiting."""
    items: Sequence[Line | CaseLine] = values["lines"]
    seen = [
        (line.row.key, line.row.state, line.row.assignee, line.row.suspended, line.row.due_date, line.row.is_paused)
        if isinstance(line, Line)
        else (line.row.key, line.row.state, line.places)
        for line in items
    ]
    return hashlib.sha256(f"{values['counts']}{values['filters']}{seen}".encode()).hexdigest()[:16]

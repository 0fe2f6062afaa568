"""Cases: the list of them, and one with diagram, timeline, data and work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, request

from bpm_server.domain.attachments import Place
from bpm_server.kernel.errors import Conflict, NotFound
from bpm_server.reports import cases as report
from bpm_server.reports.case_details import case_details, process_choices
from bpm_server.reports.field_sight import seen_by
from bpm_server.reports.form_data import start_form
from bpm_server.reports.process_instances import read_instance
from bpm_server.reports.process_models import models
from bpm_server.services import incidents, process_instances
from bpm_server.web import access
from bpm_server.web.pages import answers, attachments, batch_operations, inbox, panes
from bpm_server.web.pages.case_lines import CaseLine, case_lines
from bpm_server.web.pages.case_operations import offers
from bpm_server.web.pages.case_requests import requests_at
from bpm_server.web.pages.case_view import View
from bpm_server.web.pages.diagrams import file_address, file_reply
from bpm_server.web.pages.inbox_view import InboxView
from bpm_server.web.pages.texts import gettext as _
from bpm_server.web.pages.visitor import actor, signed_in
from bpm_server.web.pages.wording import element_name, process_name, translated_schema

if TYPE_CHECKING:
    from flask import Response

    from bpm_server.bpmn.model import Process
    from bpm_server.domain.identity import Actor
    from bpm_server.reports.process_instances import InstanceLine

pages = Blueprint("instances", __name__)
PATH = "/instances/<int:key>"
SIGHT = ("PROCESS_DEFINITION", "READ_PROCESS_INSTANCE")


@pages.get("/instances")
def home() -> Response:
    """The list of cases."""
    view, who = View.of_request(), signed_in()
    server = access.server()
    found = report.cases(server, who, view.filter())
    values: dict[str, Any] = {"view": view, "lines": case_lines(found.items), "next_cursor": found.next_cursor}
    values["batch_acts"] = batch_operations.allowed_acts(who)
    if answers.target() == "more":
        return answers.html("instances/rows.html", **values)
    if answers.target() == "cases":
        return answers.html("instances/list.html", **values)
    return answers.html("instances/page.html", processes=_choices(), **values)


def _choices() -> list[tuple[str, str]]:
    """Processes that the visitor may know of."""
    server = access.server()
    found = models(server, process_choices(server, signed_in()))
    return sorted(((process.id, process_name(process)) for process in found.values()), key=lambda one: one[1])


@pages.get(PATH)
@pages.get(f"{PATH}/<any(timeline,diagram,data):pane>")
def show(key: int, pane: str = "timeline") -> Response:
    """One case: by itself, or beside the list of those that somebody started."""
    server, who = access.server(), signed_in()
    line = read_instance(server, who, key)
    process = models(server, [line.process_definition_key])[line.process_definition_key]
    if answers.target() == f"pane-{pane}":
        return answers.html(f"panes/{pane}.html", **_pane(line, process, pane))
    row = report.case(server, key)
    if row is None:
        message = f"Expected to find process instance '{key}', but there is none"
        raise NotFound(message)
    case = case_lines([row])[0]
    offered = requests_at(who, case)
    values = {
        "case": case,
        "requests": offered,
        "line": line,
        "process": case.process,
        "pane": pane,
        **_pane(line, process, pane),
    }
    if answers.target() == "detail" or request.args.get("tab"):
        view = InboxView.of_request()
        values.update(view=view, line_key=key)
        if answers.target() == "detail":
            return answers.html("instances/beside.html", **values)
        shown = {"name": case.process, "summary": case.summary, "opened": "instances/beside.html"}
        return answers.html("inbox/page.html", **{**inbox.list_values(who, view), **values, **shown})
    return answers.html("instances/one.html", **{**values, **_everything(line, process, case)})


def _pane(line: InstanceLine, process: Process, pane: str) -> dict[str, Any]:
    if pane == "timeline":
        return panes.timeline_values(line.key, process)
    if pane == "diagram":
        return _diagram(line, process)
    server = access.server()
    schema, data = start_form(server, line.process_definition_key, line.key, seen_by(server, signed_in(), line.key))
    return {"form": None if schema is None else translated_schema(schema), "data": data, "case_key": line.key}


def _diagram(line: InstanceLine, process: Process) -> dict[str, Any]:
    found = panes.diagram_values(line.key, process, file_address(f"/instances/{line.key}", line.version))
    return {**found, "process": process_name(process)}


def _everything(line: InstanceLine, process: Process, case: CaseLine) -> dict[str, Any]:
    """What the page of a case shows beside its timeline."""
    server, who = access.server(), signed_in()
    operates = who.may(*SIGHT, line.process_id)
    details = case_details(server, who, line.key, all_of_it=operates)
    names = {one: element_name(process, one) for one in process.nodes}
    return {
        **_pane(line, process, "data"),
        **_diagram(line, process),
        **attachments.part_values(Place(instance_key=line.key), may_add=_may_attach(who, line), case=line.key),
        "details": details,
        "element_names": names,
        "operates": operates,
        "offers": offers(who, line),
        "may_retry": who.may("PROCESS_DEFINITION", "UPDATE_PROCESS_INSTANCE", line.process_id),
        "may_cancel": case.row.ended_at is None
        and line.parent_key is None
        and who.may("PROCESS_DEFINITION", "CANCEL_PROCESS_INSTANCE", line.process_id),
    }


def _may_attach(who: Actor, line: InstanceLine) -> bool:
    """Whoever sees an active case without the right to read all of its process takes part in it."""
    takes_part = line.started_by == who.username or not who.may(*SIGHT, line.process_id)
    return line.ended_at is None and (
        takes_part or who.may("PROCESS_DEFINITION", "UPDATE_PROCESS_INSTANCE", line.process_id)
    )


@pages.get(f"{PATH}/diagram.bpmn")
def diagram(key: int) -> Response:
    """The diagram's file, for whoever may see the case."""
    return file_reply(read_instance(access.server(), signed_in(), key).process_definition_key)


@pages.post(f"{PATH}/cancel")
def cancel(key: int) -> Response:
    """Ends a case by hand."""
    process_instances.cancel_instance(access.server(), actor(), key)
    return answers.said(answers.go_to(f"/instances/{key}"), _("The case is cancelled."))


@pages.post("/incidents/<int:key>/retry")
def retry(key: int) -> Response:
    """Lets a stuck step try again."""
    back = answers.local_path(request.form.get("next"))
    try:
        incidents.resolve_incident(access.server(), actor(), key)
    except Conflict as error:
        return answers.said(answers.go_to(back), error.message, tone="bad")
    return answers.said(answers.go_to(back), _("It is tried again."))

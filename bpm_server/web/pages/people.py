"""People, for who may change the organisation: the list of them, and handing over the work of one who leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, request

from bpm_server.domain.handover import What, WorkKind
from bpm_server.domain.states import BatchItemState
from bpm_server.kernel.errors import BpmError, Conflict, InvalidInput, NotFound
from bpm_server.reports import handover as report
from bpm_server.reports.names import person_names, place_names
from bpm_server.reports.process_models import models
from bpm_server.reports.query import Condition, PageOf, Query
from bpm_server.reports.staff import PAGE, staff
from bpm_server.services.handover import start_handover
from bpm_server.web import access, problems
from bpm_server.web.pages import answers
from bpm_server.web.pages.texts import gettext as _
from bpm_server.web.pages.visitor import actor, signed_in
from bpm_server.web.pages.wording import element_name, process_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flask import Response

    from bpm_server.domain.handover import Kept, Place
    from bpm_server.domain.identity import Actor

pages = Blueprint("staff", __name__)
HOME = "/people"
HANDOVER = "/people/<username>/handover"
STATES = {"active": True, "left": False}
SHOWN_PROBLEMS = 50
FOR_PROCESS = "successor:"
"""Before a process id: the field that names another successor for it."""


@pages.get(HOME)
def home() -> Response:
    """Who works here and who has left, with how much is open of each."""
    who, server = signed_in(), access.server()
    text, state = request.args.get("q", "")[:100], request.args.get("state", "")
    found = staff(server, who, text, active=STATES.get(state), after=request.args.get("after", "")[:256])
    shown = found[:PAGE]
    values: dict[str, Any] = {
        "people": shown,
        "q": text,
        "state": state,
        "after": shown[-1].username if len(found) > PAGE else "",
    }
    part = {"more": "rows", "people": "list"}.get(answers.target(), "page")
    return answers.html(f"people/{part}.html", **values)


# --- handing over ---------------------------------------------------------------------------------------


@pages.get(HANDOVER)
def look(username: str) -> Response:
    """What it would be for, before anything is changed; and the handovers there were."""
    return _ask(signed_in(), username)


@pages.post(HANDOVER)
def hand_over(username: str) -> Response:
    """Begins, and goes to where one sees how far it is."""
    who, form = actor(), request.form
    others = {
        name.removeprefix(FOR_PROCESS): value.strip()
        for name, value in form.items()
        if name.startswith(FOR_PROCESS) and value.strip()
    }
    successor, leaves = form.get("successor", "").strip(), "leaves" in form
    try:
        key = start_handover(
            access.server(), who, username, successor, form.get("note", ""), by_process=others, leaves=leaves
        )
    except (InvalidInput, NotFound, Conflict) as error:
        return _ask(who, username, error)
    return answers.go_to(f"/people/{username}/handover/{key}")


def _ask(who: Actor, username: str, error: BpmError | None = None) -> Response:
    server = access.server()
    found = report.preview(server, who, username)
    processes = models(server, [one.process_definition_key for one in found.work])
    names = {one.process_id: process_name(processes[one.process_definition_key]) for one in found.work}
    heirs = [one for line in found.handovers for one in (line.handover.successor, line.asker)]
    values: dict[str, Any] = {
        "found": found,
        "work": [(kind_text(one.kind), names[one.process_id], one.count) for one in found.work],
        "processes": names,
        "places": _places(found.places),
        "people": person_names(server, [username, *heirs]),
        "may_leave": found.active and who.username != username and who.may("USER", "UPDATE", username),
        "given": request.form,
        "problem": "" if error is None else _problem(error, found.name or username),
        "field": "" if error is None else error.details.get("field", "successor"),
    }
    return answers.html("people/handover.html", 200 if error is None else problems.status_of(error), **values)


def _problem(error: BpmError, name: str) -> str:
    """What is wrong, in the visitor's language."""
    field = error.details.get("field")
    if field == "note":
        return _("Say why, in at most 10,000 characters: it stands in the history of every case.")
    if field in ("successor", "successors") and isinstance(error, InvalidInput):
        return _("%(who)s cannot succeed themselves: choose somebody else.", who=name)
    if field in ("successor", "successors"):
        return _("Choose successors who work here.")
    if isinstance(error, Conflict):
        return _("Somebody must remain who can give rights: this is the last administrator.")
    return error.message


@pages.get(f"{HANDOVER}/<int:key>")
def show(username: str, key: int) -> Response:
    """One handover: how far it is, and what stays with why."""
    server, who = access.server(), signed_in()
    line = report.handover(server, who, username, key)
    if answers.target() == "progress":
        if line.ended_at is not None:  # the list below is read anew, too
            return answers.go_to(f"/people/{username}/handover/{key}")
        return answers.html("people/progress.html", line=line)
    failed = (Condition("operation_key", "eq", key), Condition("state", "eq", BatchItemState.FAILED))
    with server.database.read() as connection:
        stays = report.ITEMS.page(connection, who, Query(failed, page=PageOf(limit=SHOWN_PROBLEMS))).items
    handover = line.handover
    people = person_names(server, [handover.person, *handover.heirs, line.asker])
    values: dict[str, Any] = {
        "line": line,
        "people": people,
        "others": [(process_id, people[heir]) for process_id, heir in handover.by_process.items()],
        "moved": _places(line.moved),
        "kept": list(zip(_places(line.kept), [one.reason for one in line.kept], strict=True)),
        "stays": _stays(stays),
    }
    return answers.html("people/one.html", **values)


def _stays(items: Iterable[report.ItemLine]) -> list[tuple[report.ItemLine, str]]:
    """Tasks that stay, with their step and process."""
    found = list(items)
    keys = [one.process_definition_key for one in found if one.process_definition_key is not None]
    processes = models(access.server(), keys)
    told = []
    for one in found:
        process = processes.get(one.process_definition_key or 0)
        step = "" if process is None or one.element_id is None else element_name(process, one.element_id, one.name)
        told.append((one, " · ".join(filter(None, ("" if process is None else process_name(process), step)))))
    return told


def kind_text(kind: WorkKind) -> str:
    """Why open tasks are somebody's."""
    return {
        WorkKind.ASSIGNED: _("Assigned tasks"),
        WorkKind.OFFERED: _("Tasks offered by name"),
        WorkKind.APPROVAL: _("Approvals"),
        WorkKind.OPINION: _("Delegated to them: returns to who asked"),
        WorkKind.CORRECTION: _("Own requests to correct"),
    }[kind]


def _places(places: Iterable[Place | Kept]) -> list[str]:
    """Places in the organisation, in words."""
    found = list(places)
    server = access.server()
    departments = place_names(server, [one.name for one in found if one.what == What.DEPARTMENT])
    acting = report.acting(server, [int(one.name) for one in found if one.what == What.SUBSTITUTION])
    below = [one.name for one in found if one.what == What.SUPERIOR]
    people = person_names(server, [*below, *(name for pair in acting.values() for name in pair)])

    def told(one: Place | Kept) -> str:
        if one.what == What.DEPARTMENT:
            return _("Head of %(name)s", name=departments[one.name])
        if one.what == What.SUPERIOR:
            return _("Superior of %(name)s", name=people[one.name])
        person, substitute = acting.get(int(one.name), ("", None))
        if substitute is None:
            return _("%(name)s is away", name=people.get(person, person))
        return _("%(who)s acts for %(name)s", who=people[substitute], name=people[person])

    return [told(one) for one in found]

"""The bell: what somebody was told, newest first; and the stream that says when to look again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import Blueprint, Response, g, request

from bpm_server.domain.notifications import ASKS, Kind, group_topic, person_topic
from bpm_server.kernel import json
from bpm_server.reports import notifications as report
from bpm_server.reports.names import person_names
from bpm_server.reports.process_models import models
from bpm_server.services import notifications
from bpm_server.web import access, parking
from bpm_server.web.pages import answers
from bpm_server.web.pages.texts import gettext as _
from bpm_server.web.pages.visitor import actor, signed_in, visitor
from bpm_server.web.pages.wording import element_name, process_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bpm_server.bpmn.model import Process
    from bpm_server.domain.identity import Actor
    from bpm_server.store.notifications import About

pages = Blueprint("bell", __name__)
STREAM_S = 25.0
"""Proxies cut idle connections after 30 s or more."""
LOOK_AGAIN_S = 10.0
"""For what no wake-up tells of: commits of other processes where there is no broker, and tasks that ended elsewhere."""
AGAIN_MS = 1_000
RINGS = "~"
STATE = "page_state"
AGAIN_IF_CROWDED_S = 30
ICONS = {
    Kind.TURN: "pencil",
    Kind.ASSIGNED: "user-check",
    Kind.RETURNED: "arrow-back-up",
    Kind.DELEGATED: "user-share",
    Kind.TRANSFERRED: "transfer",
    Kind.ADDED: "user-plus",
    Kind.DECIDED: "circle-check",
    Kind.URGED: "bell-ringing",
    Kind.COPIED: "copy",
    Kind.MENTIONED: "at",
    Kind.TAKEN_BACK: "arrow-back-up",
    Kind.HANDOVER: "arrow-forward-up",
}


@dataclass(frozen=True, slots=True)
class Line:
    """A notification in the visitor's words; ``over``: what it asks for has been done, by whomever."""

    row: report.Told
    text: str
    what: str
    icon: str
    over: bool


def sentence(kind: str, outcome: str | None, who: str, person: str = "") -> str:
    """What happened, as a sentence; ``who`` is empty where nobody did it, ``person``: of a handover."""
    by = who or _("The process")
    said = {
        Kind.TURN: _("Your approval is needed"),
        Kind.ASSIGNED: _("You have a new task"),
        Kind.RETURNED: _("%(who)s returned your request", who=by),
        Kind.DELEGATED: _("%(who)s asks for your opinion", who=by),
        Kind.TRANSFERRED: _("%(who)s handed this over to you", who=by),
        Kind.ADDED: _("%(who)s asks you to sign as well", who=by),
        Kind.URGED: _("%(who)s asks you to hurry", who=by),
        Kind.COPIED: _("%(who)s sent you a copy", who=by),
        Kind.MENTIONED: _("%(who)s mentioned you", who=by),
        Kind.TAKEN_BACK: _("%(who)s took back what they had asked of you", who=by),
        Kind.HANDOVER: _("The work of %(who)s was handed over to you", who=person),
    }
    decided = {
        "approved": _("%(who)s approved your request", who=by),
        "rejected": _("%(who)s rejected your request", who=by),
    }
    return said[Kind(kind)] if kind != Kind.DECIDED else decided[outcome or "approved"]


def lines(found: list[report.Told]) -> list[Line]:
    """Notifications in the visitor's words."""
    server = access.server()
    processes = models(server, [row.process_definition_key for row in found])
    people = person_names(server, [name for row in found for name in (row.by, row.details.get("person"))])
    return [_line(row, people, processes[row.process_definition_key]) for row in found]


def _line(row: report.Told, people: Mapping[str, str], process: Process) -> Line:
    outcome = row.details.get("outcome")
    step = element_name(process, row.element_id, row.name) if row.element_id else ""
    what = " · ".join(filter(None, (process_name(process), step)))
    icon = "circle-x" if outcome == "rejected" else ICONS[Kind(row.kind)]
    over = row.kind in ASKS and (row.ended_at is not None or row.was_asked)
    said = sentence(row.kind, outcome, people.get(row.by or "", ""), people.get(row.details.get("person", ""), ""))
    return Line(row, said, "" if row.kind == Kind.HANDOVER else what, icon, over)


def unread() -> int:
    """The number at the bell of the current visitor."""
    who = visitor().actor
    if who is None:
        return 0
    state: PageState | None = g.get(STATE)
    if state is not None:
        return state.pulse.unread
    with access.server().database.read() as connection:
        return report.unread(connection, who)


@pages.get("/notifications")
def home() -> Response:
    """What somebody was told."""
    return _list(signed_in(), "list" if answers.target() == "notifications" else "page")


def _list(who: Actor, template: str) -> Response:
    found = report.newest(access.server(), who, request.args.get("before", None, int))
    shown = found[: report.NEWEST]
    more = shown[-1].key if len(found) > len(shown) else None
    return answers.html(f"notifications/{template}.html", lines=lines(shown), more=more, unread=unread())


@pages.post("/notifications/read")
def read_all() -> Response:
    """Somebody has read everything."""
    who = actor()
    notifications.mark_notifications_read(access.server(), who)
    return _list(who, "list") if answers.target() == "notifications" else answers.go_to("/notifications")


@pages.get("/notifications/<int:key>")
@pages.post("/notifications/<int:key>/open")
def open_one(key: int) -> Response:
    """Leads to what a notification is about, from the bell or (by an address alone) from a device."""
    who = signed_in() if request.method == "GET" else actor()
    return answers.go_to(address_of(notifications.open_notification(access.server(), who, key)))


def address_of(about: About | report.Told) -> str:
    """Where a notification leads: its task or case; of a whole handover, the inbox."""
    if about.kind == Kind.HANDOVER:
        return "/"
    return f"/instances/{about.instance_key}" if about.task_key is None else f"/tasks/{about.task_key}"


# --- live -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PageState:
    """How the visitor's lists and bell were when a page began to be made: nothing on it is older.

    Attributes:
        known: Handed to the stream, so that it tells only what has changed since.
    """

    pulse: report.Pulse
    known: str


def page_state() -> PageState:
    """Of this request; asked before anything else that a page shows."""
    if STATE not in g:
        who, places = signed_in(), parking.of_app()
        rings = places.rings(_topics(who))
        pulse = report.pulse(access.server(), who)
        setattr(g, STATE, PageState(pulse, f"{pulse.mark}{RINGS}{rings}"))
    found: PageState = g.get(STATE)
    return found


def _topics(who: Actor) -> tuple[str, ...]:
    return (person_topic(who.username), *(group_topic(name) for name in sorted(who.groups)))


@pages.get("/events")
def events() -> Response:
    """One server-sent event when the visitor's lists or notifications look different, or none for a while.

    Browsers come again by themselves with the mark of what they know; the first time a page names what it was made of.
    Meanwhile the request holds no thread (ADR 21).
    """
    who, server, places = signed_in(), access.server(), parking.of_app()
    if places.is_crowded():
        return Response(status=503, headers={"Retry-After": str(AGAIN_IF_CROWDED_S)})
    known, _, rings_known = (request.headers.get("Last-Event-ID") or request.args.get("known", "")).partition(RINGS)
    topics = _topics(who)
    rung = places.rings_since_first(topics, rings_known)

    def look() -> PageState | None:
        rings = places.rings(topics)
        pulse = report.pulse(server, who)
        return PageState(pulse, f"{pulse.mark}{RINGS}{rings}") if rung() or pulse.mark != known else None

    found = places.poll(topics, look, STREAM_S, LOOK_AGAIN_S)
    text = f"retry: {AGAIN_MS}\n"
    if found is not None:
        text += f"id: {found.known}\nevent: news\ndata: {json.dumps({'unread': found.pulse.unread})}\n"
    return Response(f"{text}\n", mimetype="text/event-stream", headers={"Cache-Control": "no-store"})

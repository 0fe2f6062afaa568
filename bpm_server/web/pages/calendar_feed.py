"""A person's due tasks for their calendar program, and giving it an address."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from flask import Blueprint, Response, g, request
from icalendar import Calendar, Event

from bpm_server.reports.due_tasks import due_tasks
from bpm_server.services import calendar_feed
from bpm_server.web import access
from bpm_server.web.pages import answers
from bpm_server.web.pages.inbox import lines
from bpm_server.web.pages.texts import gettext as _
from bpm_server.web.pages.visitor import actor

if TYPE_CHECKING:
    from bpm_server.domain.identity import Actor
    from bpm_server.web.pages.inbox import Line

pages = Blueprint("calendar_feed", __name__)
LASTS = timedelta(minutes=30)
"""An event ends when its task is due."""


def feed_address(who: Actor) -> str | None:
    """Where a person's calendar is read; None where it has no address."""
    token = calendar_feed.feed_token(access.server(), who)
    return None if token is None else f"{access.server().settings.url()}/calendar/{token}.ics"


@pages.post("/settings/calendar")
def choose() -> Response:
    """Gives the calendar an address, another one, or none."""
    who = actor()
    if request.form.get("act") == "withdraw":
        calendar_feed.withdraw_feed(access.server(), who)
    else:
        calendar_feed.renew_feed(access.server(), who)
    return answers.go_to("/settings")


@pages.get("/calendar/<token>.ics")
def feed(token: str) -> Response:
    """The calendar; whoever has the address reads it in its owner's language."""
    server = access.server()
    server.identities.check_address(request.remote_addr or "")
    owner = calendar_feed.owner_of_feed(server, token)
    g.access = access.Access(owner)
    made = Calendar()
    made.add("prodid", "-//bpm-server//due tasks//EN")
    made.add("version", "2.0")
    made.add("x-wr-calname", _("Due tasks"))
    made.add("refresh-interval;value=duration", "PT15M")
    for line in lines(due_tasks(server, owner)):
        made.add_component(_event(line, server.settings.url()))
    headers = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    return Response(made.to_ical(), mimetype="text/calendar", headers=headers)


def _event(line: Line, address: str) -> Event:
    due = line.row.due_date
    assert due is not None  # noqa: S101
    made = Event()
    made.add("uid", f"task-{line.row.key}@bpm-server")
    made.add("dtstamp", line.row.created_at)
    made.add("dtstart", due - LASTS)
    made.add("dtend", due)
    made.add("summary", " · ".join(filter(None, (line.name, str(line.summary)))))
    made.add("description", line.process)
    made.add("url", f"{address}/tasks/{line.row.key}")
    return made

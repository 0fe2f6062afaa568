"""What a device shows, in words: what the bell says, in the language of whoever has the device.

Like a mail (``pages.mails``), but short: who walks by may read it. So it names process and reference, and nothing else
of the case.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Flask, g

from bpm_server.domain.mails import Unwritten
from bpm_server.domain.pushes import Message
from bpm_server.kernel.errors import NotSignedIn
from bpm_server.reports import notifications as report
from bpm_server.services.identities import actor_by_name
from bpm_server.web import access
from bpm_server.web.pages.mails import about, task_of
from bpm_server.web.pages.notifications import lines
from bpm_server.web.pages.texts import gettext as _
from bpm_server.web.pages.visitor import of_person

if TYPE_CHECKING:
    from bpm_server.domain.identity import Actor
    from bpm_server.domain.pushes import Push
    from bpm_server.services.server import Server

GONE = Unwritten("the person does not work here any more")


class PushWriter:
    """Writes what a server sends to devices."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._app = Flask("bpm_server.web", static_folder=None)
        access.use_server(self._app, server)

    def write(self, push: Push) -> Message | Unwritten:
        """What a notification says now; nothing where it was read or done before."""
        try:
            who = actor_by_name(self._server, push.username)
        except NotSignedIn:
            return GONE
        with self._app.app_context():
            g.visitor = of_person(who)
            return _content(self._server, who, push.key)

    def write_test(self, username: str) -> Message | Unwritten:
        """What a test says."""
        try:
            who = actor_by_name(self._server, username)
        except NotSignedIn:
            return GONE
        with self._app.app_context():
            g.visitor = of_person(who)
            text = _("Notifications reach this device.")
            return Message("bpm-server", text, "/settings", "test", g.visitor.language)


def _content(server: Server, who: Actor, key: int) -> Message | Unwritten:
    told = report.told(server, who, [key])
    found = [line for line in lines(told) if not line.over and line.row.read_at is None]
    if not found:
        return Unwritten("it was read or done before")
    line = found[0]
    task = task_of(server, who, line)
    return Message(line.text, about(line, task), f"/notifications/{key}", f"n{key}", g.visitor.language)

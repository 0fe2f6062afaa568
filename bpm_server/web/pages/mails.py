"""Mails in words: what the bell says, in the language and time zone of whoever gets it.

No request is behind a mail: it is written in the context of an application without addresses, for a visitor who is its
receiver. So it says what a page would show them, and nothing of what field permissions hide or mask.
"""

from __future__ import annotations

from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import format_datetime
from typing import TYPE_CHECKING

from flask import Flask, g, render_template

from bpm_server.connectors.contract import PermanentError
from bpm_server.connectors.smtp import make_address, read_mail_server
from bpm_server.domain.approvals.node import Outcome
from bpm_server.domain.mails import Unwritten
from bpm_server.kernel.errors import Forbidden, InvalidInput, NotFound, NotSignedIn
from bpm_server.reports import notifications as report
from bpm_server.reports.names import person_names
from bpm_server.reports.task_details import task_detail
from bpm_server.services.decision_links import make_link
from bpm_server.services.identities import actor_by_name
from bpm_server.web import access
from bpm_server.web.pages.formats import full_moment, moment
from bpm_server.web.pages.notifications import address_of, lines
from bpm_server.web.pages.summaries import summarize
from bpm_server.web.pages.texts import gettext as _
from bpm_server.web.pages.texts import ngettext
from bpm_server.web.pages.visitor import of_person
from bpm_server.web.pages.wording import element_name, process_name

if TYPE_CHECKING:
    from email.headerregistry import Address

    from bpm_server.domain.identity import Actor
    from bpm_server.domain.mails import Letter
    from bpm_server.reports.task_details import TaskDetail
    from bpm_server.services.server import Server
    from bpm_server.web.pages.notifications import Line

MOST_LINES = 100
"""Of a daily mail; the bell has the others."""
LONGEST_SUBJECT = 150


@dataclass(frozen=True, slots=True)
class Link:
    """A place to go; ``tone``: ``good``, ``bad`` or none."""

    text: str
    url: str
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing of a daily mail."""

    text: str
    what: str
    when: str
    url: str


@dataclass(frozen=True, slots=True)
class Content:
    """What a mail says, in the receiver's words."""

    subject: str
    greeting: str
    text: str
    facts: tuple[tuple[str, str], ...] = ()
    items: tuple[Item, ...] = ()
    links: tuple[Link, ...] = ()
    note: str = ""


class MailWriter:
    """Writes the mails of a server."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._app = Flask("bpm_server.web", static_folder=None)
        access.use_server(self._app, server)

    def write(self, letter: Letter) -> EmailMessage | Unwritten:
        """A mail as it has to be said now.

        Raises:
            PermanentError: the person's address is none.
        """
        try:
            who = actor_by_name(self._server, letter.username)
        except NotSignedIn:
            return Unwritten("the person does not work here any more")
        if not who.email:
            return Unwritten("the person has no address")
        try:
            to = make_address(who.name or "", who.email)
        except InvalidInput as error:
            message = "the person's address is none that a mail can be sent to"  # and is not to be stored here
            raise PermanentError(message) from error
        with self._app.app_context():
            g.visitor = of_person(who)
            content = _content(self._server, who, letter)
            return content if isinstance(content, Unwritten) else _message(self._server, letter, to, content)


def _content(server: Server, who: Actor, letter: Letter) -> Content | Unwritten:
    """What is still to be said: not what was read or done in the meantime."""
    told = report.told(server, who, letter.notifications[-MOST_LINES:])
    found = [line for line in lines(told) if not line.over and line.row.read_at is None]
    if not found:
        return Unwritten("it was read or done before")
    return _day(who, found) if letter.daily else _one(server, who, found[0])


def _day(who: Actor, found: list[Line]) -> Content:
    base = access.server().settings.url()
    items = tuple(Item(line.text, line.what, moment(line.row.at), base + address_of(line.row)) for line in found)
    said = ngettext("%(num)s notification for you", "%(num)s notifications for you", len(items))
    return Content(
        said, _greeting(who), said, items=items, links=(Link(_("Open all notifications"), f"{base}/notifications"),)
    )


def _greeting(who: Actor) -> str:
    return _("Hello %(name)s,", name=who.name or who.username)


def _one(server: Server, who: Actor, line: Line) -> Content:
    open_it = Link(_("Open in bpm-server"), server.settings.url() + address_of(line.row))
    task = task_of(server, who, line)
    subject = _subject(line.text, about(line, task))
    if task is None:
        facts = ((_("About"), line.what),) if line.row.task_key is None else ()
        return Content(subject, _greeting(who), line.text, facts, (), (open_it,))
    links, note = _decisions(server, who, task), ""
    if links:
        note = _("Approve and Reject ask once more. They work for whoever has this mail: do not hand it on.")
    return Content(subject, _greeting(who), line.text, _facts(task), (), (*links, open_it), note)


def task_of(server: Server, who: Actor, line: Line) -> TaskDetail | None:
    """The task that a notification is about; None where it is about a case, or they may not see it (any more)."""
    if line.row.task_key is None:
        return None
    try:
        return task_detail(server, who, line.row.task_key)
    except (Forbidden, NotFound):  # they may have been asked and let off again
        return None


def about(line: Line, task: TaskDetail | None) -> str:
    """What a notification is about, in a few words: the process and a reference that is not hidden from them."""
    if task is None:
        return line.what
    return " · ".join(filter(None, (process_name(task.process), summarize(task.summary).reference)))


def _subject(text: str, about: str) -> str:
    return _("%(what)s: %(about)s", what=text, about=about)


def _facts(task: TaskDetail) -> tuple[tuple[str, str], ...]:
    starter = person_names(access.server(), [task.started_by]).get(task.started_by or "", "")
    found = (
        (_("Process"), process_name(task.process)),
        (_("Step"), element_name(task.process, task.element_id, task.name)),
        (_("About"), str(summarize(task.summary))),
        (_("Started by"), starter),
        (_("Due"), full_moment(task.due_date)),
    )
    return tuple((name, text) for name, text in found if text)


def _decisions(server: Server, who: Actor, task: TaskDetail) -> tuple[Link, ...]:
    """Links by which an approval is decided without signing in, where it is their turn."""
    token = None if task.approval is None else make_link(server, who.username, task.key)
    if token is None:
        return ()
    address = f"{server.settings.url()}/decide/{token}?outcome="
    return (
        Link(_("Approve"), address + Outcome.APPROVED, "good"),
        Link(_("Reject"), address + Outcome.REJECTED, "bad"),
    )


def _message(server: Server, letter: Letter, to: Address, content: Content) -> EmailMessage:
    here = read_mail_server(server.settings.smtp_url, server.settings.mail_from)
    assert here is not None  # noqa: S101 - nobody writes mails otherwise
    settings = f"{server.settings.url()}/settings"
    why = _("You get this mail because of what you have chosen in your settings:")
    mail = EmailMessage()
    mail["From"] = here.sender
    mail["To"] = to
    mail["Subject"] = _one_line(content.subject)
    mail["Date"] = format_datetime(server.clock.now())
    mail["Message-ID"] = f"<mail-{letter.key}@{here.sender.domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["List-Unsubscribe"] = f"<{settings}>"
    mail.set_content(_plain(content, why, settings))
    html = render_template("mail.html", content=content, why=why, settings=settings, language=g.visitor.language)
    mail.add_alternative(html, subtype="html")
    return mail


def _one_line(text: str) -> str:
    plain = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return plain if len(plain) <= LONGEST_SUBJECT else plain[: LONGEST_SUBJECT - 1] + "…"


def _plain(content: Content, why: str, settings: str) -> str:
    parts = [content.greeting, content.text]
    parts.append("\n".join(_("%(what)s: %(about)s", what=name, about=text) for name, text in content.facts))
    parts += [f"{one.text} ({one.when})\n{one.what}\n{one.url}" for one in content.items]
    parts += [f"{link.text}\n{link.url}" for link in content.links]
    parts += [content.note, f"-- \n{why}\n{settings}"]
    return "\n\n".join(part for part in parts if part) + "\n"

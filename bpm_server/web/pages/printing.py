"""A case on paper: its forms with labels, who did what when, for printing and as PDF."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import Blueprint, Response
from werkzeug.datastructures import Headers

from bpm_server.kernel.errors import Forbidden, NotFound
from bpm_server.reports import attachments, documents
from bpm_server.reports import cases as report
from bpm_server.reports.case_forms import case_forms
from bpm_server.reports.process_instances import read_instance
from bpm_server.reports.process_models import models
from bpm_server.reports.timeline import timeline
from bpm_server.web import access
from bpm_server.web.downloads import file_names
from bpm_server.web.pages import answers, formats
from bpm_server.web.pages.attachments import size_text
from bpm_server.web.pages.case_lines import CaseLine, case_lines
from bpm_server.web.pages.form_values import Entry, form_values
from bpm_server.web.pages.paper import pdf
from bpm_server.web.pages.stories import stories
from bpm_server.web.pages.texts import gettext as _
from bpm_server.web.pages.visitor import signed_in, visitor
from bpm_server.web.pages.wording import element_name, translated_schema

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from bpm_server.bpmn.model import Process
    from bpm_server.reports.case_forms import CaseForm
    from bpm_server.reports.timeline import Item
    from bpm_server.web.pages.form_values import Table

pages = Blueprint("printing", __name__)
PATH = "/instances/<int:key>"
MAX_SIGNATURE = 1_000_000
"""Bytes."""


@dataclass(frozen=True, slots=True)
class Act:
    """What somebody did: when, who, what, with which decision and comment."""

    at: datetime
    who: str
    what: str
    decision: str
    comment: str


@dataclass(frozen=True, slots=True)
class Part:
    """The values of one form."""

    title: str
    values: tuple[Entry | Table, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """What stands on the paper.

    Attributes:
        number: The company's own reference, else the key of the case.
        facts: Label and text of what is known about the case itself.
        files: Names and sizes of attachments.
        is_cut: There are more acts than are told.
        made: When and by whom it was printed.
    """

    title: str
    number: str
    state: str
    facts: tuple[Entry, ...]
    parts: tuple[Part, ...]
    acts: tuple[Act, ...]
    files: tuple[str, ...]
    is_cut: bool
    made: str


@pages.get(f"{PATH}/print")
def show(key: int) -> Response:
    """A case as a page for a printer."""
    return answers.html("printing/sheet.html", sheet=_sheet(key), key=key)


@pages.get(f"{PATH}/print.pdf")
def show_pdf(key: int) -> Response:
    """A case as PDF."""
    sheet = _sheet(key)
    headers = Headers({"Content-Type": "application/pdf", "Cache-Control": "no-store"})
    headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; object-src 'self'"
    name = "".join(char if char.isprintable() and char not in '/\\:*?"<>|' else "_" for char in sheet.number)
    headers.set("Content-Disposition", "inline", **file_names(f"{sheet.title}-{name}.pdf"))
    made = pdf(sheet, access.server().settings.print_font, visitor().language, _signature)
    return Response(made, headers=headers)


def _signature(document_id: str) -> bytes | None:
    """A drawn signature, where the visitor may see it; None for what is too large to be one."""
    server = access.server()
    try:
        row = attachments.find_document(server, signed_in(), document_id)
    except (NotFound, Forbidden):
        return None
    return b"".join(documents.content(server, row)) if row.size <= MAX_SIGNATURE else None


def _sheet(key: int) -> Sheet:
    server, who = access.server(), signed_in()
    line = read_instance(server, who, key)
    process = models(server, [line.process_definition_key])[line.process_definition_key]
    row = report.case(server, key)
    if row is None:
        message = f"Expected to find process instance '{key}', but there is none"
        raise NotFound(message)
    case = case_lines([row])[0]
    course = timeline(server, key)
    printed = _("Printed by %(who)s, %(when)s", who=who.name or who.username, when=formats.full_moment(formats.now()))
    return Sheet(
        title=case.process,
        number=line.business_key or str(key),
        state=case.state,
        facts=tuple(_facts(case, key)),
        parts=tuple(_parts(case_forms(server, who, key, line.process_definition_key), process)),
        acts=tuple(acts(course.items, process)),
        files=tuple(f"{one.file_name} ({size_text(one.size)})" for one in attachments.of_instance(server, who, key)),
        is_cut=course.is_cut,
        made=printed,
    )


def _facts(case: CaseLine, key: int) -> Iterable[Entry]:
    row = case.row
    yield Entry(_("Case"), str(key))
    yield Entry(_("State"), case.state)
    yield Entry(_("Started by"), case.starter or "-")
    yield Entry(_("Started"), formats.full_moment(row.started_at))
    if row.ended_at is not None:
        yield Entry(_("Ended"), formats.full_moment(row.ended_at))
    for place in case.places:
        yield Entry(_("Now with"), " · ".join(part for part in (place.step, place.who) if part))


def _parts(forms: Iterable[CaseForm], process: Process) -> Iterable[Part]:
    """Each value once: where a form shows it first."""
    told: set[tuple[str, ...]] = set()
    for form in forms:
        values = form_values(translated_schema(form.schema), form.data, told)
        if values:
            title = _("Request") if form.element_id is None else element_name(process, form.element_id)
            yield Part(title, tuple(values))


def acts(items: Iterable[Item], process: Process) -> list[Act]:
    """What people did, oldest first; whatever the timeline tells of a person is an act."""
    return [
        Act(story.at, story.who, story.text, story.badge, story.quote)
        for story in stories((item for item in items if item.actor is not None), process)
        if story.who and story.who != _("The server")
    ]

"""Importing a calendar or its days from a file: first what would change, then the same file once more to apply it."""

from __future__ import annotations

import base64
import binascii
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import Blueprint, request

from bpm_server.domain.calendar_changes import apply_file, calendar_changes, is_whole_calendar
from bpm_server.domain.calendar_file import read_calendar
from bpm_server.domain.calendars import WEEKDAYS, Calendar
from bpm_server.kernel.errors import InvalidInput, NotFound, StaleVersion
from bpm_server.kernel.findings import RefusedFile
from bpm_server.reports import calendars as report
from bpm_server.services import calendars
from bpm_server.services.authorization import authorize
from bpm_server.web import access
from bpm_server.web.pages import answers, calendar_years
from bpm_server.web.pages.calendar_edits import address_of, revision_seen
from bpm_server.web.pages.office_calendars import HOME, RESOURCE, calendar_page, list_page, saved, shown_name
from bpm_server.web.pages.texts import gettext as _
from bpm_server.web.pages.visitor import actor

if TYPE_CHECKING:
    from flask import Response

    from bpm_server.domain.identity import Actor

pages = Blueprint("calendar-imports", __name__)
MOST_BYTES = 340_000
"""So that its text fits into the form that applies it."""


@dataclass(frozen=True, slots=True)
class Sent:
    """The file, as it was uploaded or as the form of the preview brings it back."""

    name: str
    data: bytes

    @property
    def text(self) -> str:
        """The content as a form carries it."""
        return base64.urlsafe_b64encode(self.data).decode()


@dataclass(frozen=True, slots=True)
class Planned:
    """What a file would make of a calendar; ``before`` is None for a new one."""

    before: Calendar | None
    revision: int
    after: Calendar


@pages.post(f"{HOME}/import")
def import_file() -> Response:
    """Shows what a file would change, or applies what was shown."""
    who, into = actor(), request.form.get("into", "")
    try:
        sent = _sent()
        planned = _plan(who, into, sent)
    except InvalidInput as error:
        return _refused(into, error)
    if request.form.get("act") != "apply":
        return _preview(planned, into, sent, 200)
    try:
        calendars.save_calendar(access.server(), who, planned.after, expected=revision_seen())
    except StaleVersion:
        return _preview(planned, into, sent, 409)
    return saved(planned.after.calendar_id, address_of(planned.after.calendar_id))


def _sent() -> Sent:
    upload = request.files.get("file")
    if upload is not None and upload.filename:
        with closing(upload):
            data = upload.stream.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            message = f"Expected a file of at most {MOST_BYTES} bytes, but found more"
            raise InvalidInput(message, reason="large")
        return Sent(upload.filename[:200], data)
    try:
        data = base64.b64decode(request.form.get("content", ""), b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        message = "Expected the content of a file, but found something else"
        raise InvalidInput(message, reason="missing") from error
    if not data:
        message = "Expected a file, but found none"
        raise InvalidInput(message, reason="missing")
    return Sent(request.form.get("name", "")[:200], data)


def _plan(who: Actor, into: str, sent: Sent) -> Planned:
    if not into and not is_whole_calendar(sent.name):
        message = f"Expected a JSON file of a whole calendar, but found '{sent.name[:60]}'"
        raise InvalidInput(message, reason="whole")
    calendar_id = into or read_calendar(sent.data, sent.name).calendar_id
    try:
        with access.server().database.read() as connection:
            before, revision = report.calendar_now(connection, who, calendar_id)
    except NotFound:
        if into:
            raise
        authorize(who, RESOURCE, "CREATE")
        return Planned(None, calendars.NOT_THERE, read_calendar(sent.data, sent.name))
    authorize(who, RESOURCE, "UPDATE", calendar_id)
    return Planned(before, revision, apply_file(before, sent.data, sent.name))


def _preview(planned: Planned, into: str, sent: Sent, status: int) -> Response:
    before, after = planned.before, planned.after
    empty = Calendar(after.calendar_id, "", "", ((),) * len(WEEKDAYS))
    return answers.html(
        "calendars/preview.html",
        status,
        is_new=before is None,
        is_stale=status == 409,
        calendar=after,
        name=shown_name(after),
        changes=calendar_changes(before or empty, after),
        parts={"name": _("Name"), "name_en": _("Name in English"), "time_zone": _("Time zone")},
        weekdays=dict(zip(WEEKDAYS, calendar_years.weekday_names(), strict=True)),
        hours_text=calendar_years.hours_text,
        day_text=calendar_years.day_text,
        told=calendar_years.told,
        clocks=report.open_clocks(access.server(), after.calendar_id),
        revision=planned.revision,
        into=into,
        sent=sent,
        back=address_of(into) if into else HOME,
    )


def _refused(into: str, error: InvalidInput) -> Response:
    findings = error.findings if isinstance(error, RefusedFile) else ()
    texts = {
        "missing": _("Choose a file first."),
        "large": _("The file is too large: at most %(size)s.", size="340 KB"),
        "whole": _(
            "A new calendar comes from a JSON file. Days of a table are imported on the page of their calendar."
        ),
    }
    told = _("The file cannot be used. Nothing was changed.") if findings else error.message
    problems = {"file": texts.get(str(error.details.get("reason")), told)}
    if into:
        return calendar_page(into, 422, problems, findings=findings)
    return list_page(422, problems=problems, findings=findings)

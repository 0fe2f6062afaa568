"""Starting a process: its form, filled in by a draft, a link or an earlier request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from flask import Blueprint, request

from bpm_server.domain import forms
from bpm_server.domain.drafts import Place
from bpm_server.kernel.errors import InvalidInput
from bpm_server.reports.catalogue import find_startable
from bpm_server.reports.drafts import draft_of
from bpm_server.reports.earlier_requests import earlier_requests, start_values
from bpm_server.reports.form_data import start_form
from bpm_server.services import process_instances
from bpm_server.web import access, backpressure
from bpm_server.web.pages import answers, formats
from bpm_server.web.pages.catalogue import Entry
from bpm_server.web.pages.qr import qr_code
from bpm_server.web.pages.submissions import read_values, wrong_fields
from bpm_server.web.pages.summaries import summarize
from bpm_server.web.pages.texts import gettext as _
from bpm_server.web.pages.visitor import actor, signed_in, visitor
from bpm_server.web.pages.wording import process_name, translated_schema

if TYPE_CHECKING:
    from flask import Response

    from bpm_server.bpmn.model import Process
    from bpm_server.domain.identity import Actor
    from bpm_server.reports.catalogue import Startable

pages = Blueprint("starting", __name__)
PATH = "/start/<path:process_id>"


@pages.get(PATH)
def form(process_id: str) -> Response:
    """The start form; ``?field=value`` fills in what it shows."""
    who, found = _found(process_id)
    schema = start_form(access.server(), found.definition_key)[0]
    return _form(who, found, schema, forms.from_link(schema, request.args.getlist) if schema else {})


@pages.get("/start/<process_id>/copy/<int:key>")
def copy(process_id: str, key: int) -> Response:
    """The start form with what somebody entered when they started an earlier instance."""
    who, found = _found(process_id)
    schema = start_form(access.server(), found.definition_key)[0]
    return _form(who, found, schema, start_values(access.server(), who, process_id, key), copied=key)


def _found(process_id: str) -> tuple[Actor, Startable]:
    who = signed_in()
    return who, find_startable(access.server(), who, process_id)


def _form(
    who: Actor, found: Startable, schema: dict[str, Any] | None, given: dict[str, Any], copied: int | None = None
) -> Response:
    data = {}
    if schema and given:
        zone = visitor().zone.key
        data = forms.prefilled(forms.from_schema(schema), given, now=formats.now(), timezone=zone)
    return answers.html("start/form.html", **_form_values(who, found, schema, data), copied=copied)


def _form_values(
    who: Actor, found: Startable, schema: dict[str, Any] | None, data: dict[str, Any] | None = None
) -> dict[str, Any]:
    """What the page of a start form shows. A link or a copy shows itself, and leaves a draft alone."""
    server, process_id = access.server(), found.process.id
    draft = None if schema is None else draft_of(server, who, Place(process_id))
    earlier = [] if schema is None else earlier_requests(server, who, process_id)
    return {
        "entry": Entry.of(found),
        "form": None if schema is None else translated_schema(schema),
        "data": data or {},
        "draft": draft,
        "draft_address": f"/drafts/start/{quote(process_id)}",
        "is_filled": bool(data),
        "earlier": [(one, summarize(one.summary)) for one in earlier],
        "may_open": who.may("PUBLIC_FORM", "READ", process_id),
    }


@pages.get("/start/<process_id>/share")
def share(process_id: str) -> Response:
    """The address of a start form, for colleagues: as a link and as a QR code."""
    _who, found = _found(process_id)
    schema = start_form(access.server(), found.definition_key)[0]
    address = answers.address(f"/start/{quote(process_id)}")
    values: dict[str, Any] = {
        "entry": Entry.of(found),
        "address": address,
        "qr": qr_code(address),
        "fields": [] if schema is None else forms.link_fields(translated_schema(schema)),
    }
    return answers.html("start/share.html" if answers.is_fragment() else "start/share_page.html", **values)


@pages.post(PATH)
def start(process_id: str) -> Response:
    """Starts the process; the server says who started it, whatever the browser sends."""
    who, server = actor(), access.server()
    backpressure.admit_work()
    found = find_startable(server, who, process_id)
    try:
        values = read_values()
        started = process_instances.start_process(
            server,
            who,
            process_id=process_id,
            variables=values,
            from_form=True,
            time_zone=visitor().zone.key,
            business_key=_reference(found.process, values),
        )
    except InvalidInput as error:
        return _refused(who, found, error)
    response = answers.go_to(f"/instances/{started.key}")
    return answers.said(response, _("%(process)s has started.", process=process_name(found.process)))


def _reference(process: Process, values: dict[str, Any]) -> str | None:
    """The company's own id of the case: the first variable of the summary, where it is text."""
    name = process.properties.get("summary", "").split(",")[0].strip()
    value = values.get(name)
    return value if isinstance(value, str) and 0 < len(value) <= 256 else None


def _refused(who: Actor, found: Startable, error: InvalidInput) -> Response:
    shown = _form_values(who, found, start_form(access.server(), found.definition_key)[0])
    values = refusal(shown["form"], error)
    if answers.is_fragment():
        return answers.html("tasks/refused.html", 422, **values)
    return answers.html("start/form.html", 422, **shown, **values)


def refusal(schema: dict[str, Any] | None, error: InvalidInput) -> dict[str, Any]:
    """What is wrong with a submission, at the fields where that can be said."""
    errors = error.details.get("errors")
    errors = errors if isinstance(errors, list) else []
    return {
        "problem": _("Please check what you have entered."),
        "errors": errors,
        "wrong": wrong_fields(schema, errors),
        "field": error.details.get("field"),
        "message": "" if errors else error.message,
    }

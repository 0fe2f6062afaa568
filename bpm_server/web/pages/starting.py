"""Starting a process: the catalogue, and the form of the start event."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flask import Blueprint, request

from bpm_server.kernel import json
from bpm_server.kernel.errors import InvalidInput
from bpm_server.reports.catalogue import find_startable, startable
from bpm_server.reports.form_data import start_form
from bpm_server.services import process_instances
from bpm_server.web import access, backpressure
from bpm_server.web.pages import answers
from bpm_server.web.pages.submissions import wrong_fields
from bpm_server.web.pages.texts import gettext as _
from bpm_server.web.pages.visitor import actor, signed_in, visitor
from bpm_server.web.pages.wording import in_language, process_name, translated_schema

if TYPE_CHECKING:
    from flask import Response

    from bpm_server.bpmn.model import Process
    from bpm_server.reports.catalogue import Startable

pages = Blueprint("starting", __name__)


@dataclass(frozen=True, slots=True)
class Entry:
    """A process in the catalogue."""

    id: str
    name: str
    category: str
    icon: str
    description: str
    version: int


@pages.get("/start")
def catalogue() -> Response:
    """What somebody may start, by category."""
    text = request.args.get("q", "").strip()[:200]
    entries = [_entry(one) for one in startable(access.server(), signed_in())]
    wanted = [one for one in entries if text.lower() in f"{one.name} {one.category} {one.description} {one.id}".lower()]
    groups: dict[str, list[Entry]] = {}
    for one in sorted(wanted, key=lambda one: (one.category == "", one.category, one.name)):
        groups.setdefault(one.category or _("Others"), []).append(one)
    values: dict[str, Any] = {"groups": groups, "text": text, "is_empty": not entries}
    template = "start/list.html" if answers.target() == "catalogue" else "start/page.html"
    return answers.html(template, **values)


def _entry(one: Startable) -> Entry:
    process = one.process
    return Entry(
        process.id,
        process_name(process),
        in_language(process.properties, "category"),
        process.properties.get("icon", "player-play"),
        in_language(process.properties, "description", process.documentation),
        one.version,
    )


@pages.get("/start/<path:process_id>")
def form(process_id: str) -> Response:
    """The start form."""
    found = find_startable(access.server(), signed_in(), process_id)
    return answers.html("start/form.html", **_form_values(found))


def _form_values(found: Startable) -> dict[str, Any]:
    schema, data = start_form(access.server(), found.definition_key)
    return {
        "entry": _entry(found),
        "form": None if schema is None else translated_schema(schema),
        "data": data,
    }


@pages.post("/start/<path:process_id>")
def start(process_id: str) -> Response:
    """Starts the process; the server says who started it, whatever the browser sends."""
    who, server = actor(), access.server()
    backpressure.admit_work()
    found = find_startable(server, who, process_id)
    values = json.loads_untrusted((request.form.get("values") or "{}").encode())
    try:
        if not isinstance(values, dict):
            message = "Expected the values of the form as an object, but found something else"
            raise InvalidInput(message)
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
        return _refused(found, error)
    response = answers.go_to(f"/instances/{started.key}")
    return answers.said(response, _("%(process)s has started.", process=process_name(found.process)))


def _reference(process: Process, values: dict[str, Any]) -> str | None:
    """The company's own id of the case: the first variable of the summary, where it is text."""
    name = process.properties.get("summary", "").split(",")[0].strip()
    value = values.get(name)
    return value if isinstance(value, str) and 0 < len(value) <= 256 else None


def _refused(found: Startable, error: InvalidInput) -> Response:
    errors = error.details.get("errors")
    errors = errors if isinstance(errors, list) else []
    shown = _form_values(found)
    values: dict[str, Any] = {
        "problem": _("Please check what you have entered."),
        "errors": errors,
        "wrong": wrong_fields(shown["form"], errors),
        "field": error.details.get("field"),
        "message": "" if errors else error.message,
    }
    if answers.is_fragment():
        return answers.html("tasks/refused.html", 422, **values)
    return answers.html("start/form.html", 422, **shown, **values)

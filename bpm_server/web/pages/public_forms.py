"""Forms that are open to the public: the page that everybody sees, and the one on which they are opened and closed.

What the public sees names nothing of ours: no process, version, key or person; of the form what its viewer needs.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from flask import Blueprint, Response, request

from bpm_server.domain.idempotency import asked
from bpm_server.domain.identity import PUBLIC_FORM_NAME
from bpm_server.domain.public_forms import LARGEST, RESOURCE
from bpm_server.kernel import json
from bpm_server.kernel.errors import InvalidInput, WrongState
from bpm_server.reports import public_forms as report
from bpm_server.reports.form_data import start_form
from bpm_server.reports.names import person_names
from bpm_server.reports.process_models import models
from bpm_server.reports.process_versions import versions
from bpm_server.reports.query import Condition, Order, PageOf, Query
from bpm_server.services import public_forms
from bpm_server.services.authorization import authorize
from bpm_server.web import access, backpressure, idempotency
from bpm_server.web.pages import answers, security
from bpm_server.web.pages.catalogue import Entry
from bpm_server.web.pages.qr import qr_code
from bpm_server.web.pages.starting import refusal
from bpm_server.web.pages.submissions import read_values
from bpm_server.web.pages.texts import gettext as _
from bpm_server.web.pages.visitor import actor, signed_in, visitor
from bpm_server.web.pages.wording import process_name, translated_schema

if TYPE_CHECKING:
    from bpm_server.domain.identity import Actor
    from bpm_server.domain.public_forms import OpenForm

pages = Blueprint("public_forms", __name__)
PUBLIC = "/public/<token>"
HOME = "/processes/<process_id>/public-forms"
TRAP = "website"
"""A field that people do not see: what fills it in is no person."""
SUBMISSION = "submission"
LONGEST_SUBMISSION = 64
MOST = 200
PRIVATE = ("id", "exporter", "executionPlatform", "executionPlatformVersion", "properties")
"""Members of a schema that its viewer does not need."""


# --- for the public -------------------------------------------------------------------------------------


@pages.get(PUBLIC)
def show(token: str) -> Response:
    """The form. The number of a submission is made here, so that the same page sends once."""
    backpressure.admit_stranger(access.server())
    _opened, values = _public_values(token)
    return answers.html("public/form.html", **values, submission=secrets.token_urlsafe(16))


def _public_values(token: str) -> tuple[OpenForm, dict[str, Any]]:
    opened, process = report.open_form(access.server(), token)
    security.allow_framing(opened.origins)
    schema = start_form(access.server(), process.definition_key)[0] or {"components": []}
    return opened, {
        "entry": Entry.of(process),
        "form": _without_private(translated_schema(schema)),
        "token": token,
        "trap": TRAP,
    }


def _without_private(schema: dict[str, Any]) -> dict[str, Any]:
    """A form without what designers and programs have noted in it."""
    kept = {name: value for name, value in schema.items() if name not in PRIVATE}
    stack = [*kept.get("components", ())]
    while stack:
        component = stack.pop()
        if isinstance(component, dict):
            component.pop("properties", None)
            children = component.get("components")
            stack.extend(children if isinstance(children, list) else ())
    return kept


@pages.post(PUBLIC)
def submit(token: str) -> Response:
    """Starts the process, once for each page that was shown."""
    request.max_content_length = LARGEST
    server = access.server()
    backpressure.admit_stranger(server)
    opened, shown = _public_values(token)
    backpressure.admit_public_form(opened)
    backpressure.admit_work()
    try:
        values = _values()
        submission = request.form.get(SUBMISSION, "")
        wanted = asked(PUBLIC_FORM_NAME, f"{token} {submission}", token)
        kept = idempotency.answer_once(wanted, lambda: _accepted(opened, values))
    except InvalidInput as error:
        return _refused(shown, error)
    reference = json.loads(kept.get_data())["reference"]
    if not answers.is_fragment():
        return answers.html("public/sent_page.html", **shown, reference=reference)
    response = answers.html("public/sent.html", reference=reference)
    response.headers["HX-Retarget"] = "#public"
    return response


def _values() -> dict[str, Any]:
    """What somebody has entered.

    Raises:
        InvalidInput: it was no person, or did not come from our page.
    """
    if request.form.get(TRAP):
        message = "Expected the field that people do not see to be empty, but found something in it"
        raise InvalidInput(message)
    if not 1 <= len(request.form.get(SUBMISSION, "")) <= LONGEST_SUBMISSION:
        message = "Expected the number of the submission, but found none"
        raise InvalidInput(message)
    return read_values()


def _accepted(opened: OpenForm, values: dict[str, Any]) -> Response:
    zone = visitor().zone.key
    reference = public_forms.submit_public_form(access.server(), opened, values, time_zone=zone)
    return Response(json.dumps_bytes({"reference": reference}), content_type="application/json")


def _refused(shown: dict[str, Any], error: InvalidInput) -> Response:
    """What is wrong, at its field; nothing else of what the server thinks of it."""
    values = {**refusal(shown["form"], error), "message": "", "field": None}
    if answers.is_fragment():
        return answers.html("tasks/refused.html", 400, **values)
    return answers.html("public/form.html", 400, **shown, **values, submission=secrets.token_urlsafe(16))


# --- for administrators ---------------------------------------------------------------------------------


@pages.get(HOME)
def home(process_id: str) -> Response:
    """The public forms of a process."""
    who = signed_in()
    authorize(who, RESOURCE, "READ", process_id)
    return _home(who, process_id)


def _home(who: Actor, process_id: str, status: int = 200, **more: Any) -> Response:
    server = access.server()
    found = versions(server, process_id)[0].key
    model = models(server, [found])[found]
    conditions = (Condition("process_id", "eq", process_id),)
    query = Query(conditions, order=(Order("key", descending=True),), page=PageOf(limit=MOST))
    with server.database.read() as connection:
        lines = report.SEARCH.page(connection, who, query).items
    addresses = {one.key: answers.address(one.path) for one in lines}
    return answers.html(
        "processes/public_forms.html",
        status,
        process_id=process_id,
        process=process_name(model),
        lines=[(one, addresses[one.key], json.loads(one.origins)) for one in lines],
        qr={one.key: qr_code(addresses[one.key]) for one in lines if one.closed_at is None},
        people=person_names(server, [one.created_by for one in lines]),
        may_open=who.may(RESOURCE, "CREATE", process_id),
        may_close=who.may(RESOURCE, "UPDATE", process_id),
        **{"given": {}, **more},
    )


@pages.post(HOME)
def open_one(process_id: str) -> Response:
    """Opens the start form of a process to the public."""
    who, given = actor(), {name: request.form.get(name, "").strip()[:4_000] for name in ("name", "days", "origins")}
    rates = {name: request.form.get(name, "") for name in ("address_per_hour", "total_per_hour")}
    try:
        public_forms.open_public_form(
            access.server(),
            who,
            process_id,
            given["name"],
            days=_whole("days", given["days"]) if given["days"] else None,
            origins=given["origins"].split(),
            **{name: _whole(name, text) for name, text in rates.items() if text},
        )
    except (InvalidInput, WrongState) as error:
        authorize(who, RESOURCE, "READ", process_id)
        return _home(who, process_id, 422, problem=error.message, given={**given, **rates})
    return answers.said(answers.go_to(f"/processes/{quote(process_id)}/public-forms"), _("The form is open."))


def _whole(field: str, text: str) -> int:
    if text.isascii() and text.isdecimal() and len(text) < 10:
        return int(text)
    message = f"Expected {field} to be a whole number, but found '{text[:30]}'"
    raise InvalidInput(message, field=field)


@pages.post(f"{HOME}/<int:key>/close")
def close(process_id: str, key: int) -> Response:
    """Closes a form."""
    public_forms.close_public_form(access.server(), actor(), key)
    return answers.said(answers.go_to(f"/processes/{quote(process_id)}/public-forms"), _("The form is closed."))

"""What the components of ours in forms ask for: people to choose from, and places for files."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, cast

from flask import Blueprint, Response, jsonify, request

from bpm_server.domain.attachments import Place
from bpm_server.domain.forms.references import component_of
from bpm_server.domain.forms.structure import components_of
from bpm_server.kernel.errors import Conflict, InvalidInput, LimitExceeded
from bpm_server.reports import attachments as report
from bpm_server.reports.colleagues import MOST, Colleague, colleagues_named, find_colleagues
from bpm_server.services import attachments
from bpm_server.services.references import reference
from bpm_server.web import access, downloads, problems
from bpm_server.web.pages.attachments import problem_text
from bpm_server.web.pages.visitor import actor, signed_in, visitor

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, BinaryIO

pages = Blueprint("form-parts", __name__)


def has_own_parts(component: Mapping[str, Any]) -> bool:
    """Whether a form, or a part of one, has components of ours, for which pages bring more scripts and styles."""
    return component_of(component) != "" or any(map(has_own_parts, components_of(component.get("components"))))


@pages.get("/colleagues")
def colleagues() -> Response:
    """People by a part of their name, or of given usernames."""
    signed_in()
    names = request.args.getlist("name")
    server = access.server()
    found = colleagues_named(server, names[:MOST]) if names else find_colleagues(server, request.args.get("q", ""))
    return jsonify([_shown(one) for one in found])


def _shown(one: Colleague) -> dict[str, str]:
    department = one.department
    if not visitor().language.startswith("zh") and one.department_en:
        department = one.department_en
    return {"username": one.username, "name": one.name or one.username, "department": department or ""}


@pages.post("/tasks/<int:key>/uploads")
def upload_for_task(key: int) -> Response:
    """Keeps a file of a task's form until it is submitted."""
    return _kept(Place(task_key=key))


@pages.post("/uploads/<path:process_id>")
def upload_for_start(process_id: str) -> Response:
    """Keeps a file of a start form until it is submitted."""
    return _kept(Place(process_id=process_id))


def _kept(place: Place) -> Response:
    who = actor()
    upload = request.files.get("file")
    try:
        if upload is None or not upload.filename:
            message = "Expected a file, but found none"
            raise InvalidInput(message, reason="missing")
        with closing(upload):
            content = cast("BinaryIO", upload.stream)
            row = attachments.keep_upload(access.server(), who, place, upload.filename, content)
    except (InvalidInput, Conflict, LimitExceeded) as error:
        response = jsonify({"problem": problem_text(error)})
        response.status_code = problems.status_of(error)
        return response
    return jsonify(reference(row))


@pages.get("/files/<document_id>")
def show(document_id: str) -> Response:
    """A file of a form: a picture or a PDF to look at, anything else to be saved."""
    return downloads.shown(access.server(), report.find_document(access.server(), signed_in(), document_id))

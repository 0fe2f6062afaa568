"""Files beside a task or a case: listed, added, looked at, saved, removed."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any, cast

from babel.numbers import format_decimal
from flask import Blueprint, request

from bpm_server.domain.attachments import Place
from bpm_server.kernel.errors import BpmError, Conflict, InvalidInput, LimitExceeded, TooLarge
from bpm_server.reports import attachments as report
from bpm_server.reports.names import person_names
from bpm_server.services import attachments
from bpm_server.web import access, downloads, problems
from bpm_server.web.pages import answers
from bpm_server.web.pages.languages import locale
from bpm_server.web.pages.texts import gettext as _
from bpm_server.web.pages.visitor import actor, signed_in, visitor

if TYPE_CHECKING:
    from typing import BinaryIO

    from flask import Response

    from bpm_server.domain.attachments import Attachment

pages = Blueprint("attached-files", __name__)
_STEPS = ("B", "KB", "MB", "GB")


def part_values(place: Place, *, may_add: bool, case: int | None = None) -> dict[str, Any]:
    """What the part of a page shows that lists files; ``case``: that the visitor was found to see."""
    server, who = access.server(), signed_in()
    found = _listed(place) if case is None else report.beside(server, who, case)
    names = person_names(server, [one.added_by for one in found])
    limit = server.settings.document_limit
    return {
        "files": [(one, names[one.added_by], size_text(one.size)) for one in found],
        "files_at": _address(place),
        "may_attach": may_add,
        "may_remove": [one.key for one in found if may_add and one.added_by == who.username],
        "file_types": ",".join(f".{name}" for name in server.settings.attachment_types),
        "file_types_text": _types(),
        "file_limit": limit,
        "file_limit_text": size_text(limit),
    }


def _listed(place: Place) -> list[Attachment]:
    server, who = access.server(), signed_in()
    if place.task_key is not None:
        return report.of_task(server, who, place.task_key)
    assert place.instance_key is not None  # noqa: S101
    return report.of_instance(server, who, place.instance_key)


def _address(place: Place) -> str:
    return f"/tasks/{place.task_key}" if place.task_key is not None else f"/instances/{place.instance_key}"


def size_text(size: int) -> str:
    """Bytes as people read them."""
    amount, step = float(size), 0
    while amount >= 1024 and step < len(_STEPS) - 1:
        amount, step = amount / 1024, step + 1
    return f"{format_decimal(round(amount, 1 if step else 0), locale=locale(visitor().language))} {_STEPS[step]}"


@pages.post("/tasks/<int:key>/attachments")
def add_to_task(key: int) -> Response:
    """Puts a file beside a task."""
    return _added(Place(task_key=key))


@pages.post("/instances/<int:key>/attachments")
def add_to_instance(key: int) -> Response:
    """Puts a file beside a case."""
    return _added(Place(instance_key=key))


def _added(place: Place) -> Response:
    who = actor()
    upload = request.files.get("file")
    if upload is None or not upload.filename:
        return _part(place, InvalidInput("Expected a file, but found none", reason="missing"))
    try:
        with closing(upload):
            content = cast("BinaryIO", upload.stream)
            attachments.attach_file(access.server(), who, place, upload.filename, content)
    except (InvalidInput, Conflict, LimitExceeded) as error:
        return _part(place, error)
    return _part(place)


@pages.post("/attachments/<int:key>/remove")
def remove(key: int) -> Response:
    """Removes a file."""
    who, server = actor(), access.server()
    found = report.find(server, who, key)[0]
    beside_task = request.form.get("beside") == "task" and found.task_key is not None
    place = Place(task_key=found.task_key) if beside_task else Place(instance_key=found.instance_key)
    try:
        attachments.remove_attachment(server, who, key)
    except Conflict as error:
        return _part(place, error)
    return _part(place)


def _part(place: Place, error: BpmError | None = None) -> Response:
    """The list as it is now; without scripts the page around it."""
    problem = "" if error is None else problem_text(error)
    if not answers.is_fragment():
        response = answers.go_to(_address(place))
        return answers.said(response, problem, tone="bad") if problem else response
    status = 200 if error is None else problems.status_of(error)
    return answers.html("attachments/part.html", status, problem=problem, **part_values(place, may_add=True))


def problem_text(error: BpmError) -> str:
    """Why a file was not taken, in the visitor's words."""
    settings = access.server().settings
    if isinstance(error, TooLarge):
        return _("The file is too large: at most %(size)s.", size=size_text(settings.document_limit))
    if isinstance(error, LimitExceeded):
        return _("There is no room for more files here.")
    if isinstance(error, Conflict):
        return _("It has ended in the meantime: its files stay as they are.")
    texts = {
        "missing": _("Choose a file first."),
        "empty": _("The file is empty."),
        "name": _("The name of the file cannot be used. Give it another one."),
        "extension": _("Files of this type are not accepted. Possible: %(types)s.", types=_types()),
        "content": _("What is in the file is not what its name says. Save it again in the program it comes from."),
    }
    return texts.get(str(error.details.get("reason")), error.message)


def _types() -> str:
    return _(", ").join(access.server().settings.attachment_types)


@pages.get("/attachments/<int:key>")
def show(key: int) -> Response:
    """A picture or a PDF to look at; anything else is saved."""
    return downloads.shown(access.server(), report.find(access.server(), signed_in(), key)[1])


@pages.get("/attachments/<int:key>/file")
def save(key: int) -> Response:
    """The file, to be saved."""
    return downloads.saved(access.server(), report.find(access.server(), signed_in(), key)[1])

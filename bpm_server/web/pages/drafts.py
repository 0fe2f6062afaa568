"""Drafts: scripts keep them as people type; the catalogue lists them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, request

from bpm_server.services import drafts
from bpm_server.web import access
from bpm_server.web.json_provider import reply
from bpm_server.web.pages import answers, formats
from bpm_server.web.pages.submissions import read_values
from bpm_server.web.pages.texts import gettext as _
from bpm_server.web.pages.visitor import actor

if TYPE_CHECKING:
    from flask import Response

    from bpm_server.domain.drafts import Draft

pages = Blueprint("drafts", __name__)


@pages.post("/drafts/start/<path:process_id>")
def save_start(process_id: str) -> Response:
    """Keeps what is entered in a start form."""
    who, known = actor(), _known_version()
    return _kept(drafts.save_start_draft(access.server(), who, process_id, read_values(), known_version=known))


@pages.post("/drafts/tasks/<int:key>")
def save_task(key: int) -> Response:
    """Keeps what is entered in a task's form."""
    who, known, comment = actor(), _known_version(), request.form.get("comment", "")
    return _kept(drafts.save_task_draft(access.server(), who, key, read_values(), comment, known_version=known))


def _known_version() -> int:
    return request.form.get("version", 0, int)


def _kept(draft: Draft) -> Response:
    """What scripts need to go on; ``text`` for the person."""
    when = formats.moment(draft.saved_at)
    return reply({"key": str(draft.key), "version": draft.version, "text": _("Draft of %(when)s", when=when)})


@pages.post("/drafts/<int:key>/discard")
def discard(key: int) -> Response:
    """Removes one's own draft."""
    drafts.discard_draft(access.server(), actor(), key)
    return answers.said(answers.go_to("/start"), _("The draft is gone."))

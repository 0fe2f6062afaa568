"""The catalogue: what somebody may start, by category; their favourites, what they used last, their drafts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from flask import Blueprint, request

from bpm_server.reports import catalogue as report
from bpm_server.reports.drafts import my_drafts
from bpm_server.reports.process_models import models
from bpm_server.services import favourites
from bpm_server.web import access
from bpm_server.web.pages import answers
from bpm_server.web.pages.texts import gettext as _
from bpm_server.web.pages.visitor import actor, signed_in
from bpm_server.web.pages.wording import element_name, in_language, process_name

if TYPE_CHECKING:
    from flask import Response

    from bpm_server.domain.identity import Actor
    from bpm_server.reports.catalogue import Startable

pages = Blueprint("catalogue", __name__)
CATEGORY = "catalogue.category"
ICON = "catalogue.icon"
DEFAULT_ICON = "player-play"
SEARCHED = (CATEGORY, "name", "description")


@dataclass(frozen=True, slots=True)
class Entry:
    """A process in the catalogue. ``searched``: its words in every language, in lower case."""

    id: str
    name: str
    category: str
    icon: str
    description: str
    version: int
    searched: str

    @classmethod
    def of(cls, one: Startable) -> Entry:
        """In the visitor's language."""
        process, properties = one.process, one.process.properties
        words = [text for name, text in properties.items() if name.startswith(SEARCHED)]
        return cls(
            process.id,
            process_name(process),
            in_language(properties, CATEGORY),
            properties.get(ICON, DEFAULT_ICON),
            in_language(properties, "description", process.documentation),
            one.version,
            "\n".join([process.id, process.name or "", process.documentation or "", *words]).lower(),
        )


@dataclass(frozen=True, slots=True)
class Section:
    """Entries under a title. ``sign``: an icon beside it."""

    title: str
    entries: tuple[Entry, ...]
    sign: str = ""


@pages.get("/start")
def home() -> Response:
    """What somebody may start."""
    who = signed_in()
    values = _values(who, request.args.get("q", "").strip()[:200])
    if answers.target() == "catalogue":
        return answers.html("start/list.html", **values)
    return answers.html("start/page.html", **values, drafts=_drafts(who, values["entries"]))


@pages.post("/start/<process_id>/star")
def star(process_id: str) -> Response:
    """Puts a star on a process, or takes it away."""
    who = actor()
    marked = request.form.get("marked") == "1"
    favourites.mark_favourite(access.server(), who, process_id, marked=marked)
    if not answers.is_fragment():
        return answers.go_to("/start")
    return answers.html("start/list.html", **_values(who, request.form.get("q", "").strip()[:200]))


def _values(who: Actor, text: str) -> dict[str, Any]:
    found = report.catalogue(access.server(), who)
    entries = {one.process.id: Entry.of(one) for one in found.entries}
    words = text.lower().split()
    wanted = [one for one in entries.values() if all(word in one.searched for word in words)]
    groups: dict[str, list[Entry]] = {}
    for one in sorted(wanted, key=lambda one: (one.category == "", one.category, one.name)):
        groups.setdefault(one.category or _("Others"), []).append(one)
    sections = [Section(title, tuple(members)) for title, members in groups.items()]
    if not text:
        first = (_("Favourites"), found.favourites, "star"), (_("Recently used"), found.recent, "history")
        mine = [Section(title, tuple(entries[one] for one in ids), sign) for title, ids, sign in first if ids]
        sections = mine + sections
    return {"sections": sections, "text": text, "entries": entries, "marked": frozenset(found.favourites)}


def _drafts(who: Actor, entries: dict[str, Entry]) -> list[dict[str, Any]]:
    """One's drafts, each with where it goes on; those of processes that one may not start any more are left out."""
    server = access.server()
    found = my_drafts(server, who)
    processes = models(server, [one.process_definition_key for one in found if one.process_definition_key])
    shown = []
    for one in found:
        if one.process_definition_key is not None:
            process = processes[one.process_definition_key]
            name = element_name(process, one.element_id or "", one.task_name)
            about = {"name": name, "process": process_name(process), "url": f"/tasks/{one.task_key}", "icon": "inbox"}
        elif one.process_id in entries:
            entry = entries[one.process_id]
            about = {"name": entry.name, "process": "", "url": f"/start/{quote(entry.id)}", "icon": entry.icon}
        else:
            continue
        shown.append({**about, "key": one.key, "saved_at": one.saved_at})
    return shown

"""The versions of a process side by side: how many cases follow each, and what is different in their diagrams."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from flask import Blueprint, request

from bpm_server.bpmn.differences import compare
from bpm_server.kernel.errors import NotFound
from bpm_server.reports import process_versions as report
from bpm_server.reports.names import person_names
from bpm_server.reports.process_models import models
from bpm_server.services.authorization import authorize
from bpm_server.web import access
from bpm_server.web.pages import answers
from bpm_server.web.pages.case_operations import MIGRATE, RESOURCE
from bpm_server.web.pages.diagrams import file_address, file_reply
from bpm_server.web.pages.texts import gettext as _
from bpm_server.web.pages.visitor import signed_in
from bpm_server.web.pages.wording import place_name, process_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flask import Response

    from bpm_server.bpmn.model import Process
    from bpm_server.domain.identity import Actor
    from bpm_server.reports.process_versions import Version

pages = Blueprint("process_versions", __name__)
PATH = "/processes/<process_id>"
SIGHT = "READ_PROCESS_INSTANCE"


@dataclass(frozen=True, slots=True)
class Drawing:
    """One of two diagrams that are compared: the island's data, and what is marked on it in words."""

    version: Version
    process: str
    diagram: dict[str, Any]
    changes: tuple[tuple[str, str], ...]


def seen_versions(who: Actor, process_id: str) -> list[Version]:
    """The versions of a process, for somebody who may see its cases.

    Raises:
        Forbidden: they may not.
        NotFound: there is no such process.
    """
    authorize(who, RESOURCE, SIGHT, process_id)
    return report.versions(access.server(), process_id)


def deployers(versions: Sequence[Version]) -> dict[str, str]:
    """Names of those who deployed them."""
    return person_names(access.server(), [one.deployed_by for one in versions])


@pages.get(PATH)
def home(process_id: str) -> Response:
    """All versions, with how many cases follow each; two of them can be compared."""
    who = signed_in()
    found = seen_versions(who, process_id)
    newest = models(access.server(), [found[0].key])[found[0].key]
    return answers.html(
        "processes/versions.html",
        process_id=process_id,
        process=process_name(newest),
        versions=found,
        people=deployers(found),
        drawings=_chosen(process_id, found),
        may_migrate=who.may(RESOURCE, MIGRATE, process_id),
    )


def _chosen(process_id: str, found: Sequence[Version]) -> tuple[Drawing, Drawing] | None:
    """The two versions that the address names; without any, the newest two."""
    asked = [request.args.get(name, 0, int) for name in ("from", "to")]
    if not any(asked):
        asked = [one.version for one in found[1::-1]]
    by_number = {one.version: one for one in found}
    if len(asked) < 2 or not all(number in by_number for number in asked):
        return None
    return drawings(process_id, by_number[asked[0]], by_number[asked[1]])


def drawings(process_id: str, source: Version, target: Version) -> tuple[Drawing, Drawing]:
    """Two versions, each with a mark at what is different in the other."""
    processes = models(access.server(), [source.key, target.key])
    before, after = processes[source.key], processes[target.key]
    found = compare(before, after)
    return (
        _drawing(process_id, source, before, {"removed": found.removed, "changed": found.changed}),
        _drawing(process_id, target, after, {"added": found.added, "changed": found.changed}),
    )


def _drawing(process_id: str, version: Version, process: Process, changes: dict[str, tuple[str, ...]]) -> Drawing:
    url = file_address(f"/processes/{quote(process_id)}/versions/{version.version}", version.version)
    marks = {element_id: {"change": change} for change, ids in changes.items() for element_id in ids}
    told = tuple((change, place_name(process, element_id)) for change, ids in changes.items() for element_id in ids)
    return Drawing(version, process_name(process), {"url": url, "elements": marks, "flows": []}, told)


@pages.get(f"{PATH}/versions/<int:number>/diagram.bpmn")
def diagram(process_id: str, number: int) -> Response:
    """The diagram of one version."""
    return file_reply(find_version(seen_versions(signed_in(), process_id), number).key)


def find_version(versions: Sequence[Version], number: int) -> Version:
    """The version of a number.

    Raises:
        NotFound: there is none.
    """
    for one in versions:
        if one.version == number:
            return one
    message = f"Expected to find version {number} of the process, but there is none"
    raise NotFound(message)


def change_name(change: str) -> str:
    """How a difference is told."""
    return {"added": _("added"), "removed": _("removed"), "changed": _("changed")}[change]

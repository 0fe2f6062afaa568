"""A modification in people's words: where the case is, where it can go, and what a trial has shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bpm_server import engine
from bpm_server.reports.names import group_names, person_names
from bpm_server.web import access
from bpm_server.web.pages.texts import gettext as _
from bpm_server.web.pages.wording import element_name, place_name

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from bpm_server.bpmn.model import Process
    from bpm_server.reports.active_elements import ActiveElement
    from bpm_server.services.modification import ModificationCheck


@dataclass(frozen=True, slots=True)
class LeafLine:
    """An active element instance: what it is called, since when, who has it."""

    key: int
    element_id: str
    name: str
    since: datetime
    who: str


@dataclass(frozen=True, slots=True)
class Targets:
    """Elements that can be activated in one scope; ``scope`` is empty for the process itself."""

    scope: str
    elements: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Served:
    """A parallel join that is served unevenly, with the names of its branches."""

    join: str
    empty: tuple[str, ...]
    surplus: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Trial:
    """What would happen. ``active``: names of what would be active afterwards, and how often."""

    ended: tuple[str, ...]
    begun: tuple[str, ...]
    active: tuple[tuple[str, int], ...]
    case_ends: bool
    concerns: tuple[Served, ...]


def leaf_lines(leaves: Sequence[ActiveElement], process: Process) -> list[LeafLine]:
    """Where a case is."""
    server = access.server()
    people = person_names(server, [name for leaf in leaves for name in (leaf.assignee, *leaf.users)])
    groups = group_names(server, [name for leaf in leaves for name in leaf.groups])

    def who(leaf: ActiveElement) -> str:
        if leaf.assignee:
            return people[leaf.assignee]
        return _(", ").join([*[groups[name] for name in leaf.groups], *[people[name] for name in leaf.users]])

    return [
        LeafLine(
            leaf.key,
            leaf.element_id,
            element_name(process, leaf.element_id, leaf.name) if leaf.name else place_name(process, leaf.element_id),
            leaf.started_at,
            who(leaf),
        )
        for leaf in leaves
    ]


def targets(process: Process) -> list[Targets]:
    """Everything that can be activated, by the scope that it is in."""
    found = []
    for scope, children in process.children.items():
        elements = tuple(
            (element_id, place_name(process, element_id))
            for element_id in children
            if engine.why_not_activated(process, process.nodes[element_id]) is None
        )
        if elements:
            found.append(Targets("" if scope == process.id else place_name(process, scope), elements))
    return found


def trial_of(found: ModificationCheck, process: Process, ended: Sequence[str], begun: Sequence[str]) -> Trial:
    """What a trial has shown."""
    return Trial(
        tuple(ended),
        tuple(place_name(process, element_id) for element_id in begun),
        tuple((place_name(process, element_id), number) for element_id, number in found.active.items()),
        found.ends,
        tuple(_served(concern, process) for concern in found.concerns),
    )


def _served(concern: engine.Concern, process: Process) -> Served:
    return Served(
        place_name(process, concern.element_id),
        tuple(_branch(process, flow_id) for flow_id in concern.empty),
        tuple(_branch(process, flow_id) for flow_id in concern.surplus),
    )


def _branch(process: Process, flow_id: str) -> str:
    """What people call a flow into a join: by where it comes from; its own name may be no more than "yes"."""
    flow = process.flows[flow_id]
    source = element_name(process, flow.source)
    return source if source != flow.source else flow.name or place_name(process, flow.source)

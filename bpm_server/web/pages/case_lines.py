"""Cases in lists: state, who has them now, since when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bpm_server.domain.approvals.node import Act
from bpm_server.domain.states import InstanceState
from bpm_server.reports.names import group_names, person_names
from bpm_server.reports.process_models import models
from bpm_server.web import access
from bpm_server.web.pages.formats import moment
from bpm_server.web.pages.summaries import Summary, summarize
from bpm_server.web.pages.texts import gettext as _
from bpm_server.web.pages.wording import element_name, process_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from bpm_server.bpmn.model import Process
    from bpm_server.reports.cases import CaseRow, Waiting

MOST_PLACES = 3


@dataclass(frozen=True, slots=True)
class Place:
    """Where a case is now: the step, who has it, since when."""

    step: str
    who: str
    since: datetime
    task_key: int | None


@dataclass(frozen=True, slots=True)
class CaseLine:
    """A case with the words that people read. ``more``: places beyond those that are shown."""

    row: CaseRow
    process: str
    summary: Summary
    starter: str
    state: str
    tone: str
    places: tuple[Place, ...]
    more: int


def case_lines(rows: Sequence[CaseRow]) -> list[CaseLine]:
    """Cases in the visitor's words."""
    server = access.server()
    processes = models(server, [row.process_definition_key for row in rows])
    waits = [wait for row in rows for wait in row.waiting]
    people = person_names(
        server, [*[row.started_by for row in rows], *[name for w in waits for name in (w.assignee, *w.users)]]
    )
    groups = group_names(server, [name for wait in waits for name in wait.groups])
    return [_line(row, processes[row.process_definition_key], people, groups) for row in rows]


def _line(row: CaseRow, process: Process, people: Mapping[str, str], groups: Mapping[str, str]) -> CaseLine:
    state, tone = case_state(row, process)
    places = tuple(_place(wait, process, people, groups) for wait in row.waiting)
    return CaseLine(
        row,
        process_name(process),
        summarize(row.summary),
        people.get(row.started_by or "", row.started_by or ""),
        state,
        tone,
        places[:MOST_PLACES],
        max(len(places) - MOST_PLACES, 0),
    )


def _place(wait: Waiting, process: Process, people: Mapping[str, str], groups: Mapping[str, str]) -> Place:
    offered = [*[groups[name] for name in wait.groups], *[people[name] for name in wait.users]]
    who = people[wait.assignee] if wait.assignee else _(", ").join(offered)
    return Place(element_name(process, wait.element_id, wait.name), who, wait.since, wait.task_key)


def case_state(row: CaseRow, process: Process) -> tuple[str, str]:
    """How a case stands, and its colour."""
    if row.state == InstanceState.TERMINATED:
        known = {Act.RECALL: _("Withdrawn"), Act.TERMINATE: _("Terminated")}
        return (known.get(Act(row.request)) or _("Cancelled") if row.request else _("Cancelled")), "red"
    if row.state == InstanceState.COMPLETED:
        node = process.nodes.get(row.end_element or "")
        return (_("Completed") if node is None or not node.name else element_name(process, node.id)), "green"
    if row.suspended_at is not None:
        return _("Suspended since %(when)s", when=moment(row.suspended_at)), "yellow"
    if row.incidents:
        return _("Stuck"), "red"
    if row.request == Act.RETURN:
        return _("Returned for correction"), "orange"
    return _("In progress"), "blue"

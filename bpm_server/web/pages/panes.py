"""What stands beside a form or an instance: why, timeline, diagram."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpm_server.reports import why
from bpm_server.reports.names import group_names, person_names, place_names
from bpm_server.reports.timeline import timeline
from bpm_server.web import access
from bpm_server.web.pages.approval_words import people_in, places_in, why_asked
from bpm_server.web.pages.diagrams import diagram_values
from bpm_server.web.pages.stories import stories
from bpm_server.web.pages.texts import gettext as _
from bpm_server.web.pages.visitor import visitor

if TYPE_CHECKING:
    from bpm_server.bpmn.model import Process
    from bpm_server.reports.task_details import TaskDetail


def timeline_values(instance_key: int, process: Process) -> dict[str, Any]:
    """The course of a case, newest first."""
    found = timeline(access.server(), instance_key)
    return {"stories": stories(found.items, process)[::-1], "is_cut": found.is_cut}


def why_values(task: TaskDetail) -> dict[str, Any]:
    """Why a task came to somebody."""
    server = access.server()
    return {
        "reasons": _reasons(task) if task.approval is None else _approval_reasons(task),
        "assignment": why.assignment(task.process, task.element_id),
        "decisions": why.decisions(server, task.instance_key),
    }


def _approval_reasons(task: TaskDetail) -> list[str]:
    """Why each signer is asked; the visitor first, as "you"."""
    server, actor = access.server(), visitor().actor
    asked = () if task.approval is None else task.approval.present
    names: list[str | None] = []
    places: list[str] = []
    for one in asked:
        names += [one.person, *people_in(one.reason)]
        places += places_in(one.reason)
    people, where = person_names(server, names), place_names(server, places)
    found = []
    for one in sorted(asked, key=lambda one: actor is None or one.person != actor.username):
        mine = actor is not None and one.person == actor.username
        who = _("You") if mine else people.get(one.person, one.person)
        why = why_asked(one.reason, lambda name: people.get(name or "", name or ""), lambda key: where.get(key, key))
        found.append(_("%(who)s: %(why)s", who=who, why=" ".join(why)))
    return found


def _reasons(task: TaskDetail) -> list[str]:
    server, actor = access.server(), visitor().actor
    people = person_names(server, [task.assignee, *task.candidate_users])
    groups = group_names(server, task.candidate_groups)
    drawn = why.assignment(task.process, task.element_id)
    found: list[str] = []
    if task.assignee is not None:
        mine = actor is not None and task.assignee == actor.username
        who = _("you") if mine else people[task.assignee]
        if task.candidate_groups or task.candidate_users:
            found.append(_("It is assigned to %(who)s: claimed, or given by somebody.", who=who))
        elif task.assignee == task.started_by:
            found.append(_("It goes to whoever started the case: %(who)s.", who=who))
        else:
            found.append(_("The process gives it to %(who)s.", who=who))
    for name in task.candidate_groups:
        mine = actor is not None and name in actor.groups
        group = groups[name]
        found.append(
            _("It is offered to the group %(group)s, and you belong to it.", group=group)
            if mine
            else _("It is offered to the group %(group)s.", group=group)
        )
    if task.candidate_users:
        names = _(", ").join(people[name] for name in task.candidate_users)
        found.append(_("It is offered to %(who)s.", who=names))
    if not found and drawn.assignee is None:
        found.append(_("The process names nobody for it."))
    return found


__all__ = ["diagram_values", "timeline_values", "why_values"]

"""Why a task is not decided together with others: somebody has to open it."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import sqlalchemy as sa

from bpm_server.domain.approvals.bulk import allows_bulk, bulk_rule
from bpm_server.domain.approvals.items import ItemState, Place
from bpm_server.kernel import json
from bpm_server.store.instances import effective_variables
from bpm_server.store.moments import read_moment
from bpm_server.store.tables.tasks import user_task as t

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from bpm_server.domain.identity import Actor
    from bpm_server.reports.approvals import Approval
    from bpm_server.reports.task_details import TaskDetail
    from bpm_server.services.server import Server


class Obstacle(StrEnum):
    """Why somebody has to open a task that they could approve."""

    RULE = "rule"
    """The process says so, for this case or for all."""
    CORRECTION = "correction"
    CORRECTED = "corrected"
    """The request was returned and has changed since."""
    OPINION = "opinion"
    """Somebody asks what they think; they do not decide."""
    ANSWERED = "answered"
    """Others whom they asked have said something."""
    SEVERAL = "several"
    """They can sign for several people."""


def obstacle(server: Server, actor: Actor, task: TaskDetail) -> Obstacle | None:
    """Why an open task that the actor may work on is not for them to approve without opening it; None: nothing."""
    found = None if task.approval is None else _at_approval(task.approval, actor)
    return found or (None if _is_allowed(server, task) else Obstacle.RULE)


def _at_approval(approval: Approval, actor: Actor) -> Obstacle | None:
    if approval.is_correcting:
        return Obstacle.CORRECTION
    ready = [one for one in approval.present if one.state == ItemState.TO_DO]
    mine = [one for one in ready if one.person == actor.username] or ready
    if len(mine) > 1:
        return Obstacle.SEVERAL
    if any(one.place == Place.DELEGATE for one in mine):
        return Obstacle.OPINION
    keys = {one.key for one in mine}
    if any(one.parent in keys and one.acted_by is not None for one in approval.present):
        return Obstacle.ANSWERED
    return Obstacle.CORRECTED if approval.round > 1 else None


def _is_allowed(server: Server, task: TaskDetail) -> bool:
    rule = bulk_rule(task.process.nodes[task.element_id].properties)
    with server.database.read() as connection:
        moment = read_moment(connection)

        def values(names: frozenset[str]) -> Mapping[str, Any]:
            path = connection.execute(sa.select(t.c.scope_path).where(t.c.key == task.key)).scalar_one()
            seen = effective_variables(connection, json.loads(path))
            outer = server.cluster_variables.outer(connection, moment.cluster_variable_version)
            return {**outer, **{name: json.loads(seen[name]) for name in names if name in seen}}

        return allows_bulk(rule, values, moment.now)

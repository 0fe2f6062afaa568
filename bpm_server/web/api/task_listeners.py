"""What task listeners are told of their task, and what they answer, in the contract's words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpm_server.domain.tasks import TaskValues
from bpm_server.kernel import json
from bpm_server.web.api.fields import Key, Names, Number, Reply, Text, camel
from bpm_server.web.api.tasks import TaskChangeset, values_of

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "io.camunda.zeebe:"
"""Of the headers that say what a listener is told."""


class JobUserTask(Reply):
    """The user task behind a task listener's job."""

    user_task_key = Key(null=True)
    action = Text()
    assignee = Text(null=True)
    candidate_groups = Names()
    candidate_users = Names()
    changed_attributes = Names()
    due_date = Text(null=True)
    follow_up_date = Text(null=True)
    form_key = Key(null=True)
    priority = Number(null=True)


class Corrections(TaskChangeset):
    """What a listener changes of its task; null and absent members stay as they are, empty ones are taken away."""

    assignee = Text(null=True)


def told(task_key: int, task: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What a listener's job says of its task, by members of :class:`JobUserTask`; None for other jobs."""
    if task is None:
        return None
    changed = [camel(name) for name in task["changed"]]
    plain = {name: value for name, value in task.items() if name != "changed"}
    return {**plain, "user_task_key": task_key, "changed_attributes": changed}


def headers(own: Mapping[str, str], task_key: int, task: Mapping[str, Any] | None) -> dict[str, str]:
    """A job's own headers and what it is told of its task, as text; what is not there has no header."""
    found = dict(own)
    for name, value in (told(task_key, task) or {}).items():
        if value is not None and value not in ("", []):
            found[PREFIX + camel(name)] = json.dumps(value) if isinstance(value, list) else str(value)
    return found


def corrections(found: Mapping[str, Any] | None) -> TaskValues:
    """The corrections of a result."""
    return TaskValues(**values_of(found or {}))

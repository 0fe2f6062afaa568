"""Who may do what with a user task, and what is said when it is too late."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET, UnsetType

from bpm_server.domain.states import TaskState
from bpm_server.kernel.errors import Forbidden, InvalidInput, WrongState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from decimal import Decimal

    from bpm_server.domain.identity import Actor
    from bpm_server.domain.represented import Represented


POSITIVE = ("approved",)
"""Outcomes for which the form must be complete and no reason is asked."""


ENDED = (TaskState.COMPLETED, TaskState.CANCELED)

LONGEST_COMMENT = 10_000
"""Characters."""


class TaskValues(msgspec.Struct, frozen=True):
    """What can be changed of a user task; what is unset stays as it is."""

    assignee: str | UnsetType | None = UNSET
    candidate_users: tuple[str, ...] | UnsetType = UNSET
    candidate_groups: tuple[str, ...] | UnsetType = UNSET
    due_date: datetime | UnsetType | None = UNSET
    follow_up_date: datetime | UnsetType | None = UNSET
    priority: int | UnsetType = UNSET

    def named(self) -> dict[str, Any]:
        """What is set, by name."""
        found = {name: getattr(self, name) for name in self.__struct_fields__}
        return {name: value for name, value in found.items() if value is not UNSET}

    def then(self, later: TaskValues) -> TaskValues:
        """These values, and those of a later change where it sets some."""
        return msgspec.structs.replace(self, **later.named())

    def beyond(self, known: TaskValues) -> TaskValues:
        """Those of these values that differ from what is known."""
        return TaskValues(**{name: value for name, value in self.named().items() if value != getattr(known, name)})


@dataclass(frozen=True, slots=True)
class Task:
    """A user task as commands see it."""

    key: int
    instance_key: int
    root_key: int
    process_id: str
    element_id: str
    name: str | None
    state: str
    assignee: str | None
    candidate_users: frozenset[str]
    candidate_groups: frozenset[str]
    chunk: int
    form_key: int | None
    embedded_form: str | None
    process_definition_key: int
    ended_at: datetime | None
    ended_by: str | None
    suspended: bool = False
    has_drafts: bool = False


def check_open(task: Task, act: str) -> None:
    """The task must still be open, its process instance not suspended, and no listener at work.

    Raises:
        WrongState: says who ended it and when, or for what it waits.
    """
    if task.state == TaskState.CREATED:
        if task.suspended:
            message = f"Expected to {act} task '{task.key}', but its process instance is suspended"
            raise WrongState(message, state=task.state, suspended=True, retry=False)
        return
    if task.state not in ENDED:
        message = f"Expected to {act} task '{task.key}', but its {task.state.lower()} listeners are at work"
        raise WrongState(message, state=task.state, retry=False)
    how = "completed" if task.state == TaskState.COMPLETED else "cancelled by its process"
    who = f" by {task.ended_by}" if task.ended_by and task.state == TaskState.COMPLETED else ""
    when = f" at {task.ended_at:%Y-%m-%d %H:%M:%S} UTC" if task.ended_at else ""
    message = f"Expected to {act} task '{task.key}', but it was {how}{who}{when}"
    raise WrongState(message, state=task.state, endedBy=task.ended_by, endedAt=task.ended_at, retry=False)


def check_comment(comment: str | None, field: str = "comment") -> str | None:
    """A comment without blanks around it; None where there is none.

    Raises:
        InvalidInput: it is too long.
    """
    plain = (comment or "").strip()
    if len(plain) > LONGEST_COMMENT:
        message = f"Expected a comment of at most {LONGEST_COMMENT} characters, but found {len(plain)}"
        raise InvalidInput(message, field=field)
    return plain or None


def may_see(task: Task, actor: Actor) -> bool:
    """Assignee, candidates, and who may read tasks of the process."""
    return (
        task.assignee == actor.username
        or actor.is_candidate(task.candidate_users, task.candidate_groups)
        or actor.may("PROCESS_DEFINITION", "READ_USER_TASK", task.process_id)
    )


def may_work_on(task: Task, actor: Actor) -> bool:
    """The assignee; where there is none, the candidates; and who may update tasks of the process."""
    if actor.may("PROCESS_DEFINITION", "UPDATE_USER_TASK", task.process_id):
        return True
    if task.assignee is not None:
        return task.assignee == actor.username
    return actor.is_candidate(task.candidate_users, task.candidate_groups)


def works_for_another(task: Task, represented: Iterable[Represented]) -> bool:
    """Whether somebody acts for the assignee of a plain task, whose amount nobody knows."""
    return any(
        one.username == task.assignee and one.covers(task.process_id) and one.allows(None) for one in represented
    )


def signs_for_another(task: Task, represented: Iterable[Represented], amount: Decimal | None) -> bool:
    """Whether somebody acts for one whose turn it is at an approval node."""
    return any(
        one.username in task.candidate_users and one.covers(task.process_id) and one.allows(amount)
        for one in represented
    )


def check_work(task: Task, actor: Actor, act: str) -> None:
    """The actor must be the one to act.

    Raises:
        Forbidden: says whose task it is.
    """
    if may_work_on(task, actor):
        return
    whose = f"it is assigned to {task.assignee}" if task.assignee else "it is not offered to them"
    message = f"Expected '{actor.username}' to {act} task '{task.key}', but {whose}"
    raise Forbidden(message)


def check_claim(task: Task, actor: Actor) -> None:
    """Candidates may claim what nobody has claimed.

    Raises:
        WrongState: somebody else has it.
        Forbidden: not a candidate.
    """
    if task.assignee is not None and task.assignee != actor.username:
        message = f"Expected to claim task '{task.key}', but {task.assignee} has claimed it"
        raise WrongState(message, assignee=task.assignee, retry=False)
    if not actor.is_candidate(task.candidate_users, task.candidate_groups) and not actor.may(
        "PROCESS_DEFINITION", "UPDATE_USER_TASK", task.process_id
    ):
        check_work(task, actor, "claim")


def decision_among(values: Mapping[str, Any], comment: str | None) -> tuple[str | None, str | None]:
    """Outcome and comment that a program sends as variables.

    Raises:
        InvalidInput: one of them is not text.
    """
    found = {name: values.get(name) for name in ("outcome", "comment")}
    for name, value in found.items():
        if value is not None and not isinstance(value, str):
            message = f"Expected {name} to be text, but found {type(value).__name__}"
            raise InvalidInput(message, field=name)
    return found["outcome"], comment or found["comment"]


def check_outcome(offered: tuple[str, ...], outcome: str, comment: str | None) -> None:
    """The outcome must be offered; saying no needs a reason.

    Raises:
        InvalidInput: not offered, or the comment is missing.
    """
    if outcome not in offered:
        wanted = ", ".join(offered) or "none (the task offers no outcomes)"
        message = f"Expected one of the outcomes {wanted}, but found '{outcome}'"
        raise InvalidInput(message, field="outcome")
    if outcome not in POSITIVE and not (comment or "").strip():
        message = f"Expected a comment with the outcome '{outcome}', but found none"
        raise InvalidInput(message, field="comment")

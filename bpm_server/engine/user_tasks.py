"""User tasks: who is asked, and the listeners that hear of every change before it counts.

A task that has listeners keeps with its token what is asked (fact ``task``) and the change at work (fact ``change``).
What a listener corrects becomes part of the change; a listener that denies ends it. A task that began without
listeners, under another version of the process, goes on without.

Source: Camunda 8 documentation, "User task listeners".
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from bpm_server.bpmn.model import UserWork
from bpm_server.bpmn.timers import parse_date
from bpm_server.domain import events
from bpm_server.domain.states import TaskState
from bpm_server.domain.tasks import TaskValues
from bpm_server.engine import variables as v
from bpm_server.engine.element import Element
from bpm_server.engine.going import go_on_at
from bpm_server.engine.jobs import DEFAULT_PRIORITY, create_job
from bpm_server.engine.outcome import Stuck
from bpm_server.engine.token import Phase
from bpm_server.kernel import json
from bpm_server.kernel.errors import InvalidInput, WrongState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bpm_server.bpmn.model import Listener, Node
    from bpm_server.bpmn.values import Value
    from bpm_server.engine.definition import Definition
    from bpm_server.engine.element import Edge
    from bpm_server.engine.token import Token

STATES = {
    "creating": TaskState.CREATING,
    "assigning": TaskState.ASSIGNING,
    "updating": TaskState.UPDATING,
    "completing": TaskState.COMPLETING,
    "canceling": TaskState.CANCELING,
}
"""What a task is while listeners of a moment are at work."""


class Change(msgspec.Struct, frozen=True):
    """What happens to a task when its listeners are done.

    Attributes:
        operation: Its key: all listeners' jobs of one change have the same.
        action: The caller's word for it; empty where the process itself is the cause.
        values: What will be new of the task.
        assigns: The assignee that the process names, whose turn comes after ``creating``.
        variables: JSON text of the answer, or of variables that are set at the task.
        local: Those variables stay at the task.
    """

    moment: str
    operation: int
    action: str = ""
    values: TaskValues = TaskValues()
    assigns: str | None = None
    variables: str | None = None
    local: bool = True


class UserTask(Element):
    """Waits for a person."""

    def __init__(self, definition: Definition, name: str, node: Node) -> None:
        super().__init__(definition, name, node)
        found = node.work.listeners if isinstance(node.work, UserWork) else ()
        by_moment = {moment: tuple(listener for listener in found if listener.on == moment) for moment in STATES}
        self.listeners = {moment: heard for moment, heard in by_moment.items() if heard}

    # --- the task ---------------------------------------------------------------------------------------

    def work(self, token: Token) -> bool:
        """Says who is asked, with which form, until when."""
        asked = self._asked(token)
        if not self.listeners:
            token.workflow.emit(self._created(token, asked))
            return False
        unassigned = asked.then(TaskValues(assignee=None))
        token.workflow.emit(self._created(token, unassigned))
        token.phase = Phase.WAITING
        token.remember("task", msgspec.to_builtins(unassigned))
        assignee = asked.named()["assignee"]
        self._start_change(token, Change("creating", token.workflow.new_key(), assigns=assignee))
        return False

    def _asked(self, token: Token) -> TaskValues:
        work = self._work()
        return TaskValues(
            assignee=v.optional_text(work.assignee, token, "assignee"),
            candidate_users=_names(work.candidate_users, token, "candidate users"),
            candidate_groups=_names(work.candidate_groups, token, "candidate groups"),
            due_date=_moment(work.due_date, token, "due date"),
            follow_up_date=_moment(work.follow_up_date, token, "follow-up date"),
            priority=v.whole(work.priority, token, "priority", DEFAULT_PRIORITY),
        )

    def _created(self, token: Token, asked: TaskValues) -> events.UserTaskCreated:
        form = self._work().form
        return events.UserTaskCreated(
            key=token.id,
            element_id=self.element_id,
            name=self.node.name,
            **asked.named(),
            form_id=None if form is None else form.form_id,
            form_key=None if form is None else v.optional_text(form.key, token, "form key"),
            external_form=None if form is None else v.optional_text(form.external, token, "external form"),
            form_binding=None if form is None or form.form_id is None else form.binding.kind,
            form_version=None if form is None else v.optional_text(form.binding.version, token, "form version"),
            scope_path=token.workflow.scope_path(token),
            chunk=token.chunk_key,
        )

    def _work(self) -> UserWork:
        work = self.node.work
        assert isinstance(work, UserWork)  # noqa: S101
        return work

    def complete(self, token: Token, values: Mapping[str, Any], action: str, go_to: str | None = None) -> None:
        """The person answered; ``go_to``: see ``commands.CompleteTask``, and :func:`going.check_going` comes first.

        Raises:
            WrongState: listeners are at work.
        """
        self._check_idle(token)
        if go_to is not None:
            token.remember("go_to", go_to)
        if token.recall("task"):
            answer = json.dumps(dict(values))
            self._start_change(token, Change("completing", token.workflow.new_key(), action, variables=answer))
        else:
            self._answered(token, values)

    def _answered(self, token: Token, values: Mapping[str, Any]) -> None:
        token.workflow.emit(events.UserTaskCompleted(token.id))
        self.finish(token, values)

    def choose(self, token: Token) -> tuple[Edge, ...]:
        return () if token.recall("go_to") else super().choose(token)

    def completed(self, token: Token) -> None:
        super().completed(token)
        target = token.recall("go_to")
        if target:
            go_on_at(token, target)

    def terminated(self, token: Token) -> None:
        if token.phase == Phase.WAITING:
            token.workflow.emit(events.UserTaskCanceled(token.id))
        super().terminated(token)

    # --- changes that listeners hear of -----------------------------------------------------------------

    def change(self, token: Token, moment: str, action: str, values: TaskValues) -> None:
        """Somebody assigns or updates the task.

        Raises:
            WrongState: listeners are at work.
        """
        self._check_idle(token)
        self._start_change(token, Change(moment, token.workflow.new_key(), action, values.beyond(_known(token))))

    def set_variables(self, token: Token, values: Mapping[str, Any], *, local: bool) -> None:
        """Somebody sets variables at the task.

        Raises:
            WrongState: listeners are at work.
        """
        self._check_idle(token)
        text = json.dumps(dict(values))
        self._start_change(token, Change("updating", token.workflow.new_key(), "update", variables=text, local=local))

    def _check_idle(self, token: Token) -> None:
        if token.recall("change"):
            message = f"Expected task '{token.id}' to be open, but its {_at_work(token).moment} listeners are at work"
            raise WrongState(message, retry=False)

    def _start_change(self, token: Token, change: Change) -> None:
        token.remember("change", msgspec.to_builtins(change))
        if self._heard(token, change.moment):
            token.workflow.emit(events.UserTaskChanged(token.id, STATES[change.moment], change.operation))
        self._hear(token)

    def _heard(self, token: Token, moment: str) -> tuple[Listener, ...]:
        return self.listeners.get(moment, ()) if token.recall("task") else ()

    def _hear(self, token: Token) -> None:
        """Asks the next listener; when none is left, the change counts."""
        change = _at_work(token)
        heard = self._heard(token, change.moment)
        index = token.recall("listener") or 0
        if index >= len(heard):
            token.remember("listener", None)
            token.remember("change", None)
            self._carry_out(token, change)
            return
        try:
            create_job(
                token, heard[index].job, "task-listener", listener_event=change.moment, headers=self._work().headers,
                operation=change.operation, task=_told(_known(token), change),
            )  # fmt: skip
        except Stuck as stuck:
            token.remember("listener", None)  # all of them are asked again when it is mended
            token.workflow.raise_incident(token, stuck.kind, stuck.message)

    def listened(self, token: Token, corrections: TaskValues, *, denied: bool) -> None:
        """A listener did its job.

        Raises:
            InvalidInput: while the task is created, it corrects the assignee that the process names.
        """
        change = _at_work(token)
        if denied:
            token.remember("listener", None)
            token.remember("change", None)
            token.remember("go_to", None)
            token.workflow.emit(events.UserTaskChanged(token.id, TaskState.CREATED))
            return
        if change.assigns and "assignee" in corrections.named():
            message = f"Expected no correction of the assignee '{change.assigns}' that the process names, but found one"
            raise InvalidInput(message, field="result.corrections.assignee")
        corrected = change.values.then(corrections).beyond(_known(token))
        token.remember("change", msgspec.to_builtins(msgspec.structs.replace(change, values=corrected)))
        token.remember("listener", (token.recall("listener") or 0) + 1)
        self._hear(token)

    def _carry_out(self, token: Token, change: Change) -> None:
        instance = token.workflow
        if self._heard(token, change.moment) or change.values.named():
            if token.recall("task"):
                token.remember("task", msgspec.to_builtins(_known(token).then(change.values)))
            ends = change.moment in ("completing", "canceling")
            state = STATES[change.moment] if ends else TaskState.CREATED
            instance.emit(events.UserTaskChanged(token.id, state, None, change.values))
        values = {} if change.variables is None else json.loads(change.variables)
        if change.moment == "completing":
            self._answered(token, values)
        elif change.moment == "canceling":
            instance.let_go(token)
        elif change.moment == "updating":
            v.set_values(token, values, local=change.local)
        elif change.assigns:
            values = TaskValues(assignee=change.assigns)
            self._start_change(token, Change("assigning", instance.new_key(), values=values))

    # --- the end, and trying again ----------------------------------------------------------------------

    def lingers(self, token: Token) -> bool:
        """A task that is there ends when its canceling listeners are done."""
        if token.phase != Phase.WAITING or not self._heard(token, "canceling"):
            return False
        if not token.recall("ending"):
            if token.recall("job"):
                token.remember("job", None)
                token.workflow.emit(events.JobCanceled(token.id))
            token.workflow.clear_incident(token)
            token.remember("listener", None)
            self._start_change(token, Change("canceling", token.workflow.new_key()))
        return True

    def retry(self, token: Token) -> None:
        """Asks the listeners of the change anew, where one of them could not be asked."""
        if token.recall("change"):
            self._hear(token)
        else:
            super().retry(token)


def _known(token: Token) -> TaskValues:
    return msgspec.convert(token.recall("task") or {}, TaskValues)


def _at_work(token: Token) -> Change:
    return msgspec.convert(token.recall("change"), Change)


def _told(known: TaskValues, change: Change) -> dict[str, Any]:
    """What a listener is told: the task as it will be, as JSON, and what changes of it."""
    changed = [*change.values.named()]
    if change.moment == "updating" and change.variables is not None:
        changed.append("variables")
    task: dict[str, Any] = msgspec.to_builtins(known.then(change.values))
    task["assignee"] = task["assignee"] or change.assigns
    return {**task, "action": change.action, "changed": changed}


def _names(value: Value | None, token: Token, what: str) -> tuple[str, ...]:
    """A list of names, or text with commas between them."""
    if value is None:
        return ()
    found = v.evaluate(value, token, what, "EXTRACT_VALUE_ERROR")
    if found is None:
        return ()
    if isinstance(found, str):
        found = found.split(",")
    if isinstance(found, list) and all(isinstance(name, str) for name in found):
        return tuple(dict.fromkeys(name.strip() for name in found if name.strip()))
    message = f"Expected {what} '{value.source}' to be a list of names, but found {type(found).__name__}"
    raise Stuck("EXTRACT_VALUE_ERROR", message)


def _moment(value: Value | None, token: Token, what: str) -> datetime | None:
    """A date and time; a date alone means its first moment in UTC."""
    if value is None:
        return None
    found = v.to_json(v.evaluate(value, token, what, "EXTRACT_VALUE_ERROR"), what, "EXTRACT_VALUE_ERROR")
    if found is None or found == "":
        return None
    if not isinstance(found, str):
        message = f"Expected {what} '{value.source}' to be a date and time, but found {type(found).__name__}"
        raise Stuck("EXTRACT_VALUE_ERROR", message)
    try:
        return parse_date(found).astimezone(UTC)
    except InvalidInput as error:
        raise Stuck("EXTRACT_VALUE_ERROR", f"{what}: {error.message}") from error

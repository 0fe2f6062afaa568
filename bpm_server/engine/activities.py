"""Tasks and call activities."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from bpm_server import feel
from bpm_server.bpmn.model import CallWork, DecisionWork, JobWork, ScriptWork, UserWork
from bpm_server.bpmn.timers import parse_date
from bpm_server.domain import events
from bpm_server.engine import variables as v
from bpm_server.engine.element import Element
from bpm_server.engine.jobs import DEFAULT_PRIORITY, create_job
from bpm_server.engine.outcome import Stuck
from bpm_server.engine.token import Phase
from bpm_server.kernel import json
from bpm_server.kernel.errors import InvalidInput, WrongState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bpm_server.bpmn.values import Value
    from bpm_server.engine.token import Token


class PassThrough(Element):
    """A task without work: none, manual."""


class UserTask(Element):
    """Waits for a person.

    Listeners are jobs that come before: ``creating`` and ``assigning`` before the task is there, ``completing`` before
    its answer counts. Facts of its token: ``moment`` that listeners are called for, ``answer`` meanwhile.
    """

    def work(self, token: Token) -> bool:
        """Says who is asked, with which form, until when; after its listeners."""
        work = self.node.work
        assert isinstance(work, UserWork)  # noqa: S101
        assignee = _optional_text(work.assignee, token, "assignee")
        if work.listeners:
            if token.recall("moment") in (None, "creating") and not self._heard(token, "creating"):
                return False
            if token.recall("moment") != "unassigned" and assignee and not self._heard(token, "assigning"):
                return False
            assignee = None if token.recall("moment") == "unassigned" else assignee
            token.remember("moment", None)
        form = work.form
        token.workflow.emit(
            events.UserTaskCreated(
                key=token.id,
                element_id=self.element_id,
                name=self.node.name,
                assignee=assignee,
                candidate_users=_names(work.candidate_users, token, "candidate users"),
                candidate_groups=_names(work.candidate_groups, token, "candidate groups"),
                due_date=_moment(work.due_date, token, "due date"),
                follow_up_date=_moment(work.follow_up_date, token, "follow-up date"),
                priority=v.whole(work.priority, token, "priority", DEFAULT_PRIORITY),
                form_id=None if form is None else form.form_id,
                form_key=None if form is None else _optional_text(form.key, token, "form key"),
                external_form=None if form is None else _optional_text(form.external, token, "external form"),
                form_binding=None if form is None or form.form_id is None else form.binding.kind,
                form_version=None if form is None else _optional_text(form.binding.version, token, "form version"),
                scope_path=token.workflow.scope_path(token),
                chunk=token.chunk_key,
            )
        )
        return False

    def _heard(self, token: Token, moment: str) -> bool:
        """Starts the next listener's job for this moment; True when none is left."""
        work: Any = self.node.work
        listeners = tuple(listener for listener in work.listeners if listener.on == moment)
        if not listeners:
            return True
        token.remember("moment", moment)
        return token.workflow.call_listener(token, listeners, "task-listener")

    def listened(self, token: Token, *, denied: bool) -> None:
        """A listener did its job; one that denies leaves the task as it was."""
        moment = token.recall("moment")
        if denied:
            token.remember("listener", None)
            token.remember("moment", "unassigned" if moment == "assigning" else None)
        else:
            token.remember("listener", (token.recall("listener") or 0) + 1)
        if moment != "completing":
            token.phase = Phase.WORK
            token.workflow.wake(token)
        elif denied:
            token.remember("answer", None)
        else:
            self._answer(token)

    def finish(self, token: Token, values: Mapping[str, Any]) -> None:
        """The person answered.

        Raises:
            WrongState: somebody has answered already, and the listeners are not done.
        """
        if token.recall("moment"):
            message = f"Expected task '{token.id}' to be open, but its {token.recall('moment')} listeners are at work"
            raise WrongState(message, retry=False)
        work: Any = self.node.work
        if any(listener.on == "completing" for listener in work.listeners):
            token.remember("answer", json.dumps(dict(values)))
            self._answer(token)
        else:
            self._answered(token, values)

    def _answer(self, token: Token) -> None:
        try:
            if not self._heard(token, "completing"):
                return
        except Stuck as stuck:  # the person may answer again when it is mended
            for fact in ("moment", "listener", "answer"):
                token.remember(fact, None)
            token.workflow.raise_incident(token, stuck.kind, stuck.message)
            return
        values = json.loads(token.recall("answer"))
        token.remember("answer", None)
        token.remember("moment", None)
        self._answered(token, values)

    def _answered(self, token: Token, values: Mapping[str, Any]) -> None:
        token.workflow.emit(events.UserTaskCompleted(token.id))
        super().finish(token, values)

    def terminated(self, token: Token) -> None:
        if token.phase == Phase.WAITING and token.recall("moment") in (None, "completing"):
            token.workflow.emit(events.UserTaskCanceled(token.id))
        super().terminated(token)


class Job(Element):
    """Waits for a connector or an outside worker."""

    def __init__(self, definition: Any, name: str, node: Any, work: JobWork) -> None:
        super().__init__(definition, name, node)
        self._work = work

    def work(self, token: Token) -> bool:
        """Creates the job."""
        create_job(token, self._work)
        return False


class Script(Element):
    """Evaluates an expression into a variable."""

    def work(self, token: Token) -> bool:
        """Evaluates; FEEL that cannot be evaluated gives null."""
        work = self.node.work
        assert isinstance(work, ScriptWork)  # noqa: S101
        value = v.evaluate(work.expression, token, "script", "EXTRACT_VALUE_ERROR")
        result = v.to_json(value, f"result of '{self.element_id}'", "EXTRACT_VALUE_ERROR")
        if work.result_variable:
            self.take_results(token, {work.result_variable: result})
        return True


class BusinessRule(Element):
    """Evaluates a decision into a variable."""

    def work(self, token: Token) -> bool:
        """Finds the decision, evaluates it, keeps the explanation."""
        work, instance = self.node.work, token.workflow
        assert isinstance(work, DecisionWork)  # noqa: S101
        decision_id = v.text(work.decision, token, "decision id")
        version = _optional_text(work.binding.version, token, "decision version")
        decisions = instance.context.decisions
        outcome = decisions and decisions.evaluate(
            decision_id, work.binding.kind, version, v.Visible(token), instance.now
        )
        if not outcome:
            named = f"version '{version}' of decision" if version else "decision"
            message = f"Expected {named} '{decision_id}' to be deployed, but found none"
            raise Stuck("CALLED_DECISION_ERROR", message)
        instance.emit(
            events.DecisionEvaluated(
                instance.new_key(), token.id, self.element_id, outcome.key, dict(outcome.evaluation)
            )
        )
        if outcome.failure:
            message = f"Expected decision '{decision_id}' to give a result, but found: {outcome.failure}"
            raise Stuck("DECISION_EVALUATION_ERROR", message)
        if work.result_variable:
            value = v.to_json(outcome.value, "decision result", "DECISION_EVALUATION_ERROR")
            self.take_results(token, {work.result_variable: _shaped(value, work.shape)})
        return True


def _shaped(value: Any, shape: str | None) -> Any:
    """Camunda 7's ``mapDecisionResult`` of a result that FEEL gives as value, context or list."""
    if shape is None:
        return value
    rows = value if isinstance(value, list) else [] if value is None else [value]
    if shape == "resultList":
        return rows
    if shape == "collectEntries":
        return [_single(row) for row in rows]
    if len(rows) > 1:
        message = f"Expected one result for '{shape}', but the decision gave {len(rows)}"
        raise Stuck("DECISION_EVALUATION_ERROR", message)
    if not rows:
        return None
    return _single(rows[0]) if shape == "singleEntry" else rows[0]


def _single(row: Any) -> Any:
    if isinstance(row, dict) and len(row) == 1:
        return next(iter(row.values()))
    return row


class CallActivity(Element):
    """Runs another process and waits for its end."""

    def work(self, token: Token) -> bool:
        """Asks for the process, with its variables."""
        work, instance = self.node.work, token.workflow
        assert isinstance(work, CallWork)  # noqa: S101
        values = v.all_visible(token) if work.pass_all else {}
        if not work.pass_all:
            values.update(v.local_values(token) if self.node.inputs else {})
        for transfer in work.ins:
            what = f"variable '{transfer.target}' for the called process"
            value = v.evaluate(transfer.source, token, what, "IO_MAPPING_ERROR")
            values[transfer.target] = v.to_json(value, what, "IO_MAPPING_ERROR")
        process_id = v.text(work.process, token, "called process id", "CALLED_ELEMENT_ERROR")
        instance.emit(
            events.ProcessCalled(
                element_key=token.id,
                element_id=self.element_id,
                process_id=process_id,
                binding=work.binding.kind,
                version=_optional_text(work.binding.version, token, "process version"),
                variables=values,
                business_key=_optional_text(work.business_key, token, "business key"),
                chunk=token.chunk_key,
            )
        )
        return False

    def called_ended(self, token: Token, values: Mapping[str, Any]) -> None:
        """The called process ended with these process variables."""
        work = self.node.work
        assert isinstance(work, CallWork)  # noqa: S101
        results = dict(values) if work.return_all or self.output_mappings else {}
        now = token.workflow.now
        for transfer in work.outs:
            result = transfer.source.evaluate(dict(values), now=now)
            if result.diagnostics and transfer.source.fails:
                reason = "; ".join(note.message for note in result.diagnostics[:3])
                message = f"Expected variable '{transfer.target}' from the called process, but found: {reason}"
                raise Stuck("IO_MAPPING_ERROR", message)
            results[transfer.target] = v.to_json(result.value, transfer.target, "IO_MAPPING_ERROR")
        self.finish(token, results)

    def terminated(self, token: Token) -> None:
        if token.phase == Phase.WAITING:
            token.workflow.emit(events.CallCanceled(token.id))
        super().terminated(token)


def _optional_text(value: Value | None, token: Token, what: str) -> str | None:
    """Text, or None where there is no expression or it gives null."""
    if value is None:
        return None
    found = v.evaluate(value, token, what, "EXTRACT_VALUE_ERROR")
    if found is None or found == "":
        return None
    if isinstance(found, str):
        return found
    if isinstance(found, int | Decimal) and not isinstance(found, bool):
        return str(feel.to_json(found))
    message = f"Expected {what} '{value.source}' to be text, but found {type(found).__name__}"
    raise Stuck("EXTRACT_VALUE_ERROR", message)


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

"""Tasks and call activities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpm_server.bpmn.model import CallWork, DecisionWork, JobWork, ScriptWork
from bpm_server.domain import events
from bpm_server.engine import variables as v
from bpm_server.engine.element import Element
from bpm_server.engine.jobs import create_job
from bpm_server.engine.outcome import Stuck
from bpm_server.engine.token import Phase

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bpm_server.engine.token import Token


class PassThrough(Element):
    """A task without work: none, manual."""


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
        version = v.optional_text(work.binding.version, token, "decision version")
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
                version=v.optional_text(work.binding.version, token, "process version"),
                variables=values,
                business_key=v.optional_text(work.business_key, token, "business key"),
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

"""Which version of a called process, decision or form is meant: latest, of the same deployment, or tagged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpm_server import feel
from bpm_server.engine.outcome import DecisionOutcome
from bpm_server.kernel.errors import InvalidInput

if TYPE_CHECKING:
    from datetime import datetime

    from bpm_server import dmn
    from bpm_server.bpmn.values import Variables
    from bpm_server.domain.events import ProcessCalled
    from bpm_server.services.definitions import CompiledProcess
    from bpm_server.services.transaction import Transaction
    from bpm_server.store.definitions import DecisionRow


def binding_filter(kind: str, version: str | None, deployment_key: int) -> dict[str, Any] | None:
    """Arguments for a lookup in ``Definitions``; None where the version cannot be one."""
    if kind == "deployment":
        return {"deployment_key": deployment_key}
    if kind == "versionTag":
        return {"version_tag": version}
    if kind == "version":
        return {"number": int(version)} if version and version.isdigit() else None
    return {}


def bound_process(tx: Transaction, deployment_key: int, event: ProcessCalled) -> CompiledProcess | None:
    """The process that a call activity means."""
    wanted = binding_filter(event.binding, event.version, deployment_key)
    if wanted is None:
        return None
    return tx.server.definitions.find_process(tx.connection, tx.moment.definition_version, event.process_id, **wanted)


class DeployedDecisions:
    """The decisions that business rule tasks of one definition evaluate (see ``engine.outcome.Decisions``)."""

    def __init__(self, tx: Transaction, deployment_key: int) -> None:
        self._tx = tx
        self._deployment_key = deployment_key

    def evaluate(
        self, decision_id: str, binding: str, version: str | None, variables: Variables, now: datetime
    ) -> DecisionOutcome | None:
        """Finds the decision by its binding and evaluates it."""
        wanted = binding_filter(binding, version, self._deployment_key)
        if wanted is None:
            return None
        tx = self._tx
        found = tx.server.definitions.find_decision(
            tx.connection, tx.moment.definition_version, decision_id=decision_id, **wanted
        )
        if found is None:
            return None
        row, model = found
        return evaluate_decision(row, model, variables, now)


def evaluate_decision(row: DecisionRow, model: dmn.Model, variables: Variables, now: datetime) -> DecisionOutcome:
    """Evaluates and explains; a result that comes from an error is a failure."""
    result = model.evaluate(row.decision_id, variables, now=now)
    failure = None
    output: Any = None
    try:
        output = feel.to_json(result.value)
    except InvalidInput as error:
        failure = error.message
    if result.value is None and result.diagnostics:
        failure = "; ".join(note.message for note in result.diagnostics[:3])
    explanation = explain(row, result)
    return DecisionOutcome(row.key, output, explanation, failure)


def explain(row: DecisionRow, result: dmn.DecisionResult) -> dict[str, Any]:
    """The explanation as JSON: which decisions were taken, with inputs, matched rules and outputs."""
    return {
        "decisionId": row.decision_id,
        "version": row.version,
        "digest": row.digest,
        "decisions": [
            {
                "id": one.id,
                "name": one.name,
                "type": one.type,
                "output": _shown(one.value),
                "inputs": [{"id": i.id, "name": i.name, "value": _shown(i.value)} for i in one.inputs],
                "rules": [
                    {
                        "id": rule.id,
                        "index": rule.index,
                        "outputs": [{"id": o.id, "name": o.name, "value": _shown(o.value)} for o in rule.outputs],
                    }
                    for rule in one.rules
                ],
            }
            for one in result.evaluations
        ],
        "warnings": [note.message for note in result.diagnostics],
    }


def _shown(value: Any) -> Any:
    try:
        return feel.to_json(value)
    except InvalidInput:
        return None

"""Evaluating a decision for a process: its value, what failed, and the explanation that is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from bpm_server import feel
from bpm_server.engine.outcome import DecisionOutcome
from bpm_server.kernel.errors import InvalidInput

if TYPE_CHECKING:
    from datetime import datetime

    from bpm_server import dmn
    from bpm_server.bpmn.values import Variables


class DecisionVersion(Protocol):
    """One deployed version of a decision."""

    @property
    def key(self) -> int:
        """Key of the decision definition."""
        ...

    @property
    def decision_id(self) -> str:
        """The DMN id."""
        ...

    @property
    def version(self) -> int:
        """Version number."""
        ...

    @property
    def digest(self) -> str:
        """Of the file."""
        ...


def decide(version: DecisionVersion, model: dmn.Model, variables: Variables, now: datetime) -> DecisionOutcome:
    """Evaluates and explains; a result that comes from an error is a failure."""
    result = model.evaluate(version.decision_id, variables, now=now)
    failure = None
    output: Any = None
    try:
        output = feel.to_json(result.value)
    except InvalidInput as error:
        failure = error.message
    if result.value is None and result.diagnostics:
        failure = "; ".join(note.message for note in result.diagnostics[:3])
    explanation = explain(version, result)
    return DecisionOutcome(version.key, output, explanation, failure)


def explain(version: DecisionVersion, result: dmn.DecisionResult) -> dict[str, Any]:
    """The explanation as JSON: which decisions were taken, with inputs, matched rules and outputs."""
    return {
        "decisionId": version.decision_id,
        "version": version.version,
        "digest": version.digest,
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

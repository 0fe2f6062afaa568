"""Decisions that somebody asks for directly, outside any process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bpm_server import engine
from bpm_server.domain.audit import Entity, Operation
from bpm_server.kernel import json
from bpm_server.kernel.errors import InvalidInput, NotFound
from bpm_server.services.authorization import authorize
from bpm_server.services.transaction import command, transaction
from bpm_server.services.variables import check_variables
from bpm_server.store import rows
from bpm_server.store.tables.decisions import decision_instance

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bpm_server.domain.identity import Actor
    from bpm_server.services.server import Server
    from bpm_server.store.definitions import DecisionRow

EVALUATED, FAILED = "EVALUATED", "FAILED"


@dataclass(frozen=True, slots=True)
class Evaluated:
    """A decision that was taken.

    Attributes:
        key: Of the evaluation.
        explanation: Inputs, matched rules and outputs of every decision that was needed, as JSON.
        failure: Why there is no result.
    """

    key: int
    row: DecisionRow
    output: Any
    explanation: Mapping[str, Any]
    failure: str | None


@command
def evaluate(
    server: Server,
    actor: Actor,
    *,
    decision_id: str | None = None,
    definition_key: int | None = None,
    variables: Mapping[str, Any] | None = None,
) -> Evaluated:
    """Takes a decision and keeps its explanation.

    Args:
        server: The server.
        actor: Who asks.
        decision_id: DMN id; the latest version.
        definition_key: Instead of ``decision_id``.
        variables: JSON values that the decision reads.

    Raises:
        NotFound: no such decision is deployed.
        InvalidInput: neither id nor key, or wrong variables.
        Forbidden: the permission CREATE_DECISION_INSTANCE is missing.
    """
    values = check_variables(variables)
    if not decision_id and definition_key is None:
        message = "Expected a decision id or a decision definition key, but found neither"
        raise InvalidInput(message)
    with transaction(server, actor) as tx:
        found = server.definitions.find_decision(
            tx.connection, tx.moment.definition_version, key=definition_key, decision_id=decision_id
        )
        if found is None:
            message = f"Expected decision '{decision_id or definition_key}' to be deployed, but found none"
            raise NotFound(message)
        row, model = found
        authorize(actor, "DECISION_DEFINITION", "CREATE_DECISION_INSTANCE", row.decision_id)
        outcome = engine.decide(row, model, values, tx.now)
        key = server.new_key()
        entry = {
            "key": key,
            "decision_key": row.key,
            "instance_key": None,
            "element_key": None,
            "element_id": None,
            "state": EVALUATED if outcome.failure is None else FAILED,
            "evaluation": json.dumps(outcome.evaluation),
            "evaluated_at": tx.now,
        }
        rows.insert(tx.connection, decision_instance, [entry])
        tx.audit(
            Entity.DECISION,
            Operation.EVALUATE,
            key,
            decision_id=row.decision_id,
            decision_key=row.key,
            requirements_id=row.requirements_id,
            requirements_key=row.requirements_key,
            evaluation_key=key,
            deployment_key=row.deployment_key,
        )
    return Evaluated(key, row, outcome.value, outcome.evaluation, outcome.failure)

"""Which version of a called process, decision or form is meant: latest, of the same deployment, or tagged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpm_server import engine

if TYPE_CHECKING:
    from datetime import datetime

    from bpm_server.bpmn.values import Variables
    from bpm_server.domain.events import ProcessCalled
    from bpm_server.engine.outcome import DecisionOutcome
    from bpm_server.services.definitions import CompiledProcess
    from bpm_server.services.transaction import Transaction


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
        return engine.decide(row, model, variables, now)

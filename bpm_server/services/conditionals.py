"""Conditional start events of processes: somebody says that something may have changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpm_server.bpmn.model import ConditionalEvent
from bpm_server.domain import commands as c
from bpm_server.domain.audit import Entity, Operation
from bpm_server.kernel.errors import NotFound
from bpm_server.services.advance import Advance
from bpm_server.services.authorization import authorize
from bpm_server.services.process_instances import Started
from bpm_server.services.transaction import command, transaction
from bpm_server.services.variables import check_variables
from bpm_server.store import messages as store

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bpm_server.domain.identity import Actor
    from bpm_server.services.definitions import CompiledProcess
    from bpm_server.services.server import Server
    from bpm_server.services.transaction import Transaction


@command
def evaluate_conditionals(
    server: Server, actor: Actor, variables: Mapping[str, Any], definition_key: int | None = None
) -> tuple[Started, ...]:
    """Starts an instance for every conditional start event of a latest version whose condition holds.

    Args:
        server: The server.
        actor: Who asks.
        variables: JSON values: the conditions see these and cluster variables, and the instances start with them.
        definition_key: Only this definition.

    Raises:
        NotFound: there is no such definition.
        Forbidden: the permission CREATE_PROCESS_INSTANCE is missing for one whose condition holds; nothing starts.
    """
    values = check_variables(variables)
    with transaction(server, actor) as tx:
        if definition_key is not None:
            _check_definition(tx, definition_key)
        starts = [
            (_compiled(tx, row.process_definition_key), row.event_id)
            for row in store.find_starts(tx.connection, "condition", "")
            if definition_key in (None, row.process_definition_key)
        ]
        return tuple(
            _start(tx, compiled, event_id, dict(values))
            for compiled, event_id in starts
            if _holds(tx, compiled, event_id, values)
        )


def _compiled(tx: Transaction, key: int) -> CompiledProcess:
    return tx.server.definitions.process(tx.connection, tx.moment.definition_version, key)


def _check_definition(tx: Transaction, key: int) -> None:
    row = _compiled(tx, key).row
    authorize(tx.actor, "PROCESS_DEFINITION", "CREATE_PROCESS_INSTANCE", row.process_id)
    if row.deleted_at is not None:
        message = f"Expected process definition '{key}' to be there, but it is deleted"
        raise NotFound(message)


def _holds(tx: Transaction, compiled: CompiledProcess, event_id: str, values: Mapping[str, Any]) -> bool:
    event = compiled.definition.process.nodes[event_id].event
    assert isinstance(event, ConditionalEvent)  # noqa: S101
    return event.condition.evaluate({**tx.outer_variables, **values}, now=tx.now).value is True


def _start(tx: Transaction, compiled: CompiledProcess, event_id: str, values: dict[str, Any]) -> Started:
    definition = compiled.row
    authorize(tx.actor, "PROCESS_DEFINITION", "CREATE_PROCESS_INSTANCE", definition.process_id)
    advance = Advance(tx)
    row = advance.start(compiled, c.StartInstance(tx.server.new_key(), values, event_id))
    tx.audit_instance(Entity.PROCESS_INSTANCE, Operation.CREATE, row.key, row)
    return Started(row.key, definition.key, definition.process_id, definition.version, advance.result(row))

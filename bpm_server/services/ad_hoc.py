"""Activating elements of ad-hoc sub-processes by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpm_server.bpmn.model import NodeType
from bpm_server.domain import commands as c
from bpm_server.domain.audit import Entity, Operation
from bpm_server.kernel.errors import InvalidInput, NotFound
from bpm_server.services.advance import Advance
from bpm_server.services.authorization import authorize
from bpm_server.services.transaction import command, transaction
from bpm_server.services.variables import check_variables
from bpm_server.store import instances as store

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bpm_server.domain.identity import Actor
    from bpm_server.services.server import Server


@command
def activate_elements(
    server: Server,
    actor: Actor,
    key: int,
    elements: Sequence[tuple[str, Mapping[str, Any]]],
    *,
    cancel_remaining: bool = False,
) -> None:
    """Activates elements of an ad-hoc sub-process.

    Args:
        server: The server.
        actor: Who asks.
        key: Element instance of the sub-process.
        elements: Ids with variables of their own; an element may be there more than once.
        cancel_remaining: What is active inside ends first.

    Raises:
        NotFound: there is no such active ad-hoc sub-process.
        InvalidInput: no element, or one that is not inside or has an incoming flow.
        WrongState: it has an incident, or an event sub-process has taken over.
        Forbidden: the permission UPDATE_PROCESS_INSTANCE is missing.
    """
    wanted = tuple((name, check_variables(variables)) for name, variables in elements)
    if not wanted:
        message = "Expected elements to activate, but found none"
        raise InvalidInput(message, field="elements")
    with transaction(server, actor) as tx:
        found = store.find_scope(tx.connection, key)
        if found is None:
            message = f"Expected to activate elements of ad-hoc sub-process '{key}', but there is none"
            raise NotFound(message)
        row = tx.lock_instance(found.instance_key)
        authorize(actor, "PROCESS_DEFINITION", "UPDATE_PROCESS_INSTANCE", row.process_id)
        if store.find_active_type(tx.connection, key) != NodeType.AD_HOC_SUB_PROCESS:
            message = f"Expected '{key}' to be an active ad-hoc sub-process, but it has ended or is something else"
            raise NotFound(message)
        names = ", ".join(name for name, _ in wanted)
        tx.audit_instance(Entity.PROCESS_INSTANCE, Operation.MODIFY, row.key, row, element_key=key, description=names)
        Advance(tx).run(row, c.ActivateElements(key, wanted, cancel_remaining, found.chunk))

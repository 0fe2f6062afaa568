"""Deleting definitions: no new instances; what runs goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpm_server.domain.audit import Entity, Operation
from bpm_server.kernel.errors import NotFound
from bpm_server.services.authorization import authorize
from bpm_server.services.deploying import audited, restore_starts
from bpm_server.services.transaction import command, transaction
from bpm_server.store import definitions as store
from bpm_server.store import moments

if TYPE_CHECKING:
    from bpm_server.domain.identity import Actor
    from bpm_server.services.server import Server

PERMISSIONS = {
    "process": "DELETE_PROCESS",
    "requirements": "DELETE_DRD",
    "form": "DELETE_FORM",
    "resource": "DELETE_RESOURCE",
}


@command
def delete_resource(server: Server, actor: Actor, key: int) -> None:
    """Deletes a process definition, a DMN file with its decisions, a form, or another file.

    Instances of a deleted process run on; the version before it is started by messages, signals and timers again.

    Raises:
        NotFound: there is none with this key, or it is deleted.
        Forbidden: the permission to delete this kind is missing.
    """
    with transaction(server, actor) as tx:
        found = store.find_deletable(tx.connection, key)
        if found is None:
            message = f"Expected to find a definition or file '{key}' to delete, but there is none"
            raise NotFound(message)
        authorize(actor, "RESOURCE", PERMISSIONS[found.kind], found.id)
        store.mark_deleted(tx.connection, found, tx.now)
        tx.audit(Entity.RESOURCE, Operation.DELETE, key, description=found.id, **audited(found.kind, key, found.id))
        if found.kind == "process":
            restore_starts(tx, found.id)
        moments.bump(tx.connection, "definition_version")
        tx.wake("timers")

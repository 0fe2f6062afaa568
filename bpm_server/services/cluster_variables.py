"""Cluster variables: values that all processes see, set by people and cached in each process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpm_server.domain.audit import Entity, Operation
from bpm_server.domain.cluster_variables import check_name, metadata_text, outer_variables, value_text
from bpm_server.kernel.errors import AlreadyExists, NotFound
from bpm_server.services.authorization import authorize
from bpm_server.services.transaction import command, transaction
from bpm_server.store import cluster_variables as store

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.engine import Connection

    from bpm_server.domain.identity import Actor
    from bpm_server.services.server import Server
    from bpm_server.services.transaction import Transaction
    from bpm_server.store.cluster_variables import ClusterVariableRow

RESOURCE = "CLUSTER_VARIABLE"


class ClusterVariables:
    """What expressions see beyond their process, read again when ``cluster_variable_version`` has changed."""

    def __init__(self) -> None:
        self._known: tuple[int, Mapping[str, Any]] = (0, outer_variables({}))

    def outer(self, connection: Connection, version: int) -> Mapping[str, Any]:
        """The variables of a version, by the names that expressions know."""
        known = self._known
        if known[0] != version:
            known = self._known = (version, store.outer_at(connection, version))
        return known[1]


@command
def create_cluster_variable(
    server: Server, actor: Actor, name: str, value: Any, metadata: Mapping[str, Any] | None = None
) -> ClusterVariableRow:
    """Adds a variable; the next step of every process sees it.

    Raises:
        AlreadyExists: there is one of this name.
        InvalidInput: the name, the value or the metadata cannot be one.
        Forbidden: the permission CLUSTER_VARIABLE:CREATE is missing.
    """
    check_name(name)
    row = store.ClusterVariableRow(name, value_text(value), metadata_text(metadata or {}))
    with transaction(server, actor) as tx:
        authorize(actor, RESOURCE, "CREATE")
        if store.find(tx.connection, name) is not None:
            message = f"Expected to add cluster variable '{name}', but there is one of that name"
            raise AlreadyExists(message)
        store.save(tx.connection, row)
        tx.audit(Entity.VARIABLE, Operation.CREATE, name, description=name)
    return row


@command
def update_cluster_variable(
    server: Server, actor: Actor, name: str, value: Any, metadata: Mapping[str, Any] | None = None
) -> ClusterVariableRow:
    """Gives a variable another value; metadata that is None stays.

    Raises:
        NotFound: there is none of this name.
        InvalidInput: the value or the metadata cannot be one.
        Forbidden: the permission CLUSTER_VARIABLE:UPDATE is missing.
    """
    text, remarks = value_text(value), None if metadata is None else metadata_text(metadata)
    with transaction(server, actor) as tx:
        authorize(actor, RESOURCE, "UPDATE", name)
        before = _read(tx, name)
        row = store.ClusterVariableRow(name, text, before.remarks if remarks is None else remarks)
        store.save(tx.connection, row)
        tx.audit(Entity.VARIABLE, Operation.UPDATE, name, description=name)
    return row


@command
def delete_cluster_variable(server: Server, actor: Actor, name: str) -> None:
    """Removes a variable; expressions that name it give null from now on.

    Raises:
        NotFound: there is none of this name.
        Forbidden: the permission CLUSTER_VARIABLE:DELETE is missing.
    """
    with transaction(server, actor) as tx:
        authorize(actor, RESOURCE, "DELETE", name)
        _read(tx, name)
        store.delete(tx.connection, name)
        tx.audit(Entity.VARIABLE, Operation.DELETE, name, description=name)


def _read(tx: Transaction, name: str) -> ClusterVariableRow:
    found = store.find(tx.connection, name)
    if found is None:
        message = f"Expected to find cluster variable '{name}', but there is none"
        raise NotFound(message)
    return found

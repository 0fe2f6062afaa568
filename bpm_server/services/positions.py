"""Positions: adding, changing and removing them."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from bpm_server.domain.audit import Entity, Operation
from bpm_server.domain.identity import check_identifier
from bpm_server.domain.organisation import Position, check_name, told_change
from bpm_server.kernel.errors import AlreadyExists, Conflict
from bpm_server.services.authorization import authorize
from bpm_server.services.organisations import RESOURCE, check_place, lock_organisation, write_organisation
from bpm_server.services.transaction import command, transaction

if TYPE_CHECKING:
    from bpm_server.domain.identity import Actor
    from bpm_server.domain.organisation import Organisation
    from bpm_server.services.server import Server
    from bpm_server.services.transaction import Transaction


@command
def create_position(server: Server, actor: Actor, position_id: str, name: str, name_en: str | None = None) -> Position:
    """Adds a position.

    Raises:
        AlreadyExists: the id is taken.
        InvalidInput: the id or the name cannot be one.
        Forbidden: the permission ORGANISATION:CREATE is missing.
    """
    check_identifier(position_id, "a position id")
    check_name(name, "a position name")
    with transaction(server, actor) as tx:
        authorize(actor, RESOURCE, "CREATE")
        organisation = lock_organisation(tx)
        if position_id in organisation.positions:
            message = f"Expected to add position '{position_id}', but there is one of that id"
            raise AlreadyExists(message)
        return _save(tx, organisation, Position(position_id, name, name_en), Operation.CREATE)


@command
def rename_position(server: Server, actor: Actor, position_id: str, name: str, name_en: str | None) -> Position:
    """Changes its names.

    Raises:
        NotFound: there is no such position.
        InvalidInput: the name cannot be one.
        Forbidden: the permission ORGANISATION:UPDATE is missing.
    """
    check_name(name, "a position name")
    with transaction(server, actor) as tx:
        authorize(actor, RESOURCE, "UPDATE", position_id)
        organisation = lock_organisation(tx)
        check_place(organisation, None, position_id)
        return _save(tx, organisation, Position(position_id, name, name_en), Operation.UPDATE)


@command
def delete_position(server: Server, actor: Actor, position_id: str) -> None:
    """Removes a position that nobody has.

    Raises:
        NotFound: there is no such position.
        Conflict: people have it; they are named.
        Forbidden: the permission ORGANISATION:DELETE is missing.
    """
    with transaction(server, actor) as tx:
        authorize(actor, RESOURCE, "DELETE", position_id)
        organisation = lock_organisation(tx)
        check_place(organisation, None, position_id)
        holders = sorted({one.username for one in organisation.memberships if one.position_id == position_id})
        if holders:
            message = f"Expected nobody to have position '{position_id}', but {', '.join(holders[:5])} have it"
            raise Conflict(message, people=holders[:100])
        left = {key: one for key, one in organisation.positions.items() if key != position_id}
        write_organisation(tx, organisation, replace(organisation, positions=left))
        audit_position(tx, Operation.DELETE, organisation.positions[position_id], None)


def _save(tx: Transaction, organisation: Organisation, position: Position, operation: Operation) -> Position:
    before = organisation.positions.get(position.position_id)
    positions = {**organisation.positions, position.position_id: position}
    write_organisation(tx, organisation, replace(organisation, positions=positions))
    audit_position(tx, operation, before, position)
    return position


def audit_position(tx: Transaction, operation: Operation, before: Position | None, after: Position | None) -> None:
    """Notes what became of a position; the contract's word for it is a group."""
    one = after or before
    assert one is not None  # noqa: S101
    told = told_change({} if before is None else asdict(before), {} if after is None else asdict(after))
    tx.audit(Entity.GROUP, operation, one.position_id, description=f"position: {told}")

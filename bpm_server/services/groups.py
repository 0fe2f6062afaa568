"""Groups: adding, changing and removing them, and who is in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpm_server.domain.audit import Entity, Operation
from bpm_server.domain.identity import check_identifier
from bpm_server.kernel.errors import AlreadyExists, NotFound
from bpm_server.services.authorization import authorize
from bpm_server.services.transaction import command, transaction
from bpm_server.services.users import check_administrator, check_group, check_user
from bpm_server.store import identities as store

if TYPE_CHECKING:
    from bpm_server.domain.identity import Actor
    from bpm_server.services.server import Server


@command
def create_group(server: Server, actor: Actor, group_id: str, name: str | None, description: str | None = None) -> None:
    """Adds a group.

    Raises:
        AlreadyExists: the id is taken.
        InvalidInput: the id cannot be one.
        Forbidden: the permission GROUP:CREATE is missing.
    """
    check_identifier(group_id, "a group id")
    with transaction(server, actor) as tx:
        authorize(actor, "GROUP", "CREATE")
        if store.find_group(tx.connection, group_id) is not None:
            message = f"Expected to add group '{group_id}', but there is one of that id"
            raise AlreadyExists(message)
        store.save_group(tx.connection, group_id, name, description)
        store.identity_changed(tx.connection)
        tx.audit(Entity.GROUP, Operation.CREATE, group_id)


@command
def update_group(server: Server, actor: Actor, group_id: str, name: str | None, description: str | None = None) -> None:
    """Changes name and description.

    Raises:
        NotFound: there is no such group.
        Forbidden: the permission GROUP:UPDATE is missing.
    """
    with transaction(server, actor) as tx:
        authorize(actor, "GROUP", "UPDATE", group_id)
        check_group(tx, group_id)
        store.save_group(tx.connection, group_id, name, description)
        store.identity_changed(tx.connection)
        tx.audit(Entity.GROUP, Operation.UPDATE, group_id)


@command
def delete_group(server: Server, actor: Actor, group_id: str) -> None:
    """Removes a group; its members stay.

    Raises:
        NotFound: there is no such group.
        Conflict: the last administrator is one through this group.
        Forbidden: the permission GROUP:DELETE is missing.
    """
    with transaction(server, actor) as tx:
        authorize(actor, "GROUP", "DELETE", group_id)
        check_group(tx, group_id)
        store.delete_group(tx.connection, group_id)
        check_administrator(tx)
        store.identity_changed(tx.connection)
        tx.audit(Entity.GROUP, Operation.DELETE, group_id)


@command
def add_member(server: Server, actor: Actor, group_id: str, username: str) -> None:
    """Puts a person into a group.

    Raises:
        NotFound: no such group or person.
        AlreadyExists: they are in it.
        Forbidden: the permission GROUP:UPDATE is missing.
    """
    with transaction(server, actor) as tx:
        authorize(actor, "GROUP", "UPDATE", group_id)
        check_group(tx, group_id)
        check_user(tx, username)
        if store.is_group_member(tx.connection, group_id, username):
            message = f"Expected to put '{username}' into group '{group_id}', but they are in it"
            raise AlreadyExists(message)
        store.insert_group_member(tx.connection, group_id, username)
        store.identity_changed(tx.connection)
        tx.audit(Entity.GROUP, Operation.ASSIGN, group_id, related_type=Entity.USER, related_key=username)


@command
def remove_member(server: Server, actor: Actor, group_id: str, username: str) -> None:
    """Takes a person out of a group.

    Raises:
        NotFound: no such group, or they are not in it.
        Conflict: the last administrator is one through this group.
        Forbidden: the permission GROUP:UPDATE is missing.
    """
    with transaction(server, actor) as tx:
        authorize(actor, "GROUP", "UPDATE", group_id)
        check_group(tx, group_id)
        if not store.delete_group_member(tx.connection, group_id, username):
            message = f"Expected to take '{username}' out of group '{group_id}', but they are not in it"
            raise NotFound(message)
        check_administrator(tx)
        store.identity_changed(tx.connection)
        tx.audit(Entity.GROUP, Operation.UNASSIGN, group_id, related_type=Entity.USER, related_key=username)

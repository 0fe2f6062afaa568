"""Roles: adding, changing and removing them, who has them, and which rights they give."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpm_server.domain.audit import Entity, Operation
from bpm_server.domain.identity import (
    ADMIN_ROLE,
    RIGHTS,
    Authorization,
    Permission,
    authorizations,
    check_identifier,
)
from bpm_server.kernel import json
from bpm_server.kernel.errors import AlreadyExists, Conflict, InvalidInput, NotFound
from bpm_server.services.authorization import authorize
from bpm_server.services.transaction import command, transaction
from bpm_server.services.users import check_administrator, check_group, check_role, check_user
from bpm_server.store import identities as store

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal

    from bpm_server.domain.identity import Actor
    from bpm_server.services.server import Server
    from bpm_server.services.transaction import Transaction

    MemberKind = Literal["u", "g"]

_RELATED = {"u": Entity.USER, "g": Entity.GROUP}


@command
def create_role(server: Server, actor: Actor, role_id: str, name: str | None, description: str | None = None) -> None:
    """Adds a role that gives no rights yet.

    Raises:
        AlreadyExists: the id is taken.
        InvalidInput: the id cannot be one.
        Forbidden: the permission ROLE:CREATE is missing.
    """
    check_identifier(role_id, "a role id")
    with transaction(server, actor) as tx:
        authorize(actor, "ROLE", "CREATE")
        if store.find_role(tx.connection, role_id) is not None:
            message = f"Expected to add role '{role_id}', but there is one of that id"
            raise AlreadyExists(message)
        store.save_role(tx.connection, role_id, name, "[]", description)
        store.identity_changed(tx.connection)
        tx.audit(Entity.ROLE, Operation.CREATE, role_id)


@command
def update_role(server: Server, actor: Actor, role_id: str, name: str | None, description: str | None = None) -> None:
    """Changes name and description.

    Raises:
        NotFound: there is no such role.
        Forbidden: the permission ROLE:UPDATE is missing.
    """
    with transaction(server, actor) as tx:
        authorize(actor, "ROLE", "UPDATE", role_id)
        found = store.find_role(tx.connection, role_id, lock=True)
        if found is None:
            message = f"Expected to find role '{role_id}', but there is none"
            raise NotFound(message)
        store.save_role(tx.connection, role_id, name, found.permissions, description)
        store.identity_changed(tx.connection)
        tx.audit(Entity.ROLE, Operation.UPDATE, role_id)


@command
def delete_role(server: Server, actor: Actor, role_id: str) -> None:
    """Removes a role; nobody has it any more.

    Raises:
        NotFound: there is no such role.
        Conflict: the administrators' role.
        Forbidden: the permission ROLE:DELETE is missing.
    """
    with transaction(server, actor) as tx:
        authorize(actor, "ROLE", "DELETE", role_id)
        check_role(tx, role_id)
        if role_id == ADMIN_ROLE:
            message = f"Expected to delete a role, but '{ADMIN_ROLE}' is needed"
            raise Conflict(message)
        store.delete_role(tx.connection, role_id)
        store.identity_changed(tx.connection)
        tx.audit(Entity.ROLE, Operation.DELETE, role_id)


# --- who has it -----------------------------------------------------------------------------------------


@command
def give_role(server: Server, actor: Actor, role_id: str, kind: MemberKind, member: str) -> None:
    """Gives a role to a user (``u``) or group (``g``).

    Raises:
        NotFound: no such role, user or group.
        AlreadyExists: they have it.
        Forbidden: the permission ROLE:UPDATE is missing.
    """
    with transaction(server, actor) as tx:
        authorize(actor, "ROLE", "UPDATE", role_id)
        check_role(tx, role_id)
        (check_user if kind == "u" else check_group)(tx, member)
        if store.has_role(tx.connection, role_id, kind, member):
            message = f"Expected to give role '{role_id}' to '{member}', but they have it"
            raise AlreadyExists(message)
        store.insert_role_member(tx.connection, role_id, kind, member)
        store.identity_changed(tx.connection)
        tx.audit(Entity.ROLE, Operation.ASSIGN, role_id, related_type=_RELATED[kind], related_key=member)


@command
def take_role(server: Server, actor: Actor, role_id: str, kind: MemberKind, member: str) -> None:
    """Takes a role from a user (``u``) or group (``g``).

    Raises:
        NotFound: no such role, or they do not have it.
        Conflict: the last administrator.
        Forbidden: the permission ROLE:UPDATE is missing.
    """
    with transaction(server, actor) as tx:
        authorize(actor, "ROLE", "UPDATE", role_id)
        check_role(tx, role_id)
        if not store.delete_role_member(tx.connection, role_id, kind, member):
            message = f"Expected to take role '{role_id}' from '{member}', but they do not have it"
            raise NotFound(message)
        check_administrator(tx)
        store.identity_changed(tx.connection)
        tx.audit(Entity.ROLE, Operation.UNASSIGN, role_id, related_type=_RELATED[kind], related_key=member)


# --- what it gives --------------------------------------------------------------------------------------


@command
def create_authorization(
    server: Server, actor: Actor, role_id: str, resource: str, resource_id: str, actions: Sequence[str]
) -> int:
    """Lets a role give rights on a resource.

    Args:
        server: The server.
        actor: Who grants.
        role_id: Whose holders get the rights.
        resource: Kind of resource in Camunda's words.
        resource_id: One id, or ``*``.
        actions: In Camunda's words.

    Returns:
        The authorization's key.

    Raises:
        NotFound: there is no such role.
        InvalidInput: a resource or action that does not exist.
        AlreadyExists: the role has rights on this resource and id.
        Forbidden: the permission AUTHORIZATION:CREATE is missing.
    """
    wanted = _authorization(role_id, resource, resource_id, actions)
    with transaction(server, actor) as tx:
        authorize(actor, "AUTHORIZATION", "CREATE")
        permissions = _permissions(tx, role_id)
        if any(one.key == wanted.key for one in authorizations(role_id, permissions)):
            message = f"Expected role '{role_id}' to have no rights on {resource} '{resource_id}', but it has"
            raise AlreadyExists(message)
        _save(tx, role_id, [*permissions, *_texts(wanted)])
        _audit_rights(tx, Operation.CREATE, wanted)
    return wanted.key


@command
def update_authorization(
    server: Server, actor: Actor, key: int, role_id: str, resource: str, resource_id: str, actions: Sequence[str]
) -> None:
    """Replaces an authorization.

    Raises:
        NotFound: there is none with this key, or no such role.
        InvalidInput: a resource or action that does not exist.
        Conflict: its rights come from a permission for everything.
        Forbidden: the permission AUTHORIZATION:UPDATE is missing.
    """
    wanted = _authorization(role_id, resource, resource_id, actions)
    with transaction(server, actor) as tx:
        authorize(actor, "AUTHORIZATION", "UPDATE")
        _remove(tx, key)
        left = [text for text in _permissions(tx, role_id) if not _belongs(text, wanted)]
        _save(tx, role_id, [*left, *_texts(wanted)])
        _audit_rights(tx, Operation.UPDATE, wanted)


@command
def delete_authorization(server: Server, actor: Actor, key: int) -> None:
    """Takes rights from a role.

    Raises:
        NotFound: there is none with this key.
        Conflict: its rights come from a permission for everything.
        Forbidden: the permission AUTHORIZATION:DELETE is missing.
    """
    with transaction(server, actor) as tx:
        authorize(actor, "AUTHORIZATION", "DELETE")
        removed = _remove(tx, key)
        _audit_rights(tx, Operation.DELETE, removed)


def _audit_rights(tx: Transaction, operation: Operation, one: Authorization) -> None:
    description = ", ".join(_texts(one))
    tx.audit(
        Entity.AUTHORIZATION,
        operation,
        one.key,
        related_type=Entity.ROLE,
        related_key=one.role_id,
        description=description,
    )


def _authorization(role_id: str, resource: str, resource_id: str, actions: Sequence[str]) -> Authorization:
    known = RIGHTS.get(resource)
    if known is None or not actions or any(action not in known for action in actions):
        found = f"{resource}: {', '.join(actions) or 'none'}"
        expected = f"rights on {resource} among {', '.join(known)}" if known else f"one of {', '.join(sorted(RIGHTS))}"
        message = f"Expected {expected}, but found {found}"
        raise InvalidInput(message)
    return Authorization(role_id, resource, resource_id or "*", tuple(dict.fromkeys(actions)))


def _permissions(tx: Transaction, role_id: str) -> list[str]:
    found = store.find_role(tx.connection, role_id, lock=True)
    if found is None:
        message = f"Expected to find role '{role_id}', but there is none"
        raise NotFound(message)
    permissions: list[str] = json.loads(found.permissions)
    return permissions


def _texts(one: Authorization) -> list[str]:
    return [str(Permission(one.resource, action, one.resource_id)) for action in one.actions]


def _belongs(text: str, one: Authorization) -> bool:
    permission = Permission.parse(text)
    return permission.resource == one.resource and permission.resource_id == one.resource_id


def _remove(tx: Transaction, key: int) -> Authorization:
    for row in store.all_roles(tx.connection):
        permissions: list[str] = json.loads(row.permissions)
        for one in authorizations(row.role_id, permissions):
            if one.key == key:
                left = [text for text in permissions if not _belongs(text, one)]
                if any(again.key == key for again in authorizations(row.role_id, left)):
                    message = f"Expected rights of its own, but '{row.role_id}' has them with all others"
                    raise Conflict(message)
                _save(tx, row.role_id, left)
                return one
    message = f"Expected to find authorization '{key}', but there is none"
    raise NotFound(message)


def _save(tx: Transaction, role_id: str, permissions: list[str]) -> None:
    found = store.find_role(tx.connection, role_id)
    assert found is not None  # noqa: S101
    store.save_role(tx.connection, role_id, found.name, json.dumps(permissions), found.description)
    store.identity_changed(tx.connection)

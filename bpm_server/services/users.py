"""People: adding, changing and removing them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpm_server.connectors.sealed_fields import EMAIL
from bpm_server.domain.audit import Entity, Operation
from bpm_server.domain.identity import ADMIN_ROLE, check_identifier, check_password
from bpm_server.kernel.errors import AlreadyExists, Conflict, NotFound
from bpm_server.services.authorization import authorize
from bpm_server.services.transaction import command, transaction
from bpm_server.store import identities as store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bpm_server.domain.identity import Actor
    from bpm_server.services.server import Server
    from bpm_server.services.transaction import Transaction


@command
def create_user(
    server: Server,
    actor: Actor,
    username: str,
    *,
    password: str,
    name: str | None = None,
    email: str | None = None,
    groups: Sequence[str] = (),
    roles: Sequence[str] = (),
) -> None:
    """Adds a person.

    Raises:
        AlreadyExists: the name is taken.
        InvalidInput: the name or the password cannot be one.
        NotFound: no such group or role.
        Forbidden: the permission USER:CREATE is missing.
    """
    check_identifier(username, "a user name")
    password_hash = server.identities.hash(check_password(password))
    with transaction(server, actor) as tx:
        authorize(actor, "USER", "CREATE")
        if store.find_user(tx.connection, username) is not None:
            message = f"Expected to add user '{username}', but there is one of that name"
            raise AlreadyExists(message)
        insert_user(tx, username, name, email, password_hash)
        _belong(tx, username, groups, roles)
        store.identity_changed(tx.connection)
        tx.audit(Entity.USER, Operation.CREATE, username)


def insert_user(
    tx: Transaction,
    username: str,
    name: str | None,
    email: str | None,
    password_hash: str | None = None,
    *,
    active: bool = True,
) -> None:
    """Adds a person; without a password nobody can sign in as them until one is set."""
    values: dict[str, Any] = {
        "username": username,
        "name": name,
        **EMAIL.columns(tx.server.secrets, username, email),
        "title": None,
        "password_hash": password_hash,
        "active": active,
        "is_demo": False,
        "created_at": tx.now,
    }
    store.save_user(tx.connection, values)


def _belong(tx: Transaction, username: str, groups: Sequence[str] | None, roles: Sequence[str] | None) -> None:
    if groups is not None:
        for group_id in groups:
            check_group(tx, group_id)
        store.set_groups(tx.connection, username, dict.fromkeys(groups))
    if roles is not None:
        for role_id in roles:
            check_role(tx, role_id)
        store.set_roles(tx.connection, username, dict.fromkeys(roles))


def check_group(tx: Transaction, group_id: str) -> None:
    """The group must exist.

    Raises:
        NotFound: it does not.
    """
    if store.find_group(tx.connection, group_id) is None:
        message = f"Expected to find group '{group_id}', but there is none"
        raise NotFound(message)


def check_role(tx: Transaction, role_id: str) -> None:
    """The role must exist.

    Raises:
        NotFound: it does not.
    """
    if store.find_role(tx.connection, role_id) is None:
        message = f"Expected to find role '{role_id}', but there is none"
        raise NotFound(message)


def check_user(tx: Transaction, username: str) -> None:
    """The person must exist.

    Raises:
        NotFound: there is none of that name.
    """
    if store.find_user(tx.connection, username) is None:
        message = f"Expected to find user '{username}', but there is none"
        raise NotFound(message)


def check_administrator(tx: Transaction) -> None:
    """Somebody must be left who can give rights.

    Raises:
        Conflict: this would remove the last administrator.
    """
    if not store.count_holders(tx.connection, ADMIN_ROLE):
        message = f"Expected somebody with the role '{ADMIN_ROLE}' to remain, but this removes the last one"
        raise Conflict(message)


@command
def save_user(
    server: Server,
    actor: Actor,
    username: str,
    *,
    name: str | None = None,
    email: str | None = None,
    password: str | None = None,
    groups: Sequence[str] | None = None,
    roles: Sequence[str] | None = None,
) -> None:
    """Adds a person, or changes what is named.

    Raises:
        InvalidInput: the name or the password cannot be one.
        NotFound: no such group or role.
        Forbidden: the permission USER:CREATE or USER:UPDATE is missing.
    """
    check_identifier(username, "a user name")
    password_hash = None if password is None else server.identities.hash(check_password(password))
    with transaction(server, actor) as tx:
        if store.find_user(tx.connection, username) is None:
            authorize(actor, "USER", "CREATE")
            insert_user(tx, username, name, email, password_hash)
            operation = Operation.CREATE
        else:
            authorize(actor, "USER", "UPDATE", username)
            _change(tx, username, name, email, password_hash)
            operation = Operation.UPDATE
        _belong(tx, username, groups, roles)
        store.identity_changed(tx.connection)
        tx.audit(Entity.USER, operation, username)


def _change(tx: Transaction, username: str, name: str | None, email: str | None, password_hash: str | None) -> None:
    values = {"name": name, "password_hash": password_hash}
    named: dict[str, Any] = {column: value for column, value in values.items() if value is not None}
    if email is not None:
        named |= EMAIL.columns(tx.server.secrets, username, email)
    if named:
        store.update_user(tx.connection, username, named)


@command
def update_user(
    server: Server,
    actor: Actor,
    username: str,
    *,
    name: str | None = None,
    email: str | None = None,
    password: str | None = None,
) -> None:
    """Changes what is named.

    Raises:
        NotFound: there is no such user.
        InvalidInput: the password cannot be one.
        Forbidden: the permission USER:UPDATE is missing.
    """
    password_hash = server.identities.hash(check_password(password)) if password else None
    with transaction(server, actor) as tx:
        authorize(actor, "USER", "UPDATE", username)
        check_user(tx, username)
        _change(tx, username, name, email, password_hash)
        store.identity_changed(tx.connection)
        tx.audit(Entity.USER, Operation.UPDATE, username)


@command
def set_password(server: Server, actor: Actor, username: str, password: str) -> None:
    """Changes a password: one's own, or with the permission USER:UPDATE.

    Raises:
        NotFound: there is no such user.
        InvalidInput: the password cannot be one.
        Forbidden: somebody else's, and the permission is missing.
    """
    password_hash = server.identities.hash(check_password(password))
    with transaction(server, actor) as tx:
        if actor.username != username:
            authorize(actor, "USER", "UPDATE", username)
        check_user(tx, username)
        store.update_user(tx.connection, username, {"password_hash": password_hash})
        store.identity_changed(tx.connection)
        tx.audit(Entity.USER, Operation.UPDATE, username, description="password")


@command
def delete_user(server: Server, actor: Actor, username: str) -> None:
    """Removes a person with sessions, tokens, drafts, stars and their place in the organisation.

    What they did stays in history.

    Raises:
        NotFound: there is no such user.
        Conflict: the last administrator.
        Forbidden: the permission USER:DELETE is missing.
    """
    with transaction(server, actor) as tx:
        authorize(actor, "USER", "DELETE", username)
        check_user(tx, username)
        store.identity_changed(tx.connection)  # first: nobody makes them head of something meanwhile
        store.delete_user(tx.connection, username)
        check_administrator(tx)
        tx.audit(Entity.USER, Operation.DELETE, username)

"""API tokens: shown once, stored as a hash."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING

from bpm_server.domain.audit import Entity, Operation
from bpm_server.kernel.errors import InvalidInput, NotFound
from bpm_server.services.authorization import authorize
from bpm_server.services.identities import token_hash
from bpm_server.services.transaction import command, transaction
from bpm_server.services.users import check_user
from bpm_server.store import identities as store

if TYPE_CHECKING:
    from bpm_server.domain.identity import Actor
    from bpm_server.services.server import Server

PREFIX = "bpm_"
LONGEST_DAYS = 3_650


@command
def create_token(server: Server, actor: Actor, username: str, name: str, *, days: int | None = None) -> str:
    """Makes a token that acts as its owner.

    Args:
        server: The server.
        actor: Who makes it: the owner, or with the permission USER:UPDATE.
        username: The owner.
        name: What it is for.
        days: Until it expires; None: never.

    Returns:
        The token; only its hash is stored.

    Raises:
        NotFound: there is no such user.
        InvalidInput: no name, or days out of range.
        Forbidden: somebody else's, and the permission is missing.
    """
    if not name.strip():
        message = "Expected a name that says what the token is for, but found none"
        raise InvalidInput(message, field="name")
    if days is not None and not 1 <= days <= LONGEST_DAYS:
        message = f"Expected 1 to {LONGEST_DAYS} days, but found {days}"
        raise InvalidInput(message, field="days")
    token = PREFIX + secrets.token_urlsafe(32)
    with transaction(server, actor) as tx:
        if actor.username != username:
            authorize(actor, "USER", "UPDATE", username)
        check_user(tx, username)
        now = tx.moment.database_now
        values = {
            "key": server.new_key(),
            "token_hash": token_hash(token),
            "name": name.strip(),
            "username": username,
            "created_at": now,
            "expires_at": None if days is None else now + timedelta(days=days),
        }
        store.insert_token(tx.connection, values)
        tx.audit(Entity.USER, Operation.UPDATE, username, description=f"API token {values['key']} made")
    return token


@command
def delete_token(server: Server, actor: Actor, key: int) -> None:
    """Revokes a token: one's own, or with the permission USER:UPDATE.

    Raises:
        NotFound: there is no such token.
        Forbidden: somebody else's, and the permission is missing.
    """
    with transaction(server, actor) as tx:
        found = store.find_token_by_key(tx.connection, key)
        if found is None:
            message = f"Expected to find token '{key}', but there is none"
            raise NotFound(message)
        if actor.username != found.username:
            authorize(actor, "USER", "UPDATE", found.username)
        store.delete_token(tx.connection, key)
        store.identity_changed(tx.connection)
        tx.audit(Entity.USER, Operation.UPDATE, found.username, description=f"API token {key} revoked")

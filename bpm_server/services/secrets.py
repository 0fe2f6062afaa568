"""Sealing with the secret key of now: what keys of before have sealed (ADR 15), and addresses in plain text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpm_server.connectors.sealed_fields import EMAIL
from bpm_server.services.authorization import authorize
from bpm_server.services.deliveries import SECRET_PURPOSE
from bpm_server.services.transaction import command, transaction
from bpm_server.store import identities
from bpm_server.store import outbox as store

if TYPE_CHECKING:
    from bpm_server.domain.identity import Actor
    from bpm_server.services.server import Server

AT_ONCE = 100


@command
def reseal_endpoints(server: Server, actor: Actor, after: int) -> tuple[int | None, int]:
    """Seals the signing secrets of some webhook endpoints anew; whoever is interrupted begins again at 0.

    Args:
        server: The server.
        actor: Who asks.
        after: Endpoints beyond this key.

    Returns:
        Where to go on, None at the end; and how many were sealed with another key.

    Raises:
        InvalidInput: the secrets of an endpoint open with no key of the installation; names it.
        Forbidden: the permission SYSTEM:UPDATE is missing.
    """
    with transaction(server, actor) as tx:
        authorize(actor, "SYSTEM", "UPDATE")
        found = store.lock_endpoints(tx.connection, after, AT_ONCE)
        old = [row for row in found if not server.secrets.is_current(row.secrets, SECRET_PURPOSE)]
        for row in old:
            plain = server.secrets.open(row.secrets, SECRET_PURPOSE)
            store.update_endpoint(tx.connection, row.key, secrets=server.secrets.seal(plain, SECRET_PURPOSE))
    return (found[-1].key if found else None), len(old)


@command
def seal_addresses(server: Server, actor: Actor) -> int:
    """Seals addresses of some people that a release before 0014 has written; 0 where there are none (any more).

    Raises:
        Forbidden: the permission SYSTEM:UPDATE is missing.
    """
    with transaction(server, actor) as tx:
        authorize(actor, "SYSTEM", "UPDATE")
        found = identities.lock_plain_addresses(tx.connection, AT_ONCE)
        for row in found:
            sealed = EMAIL.columns(server.secrets, row.username, row.email)
            identities.update_user(tx.connection, row.username, sealed)
    return len(found)


@command
def reseal_addresses(server: Server, actor: Actor, after: str) -> tuple[str | None, int]:
    """Seals addresses of some people anew, and makes their blind index; like :func:`reseal_endpoints`, by name from "".

    Raises:
        InvalidInput: an address opens with no key of the installation; names the person.
        Forbidden: the permission SYSTEM:UPDATE is missing.
    """
    with transaction(server, actor) as tx:
        authorize(actor, "SYSTEM", "UPDATE")
        found = identities.lock_sealed_addresses(tx.connection, after, AT_ONCE)
        old = [
            row
            for row in found
            if not EMAIL.is_current(server.secrets, row.username, row.email_sealed, row.email_digest)
        ]
        for row in old:
            text = EMAIL.open(server.secrets, row.username, row.email_sealed)
            anew = EMAIL.columns(server.secrets, row.username, text)
            del anew[EMAIL.column]  # what an old process has written meanwhile is newer
            identities.update_user(tx.connection, row.username, anew)
    return (found[-1].username if found else None), len(old)

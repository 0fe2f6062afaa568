"""The address under which a calendar program reads a person's due tasks, without signing in.

The address is sealed with the installation's key: it names the person and what only the table knows. So it can be shown
again, and leads nowhere once it was renewed or withdrawn.
"""

from __future__ import annotations

import hmac
import secrets
from typing import TYPE_CHECKING

from bpm_server.kernel.errors import InvalidInput, NotFound
from bpm_server.services.identities import find_actor
from bpm_server.services.preferences import authorize_self
from bpm_server.services.transaction import command, transaction
from bpm_server.store import notifications as store

if TYPE_CHECKING:
    from bpm_server.domain.identity import Actor
    from bpm_server.services.server import Server

PURPOSE = "calendar-feed"


@command
def renew_feed(server: Server, actor: Actor) -> None:
    """Gives the actor's calendar an address; the one of before, if any, leads nowhere from now on.

    Raises:
        Forbidden: the caller is no person of this installation.
    """
    with transaction(server, actor) as tx:
        authorize_self(actor)
        store.set_feed(tx.connection, actor.username, secrets.token_hex(16), tx.now)


@command
def withdraw_feed(server: Server, actor: Actor) -> None:
    """The address of the actor's calendar leads nowhere from now on.

    Raises:
        Forbidden: the caller is no person of this installation.
    """
    with transaction(server, actor) as tx:
        authorize_self(actor)
        store.delete_feed(tx.connection, actor.username)


def feed_token(server: Server, actor: Actor) -> str | None:
    """The token in the address of the actor's calendar; None where it has none. Another one each time, all alike."""
    with server.database.read() as connection:
        nonce = store.feed_nonce(connection, actor.username)
    if nonce is None:
        return None
    return server.secrets.seal_token(f"{nonce}\0{actor.username}", PURPOSE)


def owner_of_feed(server: Server, token: str) -> Actor:
    """Whose calendar a token leads to, with all their rights.

    Raises:
        NotFound: to nobody's (any more); the message does not say why.
    """
    nonce, username = _opened(server, token)
    with server.database.read() as connection:
        known = store.feed_nonce(connection, username)
        actor = find_actor(server, connection, username) if known and hmac.compare_digest(known, nonce) else None
    if actor is None:
        raise NotFound(_NOWHERE)
    return actor


_NOWHERE = "Expected the address of a calendar, but this one leads nowhere (any more)"


def _opened(server: Server, token: str) -> tuple[str, str]:
    try:
        nonce, _, username = server.secrets.open_token(token, PURPOSE).partition("\0")
    except InvalidInput as error:
        raise NotFound(_NOWHERE) from error
    return nonce, username

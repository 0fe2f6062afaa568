"""The devices of people: browsers that take notifications also when no page of ours is open.

A browser is known again by a cookie that names its person: so it is forgotten when they sign out there, or somebody
else signs in. A subscription that was made with a server key of before takes messages as long as that key is listed.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from bpm_server.connectors.http import Policy
from bpm_server.connectors.web_push import ServerKeys, check_subscription
from bpm_server.domain.identity import SYSTEM
from bpm_server.domain.pushes import LONGEST_NAME, MOST_DEVICES
from bpm_server.kernel.errors import NotFound, WrongState
from bpm_server.services.authorization import authorize
from bpm_server.services.preferences import authorize_self
from bpm_server.services.transaction import command, transaction
from bpm_server.store import identities
from bpm_server.store import pushes as store

if TYPE_CHECKING:
    from bpm_server.domain.identity import Actor
    from bpm_server.domain.pushes import Subscription
    from bpm_server.services.server import Server
    from bpm_server.services.transaction import Transaction
    from bpm_server.settings import Settings

PURPOSE = "push-subscription"
TOPIC = "pushes"


def policy_of(settings: Settings) -> Policy:
    """Where pushes may go: an address comes from a browser, so nowhere inside the company, whatever webhooks may."""
    return Policy(settings.allow_loopback_webhooks)


def public_key(server: Server) -> str:
    """What a browser subscribes with.

    Raises:
        WrongState: the installation sends nothing to devices.
    """
    _check_enabled(server)
    return ServerKeys(server.secrets).public


def _check_enabled(server: Server) -> None:
    if not server.settings.push_contact:
        message = "Expected an installation that sends notifications to devices, but BPM_PUSH_CONTACT is not set"
        raise WrongState(message, retry=False)


def digest(text: str) -> str:
    """SHA-256 of an endpoint or of a browser's cookie, by which they are found: nobody can guess either."""
    return hashlib.sha256(text.encode()).hexdigest()


@command
def add_subscription(server: Server, actor: Actor, found: Subscription, name: str, device: str | None = None) -> int:
    """Sends notifications of the actor to a browser as well; to nobody's but theirs from now on.

    Args:
        server: The server.
        actor: Who.
        found: What the browser says.
        name: Of the device.
        device: Digest of the cookie by which the browser is known again.

    Returns:
        The subscription's key.

    Raises:
        InvalidInput: an address that must not be called, or a key that is none.
        WrongState: it was made with a key of another installation, or this one sends nothing to devices.
        Forbidden: the caller is no person of this installation.
    """
    with transaction(server, actor) as tx:
        authorize_self(actor)
        _check_enabled(server)
        return _save(tx, actor.username, found, name, device)


def _save(tx: Transaction, username: str, found: Subscription, name: str, device: str | None) -> int:
    server = tx.server
    host = check_subscription(found, policy_of(server.settings))
    if ServerKeys(server.secrets).find(found.server_key) is None:
        message = "Expected a subscription with the server's key of now, but it was made with another one"
        raise WrongState(message, retry=False)
    endpoint_digest = digest(found.endpoint)
    values = {
        "key": server.new_key(),
        "username": username,
        "endpoint_digest": endpoint_digest,
        "sealed": server.secrets.seal(found.as_bytes(), PURPOSE, endpoint_digest),
        "host": host,
        "name": name[:LONGEST_NAME],
        "device": device,
        "created_at": tx.now,
        "last_used_at": None,
        "problem": None,
        "test_at": None,
    }
    if device is not None:
        store.forget_device(tx.connection, device, but=endpoint_digest)
    store.save_subscription(tx.connection, values)
    store.keep_newest(tx.connection, username, MOST_DEVICES)
    key = store.find_key(tx.connection, endpoint_digest)
    assert key is not None  # noqa: S101 - the newest is kept
    return key


@command
def renew_subscription(server: Server, device: str, found: Subscription) -> None:
    """A browser has another endpoint: whoever had notifications there goes on having them.

    Args:
        server: The server.
        device: Digest of the browser's cookie, by which alone it may say so.
        found: What it says.

    Raises:
        NotFound: the browser has none (any more), or its person has left.
        InvalidInput: as :func:`add_subscription`.
        WrongState: as :func:`add_subscription`.
    """
    with transaction(server, SYSTEM) as tx:
        authorize(tx.actor, "PUSH", "UPDATE")
        _check_enabled(server)
        row = store.of_device(tx.connection, device)
        if row is None or not identities.active_names(tx.connection, [row.username]):
            message = "Expected a browser that gets notifications, but it does not (any more)"
            raise NotFound(message)
        _save(tx, row.username, found, row.name, device)


@command
def remove_subscription(server: Server, actor: Actor, key: int) -> None:
    """Sends nothing more to one of the actor's devices.

    Raises:
        NotFound: they have no such device.
        Forbidden: the caller is no person of this installation.
    """
    with transaction(server, actor) as tx:
        authorize_self(actor)
        if not store.delete_own(tx.connection, actor.username, key):
            message = f"Expected to find push subscription '{key}', but there is none"
            raise NotFound(message)


@command
def forget_device(server: Server, device: str) -> None:
    """Sends nothing more to a browser: its person has signed out there, or somebody else has signed in."""
    with transaction(server, SYSTEM) as tx:
        authorize(tx.actor, "PUSH", "DELETE")
        store.forget_device(tx.connection, device)


@command
def request_test(server: Server, actor: Actor) -> int:
    """Sends a test to all of the actor's devices; returns how many they have.

    Raises:
        WrongState: the installation sends nothing to devices.
        Forbidden: the caller is no person of this installation.
    """
    with transaction(server, actor) as tx:
        authorize_self(actor)
        _check_enabled(server)
        count = store.request_tests(tx.connection, actor.username, tx.now)
        if count:
            tx.wake(TOPIC)
        return count

"""Where webhooks go: adding, changing and trying endpoints; sending a delivery once more."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bpm_server.connectors import webhooks
from bpm_server.connectors.http import Policy, check_url
from bpm_server.domain.channels import webhook_channel
from bpm_server.domain.identity import check_identifier
from bpm_server.domain.states import DeliveryState
from bpm_server.kernel import json
from bpm_server.kernel.errors import AlreadyExists, InvalidInput, NotFound
from bpm_server.services.authorization import authorize
from bpm_server.services.deliveries import SECRET_PURPOSE
from bpm_server.services.transaction import command, transaction
from bpm_server.store import channels
from bpm_server.store import outbox as store
from bpm_server.store.instances import hold_instance

if TYPE_CHECKING:
    from sqlalchemy.engine import Row

    from bpm_server.domain.identity import Actor
    from bpm_server.services.server import Server
    from bpm_server.services.transaction import Transaction

TEST_EVENT = "webhook.test"
DISABLED_BY_HAND = "disabled by hand"
MOST_PER_MINUTE = 60_000
KEPT_SECRETS = 2
"""The newest and the one before: both sign while receivers change over."""


@dataclass(frozen=True, slots=True)
class NewEndpoint:
    """An endpoint and its signing secret, which is shown this once."""

    key: int
    secret: str


def _check_url(server: Server, url: str) -> None:
    settings = server.settings
    check_url(url, Policy(settings.allow_loopback_webhooks, frozenset(settings.webhook_allowed_hosts)))


def _check_rate(most_per_minute: int | None) -> None:
    if most_per_minute is not None and not 1 <= most_per_minute <= MOST_PER_MINUTE:
        message = f"Expected a rate of 1 to {MOST_PER_MINUTE} deliveries a minute, but found {most_per_minute}"
        raise InvalidInput(message, field="mostPerMinute")


def _secret(given: str | None) -> str:
    if given is None:
        return webhooks.new_secret()
    webhooks.secret_bytes(given)
    return given


@command
def create_endpoint(
    server: Server,
    actor: Actor,
    name: str,
    url: str,
    secret: str | None = None,
    *,
    replace: bool = False,
    most_per_minute: int | None = None,
) -> NewEndpoint:
    """Adds an endpoint.

    Args:
        server: The server.
        actor: Who adds it.
        name: By which processes name it.
        url: Where webhooks go.
        secret: ``whsec_...``; None: one is made.
        replace: An endpoint of that name gets this URL and this secret, which alone signs from now on; it is enabled.
        most_per_minute: So many deliveries begin in a minute at most; None: no limit.

    Raises:
        AlreadyExists: the name is taken.
        InvalidInput: the name, the URL or the secret cannot be one.
        Forbidden: the permission WEBHOOK:CREATE is missing, or to replace, WEBHOOK:UPDATE.
    """
    check_identifier(name, "an endpoint name")
    _check_url(server, url)
    _check_rate(most_per_minute)
    chosen = _secret(secret)
    with transaction(server, actor) as tx:
        authorize(actor, "WEBHOOK", "CREATE")
        known = store.find_endpoint(tx.connection, name)
        if known is not None and replace:
            authorize(actor, "WEBHOOK", "UPDATE")
            changes: dict[str, Any] = {"disabled_at": None, "disabled_reason": None, "paused_until": None}
            changes["most_per_minute"] = most_per_minute
            store.update_endpoint(tx.connection, known.key, url=url, secrets=_seal(tx, [chosen]), **changes)
            channels.mend(tx.connection, webhook_channel(name))
            tx.wake("deliveries")
            return NewEndpoint(known.key, chosen)
        if known is not None:
            message = f"Expected to add webhook endpoint '{name}', but there is one of that name"
            raise AlreadyExists(message)
        key = server.new_key()
        values = {
            "key": key,
            "name": name,
            "url": url,
            "secrets": _seal(tx, [chosen]),
            "created_at": tx.now,
            "created_by": actor.username,
            "disabled_at": None,
            "disabled_reason": None,
            "paused_until": None,
            "most_per_minute": most_per_minute,
        }
        store.insert_endpoint(tx.connection, values)
    return NewEndpoint(key, chosen)


def _seal(tx: Transaction, keys: list[str]) -> bytes:
    return tx.server.secrets.seal(json.dumps_bytes(keys), SECRET_PURPOSE)


@command
def update_endpoint(
    server: Server,
    actor: Actor,
    key: int,
    *,
    url: str | None = None,
    enabled: bool | None = None,
    rotate: bool = False,
    secret: str | None = None,
    most_per_minute: int | None = None,
) -> str | None:
    """Changes what is named.

    Args:
        server: The server.
        actor: Who changes it.
        key: The endpoint.
        url: Where webhooks go from now on.
        enabled: Enabling ends a pause too.
        rotate: A new secret signs from now on; the one before signs as well until the next rotation.
        secret: The new one; None: one is made.
        most_per_minute: So many deliveries begin in a minute at most; 0: no limit any more.

    Returns:
        The new secret where it was rotated; shown this once.

    Raises:
        NotFound: there is no such endpoint.
        InvalidInput: the URL or the secret cannot be one.
        Forbidden: the permission WEBHOOK:UPDATE is missing.
    """
    if url is not None:
        _check_url(server, url)
    _check_rate(most_per_minute or None)
    chosen = _secret(secret) if rotate or secret is not None else None
    with transaction(server, actor) as tx:
        authorize(actor, "WEBHOOK", "UPDATE")
        found = _read(tx, key)
        changes: dict[str, Any] = {}
        if url is not None:
            changes["url"] = url
        if most_per_minute is not None:
            changes["most_per_minute"] = most_per_minute or None
        if enabled is True:
            changes.update(disabled_at=None, disabled_reason=None, paused_until=None)
        elif enabled is False and found.disabled_at is None:
            changes.update(disabled_at=tx.now, disabled_reason=DISABLED_BY_HAND)
        if chosen is not None:
            before: list[str] = json.loads(server.secrets.open(found.secrets, SECRET_PURPOSE))
            changes["secrets"] = _seal(tx, [chosen, *before][:KEPT_SECRETS])
        if url is not None or enabled is True:
            channels.mend(tx.connection, webhook_channel(found.name))  # whoever mended it wants to see that it works
            tx.wake("deliveries")
        if changes:
            store.update_endpoint(tx.connection, key, **changes)
    return chosen


def _read(tx: Transaction, key: int) -> Row[Any]:
    found = store.find_endpoint_by_key(tx.connection, key)
    if found is None:
        message = f"Expected to find webhook endpoint '{key}', but there is none"
        raise NotFound(message)
    return found


@command
def delete_endpoint(server: Server, actor: Actor, key: int) -> None:
    """Removes an endpoint; its deliveries stay, those that wait will fail.

    Raises:
        NotFound: there is no such endpoint.
        Forbidden: the permission WEBHOOK:DELETE is missing.
    """
    with transaction(server, actor) as tx:
        authorize(actor, "WEBHOOK", "DELETE")
        found = _read(tx, key)
        store.delete_endpoint(tx.connection, key)
        channels.mend(tx.connection, webhook_channel(found.name))
        tx.wake("deliveries")


@command
def try_endpoint(server: Server, actor: Actor, key: int) -> int:
    """Sends a message of the type ``webhook.test``; the log of deliveries says what came of it.

    Returns:
        The delivery's key.

    Raises:
        NotFound: there is no such endpoint.
        Forbidden: the permission WEBHOOK:UPDATE is missing.
    """
    with transaction(server, actor) as tx:
        authorize(actor, "WEBHOOK", "UPDATE")
        found = _read(tx, key)
        payload = webhooks.body(TEST_EVENT, tx.now, {"endpoint": found.name, "requestedBy": actor.username})
        return _enqueue(tx, found.name, f"msg_test_{secrets.token_hex(8)}", TEST_EVENT, payload)


@command
def replay_delivery(server: Server, actor: Actor, key: int) -> int:
    """Sends a delivery once more: the same id and payload, so that the receiver can tell that it is the same.

    Returns:
        The new delivery's key.

    Raises:
        NotFound: there is no such delivery.
        Forbidden: the permission WEBHOOK:UPDATE is missing.
    """
    with transaction(server, actor) as tx:
        authorize(actor, "WEBHOOK", "UPDATE")
        found = store.read_delivery(tx.connection, key)
        if found is not None and found.instance_key is not None:
            hold_instance(tx.connection, found.instance_key)  # nobody removes it, and the delivery with it, meanwhile
            found = store.read_delivery(tx.connection, key)
        if found is None:
            message = f"Expected to find webhook delivery '{key}', but there is none"
            raise NotFound(message)
        return _enqueue(
            tx,
            found.endpoint_name,
            found.webhook_id,
            found.event_type,
            found.payload,
            replay_of=found.replay_of or key,
            instance_key=found.instance_key,
        )


def _enqueue(
    tx: Transaction,
    endpoint: str,
    webhook_id: str,
    event_type: str,
    payload: bytes,
    *,
    replay_of: int | None = None,
    instance_key: int | None = None,
) -> int:
    """No job waits for this delivery: the process is not touched, whatever comes of it."""
    key = tx.server.new_key()
    values = {
        "key": key,
        "endpoint_name": endpoint,
        "webhook_id": webhook_id,
        "event_type": event_type,
        "payload": payload,
        "state": DeliveryState.WAITING,
        "attempts": 0,
        "next_at": tx.moment.database_now,
        "lease": None,
        "job_key": None,
        "instance_key": instance_key,
        "element_key": None,
        "chunk": 0,
        "replay_of": replay_of,
        "created_at": tx.now,
        "ended_at": None,
        "suspended": False,
    }
    store.insert_delivery(tx.connection, values)
    tx.wake("deliveries")
    return key

"""Messages and signals.

Publishing keeps the message; delivering is a step of its own for each receiver, so that a message is neither
lost nor doubled whatever happens in between: first the receivers are found (under the lock of name and key), then
each is locked and advanced in a transaction of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from bpm_server.domain import commands as c
from bpm_server.domain.identity import SYSTEM
from bpm_server.kernel import json
from bpm_server.kernel.errors import AlreadyExists, InvalidInput, NotFound, WrongState
from bpm_server.services.advance import Advance
from bpm_server.services.authorization import authorize
from bpm_server.services.transaction import command, transaction
from bpm_server.services.variables import check_variables
from bpm_server.store import messages as store
from bpm_server.store import signals

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.engine import Row

    from bpm_server.domain.identity import Actor
    from bpm_server.services.server import Server
    from bpm_server.services.transaction import Transaction
    from bpm_server.store.batch import InstanceRow

MAX_TTL = timedelta(days=365)
FORGOTTEN_AT_ONCE = 20
"""Expired messages that each published one clears away: the table holds no more than are kept."""


@dataclass(frozen=True, slots=True)
class Receiver:
    """Who gets a message: an open subscription of an instance, or a start event (``instance_key`` None)."""

    subscription_key: int
    process_id: str
    process_definition_key: int
    instance_key: int | None
    element_key: int | None
    event_id: str
    chunk: int


@dataclass(frozen=True, slots=True)
class Correlated:
    """What a correlation did."""

    message_key: int
    instance_key: int


def receiver_of(row: Row[Any]) -> Receiver:
    """The receiver behind a subscription row."""
    return Receiver(
        row.key,
        row.process_id,
        row.process_definition_key,
        row.instance_key,
        row.element_key,
        row.event_id,
        row.chunk,
    )


# --- publishing -----------------------------------------------------------------------------------------


@command
def publish_message(
    server: Server,
    actor: Actor,
    name: str,
    correlation_key: str = "",
    variables: Mapping[str, Any] | None = None,
    time_to_live_ms: int = 0,
    message_id: str | None = None,
) -> int:
    """Keeps a message for its time to live; the worker hands it to whoever waits.

    Args:
        server: The server.
        actor: Who publishes.
        name: Message name.
        correlation_key: Empty reaches message start events only.
        variables: JSON values.
        time_to_live_ms: How long it waits for a receiver; 0: only those who wait now get it.
        message_id: While a message with the same name, key and id is kept, another is refused.

    Raises:
        InvalidInput: no name, or a negative time to live.
        AlreadyExists: a message with this id is being kept.
    """
    _check_name(name, "message")
    if not 0 <= time_to_live_ms <= MAX_TTL / timedelta(milliseconds=1):
        message = f"Expected a time to live from 0 to {MAX_TTL.days} days in milliseconds, but found {time_to_live_ms}"
        raise InvalidInput(message)
    with transaction(server, actor) as tx:
        authorize(actor, "MESSAGE", "CREATE")
        if message_id and store.message_exists(tx.connection, name, correlation_key, message_id, tx.now):
            text = f"Expected to publish message '{name}' with id '{message_id}', but it is published already"
            raise AlreadyExists(text)
        store.delete_expired(tx.connection, tx.now, FORGOTTEN_AT_ONCE)
        key = server.new_key()
        store.insert_message(
            tx.connection,
            {
                "key": key,
                "name": name,
                "correlation_key": correlation_key,
                "message_id": message_id or None,
                "variables": json.dumps(check_variables(variables)),
                "published_at": tx.now,
                "expires_at": tx.now + timedelta(milliseconds=time_to_live_ms),
                "pending": True,
            },
        )
        tx.wake("messages")
    return key


def _check_name(name: str, what: str) -> None:
    if not name:
        message = f"Expected a name of the {what}, but found none"
        raise InvalidInput(message)


# --- delivering -----------------------------------------------------------------------------------------


@command
def find_receivers(server: Server, message_key: int) -> list[Receiver]:
    """Who waits for a kept message now: at most one for each process. Nobody: the message is settled."""
    with transaction(server, SYSTEM) as tx:
        authorize(tx.actor, "MESSAGE", "CREATE")
        found = store.find_message(tx.connection, message_key)
        if found is None:
            return []
        store.lock_key(tx.connection, found.name, found.correlation_key)
        receivers = _receivers(
            tx, found.name, found.correlation_key, store.reached_processes(tx.connection, message_key)
        )
        if not receivers:
            store.settle(tx.connection, found, tx.now)
    return receivers


def _receivers(tx: Transaction, name: str, correlation_key: str, reached: set[str]) -> list[Receiver]:
    by_process: dict[str, Receiver] = {}
    for row in store.find_starts(tx.connection, "message", name):
        if row.process_id in reached or (
            correlation_key and store.is_running_by_key(tx.connection, row.process_id, name, correlation_key)
        ):
            continue
        by_process.setdefault(row.process_id, receiver_of(row))
    for row in store.find_subscriptions(tx.connection, "message", name, correlation_key):
        if row.process_id not in reached:
            by_process[row.process_id] = by_process.get(row.process_id) or receiver_of(row)
    return list(by_process.values())


@command
def deliver_message(server: Server, message_key: int, receiver: Receiver) -> int | None:
    """Hands a kept message to one receiver; None if either is gone meanwhile.

    Returns:
        Key of the instance that got it.
    """
    with transaction(server, SYSTEM) as tx:
        authorize(tx.actor, "MESSAGE", "CREATE")
        row = _lock_receiver(tx, receiver)
        found = store.find_message(tx.connection, message_key)
        if found is None or receiver.process_id in store.reached_processes(tx.connection, message_key):
            return None
        if not _takes(tx, row, receiver, found.name, found.correlation_key):
            return None
        key = server.new_key() if row is None else row.key
        # Before it moves: it may come to wait for the same message again, and must not get it twice.
        store.record_correlation(
            tx.connection, found, receiver.process_id, key, receiver.event_id, receiver.subscription_key, tx.now
        )
        _hand_over(tx, row, receiver, key, json.loads(found.variables), found.name, found.correlation_key)
    return key


def _lock_receiver(tx: Transaction, receiver: Receiver) -> InstanceRow | None:
    return None if receiver.instance_key is None else tx.lock_instance(receiver.instance_key)


def _takes(tx: Transaction, row: InstanceRow | None, receiver: Receiver, name: str, correlation_key: str) -> bool:
    """Whether a receiver still waits; a start event does not while an instance with this key is running."""
    if row is not None:
        return store.find_subscription(tx.connection, receiver.subscription_key) is not None
    return not (correlation_key and store.is_running_by_key(tx.connection, receiver.process_id, name, correlation_key))


def _hand_over(
    tx: Transaction,
    row: InstanceRow | None,
    receiver: Receiver,
    key: int,
    values: dict[str, Any],
    name: str,
    correlation_key: str,
) -> None:
    """Gives the message to the waiting instance, or starts the one that gets this key."""
    if row is not None:
        step = c.TriggerEvent(receiver.element_key or 0, receiver.event_id, values, receiver.chunk)
        Advance(tx).run(row, step)
        return
    if correlation_key:
        store.remember_start(tx.connection, receiver.process_id, name, correlation_key, key)
    _start_by_event(tx, receiver, key, values)


def _start_by_event(tx: Transaction, receiver: Receiver, key: int, values: dict[str, Any]) -> None:
    """Starts an instance at a message or signal start event."""
    compiled = tx.server.definitions.process(
        tx.connection, tx.moment.definition_version, receiver.process_definition_key
    )
    Advance(tx).start(compiled, c.StartInstance(key, values, receiver.event_id))


def deliver_pending(server: Server, message_key: int) -> list[int]:
    """Hands a kept message to everyone who waits; returns the instances that got it."""
    delivered = []
    for _ in range(1_000):
        receivers = find_receivers(server, message_key)
        if not receivers:
            break
        for receiver in receivers:
            try:
                key = deliver_message(server, message_key, receiver)
            except (WrongState, NotFound):
                continue
            if key is not None:
                delivered.append(key)
    return delivered


# --- correlating at once --------------------------------------------------------------------------------


@command
def correlate_message(
    server: Server,
    actor: Actor,
    name: str,
    correlation_key: str = "",
    variables: Mapping[str, Any] | None = None,
) -> Correlated:
    """Hands a message to one receiver, now or not at all.

    Raises:
        NotFound: nobody waits for it.
    """
    _check_name(name, "message")
    with transaction(server, actor) as tx:
        authorize(actor, "MESSAGE", "CREATE")
        message_key = server.new_key()
        for receiver in _receivers(tx, name, correlation_key, set()):
            row = _lock_receiver(tx, receiver)
            if _takes(tx, row, receiver, name, correlation_key):
                key = server.new_key() if row is None else row.key
                _hand_over(tx, row, receiver, key, check_variables(variables), name, correlation_key)
                return Correlated(message_key, key)
        text = f"Expected somebody to wait for message '{name}' with key '{correlation_key}', but found nobody"
        raise NotFound(text)


# --- signals --------------------------------------------------------------------------------------------


@command
def broadcast_signal(server: Server, actor: Actor, name: str, variables: Mapping[str, Any] | None = None) -> int:
    """Sends a signal to everyone who waits for it; nobody is fine. The worker delivers it."""
    _check_name(name, "signal")
    with transaction(server, actor) as tx:
        authorize(actor, "PROCESS_DEFINITION", "UPDATE_PROCESS_INSTANCE")
        key = server.new_key()
        signals.insert(tx.connection, key, name, json.dumps(check_variables(variables)), tx.now)
        tx.wake("signals")
    return key


@command
def find_signal_receivers(server: Server, key: int) -> list[Receiver]:
    """Everyone who waits for a pending signal and has not got it."""
    with transaction(server, SYSTEM) as tx:
        authorize(tx.actor, "PROCESS_DEFINITION", "UPDATE_PROCESS_INSTANCE")
        found = signals.find(tx.connection, key)
        if found is None:
            return []
        rows = [
            *store.find_starts(tx.connection, "signal", found.name),
            *store.find_subscriptions(tx.connection, "signal", found.name, any_key=True),
        ]
        return [receiver_of(row) for row in rows if row.opened_at <= found.thrown_at and row.key < key]


@command
def deliver_signal(server: Server, key: int, receiver: Receiver) -> None:
    """Hands a pending signal to one receiver."""
    with transaction(server, SYSTEM) as tx:
        authorize(tx.actor, "PROCESS_DEFINITION", "UPDATE_PROCESS_INSTANCE")
        row = _lock_receiver(tx, receiver)
        found = signals.find(tx.connection, key)
        if found is None or not signals.note(tx.connection, key, receiver.subscription_key):
            return
        values = json.loads(found.variables)
        if row is None:
            _start_by_event(tx, receiver, server.new_key(), values)
        elif store.find_subscription(tx.connection, receiver.subscription_key) is not None:
            step = c.TriggerEvent(receiver.element_key or 0, receiver.event_id, values, receiver.chunk)
            Advance(tx).run(row, step)


@command
def settle_signal(server: Server, key: int) -> None:
    """Everyone has got the signal."""
    with transaction(server, SYSTEM) as tx:
        authorize(tx.actor, "PROCESS_DEFINITION", "UPDATE_PROCESS_INSTANCE")
        signals.delete(tx.connection, key)

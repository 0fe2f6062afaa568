"""Camunda 7's correlation: by business key and variables, to exactly one receiver or to all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpm_server.domain import commands as c
from bpm_server.kernel import json
from bpm_server.kernel.errors import InvalidInput, StaleVersion
from bpm_server.services.advance import Advance
from bpm_server.services.authorization import authorize
from bpm_server.services.business_keys import check_unique
from bpm_server.services.messages import Receiver, receiver_of
from bpm_server.services.transaction import command, transaction
from bpm_server.services.variables import check_variables
from bpm_server.store import instances
from bpm_server.store import messages as store

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bpm_server.domain.identity import Actor
    from bpm_server.services.server import Server
    from bpm_server.services.transaction import Transaction


@command
def correlate(
    server: Server,
    actor: Actor,
    name: str,
    *,
    business_key: str | None = None,
    instance_key: int | None = None,
    match: Mapping[str, Any] | None = None,
    variables: Mapping[str, Any] | None = None,
    everyone: bool = False,
) -> list[int]:
    """Hands a message to whoever fits.

    Args:
        server: The server.
        actor: Who sends.
        name: Message name.
        business_key: Of the waiting instance; for a start, of the new one.
        instance_key: Only this instance; no start event then.
        match: Process variables that must have these values.
        variables: For the receiver.
        everyone: All that fit; otherwise exactly one must.

    Returns:
        Keys of the instances that got it.

    Raises:
        InvalidInput: no name; nobody fits, or more than one where one is wanted.
    """
    if not name:
        message = "Expected the name of a message, but found none"
        raise InvalidInput(message)
    values = check_variables(variables)
    with transaction(server, actor) as tx:
        authorize(actor, "MESSAGE", "CREATE")
        waiting = [
            receiver_of(row)
            for row in store.find_subscriptions(tx.connection, "message", name, any_key=True)
            if instance_key in (None, row.instance_key) and _fits(tx, row.instance_key, business_key, match or {})
        ]
        starts = [receiver_of(row) for row in store.find_starts(tx.connection, "message", name)]
        if instance_key is not None:
            starts = []
        chosen = waiting if everyone else waiting or starts
        if everyone:
            chosen = waiting + starts
        if not chosen or (len(chosen) > 1 and not everyone):
            message = f"Expected one receiver of message '{name}', but {len(chosen)} fit"
            raise InvalidInput(message)
        return [_hand_over(tx, receiver, dict(values), business_key) for receiver in chosen]


def _fits(tx: Transaction, key: int, business_key: str | None, match: Mapping[str, Any]) -> bool:
    if business_key is not None and instances.read_instance(tx.connection, key).business_key != business_key:
        return False
    if not match:
        return True
    found = {name: json.loads(value) for _, name, value in instances.load_variables(tx.connection, [key])}
    return all(name in found and found[name] == value for name, value in match.items())


def _hand_over(tx: Transaction, receiver: Receiver, values: dict[str, Any], business_key: str | None) -> int:
    if receiver.instance_key is not None:
        row = tx.lock_instance(receiver.instance_key)
        if store.find_subscription(tx.connection, receiver.subscription_key) is None:
            message = f"Expected process instance '{row.key}' to wait for the message, but it has got another meanwhile"
            raise StaleVersion(message)  # looked for once more
        step = c.TriggerEvent(receiver.element_key or 0, receiver.event_id, values, receiver.chunk)
        Advance(tx).run(row, step)
        return row.key
    server = tx.server
    compiled = server.definitions.process(tx.connection, tx.moment.definition_version, receiver.process_definition_key)
    check_unique(tx, compiled.row.process_id, business_key)
    key = server.new_key()
    Advance(tx).start(compiled, c.StartInstance(key, values, receiver.event_id, business_key))
    return key

"""The outbox: a webhook is written in the transaction of what caused it; ``services.deliveries`` sends it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpm_server.connectors import webhooks
from bpm_server.domain import commands as c
from bpm_server.domain.states import DeliveryState
from bpm_server.domain.webhooks import read_inputs
from bpm_server.kernel.errors import InvalidInput
from bpm_server.store import outbox as store

if TYPE_CHECKING:
    from bpm_server.domain import events as e
    from bpm_server.services.advance import Advance
    from bpm_server.services.transaction import Transaction
    from bpm_server.store.batch import InstanceRow


def enqueue_webhook(advance: Advance, row: InstanceRow, event: e.JobCreated) -> None:
    """A job of an outbox connector was created: its message goes into the outbox in the same transaction."""
    tx = advance.tx
    try:
        inputs = read_inputs(advance.peek(row, event.chunk).local_values(event.element_key))
    except InvalidInput as error:
        advance.follow(
            row, c.RaiseIncident(event.element_key, "IO_MAPPING_ERROR", error.message, event.chunk, event.key)
        )
        return
    tx.batch.jobs[event.element_key]["lease"] = store.HOLDER
    tx.batch.jobs[event.element_key]["available_at"] = tx.moment.database_now + store.OUT_OF_REACH
    key = tx.server.new_key()
    values = {
        "key": key,
        "endpoint_name": inputs.endpoint,
        "webhook_id": f"msg_{event.key}",
        "event_type": inputs.event_type,
        "payload": webhooks.body(inputs.event_type, tx.now, inputs.data),
        "state": DeliveryState.WAITING,
        "attempts": 0,
        "next_at": tx.moment.database_now,
        "lease": None,
        "job_key": event.key,
        "instance_key": row.key,
        "element_key": event.element_key,
        "chunk": event.chunk,
        "replay_of": None,
        "created_at": tx.now,
        "ended_at": None,
        "suspended": row.suspended,
    }
    store.insert_delivery(tx.connection, values)


def cancel_deliveries(tx: Transaction, element_key: int) -> None:
    """The element was interrupted: what has not gone out stays here."""
    store.cancel_deliveries(tx.connection, element_key, tx.now)

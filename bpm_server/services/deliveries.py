"""Sending webhooks: lease, post outside any transaction, book the result under the lease."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from bpm_server.connectors import webhooks
from bpm_server.connectors.contract import PermanentError, TemporaryError
from bpm_server.connectors.http import Policy, post
from bpm_server.domain import commands as c
from bpm_server.domain.identity import SYSTEM
from bpm_server.domain.states import DeliveryState, JobState
from bpm_server.domain.webhooks import Attempt, Delivery, Verdict
from bpm_server.kernel import json
from bpm_server.kernel.errors import InvalidInput
from bpm_server.services.advance import Advance
from bpm_server.services.authorization import authorize
from bpm_server.services.transaction import command, transaction
from bpm_server.store import jobs
from bpm_server.store import outbox as store

if TYPE_CHECKING:
    from sqlalchemy.engine import Row

    from bpm_server.services.server import Server
    from bpm_server.services.transaction import Transaction
    from bpm_server.store.batch import InstanceRow

LEASE = timedelta(seconds=60)
FAILED_CODE = "webhook-failed"
"""BPMN error code that a process can catch when a delivery was given up."""
SECRET_PURPOSE = "webhook-endpoint"  # noqa: S105


def take_deliveries(tx: Transaction, endpoint_name: str, limit: int) -> list[Delivery]:
    """Takes an endpoint's deliveries to send."""
    now = tx.moment.database_now
    rows = store.lease_deliveries(tx.connection, endpoint_name, limit, now, now + LEASE)
    return [_delivery(tx, row) for row in rows]


def _delivery(tx: Transaction, row: Row[Any]) -> Delivery:
    endpoint = store.find_endpoint(tx.connection, row.endpoint_name)
    problem, url, keys = None, "", []
    if endpoint is None:
        problem = f"Expected a webhook endpoint named '{row.endpoint_name}', but found none"
    elif endpoint.disabled_at is not None:
        problem = (
            f"Expected endpoint '{row.endpoint_name}' to be enabled, but it is disabled: {endpoint.disabled_reason}"
        )
    else:
        url = endpoint.url
        keys = json.loads(tx.server.secrets.open(endpoint.secrets, SECRET_PURPOSE))
    return Delivery(
        row.key,
        row.webhook_id,
        row.payload,
        row.lease,
        row.attempts,
        url,
        tuple(keys),
        problem,
        row.endpoint_name,
        row.instance_key,
        row.trace_context,
    )


def send(server: Server, delivery: Delivery) -> Attempt:
    """Posts one delivery; outside any transaction. Never raises: what happened is in the attempt."""
    started = server.clock.monotonic()
    now = server.clock.now()

    def took() -> int:
        return int((server.clock.monotonic() - started) * 1000)

    if delivery.problem is not None:
        return Attempt(None, None, delivery.problem, 0, Verdict("gone"))
    settings = server.settings
    policy = Policy(settings.allow_loopback_webhooks, frozenset(settings.webhook_allowed_hosts))
    signed = webhooks.headers(delivery.webhook_id, now, delivery.payload, list(delivery.secrets))
    try:
        answer = post(delivery.url, delivery.payload, signed, policy)
    except TemporaryError as error:
        return Attempt(None, None, error.message, took(), Verdict("retry"))
    except (PermanentError, InvalidInput) as error:
        return Attempt(None, None, error.message, took(), Verdict("gone"))
    verdict = webhooks.judge(answer.status, answer.headers.get("retry-after"), now)
    return Attempt(answer.status, answer.body[:2_000].decode("utf-8", "replace"), None, took(), verdict)


@command
def book_attempt(server: Server, delivery: Delivery, attempt: Attempt) -> None:
    """Books what came of a try: the waiting job goes on, tries again, or fails.

    A result that comes after the lease has ended (another worker has the delivery) is only logged, unless it says
    that the message has arrived.
    """
    with transaction(server, SYSTEM) as tx:
        authorize(tx.actor, "WEBHOOK", "SEND")
        row = store.read_delivery(tx.connection, delivery.key)
        if row is None:
            return
        instance = None
        if row.instance_key is not None and row.job_key is not None:
            instance = tx.lock_instance(row.instance_key)
        row = store.read_delivery(tx.connection, delivery.key, lock=True)
        assert row is not None  # noqa: S101
        _log(tx, row, attempt)
        delivered = attempt.verdict.outcome == "delivered"
        if row.state != DeliveryState.WAITING or (row.lease != delivery.lease and not delivered):
            return
        attempts = row.attempts + 1
        if delivered:
            _end(tx, row, DeliveryState.DELIVERED, attempts)
            step: c.AnyCommand | None = c.CompleteJob(row.element_key or 0, {}, row.chunk)
        else:
            step = _failed(tx, row, instance, attempt, attempts)
        if step is not None and instance is not None and instance.ended_at is None:
            Advance(tx).run(instance, step)


def _log(tx: Transaction, row: Row[Any], attempt: Attempt) -> None:
    values = {
        "delivery_key": row.key,
        "at": tx.now,
        "duration_ms": attempt.duration_ms,
        "status": attempt.status,
        "answer": attempt.answer,
        "error": attempt.error,
    }
    store.insert_attempt(tx.connection, values)


def _end(tx: Transaction, row: Row[Any], state: DeliveryState, attempts: int) -> None:
    store.update_delivery(tx.connection, row.key, state=state, attempts=attempts, ended_at=tx.now, lease=None)


def _failed(
    tx: Transaction, row: Row[Any], instance: InstanceRow | None, attempt: Attempt, attempts: int
) -> c.AnyCommand | None:
    """Waits for another try, or gives up: the process catches that as an error, or gets an incident."""
    verdict = attempt.verdict
    schedule = tx.server.settings.webhook_retry_seconds
    wait = None if verdict.outcome == "gone" else webhooks.wait_after(attempts, schedule)
    if verdict.outcome == "gone" and attempt.status == 410:
        _disable(tx, row.endpoint_name)
    if wait is not None:
        now = tx.moment.database_now
        if verdict.pause is not None:
            _pause(tx, row.endpoint_name, verdict.pause)
            wait = max(wait, verdict.pause)
        store.update_delivery(tx.connection, row.key, attempts=attempts, next_at=now + wait, lease=None)
        return None
    _end(tx, row, DeliveryState.FAILED, attempts)
    if row.job_key is None or instance is None or instance.ended_at is not None:
        return None
    reason = attempt.error or f"the receiver answered {attempt.status}"
    message = f"Expected '{row.endpoint_name}' to accept the webhook, but after {attempts} attempts: {reason}"
    live = Advance(tx).peek(instance, row.chunk)
    if live.throwing.catches_error(live.find(row.element_key), FAILED_CODE, tx.now):
        state = {"state": JobState.ERROR_THROWN, "error_code": FAILED_CODE}
        jobs.update_job(tx.connection, row.job_key, retries=0, error_message=message, **state)
        return c.ThrowError(row.element_key, FAILED_CODE, message, {}, row.chunk)
    jobs.update_job(tx.connection, row.job_key, state=JobState.FAILED, retries=0, error_message=message)
    return c.RaiseIncident(row.element_key, "JOB_NO_RETRIES", message, row.chunk, row.job_key)


def _disable(tx: Transaction, name: str) -> None:
    endpoint = store.find_endpoint(tx.connection, name)
    if endpoint is not None:
        reason = "the receiver answered 410 Gone"
        store.update_endpoint(tx.connection, endpoint.key, disabled_at=tx.now, disabled_reason=reason)


def _pause(tx: Transaction, name: str, pause: timedelta) -> None:
    endpoint = store.find_endpoint(tx.connection, name)
    if endpoint is not None:
        store.update_endpoint(tx.connection, endpoint.key, paused_until=tx.moment.database_now + pause)

"""One round of work of each kind. The rows are the truth; a wake-up only says that it is worth looking."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

from bpm_server.connectors.contract import PermanentError, Request, TemporaryError
from bpm_server.connectors.http import Policy
from bpm_server.domain.identity import SYSTEM
from bpm_server.domain.states import BatchItemState
from bpm_server.kernel import context, metrics, tracing
from bpm_server.kernel.errors import BpmError, NotFound, Unavailable, WrongState
from bpm_server.kernel.log import get_logger
from bpm_server.services import (
    batch_operations,
    deliveries,
    documents,
    idempotency,
    jobs,
    messages,
    sealing,
    timers,
    working,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from bpm_server.connectors.contract import Connector
    from bpm_server.domain.batch_operations import LeasedItem
    from bpm_server.domain.webhooks import Delivery
    from bpm_server.services.jobs import ActivatedJob
    from bpm_server.services.server import Server

log = get_logger(__name__)
BATCH = 20
SAFE_POINT = "async"
LEASE_MS = 120_000


def fire_timers(server: Server) -> int:
    """Fires due timers; one that fails for a reason of ours is tried again later."""
    done = 0
    for due in timers.due_timers(server, BATCH):
        try:
            done += timers.fire_timer(server, due.key)
        except WrongState as error:
            log.warning("timer.orphan", timer_key=due.key, reason=error.message)
            timers.drop_timer(server, due.key)
        except Unavailable:
            raise
        except Exception:
            metrics.WORK_FAILED.labels("timer").inc()
            log.exception("timer.failed", timer_key=due.key)
            timers.postpone_timer(server, due.key)
    return done


def pass_safe_points(server: Server) -> int:
    """Goes on at safe points (``asyncBefore``, ``asyncAfter``)."""
    return _do_jobs(server, [SAFE_POINT])


def do_jobs(server: Server) -> int:
    """Does jobs for which this installation has a connector."""
    types = server.connectors.handled_types()
    return _do_jobs(server, types) if types else 0


def _do_jobs(server: Server, types: list[str]) -> int:
    leased = jobs.activate_jobs(server, SYSTEM, types, limit=BATCH, lease_ms=LEASE_MS, worker="bpm-server")
    for job in leased:
        _do_job(server, job)
    return len(leased)


def _do_job(server: Server, job: ActivatedJob) -> None:
    row = job.row
    cause = context.of_row(row.trace_context)
    about = {"bpm_instance_key": row.instance_key, "bpm_job_key": row.key, "bpm_job_type": row.type}
    with (
        context.working_for(cause, instance_key=row.instance_key, job_key=row.key),
        tracing.span("job", None if cause is None else cause.traceparent, **about),
    ):
        _do_job_here(server, job)


def _do_job_here(server: Server, job: ActivatedJob) -> None:
    key, lease = job.row.key, job.row.lease
    try:
        connector = server.connectors.find(job.row.type)
        if job.row.type == SAFE_POINT:
            jobs.complete_job(server, SYSTEM, key, {}, lease=lease)
        elif connector is not None:
            _run_connector(server, connector, job)
    except (NotFound, WrongState) as error:
        log.info("job.superseded", reason=error.message)
    except Unavailable:
        raise
    except Exception as error:
        metrics.WORK_FAILED.labels("job").inc()
        log.exception("job.failed", job_type=job.row.type)
        message = error.message if isinstance(error, BpmError) else f"{type(error).__name__}: {error}"
        _fail(server, job, message, None)


def _run_connector(server: Server, connector: Connector, job: ActivatedJob) -> None:
    row = job.row
    assert connector.handler is not None  # noqa: S101
    attempt = max(connector.retries - row.retries, 0) + 1
    policy = Policy(server.settings.allow_loopback_webhooks, frozenset(server.settings.webhook_allowed_hosts))
    request = Request(
        row.key, row.instance_key, row.element_id, row.headers, job.variables, attempt, server.clock.now(), policy
    )
    begun = perf_counter()
    outcome = "failed"
    try:
        with tracing.span("connector", bpm_job_type=row.type):
            result = connector.handler(request)
        outcome = "succeeded"
    except TemporaryError as error:
        outcome = "retried"
        _fail(server, job, error.message, error.delay_s)
    except PermanentError as error:
        if error.code is not None:
            jobs.throw_job_error(server, SYSTEM, row.key, error.code, error.message, lease=row.lease)
        else:
            jobs.fail_job(server, SYSTEM, row.key, retries=0, message=error.message, lease=row.lease)
    else:
        jobs.complete_job(server, SYSTEM, row.key, result.variables, local=result.local, lease=row.lease)
    finally:
        metrics.CONNECTOR_SECONDS.labels(row.type).observe(perf_counter() - begun)
        metrics.CONNECTOR_CALLS.labels(row.type, outcome).inc()
        if outcome != "succeeded":
            log.warning("connector.failed", job_type=row.type, element=row.element_id, attempt=attempt, outcome=outcome)


def _fail(server: Server, job: ActivatedJob, message: str, delay_s: float | None) -> None:
    wait = None if delay_s is None else int(delay_s * 1000)
    try:
        jobs.fail_job(server, SYSTEM, job.row.key, message=message, backoff_ms=wait, lease=job.row.lease)
    except (NotFound, WrongState) as error:
        log.info("job.superseded", reason=error.message)


def deliver_messages(server: Server) -> int:
    """Hands kept messages to whoever waits for them."""
    keys = working.pending_messages(server, BATCH)
    for key in keys:
        messages.deliver_pending(server, key)
    return len(keys)


def deliver_signals(server: Server) -> int:
    """Hands broadcasts to everyone who waits."""
    keys = working.pending_signals(server, BATCH)
    for key in keys:
        for receiver in messages.find_signal_receivers(server, key):
            try:
                messages.deliver_signal(server, key, receiver)
            except (NotFound, WrongState) as error:
                log.info("signal.superseded", signal_key=key, reason=error.message)
        messages.settle_signal(server, key)
    return len(keys)


def send_webhooks(server: Server) -> int:
    """Sends what the outbox holds and is due."""
    leased = deliveries.lease_deliveries(server, BATCH)
    for delivery in leased:
        cause = context.of_row(delivery.trace_context)
        about = {"bpm_instance_key": delivery.instance_key, "bpm_webhook_id": delivery.webhook_id}
        with (
            context.working_for(cause, instance_key=delivery.instance_key, delivery_key=delivery.key),
            tracing.span("webhook", None if cause is None else cause.traceparent, **about),
        ):
            _send_webhook(server, delivery)
    return len(leased)


def _send_webhook(server: Server, delivery: Delivery) -> None:
    with tracing.span("connector", bpm_job_type="webhook"):
        attempt = deliveries.send(server, delivery)
    outcome = attempt.verdict.outcome
    metrics.WEBHOOKS.labels(outcome).inc()
    metrics.WEBHOOK_SECONDS.observe(attempt.duration_ms / 1000)
    if outcome != "delivered":
        log.info("webhook.not_delivered", outcome=outcome, status=attempt.status, reason=attempt.error)
    deliveries.book_attempt(server, delivery, attempt)


def do_batch_items(server: Server) -> int:
    """Does some items of batch operations, each in its own transaction."""
    leased = batch_operations.lease_items(server, BATCH)
    for item in leased:
        _do_batch_item(server, item)
    return len(leased)


def _do_batch_item(server: Server, item: LeasedItem) -> None:
    try:
        batch_operations.do_item(server, item)
    except Unavailable:
        raise
    except NotFound as error:
        _book_failure(server, item, BatchItemState.SKIPPED, error.message)
    except BpmError as error:
        _book_failure(server, item, BatchItemState.FAILED, error.message)
    except Exception as error:
        metrics.WORK_FAILED.labels("batch_item").inc()
        log.exception("batch_item.failed", operation_key=item.operation_key, item_key=item.item_key)
        _book_failure(server, item, BatchItemState.FAILED, f"{type(error).__name__}: {error}")


def _book_failure(server: Server, item: LeasedItem, state: BatchItemState, reason: str) -> None:
    try:
        batch_operations.book_failure(server, item, state, reason)
    except WrongState as error:
        log.info("batch_item.superseded", item_key=item.item_key, reason=error.message)


def sweep_documents(server: Server) -> int:
    """Removes documents whose time is over, and files that no document has."""
    return documents.remove_expired(server) + documents.remove_leftovers(server)


def sweep_replies(server: Server) -> int:
    """Forgets requests that counted once, when their time is over."""
    return idempotency.remove_expired(server)


ROUNDS: dict[str, Callable[[Server], int]] = {
    "signals": deliver_signals,
    "messages": deliver_messages,
    "safe-points": pass_safe_points,
    "jobs": do_jobs,
    "timers": fire_timers,
    "deliveries": send_webhooks,
    "batch-operations": do_batch_items,
    "documents": sweep_documents,
    "replies": sweep_replies,
    "audit-log": sealing.seal_audit_log,
}
"""By topic of the wake-up."""


def run_until_idle(
    server: Server,
    *,
    topics: tuple[str, ...] = tuple(ROUNDS),
    most: int = 10_000,
    go_on: Callable[[], bool] = lambda: True,
) -> int:
    """Works until nothing is due; returns how much was done."""
    total = 0
    while total < most and go_on():
        done = sum(ROUNDS[topic](server) for topic in topics)
        if not done:
            break
        total += done
    return total


def wait_s(server: Server, topics: tuple[str, ...], at_most: float) -> float:
    """Seconds until something of these topics is due, as far as is known now."""
    types = [SAFE_POINT] if "safe-points" in topics else server.connectors.handled_types()
    return working.wait_s(server, topics, types, at_most)

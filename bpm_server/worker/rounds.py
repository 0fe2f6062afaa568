"""One round of work of each kind. The rows are the truth; a wake-up only says that it is worth looking."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bpm_server.domain.identity import SYSTEM
from bpm_server.domain.states import BatchItemState
from bpm_server.kernel import metrics
from bpm_server.kernel.errors import BpmError, NotFound, Unavailable, WrongState
from bpm_server.kernel.log import get_logger
from bpm_server.services import (
    alarms,
    batch_operations,
    documents,
    drafts,
    idempotency,
    jobs,
    messages,
    notifications,
    retention,
    sealing,
    timers,
    working,
)
from bpm_server.services.channels import OUR_WORKER
from bpm_server.services.job_batches import Completion
from bpm_server.worker import booking, outside

if TYPE_CHECKING:
    from collections.abc import Callable

    from bpm_server.domain.batch_operations import LeasedItem
    from bpm_server.services.server import Server

log = get_logger(__name__)
BATCH = 20
MANY = 200
"""Clocks that are set in one transaction."""
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


def ring_alarms(server: Server) -> int:
    """Rings clocks of service levels; one that fails for a reason of ours rings later."""
    done = 0
    for key in alarms.due_alarms(server, BATCH):
        try:
            done += alarms.ring_alarm(server, key)
        except Unavailable:
            raise
        except Exception:
            metrics.WORK_FAILED.labels("alarm").inc()
            log.exception("alarm.failed", task_key=key)
            alarms.postpone_alarm(server, key)
    return done


def set_clocks(server: Server) -> int:
    """Sets clocks of service levels by calendars that were changed."""
    return alarms.set_clocks(server, MANY)


def pass_safe_points(server: Server) -> int:
    """Goes on at safe points (``asyncBefore``, ``asyncAfter``)."""
    leased = jobs.activate_jobs(server, SYSTEM, [working.SAFE_POINT], limit=BATCH, lease_ms=LEASE_MS, worker=OUR_WORKER)
    failed = booking.book(server, [Completion(job.row.key, job.row.lease) for job in leased])
    for job in leased:
        if job.row.key in failed:
            outside.failed(server, job, failed[job.row.key])
    return len(leased)


def do_outside_work(server: Server) -> int:
    """Does jobs of connectors and sends webhooks, in this thread, in the channels' turns."""
    dealer, booker = outside.Dealer(server), booking.Booker(server)
    done = 0
    while done < BATCH and (taken := dealer.take(1)):
        for work in taken:
            outside.do(server, work, booker)
            dealer.finished(work)
        done += len(taken)
    return done


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


def remove_history(server: Server) -> int:
    """Removes a few ended instances whose time is over."""
    keys = retention.removable(server)
    if not keys:
        return 0
    folder = Path(server.settings.archive_dir) if server.settings.archive_dir else None
    try:
        removed = retention.remove_ended(server, SYSTEM, keys, folder=folder)
    except OSError as error:
        log.warning("history.not_archived", folder=str(folder), reason=str(error))
        return 0
    log.info("history.removed", instances=removed.instances, archived=bool(removed.files))
    return removed.trees


ROUNDS: dict[str, Callable[[Server], int]] = {
    "signals": deliver_signals,
    "messages": deliver_messages,
    "safe-points": pass_safe_points,
    "timers": fire_timers,
    "clocks": set_clocks,
    "alarms": ring_alarms,
    "outside": do_outside_work,
    "batch-operations": do_batch_items,
    "documents": sweep_documents,
    "replies": idempotency.remove_expired,
    "drafts": drafts.remove_useless,
    "audit-log": sealing.seal_audit_log,
    "history": remove_history,
    "notifications": notifications.remove_old_notifications,
}
"""By what is done; wake-ups name it, but for what goes outside (``jobs`` and ``deliveries``)."""


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
    return working.wait_s(server, topics, at_most)

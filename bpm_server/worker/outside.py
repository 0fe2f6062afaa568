"""Outside work: which piece is next, and doing one. ``worker.dispatch`` does many at once, in threads."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

from bpm_server.connectors.contract import PermanentError, Request, TemporaryError
from bpm_server.connectors.http import Policy
from bpm_server.domain.channels import WEBHOOKS, Turns, is_on_trial, type_of, webhook_channel
from bpm_server.domain.identity import SYSTEM
from bpm_server.domain.webhooks import Delivery
from bpm_server.kernel import context, metrics, tracing
from bpm_server.kernel.errors import BpmError, NotFound, Unavailable, WrongState
from bpm_server.kernel.log import get_logger
from bpm_server.services import channels, deliveries, jobs
from bpm_server.services.job_batches import Completion

if TYPE_CHECKING:
    from bpm_server.connectors.contract import Connector, Result
    from bpm_server.services.jobs import ActivatedJob
    from bpm_server.services.server import Server
    from bpm_server.worker.booking import Booker

log = get_logger(__name__)
ADOPT_S = 60.0
REMEMBERED = 1_000
"""Channels whose last turn is remembered."""


@dataclass(frozen=True, slots=True)
class Work:
    """One leased piece; ``failures``: of its channel, in a row, when it was taken."""

    channel: str
    what: ActivatedJob | Delivery
    failures: int = 0


@dataclass(frozen=True, slots=True)
class Seen:
    """What a try says of its channel: it works, it failed for a reason, or (``works`` None) nothing."""

    works: bool | None = None
    reason: str = ""


class Dealer:
    """Takes work for free threads: channels in turn, none above its limit. For one thread at a time."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._due = channels.DueChannels(server)
        self._turns = Turns()
        self._running: dict[str, int] = {}
        self.may_have_more = True
        """Whether the last look left work that only wanted for a thread or its channel's room."""
        self._adopt_at = 0.0

    def _adopt(self) -> None:
        """Gives jobs that have no channel theirs, now and then: another release, or no connector, made them."""
        now = self._server.clock.monotonic()
        if now < self._adopt_at:
            return
        self._adopt_at = now + ADOPT_S
        types = self._server.connectors.handled_types()
        if types and channels.has_strays(self._server, types):
            channels.adopt_jobs(self._server, types)

    def take(self, free: int) -> list[Work]:
        """Leases as much as so many threads begin now; nothing where nothing is due that may run."""
        self._adopt()
        due = {one.name: one.failures for one in self._due.find() if self._serves(one.name)}
        room = {name: self._room(name, failures) for name, failures in due.items()}
        shares = self._turns.deal(due, free, room)
        self._turns.forget(but=REMEMBERED)
        self.may_have_more = len(shares) < len(due)
        if not shares:
            return []
        on_trial = frozenset(name for name in shares if is_on_trial(due[name]))
        taken = [
            Work(channel, what, due.get(channel, 0))
            for what in channels.take_work(self._server, shares, on_trial)
            for channel in [_channel_of(what)]
        ]
        for work in taken:
            self._running[work.channel] = self._running.get(work.channel, 0) + 1
        self.may_have_more |= len(taken) == sum(shares.values())
        return taken

    def _serves(self, channel: str) -> bool:
        if channel.startswith(WEBHOOKS):
            return True
        connector = self._server.connectors.find(type_of(channel))
        return connector is not None and connector.handler is not None

    def _room(self, channel: str, failures: int) -> int:
        """How many more may run in a channel here."""
        running = self._running.get(channel, 0)
        if is_on_trial(failures):
            return 1 - running
        most = self._server.settings.most_in_channel()
        if not channel.startswith(WEBHOOKS):
            connector = self._server.connectors.find(type_of(channel))
            most = (connector and connector.most_at_once) or most
        return most - running

    def finished(self, work: Work) -> None:
        """A piece that was taken runs no more."""
        left = self._running[work.channel] - 1
        if left:
            self._running[work.channel] = left
        else:
            del self._running[work.channel]


def _channel_of(what: ActivatedJob | Delivery) -> str:
    return webhook_channel(what.endpoint_name) if isinstance(what, Delivery) else what.row.channel or ""


def do(server: Server, work: Work, booker: Booker) -> None:
    """Does one piece and books what came of it, at the row and at its channel.

    Raises:
        Unavailable: the database is away; the lease ends by itself.
    """
    what = work.what
    row = what if isinstance(what, Delivery) else what.row
    cause = context.of_row(row.trace_context)
    name, key = ("webhook", "delivery_key") if isinstance(what, Delivery) else ("job", "job_key")
    with (
        context.working_for(cause, instance_key=row.instance_key, **{key: row.key}),
        tracing.span(
            name,
            None if cause is None else cause.traceparent,
            bpm_instance_key=row.instance_key,
            bpm_channel=work.channel,
        ),
    ):
        seen = _send(server, what) if isinstance(what, Delivery) else _do_job(server, what, booker)
    if seen.works is False:
        channels.note_failure(server, work.channel, seen.reason, on_trial=is_on_trial(work.failures))
    elif seen.works and work.failures:
        channels.note_success(server, work.channel)


def _send(server: Server, delivery: Delivery) -> Seen:
    with tracing.span("connector"):
        attempt = deliveries.send(server, delivery)
    outcome = attempt.verdict.outcome
    metrics.WEBHOOKS.labels(outcome).inc()
    metrics.WEBHOOK_SECONDS.observe(attempt.duration_ms / 1000)
    if outcome != "delivered":
        log.info("webhook.not_delivered", outcome=outcome, status=attempt.status, reason=attempt.error)
    deliveries.book_attempt(server, delivery, attempt)
    if attempt.verdict.pause is not None:
        return Seen()  # the endpoint asked for time, and has it
    failed = attempt.verdict.outcome == "retry"
    return Seen(works=not failed, reason=attempt.error or f"status {attempt.status}")


def _do_job(server: Server, job: ActivatedJob, booker: Booker) -> Seen:
    connector = server.connectors.find(job.row.type)
    if connector is None:
        return Seen()
    try:
        return _run_connector(server, connector, job, booker)
    except Unavailable:
        raise
    except Exception as error:  # noqa: BLE001 - logged and booked
        failed(server, job, error)
    return Seen()


def failed(server: Server, job: ActivatedJob, error: Exception) -> None:
    """A job, or booking its result, went wrong in a way that its connector did not foresee."""
    if isinstance(error, NotFound | WrongState):
        log.info("job.superseded", job_key=job.row.key, reason=error.message)
        return
    metrics.WORK_FAILED.labels("job").inc()
    log.error("job.failed", job_key=job.row.key, job_type=job.row.type, exc_info=error)
    message = error.message if isinstance(error, BpmError) else f"{type(error).__name__}: {error}"
    _fail(server, job, message, None)


def _run_connector(server: Server, connector: Connector, job: ActivatedJob, booker: Booker) -> Seen:
    row = job.row
    try:
        result = _call(server, connector, job)
    except TemporaryError as error:
        _fail(server, job, error.message, error.delay_s)
        return Seen(works=False, reason=error.message)
    except PermanentError as error:
        if error.code is not None:
            jobs.throw_job_error(server, SYSTEM, row.key, error.code, error.message, lease=row.lease)
        else:
            jobs.fail_job(server, SYSTEM, row.key, retries=0, message=error.message, lease=row.lease)
    else:
        booker.complete(Completion(row.key, row.lease, result.variables, result.local))
    return Seen(works=True)


def _call(server: Server, connector: Connector, job: ActivatedJob) -> Result:
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
        with tracing.span("connector"):
            result = connector.handler(request)
        outcome = "succeeded"
    except TemporaryError:
        outcome = "retried"
        raise
    finally:
        metrics.CONNECTOR_SECONDS.labels(row.type).observe(perf_counter() - begun)
        metrics.CONNECTOR_CALLS.labels(row.type, outcome).inc()
        if outcome != "succeeded":
            log.warning("connector.failed", job_type=row.type, element=row.element_id, attempt=attempt, outcome=outcome)
    return result


def _fail(server: Server, job: ActivatedJob, message: str, delay_s: float | None) -> None:
    wait = None if delay_s is None else int(delay_s * 1000)
    try:
        jobs.fail_job(server, SYSTEM, job.row.key, message=message, backoff_ms=wait, lease=job.row.lease)
    except (NotFound, WrongState) as error:
        log.info("job.superseded", job_key=job.row.key, reason=error.message)

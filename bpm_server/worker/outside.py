"""Outside work: which piece is next, and doing one. ``worker.dispatch`` does many at once, in threads."""

from __future__ import annotations

from collections import Counter, deque
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic, perf_counter
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
from bpm_server.services.jobs import ActivatedJob

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from bpm_server.connectors.contract import Connector, Result
    from bpm_server.services.server import Server
    from bpm_server.worker.booking import Booker

Piece = ActivatedJob | Delivery
log = get_logger(__name__)
ADOPT_S = 60.0
REMEMBERED = 1_000
"""Channels whose last turn, and pace, are remembered."""
BUNDLE = 20
"""Jobs that a thread takes at once where they are short."""
BUNDLE_S = 0.02
"""So long may the jobs of a bundle take together, by the pace of those before; results wait as long to be booked."""


@dataclass(slots=True, eq=False)
class Work:
    """Leased pieces of one channel, which one thread does one after the other: one, or a bundle of short jobs.

    Attributes:
        channel: Of all of them.
        pieces: All of them.
        failures: Of the channel, in a row, when it was taken.
        begun_at: Seconds of the steady clock; None: not begun.
        done: So many have been done, in ``spent_s`` seconds without booking.
    """

    channel: str
    pieces: list[Piece]
    failures: int = 0
    begun_at: float | None = None
    done: int = 0
    spent_s: float = 0.0
    _waiting: deque[Piece] = field(init=False)

    def __post_init__(self) -> None:
        self._waiting = deque(self.pieces)

    def next(self) -> Piece | None:
        """Begins the next piece; None where none is left."""
        try:
            return self._waiting.popleft()
        except IndexError:
            return None

    def has_more(self) -> bool:
        """Whether a piece waits behind the one that is being done."""
        return bool(self._waiting)

    def withdraw(self) -> list[Piece]:
        """Takes back what has not begun; safe while a thread is at work."""
        left = []
        while (piece := self.next()) is not None:
            left.append(piece)
        return left


@dataclass(frozen=True, slots=True)
class Seen:
    """What a try says of its channel: it works, it failed for a reason, or (``works`` None) nothing."""

    works: bool | None = None
    reason: str = ""


class Dealer:
    """Takes work for free threads: channels in turn, none above its limit. For one thread at a time."""

    def __init__(self, server: Server, *, bundle: int = 1) -> None:
        """Begins; ``bundle``: at most so many short jobs go to a thread at once."""
        self._server = server
        self._bundle = bundle
        self._due = channels.DueChannels(server)
        self._turns = Turns()
        self._running: dict[str, int] = {}
        self._paces: dict[str, float] = {}
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
        wanted = {name: share * self._depth(name, due[name]) for name, share in shares.items()}
        on_trial = frozenset(name for name in shares if is_on_trial(due[name]))
        taken = channels.take_work(self._server, wanted, on_trial) if wanted else []
        self.may_have_more |= bool(wanted) and len(taken) == sum(wanted.values())
        return self._begun(taken, shares, due)

    def take_of(self, heard: Collection[str], free: int) -> list[Work]:
        """Leases jobs that just came about, without looking at anything else; nothing where that would be unfair.

        Args:
            heard: Their channels.
            free: As many threads would begin now.
        """
        if self.may_have_more or len(heard) > free or not all(self._serves(name) for name in heard):
            return []
        each = 2 if 2 * len(heard) <= free else 1  # a second one tells whether there are more
        shares = {name: room for name in heard if (room := min(self._room(name, 0), each)) > 0}
        taken = channels.take_work(self._server, shares, sound_only=True) if shares else []
        found = Counter(map(_channel_of, taken))
        self.may_have_more = len(shares) < len(heard) or any(shares[name] == found[name] for name in shares)
        return self._begun(taken, shares, {})

    def _begun(self, taken: list[Piece], shares: Mapping[str, int], failures: Mapping[str, int]) -> list[Work]:
        """What was leased, for so many threads of each channel."""
        by_channel: dict[str, list[Piece]] = {}
        for piece in taken:
            by_channel.setdefault(_channel_of(piece), []).append(piece)
        work = [
            Work(name, pieces[start :: shares[name]], failures.get(name, 0))
            for name, pieces in by_channel.items()
            for start in range(min(shares[name], len(pieces)))
        ]
        for one in work:
            self._running[one.channel] = self._running.get(one.channel, 0) + 1
        return work

    def _depth(self, channel: str, failures: int) -> int:
        """How many pieces a thread takes at once: several where those before were short and did not fail."""
        pace = self._paces.get(channel)
        if pace is None or failures:
            return 1
        return max(1, min(self._bundle, int(BUNDLE_S / max(pace, 1e-6))))

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
        """What was taken runs no more."""
        if work.done and not work.channel.startswith(WEBHOOKS):
            now = work.spent_s / work.done
            before = self._paces.pop(work.channel, now)
            self._paces[work.channel] = max(now, (before + now) / 2)  # slow at once, fast again by and by
            while len(self._paces) > REMEMBERED:
                del self._paces[next(iter(self._paces))]
        left = self._running[work.channel] - 1
        if left:
            self._running[work.channel] = left
        else:
            del self._running[work.channel]


def _channel_of(piece: Piece) -> str:
    return webhook_channel(piece.endpoint_name) if isinstance(piece, Delivery) else piece.row.channel or ""


def do(server: Server, work: Work, booker: Booker) -> None:
    """Does the pieces one after the other and books what came of them, at the rows and at the channel.

    After a call that failed the channel, what is left stays leased: whoever gave the work takes it back.

    Raises:
        Unavailable: the database is away; leases end by themselves.
    """
    work.begun_at = monotonic()
    results = _Results(server, booker)
    while (piece := work.next()) is not None:
        with _working_for(piece, work.channel):
            begun = perf_counter()
            seen = _send(server, piece) if isinstance(piece, Delivery) else _do_job(server, piece, results)
            work.done, work.spent_s = work.done + 1, work.spent_s + perf_counter() - begun
            if seen.works is False or not work.has_more() or results.wait_long():
                results.book()
        if seen.works is False:
            channels.note_failure(server, work.channel, seen.reason, on_trial=is_on_trial(work.failures))
            return
        if seen.works and work.failures:
            channels.note_success(server, work.channel)
            work.failures = 0


@contextmanager
def _working_for(piece: Piece, channel: str) -> Iterator[None]:
    """The logs and traces of a piece."""
    row = piece if isinstance(piece, Delivery) else piece.row
    cause = context.of_row(row.trace_context)
    name, key = ("webhook", "delivery_key") if isinstance(piece, Delivery) else ("job", "job_key")
    with (
        context.working_for(cause, instance_key=row.instance_key, **{key: row.key}),
        tracing.span(
            name,
            None if cause is None else cause.traceparent,
            bpm_instance_key=row.instance_key,
            bpm_channel=channel,
        ),
    ):
        yield


class _Results:
    """Results of a bundle's jobs that wait to be booked together."""

    def __init__(self, server: Server, booker: Booker) -> None:
        self._server = server
        self._booker = booker
        self._jobs: dict[int, ActivatedJob] = {}
        self._completions: list[Completion] = []
        self._since = 0.0

    def add(self, job: ActivatedJob, result: Result) -> None:
        """A job is done."""
        row = job.row
        self._since = self._since if self._jobs else monotonic()
        self._jobs[row.key] = job
        self._completions.append(Completion(row.key, row.lease, result.variables, result.local))

    def wait_long(self) -> bool:
        """Whether the first has waited long enough."""
        return bool(self._jobs) and monotonic() - self._since >= BUNDLE_S

    def book(self) -> None:
        """Books them; those that cannot be booked have failed.

        Raises:
            Unavailable: the database is away.
        """
        waiting, self._completions = self._completions, []
        held, self._jobs = self._jobs, {}
        refused = self._booker.complete(waiting) if waiting else {}
        for key, error in refused.items():
            if isinstance(error, Unavailable):
                raise error
            failed(self._server, held[key], error)


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


def _do_job(server: Server, job: ActivatedJob, results: _Results) -> Seen:
    connector = server.connectors.find(job.row.type)
    if connector is None:
        return Seen()
    try:
        return _run_connector(server, connector, job, results)
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


def _run_connector(server: Server, connector: Connector, job: ActivatedJob, results: _Results) -> Seen:
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
        results.add(job, result)
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

"""Threads for outside work: each free one begins what is leased for it, channels in turn (ADR 16).

One thread deals, the others call connectors and endpoints. A call that hangs keeps its own thread busy and takes room
of its channel; what was leased to be done after it goes back.
"""

from __future__ import annotations

import queue
import threading
import time
from typing import TYPE_CHECKING

from bpm_server.domain.channels import JOBS
from bpm_server.domain.webhooks import Delivery
from bpm_server.kernel import metrics
from bpm_server.kernel.errors import BpmError, Unavailable
from bpm_server.kernel.log import get_logger
from bpm_server.services import channels
from bpm_server.worker import outside
from bpm_server.worker.booking import Booker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bpm_server.services.server import Server
    from bpm_server.worker.outside import Piece, Work

log = get_logger(__name__)
PAUSE_AFTER_ERROR_S = 2.0
SETTLED_S = 0.25
"""After work was given out: asks only then when more is due, unless something happens before."""
BEHIND_S = 0.5
"""So long a piece may wait behind others of its bundle; then it goes back, for whoever is free."""


class Dispatcher:
    """Deals until it is stopped. Threads are daemons: one that hangs does not keep the process from ending."""

    def __init__(self, server: Server, *, look_again_s: float) -> None:
        self._server = server
        self._booker = Booker(server)
        self._look_again_s = look_again_s
        self._begin: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self._news = threading.Condition()
        self._rung = True
        self._heard: set[str] = set()
        self._looked_at = 0.0
        self._stopping = False
        self._busy: dict[int, Work] = {}
        self._finished: list[Work] = []
        self._left: list[Piece] = []
        self._number = server.settings.worker_threads
        self._threads = [
            threading.Thread(target=self._deal, name="worker-outside", daemon=True),
            *(
                threading.Thread(target=self._work, name=f"worker-outside-{number}", daemon=True)
                for number in range(self._number)
            ),
        ]

    def start(self) -> None:
        """Starts the threads."""
        for thread in self._threads:
            thread.start()

    def ring(self) -> None:
        """There may be work."""
        with self._news:
            self._rung = True
            self._news.notify_all()

    def heard(self, topics: frozenset[str]) -> None:
        """A commit of this process left work; where it names the channels, nothing else has to be looked at."""
        named = {topic for topic in topics if topic.startswith(JOBS)}
        with self._news:
            self._heard |= named
            self._rung = self._rung or not named or "deliveries" in topics
            self._news.notify_all()

    def take_no_more(self) -> None:
        """Begins to stop: what runs goes on, nothing more is taken. Does not wait."""
        with self._news:
            self._stopping = True
            self._news.notify_all()

    def stop(self, timeout_s: float) -> bool:
        """Takes nothing more, lets what runs finish, and gives back what does not in time. True if all finished."""
        self.take_no_more()
        end = time.monotonic() + timeout_s
        if self._threads[0].is_alive():
            self._threads[0].join(timeout_s)
        with self._news:
            finished = self._news.wait_for(lambda: not self._busy, max(end - time.monotonic(), 0.0))
            left = list(self._busy.values())
        for _ in range(self._number):
            self._begin.put(None)
        pieces = [piece for work in left for piece in work.pieces]
        if pieces:
            log.warning("worker.gave_back", pieces=len(pieces), channels=sorted({work.channel for work in left}))
            try:
                self._give_back(pieces)
            except BpmError as error:
                log.warning("worker.gave_nothing_back", reason=error.message)  # their leases end by themselves
        return finished

    def _give_back(self, pieces: Sequence[Piece]) -> None:
        """Of what is booked already nothing changes."""
        deliveries = {one.key: one.lease for one in pieces if isinstance(one, Delivery)}
        jobs = {one.row.key: one.row.lease or "" for one in pieces if not isinstance(one, Delivery)}
        channels.give_back(self._server, jobs, deliveries)

    # --- the thread that deals --------------------------------------------------------------------------

    def _deal(self) -> None:
        dealer: outside.Dealer | None = None
        pause = 0.0
        while self._wait_for_news(dealer, pause):
            try:
                dealer = dealer or outside.Dealer(self._server, bundle=outside.BUNDLE)
                pause = self._round(dealer)
            except Unavailable as error:
                log.warning("worker.database_busy", lane="outside", reason=error.message)
                pause = PAUSE_AFTER_ERROR_S
            except Exception:
                metrics.WORK_FAILED.labels("round").inc()
                log.exception("worker.round_failed", lane="outside")
                pause = PAUSE_AFTER_ERROR_S

    def _wait_for_news(self, dealer: outside.Dealer | None, pause: float) -> bool:
        """Until it is worth looking: a wake-up, a free thread for what was left, or time; False: it is stopped."""

        def is_worth_looking() -> bool:
            freed = bool(self._finished) and dealer is not None and dealer.may_have_more
            return self._stopping or self._rung or freed or bool(self._heard)

        with self._news:
            self._news.wait_for(is_worth_looking, pause)
            return not self._stopping

    def _round(self, dealer: outside.Dealer) -> float:
        """Gives free threads what is due; returns how long to wait where nothing happens before."""
        with self._news:
            finished, self._finished = self._finished, []
            free = self._number - len(self._busy)
            heard, self._heard = self._heard, set()
            everywhere = self._rung or not heard or time.monotonic() - self._looked_at > SETTLED_S
            self._rung = False
        for work in finished:
            dealer.finished(work)
        self._give_back_what_waits(finished)
        if not free:
            dealer.may_have_more = True
            return self._at_most(self._look_again_s)
        taken = [] if everywhere else dealer.take_of(heard, free)
        if not taken:
            self._looked_at = time.monotonic()
            taken = dealer.take(free)
        with self._news:
            self._busy |= {id(work): work for work in taken}
        for work in taken:
            self._begin.put(work)
        return SETTLED_S if taken else self._at_most(channels.wait_s(self._server, self._look_again_s))

    def _give_back_what_waits(self, finished: Sequence[Work]) -> None:
        """What bundles left when a call failed, and what waits behind one that takes long."""
        late = time.monotonic() - BEHIND_S
        with self._news:
            slow = [work for work in self._busy.values() if work.begun_at is not None and work.begun_at < late]
        self._left += [piece for work in (*finished, *slow) for piece in work.withdraw()]
        if self._left:
            self._give_back(self._left)
            self._left = []

    def _at_most(self, pause: float) -> float:
        """Bundles are looked after."""
        with self._news:
            bundles = any(work.has_more() for work in self._busy.values())
        return min(pause, BEHIND_S) if bundles else pause

    # --- the threads that work --------------------------------------------------------------------------

    def _work(self) -> None:
        while (work := self._begin.get()) is not None:
            try:
                outside.do(self._server, work, self._booker)
            except Unavailable as error:
                log.warning("worker.database_busy", lane="outside", reason=error.message)
            except (Exception, SystemExit):
                log.exception("worker.work_failed", channel=work.channel)
            finally:
                with self._news:
                    del self._busy[id(work)]
                    self._finished.append(work)
                    self._news.notify_all()

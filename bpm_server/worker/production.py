"""A worker process of an installation with a broker: Celery hears wake-ups, the lanes' threads do the work.

A wake-up only rings the lane's bell, so it is acknowledged at once and carries nothing. While the broker is away Celery
tries to reach it again and the lanes look by themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from celery import signals

from bpm_server.worker.broker import WAKE_UP, make_app
from bpm_server.worker.embedded import LANES, EmbeddedWorker
from bpm_server.worker.wakeups import Publisher

if TYPE_CHECKING:
    from collections.abc import Callable

    from bpm_server.services.server import Server
    from bpm_server.worker.embedded import Sender

SWEEP_S = 2.0


def _ringing(lanes: EmbeddedWorker, lane: str) -> Callable[[], None]:
    def ring() -> None:
        lanes.ring(lane)

    return ring


def work(server: Server, mailer: Sender | None, pusher: Sender | None) -> None:
    """Works until SIGTERM or Ctrl-C, which Celery answers: it closes its connection, nothing more is taken.

    What is being done may finish within ``BPM_STOP_SECONDS``; what has not is given back.

    To be called in the main thread.
    """
    lanes = EmbeddedWorker(server, mailer=mailer, pusher=pusher, look_again_s=SWEEP_S)
    publisher = Publisher(server)
    app: Any = make_app(server.settings)
    for lane in LANES:
        app.task(_ringing(lanes, lane), name=WAKE_UP + lane, ignore_result=True)

    def take_no_more(**_: Any) -> None:
        lanes.take_no_more()

    signals.worker_shutting_down.connect(take_no_more)
    lanes.start()
    publisher.start()
    try:
        app.Worker(
            pool="solo", concurrency=1, without_gossip=True, without_mingle=True, quiet=True,
            loglevel=server.settings.log_level, redirect_stdouts=False,
        ).start()  # fmt: skip
    finally:
        lanes.stop()
        publisher.stop()

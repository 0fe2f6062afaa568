"""``bpm-server worker``: a process that does the work, without a web server."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING

from bpm_server import bootstrap
from bpm_server.cli.mailing import mailer_of
from bpm_server.cli.pushing import pusher_of
from bpm_server.kernel import heap, log
from bpm_server.worker.embedded import EmbeddedWorker
from bpm_server.worker.metrics_page import metrics_page

if TYPE_CHECKING:
    import argparse
    from types import FrameType

    from bpm_server.settings import Settings


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Works until SIGTERM or Ctrl-C; what is being done is finished. Without a broker it polls."""
    del options
    log.configure(level=settings.log_level, as_json=settings.log_json)
    if settings.metrics_port:
        log.get_logger(__name__).info("metrics.served", host=settings.host, port=settings.metrics_port)
    if settings.broker_url:
        return _run_with_broker(settings)
    stop = threading.Event()

    def ask_to_stop(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for name in ("SIGTERM", "SIGINT"):
        signal.signal(getattr(signal, name), ask_to_stop)
    with bootstrap.running(settings) as server, metrics_page(server):
        worker = EmbeddedWorker(server, mailer=mailer_of(server), pusher=pusher_of(server), look_again_s=0.5)
        heap.keep_what_is_there()
        worker.start()
        log.get_logger(__name__).info("worker.started")
        stop.wait()
        worker.stop()
    return 0


def _run_with_broker(settings: Settings) -> int:
    from bpm_server.worker.production import work  # noqa: PLC0415 - Celery only where there is a broker

    with bootstrap.running(settings) as server, metrics_page(server):
        heap.keep_what_is_there()
        log.get_logger(__name__).info("worker.started", broker=True)
        work(server, mailer_of(server), pusher_of(server))
    return 0

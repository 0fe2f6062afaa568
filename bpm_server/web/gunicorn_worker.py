"""Lets gunicorn manage several waitress processes on one port (production, not on Windows).

``gunicorn --worker-class bpm_server.web.gunicorn_worker.WaitressWorker --workers 4 --threads 4 ...``

gunicorn binds, starts, watches and replaces the processes (HUP brings in a new generation before the old one
goes); HTTP is served exactly as by ``bpm-server up``.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from gunicorn.workers.base import Worker

from bpm_server.web.serving import STEP_SECONDS, HttpServer, ServingSettings

if TYPE_CHECKING:
    from types import FrameType

ORPHAN_SECONDS = 5.0
"""How long running requests may go on after gunicorn itself was killed."""


def is_leaving(manager: Any) -> bool:
    """Whether the whole server stops, not only this process: gunicorn's application may say so (``leaving``)."""
    return bool(getattr(manager, "leaving", None) and manager.leaving[0])


class WaitressWorker(Worker):
    """One process.

    An application may bring its limits as ``app.serving`` (a ``ServingSettings``), and how long it is seen leaving and
    running requests may go on when it stops: ``app.notice_seconds``, ``app.grace_seconds``.
    """

    server: HttpServer | None = None

    def run(self) -> None:
        app: Any = self.wsgi
        listeners: list[Any] = self.sockets
        settings = getattr(app, "serving", None) or ServingSettings(threads=self.cfg.threads)
        self.server = HttpServer(app, [listener.sock for listener in listeners], settings)
        while self.alive and self._has_parent():
            self.notify()
            self.server.step(STEP_SECONDS)
        if self._has_parent() and is_leaving(self.app):
            self.server.give_notice(getattr(app, "notice_seconds", 0), self._go_on)
        grace = getattr(app, "grace_seconds", self.cfg.graceful_timeout)
        self.server.drain(grace if self._has_parent() else ORPHAN_SECONDS, self._go_on)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """SIGTERM: finish what runs."""
        super().handle_exit(sig, frame)
        if self.server is not None:
            self.server.wake()

    def _go_on(self) -> bool:
        self.notify()
        return True

    def _has_parent(self) -> bool:
        return bool(self.ppid == os.getppid())

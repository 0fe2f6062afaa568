"""gunicorn around waitress: starts, watches and replaces web processes."""

from __future__ import annotations

import atexit
import contextlib
import mmap
from typing import TYPE_CHECKING, Any

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter

from bpm_server import bootstrap
from bpm_server.cli.serving_settings import serving_settings
from bpm_server.kernel import metrics
from bpm_server.web import parking
from bpm_server.web.app import create_app, make_ready
from bpm_server.web.gunicorn_worker import WaitressWorker
from bpm_server.worker.ties import tied

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

    from flask import Flask

    from bpm_server.settings import Settings


MARGIN_S = 5
"""Beyond what a process takes to stop, before gunicorn kills it."""


def _forget(_arbiter: Any, worker: Any) -> None:
    metrics.forget_process(worker.pid)


class _Served:
    """An application with the limits that ``WaitressWorker`` serves it under."""

    def __init__(self, app: Flask, settings: Settings) -> None:
        self._app = app
        self.serving = serving_settings(settings)
        self.notice_seconds = settings.stop_notice_seconds
        self.grace_seconds = settings.stop_seconds

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return self._app(environ, start_response)


class _Manager(Arbiter):
    """gunicorn's manager; tells the processes that all of them stop, not that they are replaced."""

    def stop(self, graceful: bool = True) -> None:
        app: Any = self.app
        app.leaving[0] = 1
        super().stop(graceful)


class _Application(BaseApplication):
    """gunicorn's view of us: configuration from settings, one server per process.

    Attributes:
        leaving: One byte that the processes share: 1 when the whole server stops.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.leaving = mmap.mmap(-1, 1)
        super().__init__()

    def load_config(self) -> None:
        settings = self._settings
        values: dict[str, Any] = {
            "bind": f"{settings.host}:{settings.port}",
            "workers": settings.processes,
            "threads": settings.threads,
            "worker_class": WaitressWorker,
            "graceful_timeout": settings.stop_notice_seconds + settings.stop_seconds + MARGIN_S,
            "timeout": 60,
            "preload_app": False,
            "control_socket_disable": True,
            "child_exit": _forget,
        }
        for name, value in values.items():
            self.cfg.set(name, value)

    def load(self) -> _Served:  # type: ignore[override]  # gunicorn types it as a bare function
        """The application of one process, with its own connections and node number."""
        stack = contextlib.ExitStack()
        server = stack.enter_context(bootstrap.running(self._settings))
        app = create_app(server)
        stack.enter_context(tied(server, parking.of(app).ring))
        atexit.register(stack.close)
        make_ready(app)
        return _Served(app, self._settings)

    def run(self) -> None:
        """Starts, watches and replaces the processes until it is stopped."""
        _Manager(self).run()


def serve_processes(settings: Settings) -> int:
    """Runs until it is stopped; HUP brings in new processes before the old ones go."""
    _Application(settings).run()
    return 0

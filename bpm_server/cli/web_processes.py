"""gunicorn around waitress: starts, watches and replaces web processes."""

from __future__ import annotations

import atexit
import contextlib
from typing import TYPE_CHECKING, Any

from gunicorn.app.base import BaseApplication

from bpm_server import bootstrap
from bpm_server.cli.serving_settings import serving_settings
from bpm_server.kernel import metrics
from bpm_server.web import parking
from bpm_server.web.app import create_app
from bpm_server.web.gunicorn_worker import WaitressWorker
from bpm_server.worker.ties import tied

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

    from flask import Flask

    from bpm_server.settings import Settings
    from bpm_server.web.serving import ServingSettings


def _forget(_arbiter: Any, worker: Any) -> None:
    metrics.forget_process(worker.pid)


class _Served:
    """An application with the limits that ``WaitressWorker`` serves it under."""

    def __init__(self, app: Flask, serving: ServingSettings) -> None:
        self._app = app
        self.serving = serving

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return self._app(environ, start_response)


class _Application(BaseApplication):
    """gunicorn's view of us: configuration from settings, one server per process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        super().__init__()

    def load_config(self) -> None:
        settings = self._settings
        values: dict[str, Any] = {
            "bind": f"{settings.host}:{settings.port}",
            "workers": settings.processes,
            "threads": settings.threads,
            "worker_class": WaitressWorker,
            "graceful_timeout": 30,
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
        return _Served(app, serving_settings(self._settings))


def serve_processes(settings: Settings) -> int:
    """Runs until it is stopped; HUP brings in new processes before the old ones go."""
    _Application(settings).run()
    return 0

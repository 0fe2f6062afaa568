"""gunicorn around waitress: starts, watches and replaces web processes."""

from __future__ import annotations

import atexit
import contextlib
from typing import TYPE_CHECKING, Any

from gunicorn.app.base import BaseApplication

from bpm_server import bootstrap
from bpm_server.cli.serving_settings import serving_settings
from bpm_server.web.app import create_app
from bpm_server.web.gunicorn_worker import WaitressWorker

if TYPE_CHECKING:
    from bpm_server.settings import Settings


class _Application(BaseApplication):  # type: ignore[misc]
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
        }
        for name, value in values.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """The application of one process, with its own connections and node number."""
        settings = self._settings
        stack = contextlib.ExitStack()
        server = stack.enter_context(bootstrap.running(settings))
        atexit.register(stack.close)
        app = create_app(server)
        app.serving = serving_settings(settings)
        return app


def serve_processes(settings: Settings) -> int:
    """Runs until it is stopped; HUP brings in new processes before the old ones go."""
    _Application(settings).run()
    return 0

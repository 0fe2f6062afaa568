"""``bpm-server web``: several web processes on one port (production); one process where the system cannot fork."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from bpm_server import bootstrap
from bpm_server.cli.serving_settings import serving_settings
from bpm_server.kernel import log
from bpm_server.web import parking
from bpm_server.web.app import create_app, make_ready
from bpm_server.web.serving import listen, serve
from bpm_server.worker.ties import tied

if TYPE_CHECKING:
    import argparse

    from bpm_server.settings import Settings


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Serves until it is stopped. Tables must be there: ``bpm-server migrate`` comes first."""
    del options
    log.configure(level=settings.log_level, as_json=settings.log_json)
    if os.name != "nt" and settings.processes > 1:
        from bpm_server.cli.web_processes import serve_processes  # noqa: PLC0415

        return serve_processes(settings)
    with bootstrap.running(settings) as server:
        app = create_app(server)
        make_ready(app)
        with tied(server, parking.of(app).ring):
            finished = serve(
                app,
                listen(settings.host, settings.port),
                serving_settings(settings),
                notice_seconds=settings.stop_notice_seconds,
                grace_seconds=settings.stop_seconds,
            )
            return 0 if finished else 1

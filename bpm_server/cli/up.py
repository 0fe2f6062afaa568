"""``bpm-server up``: exactly one web process with the worker inside, on one data folder."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from bpm_server import bootstrap
from bpm_server.cli.addresses import seal_all
from bpm_server.cli.content import deploy_content
from bpm_server.cli.data_folder import locked
from bpm_server.cli.first_run import prepare_people
from bpm_server.cli.mailing import mailer_of
from bpm_server.cli.pushing import pusher_of
from bpm_server.cli.serving_settings import serving_settings
from bpm_server.kernel import log
from bpm_server.web.app import create_app, make_ready
from bpm_server.web.serving import listen, serve
from bpm_server.worker.embedded import EmbeddedWorker

if TYPE_CHECKING:
    import argparse

    from bpm_server.settings import Settings


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Migrates, prepares, serves until it is stopped."""
    log.configure(level=settings.log_level, as_json=settings.log_json)
    if settings.demo:
        settings = replace(settings, allow_loopback_webhooks=True)
    with locked(settings.data_dir):
        # Listening first: a taken port is said before anything else happens.
        listener = listen(settings.host, settings.port)
        settings = replace(settings, port=listener.getsockname()[1])
        bootstrap.prepare(settings, finish=True)  # nothing else runs here
        with bootstrap.running(settings) as server:
            seal_all(server)
            password = prepare_people(server)
            if not options.no_content:
                deploy_content(server)
            if settings.demo:
                from bpm_server.cli.demo import fill  # noqa: PLC0415

                fill(server, count=12, expense_count=8)
            worker = EmbeddedWorker(server, mailer=mailer_of(server), pusher=pusher_of(server))
            worker.start()
            app = create_app(server)
            make_ready(app)
            _greet(settings, password)
            serving = serving_settings(settings)
            grace = settings.stop_seconds
            finished = serve(app, listener, serving, grace_seconds=grace, on_stop=worker.take_no_more)
            worker.stop()
    return 0 if finished else 1


def _greet(settings: Settings, password: str | None) -> None:
    lines = [f"bpm-server is running at {settings.url()}"]
    if password is not None:
        lines.append(f"First administrator: admin, password {password} (shown only this once)")
    if settings.demo:
        lines.append("Demo people sign in with the password 'demo'; the sign-in page lists them.")
    print("\n".join(lines), file=sys.stderr, flush=True)

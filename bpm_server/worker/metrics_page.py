"""``/metrics`` of a worker process, which serves nothing else (``BPM_METRICS_PORT``)."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from bpm_server.kernel.errors import BpmError, NotSignedIn
from bpm_server.reports import metrics
from bpm_server.reports.backlog import Backlog

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bpm_server.services.server import Server

PATH = "/metrics"


@contextmanager
def metrics_page(server: Server) -> Iterator[None]:
    """Serves it as long as the block runs, where the installation names a port.

    Raises:
        OSError: the port is taken.
    """
    settings = server.settings
    if not settings.metrics_port:
        yield
        return
    listening = ThreadingHTTPServer((settings.host, settings.metrics_port), _handler(server))
    thread = threading.Thread(target=listening.serve_forever, name="metrics", daemon=True)
    thread.start()
    try:
        yield
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join(5)


def _handler(server: Server) -> type[BaseHTTPRequestHandler]:
    backlog = Backlog(server)

    class Page(BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self) -> None:
            if self.path.partition("?")[0] != PATH:
                self.send_error(404)
                return
            try:
                metrics.check_reader(
                    server.settings, self.headers.get("Authorization", ""), str(self.client_address[0])
                )
            except BpmError as error:
                self.send_error(401 if isinstance(error, NotSignedIn) else 403, explain=error.message)
                return
            text = metrics.text(server, backlog)
            self.send_response(200)
            self.send_header("Content-Type", metrics.MIME)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name in http.server
            """Scrapes are not worth a line."""

    return Page

"""``/metrics`` for Prometheus, and what requests add to it."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

from flask import Blueprint, Response, g, request

from bpm_server.kernel import metrics
from bpm_server.reports import metrics as report
from bpm_server.web import access, backpressure
from bpm_server.web.parked import PARKED

if TYPE_CHECKING:
    from flask import Flask

PATH = "/metrics"
UNKNOWN = "unknown"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
LOAD = "bpm_server.load"
api = Blueprint("metrics", __name__)


@api.get(PATH)
def show() -> Response:
    """Everything, in the text format."""
    server = access.server()
    report.check_reader(server.settings, request.headers.get("Authorization", ""), request.remote_addr or "")
    return Response(report.text(server, backpressure.of_app().backlog), content_type=report.MIME)


def register(app: Flask) -> None:
    """Counts the requests of an application and adds the page."""
    app.before_request(_begin)
    app.after_request(_count)
    app.register_blueprint(api)


def _begin() -> None:
    g.begun = perf_counter()
    load = request.environ.get(LOAD)
    if load is not None:
        metrics.WAITING.set(load())


def _count(response: Response) -> Response:
    if PARKED not in request.environ:  # it will be answered later
        rule = request.url_rule.rule if request.url_rule is not None else UNKNOWN
        method = request.method if request.method in METHODS else UNKNOWN
        metrics.REQUESTS.labels(method, rule, response.status_code).inc()
        metrics.REQUEST_SECONDS.labels(rule).observe(perf_counter() - g.begun)
    return response

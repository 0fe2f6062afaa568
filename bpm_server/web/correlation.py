"""Every request has an id: on its log lines, in its reply (``X-Request-Id``), in problems, and with what it causes.

``X-Request-Id`` of the client counts, else the trace id of its ``traceparent``, else a new one. The access log is one
line for each request, with the route instead of the path and without the query: those hold keys and secrets.
"""

from __future__ import annotations

from contextlib import ExitStack
from time import perf_counter
from typing import TYPE_CHECKING

from flask import g, request

from bpm_server.kernel import context, tracing
from bpm_server.kernel.log import get_logger
from bpm_server.web.parked import PARKED

if TYPE_CHECKING:
    from flask import Flask, Response

log = get_logger(__name__)
HEADER = "X-Request-Id"
QUIET = ("/health/", "/metrics", "/static/", "/assets/")
"""Asked all day by programs that watch: of no interest unless one looks for them (level DEBUG)."""


def register(app: Flask) -> None:
    """Gives the requests of an application their ids. Before everything else."""
    app.before_request(_begin)
    app.after_request(_answer)
    app.teardown_request(_end)


def _begin() -> None:
    g.arrived = perf_counter()
    headers = request.headers
    cause = context.of_headers(headers.get(HEADER), headers.get("traceparent"))
    context.begin(cause)
    g.tracing = ExitStack()
    g.span = g.tracing.enter_context(tracing.span("request", cause.traceparent, http_request_method=request.method))


def _end(_error: BaseException | None) -> None:
    if "tracing" in g:
        g.tracing.close()
    context.end()


def _answer(response: Response) -> Response:
    cause = context.current()
    if cause is None or PARKED in request.environ:
        return response
    response.headers[HEADER] = cause.request_id
    route = request.url_rule.rule if request.url_rule is not None else None
    if g.span is not None:
        g.span.update_name(f"{request.method} {route or 'unknown'}")
        g.span.set_attribute("http.route", route or "unknown")
        g.span.set_attribute("http.response.status_code", response.status_code)
    found = g.get("access")
    write = log.debug if request.path.startswith(QUIET) else log.info
    write(
        "http.request",
        method=request.method,
        route=route,
        status=response.status_code,
        ms=round((perf_counter() - g.arrived) * 1000, 1),
        actor=None if found is None else found.actor.username,
    )
    return response

"""The web application: puts the faces together over a server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Flask, request

from bpm_server import __version__
from bpm_server.kernel import heap
from bpm_server.settings import Settings
from bpm_server.web import access, backpressure, correlation, metrics, parking, problems
from bpm_server.web.api import registration
from bpm_server.web.engine_rest import registration as engine_rest
from bpm_server.web.json_provider import use_exact_json
from bpm_server.web.pages import registration as pages

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Response

    from bpm_server.services.server import Server

UPLOADS: dict[str, Callable[[Settings], int]] = {
    "/v2/deployments": lambda settings: settings.upload_limit,
    "/engine-rest/deployment/create": lambda settings: settings.upload_limit,
    "/v2/documents": Settings.document_request_limit,
    "/v2/documents/batch": Settings.document_request_limit,
    "/api/tasks/<userTaskKey>/attachments": Settings.document_request_limit,
    "/api/process-instances/<processInstanceKey>/attachments": Settings.document_request_limit,
    "/tasks/<int:key>/attachments": Settings.document_request_limit,
    "/instances/<int:key>/attachments": Settings.document_request_limit,
    "/tasks/<int:key>/uploads": Settings.document_request_limit,
    "/uploads/<path:process_id>": Settings.document_request_limit,
}
"""By rule: where files arrive, other limits hold than ``request_body_limit``."""
API_PREFIXES = ("/v2/", "/api/", "/engine-rest/")


class _App(Flask):
    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """There are no coroutines here; asking each function for it at each request costs."""
        return func


def create_app(server: Server) -> Flask:
    """The application of a server; one for each process."""
    app = _App("bpm_server.web", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = server.settings.request_body_limit
    app.config["MAX_FORM_PARTS"] = 1_000
    app.url_map.strict_slashes = False
    use_exact_json(app)
    access.use_server(app, server)
    parking.use_parking(app, server)
    backpressure.use_backpressure(app, server)
    correlation.register(app)
    metrics.register(app)
    problems.register(app)
    app.before_request(_limit_body)
    app.after_request(_protect)
    registration.register(app, server, __version__)
    engine_rest.register(app)
    pages.register(app)
    return app


def make_ready(app: Flask) -> None:
    """For a process that is about to serve: no first visitor waits for templates to be compiled (0.4 s for all)."""
    for name in app.jinja_env.list_templates(extensions=("html",)):
        app.jinja_env.get_template(name)
    heap.keep_what_is_there()


def _limit_body() -> None:
    limit = UPLOADS.get(request.url_rule.rule) if request.url_rule is not None else None
    if limit is not None:
        request.max_content_length = limit(access.server().settings)


def _protect(response: Response) -> Response:
    headers = response.headers
    headers.setdefault("X-Content-Type-Options", "nosniff")
    if request.path.startswith(API_PREFIXES):
        headers.setdefault("Cache-Control", "no-store")
    return response

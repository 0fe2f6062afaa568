"""Puts Camunda 7's REST API into an application, and lets pages from anywhere call it.

Camunda Modeler calls from a ``file://`` page, so every reply, errors too, carries ``Access-Control-Allow-Origin: *``.
That is safe because only the ``Authorization`` header counts here, which no page can send for somebody else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, request
from werkzeug.exceptions import NotFound

from bpm_server.web import access
from bpm_server.web.api.blueprint import nothing
from bpm_server.web.engine_rest import definitions, errors, external_tasks, instances, tasks
from bpm_server.web.engine_rest.blueprint import PREFIX, EngineBlueprint
from bpm_server.web.json_provider import reply

if TYPE_CHECKING:
    from flask import Flask

    from bpm_server.web.api.blueprint import Call

WELL_KNOWN = "/.well-known/camunda-automation-platform"
METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH")
HEADERS = "authorization, content-type, accept"
PREFLIGHT_S = 600
api = EngineBlueprint("server")
open_to_all = Blueprint("engine_rest_open", __name__)
NOUNS = (api, definitions.api, instances.api, tasks.api, external_tasks.api)


@api.operation("GET", "/version")
def get_version(call: Call) -> dict[str, str]:
    """Which version of Camunda 7 this is like (``BPM_PLATFORM_VERSION``)."""
    return {"version": call.server.settings.platform_version}


@api.operation("GET", "/engine")
def get_engines(_: Call) -> list[dict[str, str]]:
    """There is one engine."""
    return [{"name": "default"}]


@open_to_all.get(f"{WELL_KNOWN}/webapps")
def get_webapps() -> Response:
    """Where Camunda Modeler's links lead: our own pages."""
    base = access.server().settings.public_url.rstrip("/") or request.url_root.rstrip("/")
    return reply({"cockpitUrl": f"{base}/cockpit/", "tasklistUrl": f"{base}/", "adminUrl": f"{base}/"})


@open_to_all.route(f"{PREFIX}/", defaults={"rest": ""}, methods=METHODS)
@open_to_all.route(f"{PREFIX}/<path:rest>", methods=METHODS)
def nothing_there(rest: str) -> Response:
    """Everything else is unknown, in Camunda 7's words."""
    del rest
    raise NotFound


errors.register(open_to_all)


def register(app: Flask) -> None:
    """Adds the operations to an application; the first question of each request is where it comes from."""
    app.before_request(_answer_preflight)
    app.after_request(_open)
    for blueprint in (*NOUNS, open_to_all):
        app.register_blueprint(blueprint)


def _is_here() -> bool:
    path = request.path
    return path == PREFIX or path.startswith((f"{PREFIX}/", f"{WELL_KNOWN}/"))


def _answer_preflight() -> Response | None:
    """A browser asks before it sends credentials: yes, whoever it is."""
    if request.method != "OPTIONS" or not _is_here():
        return None
    response = nothing()
    response.headers["Access-Control-Allow-Methods"] = ", ".join((*METHODS, "OPTIONS"))
    response.headers["Access-Control-Allow-Headers"] = HEADERS
    response.headers["Access-Control-Max-Age"] = str(PREFLIGHT_S)
    return response


def _open(response: Response) -> Response:
    if _is_here():
        response.headers["Access-Control-Allow-Origin"] = "*"
        response.headers["Access-Control-Expose-Headers"] = "Retry-After"
    return response

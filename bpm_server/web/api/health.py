"""``/health/live`` and ``/health/ready``: for whoever watches the server; nobody needs to sign in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, request

from bpm_server.kernel.errors import Unavailable
from bpm_server.reports import health
from bpm_server.web import access
from bpm_server.web.json_provider import reply

if TYPE_CHECKING:
    from flask import Response

api = Blueprint("health", __name__, url_prefix="/health")


@api.get("/live")
def live() -> Response:
    """This process answers."""
    return reply({"status": "UP"})


@api.get("/ready")
def ready() -> Response:
    """The database answers and has the newest tables, and this process is not about to stop."""
    is_leaving = request.environ.get("bpm_server.leaving")
    if is_leaving is not None and is_leaving():
        message = "Expected the server to be ready, but it is stopping"
        raise Unavailable(message, retry_after=5)
    state = health.check_tables(access.server())
    if not state.is_ready:
        raise Unavailable(state.problem or "Expected the server to be ready, but it is not", retry_after=5)
    return reply({"status": "UP"})

"""Applications for tests: their thousand routes and the document of them are made once, not for each test."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from bpm_server.web import access, backpressure, parking
from bpm_server.web.app import create_app

if TYPE_CHECKING:
    from flask import Flask

    from bpm_server.services.server import Server

_first: list[Flask] = []


def app_for(server: Server) -> Flask:
    """As :func:`create_app` makes it, but routes, hooks and templates are those of the first one in this process.

    A test that adds to them, or looks at what depends on settings when an application is made, makes its own.
    """
    if not _first:
        _first.append(create_app(server))
    app = copy.copy(_first[0])
    app.extensions = dict(app.extensions)
    app.config = copy.copy(app.config)
    app.config["MAX_CONTENT_LENGTH"] = server.settings.request_body_limit
    access.use_server(app, server)
    parking.use_parking(app, server)
    backpressure.use_backpressure(app, server)
    return app

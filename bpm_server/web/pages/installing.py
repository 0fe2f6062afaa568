"""The web app manifest: with it a phone puts the inbox on its home screen, and iPhones allow notifications.

Source: W3C Web Application Manifest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint

from bpm_server.web.json_provider import reply
from bpm_server.web.pages.files import CHECKED, app_url
from bpm_server.web.pages.texts import gettext as _
from bpm_server.web.pages.visitor import visitor

if TYPE_CHECKING:
    from flask import Response

pages = Blueprint("installing", __name__)
ICONS = (192, 512)
"""Pixels that Chromium asks for; iPhones take another one from ``layout.html``."""


@pages.get("/manifest.webmanifest")
def manifest() -> Response:
    """What the system shows of the app, for everybody, also before signing in."""
    response = reply(
        {
            "id": "/",
            "name": "bpm-server",
            "short_name": _("Inbox"),
            "lang": visitor().language,
            "start_url": "/",
            "scope": "/",
            "display": "standalone",
            "background_color": "#f6f8fb",
            "theme_color": "#1f6feb",
            "icons": [
                {
                    "src": app_url(f"app/icon-{size}.png"),
                    "sizes": f"{size}x{size}",
                    "type": "image/png",
                    "purpose": "any maskable",
                }
                for size in ICONS
            ],
        }
    )
    response.content_type = "application/manifest+json"
    response.headers["Cache-Control"] = CHECKED
    return response

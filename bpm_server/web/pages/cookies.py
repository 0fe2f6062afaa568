"""Cookies of the pages."""

from __future__ import annotations

from flask import request

from bpm_server.web import access


def is_secure() -> bool:
    """Whether people reach this server by https, so that cookies go no other way."""
    return request.is_secure or access.server().settings.public_url.startswith("https://")

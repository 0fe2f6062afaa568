"""What the web server takes from the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpm_server.web.serving import ServingSettings

if TYPE_CHECKING:
    from bpm_server.settings import Settings


def serving_settings(settings: Settings) -> ServingSettings:
    """Threads, limits and the proxy to trust."""
    return ServingSettings(
        threads=settings.threads,
        most_waiting=settings.max_waiting_requests,
        body_bytes=max(settings.upload_limit, settings.document_request_limit()),
        trusted_proxy=settings.trusted_proxy or None,
    )

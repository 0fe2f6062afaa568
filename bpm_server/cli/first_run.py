"""What the first start of an installation adds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpm_server.services import installation

if TYPE_CHECKING:
    from bpm_server.services.server import Server


def prepare_people(server: Server) -> str | None:
    """Adds roles and the administrator; returns a generated password, to be shown once."""
    return installation.prepare_installation(server, server.settings.admin_password)

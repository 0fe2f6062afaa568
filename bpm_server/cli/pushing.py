"""Brings together who puts pushes into words (the pages' language) and who sends them (the worker)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpm_server.worker.pushing import make_pusher

if TYPE_CHECKING:
    from bpm_server.services.server import Server
    from bpm_server.worker.pushing import Pusher


def pusher_of(server: Server) -> Pusher | None:
    """The pusher of a worker; None where nothing goes to devices, which needs no pages either."""
    if not server.settings.push_contact:
        return None
    from bpm_server.web.pages.pushes import PushWriter  # noqa: PLC0415 - Flask only where there are pushes

    return make_pusher(server, PushWriter(server))

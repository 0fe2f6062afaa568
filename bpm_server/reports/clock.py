"""Engine time, for what pages say about waiting and due times."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpm_server.store.moments import read_moment

if TYPE_CHECKING:
    from datetime import datetime

    from bpm_server.services.server import Server


def engine_time(server: Server) -> datetime:
    """The time that due dates and history are written in."""
    with server.database.read() as connection:
        return read_moment(connection).now

"""Engine time, for what pages say about waiting and due times; with the versions that caches compare."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpm_server.store.moments import look_moment

if TYPE_CHECKING:
    from datetime import datetime

    from bpm_server.services.server import Server
    from bpm_server.store.moments import Moment


def this_moment(server: Server) -> Moment:
    """Engine time, and the versions that caches compare."""
    return look_moment(server.database)


def engine_time(server: Server) -> datetime:
    """The time that due dates and history are written in."""
    return this_moment(server).now

"""What could be removed now, and is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpm_server.store import retention as store
from bpm_server.store.moments import read_moment

if TYPE_CHECKING:
    from bpm_server.domain.retention import Ended
    from bpm_server.services.server import Server
    from bpm_server.store.retention import Removable


def removable(server: Server, which: Ended) -> list[Removable]:
    """Call trees that ``services.retention`` would remove, counted by process."""
    with server.database.read() as connection:
        return store.removable_by_process(connection, which, read_moment(connection).now)

"""Whether the server can work: the database answers and has the newest tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bpm_server.kernel.errors import BpmError
from bpm_server.store import migrate
from bpm_server.store.moments import read_moment

if TYPE_CHECKING:
    from bpm_server.services.server import Server


@dataclass(frozen=True, slots=True)
class Health:
    """``problem``: why not, for people."""

    is_ready: bool
    problem: str | None = None


def check(server: Server) -> Health:
    """Asks the database for the time."""
    try:
        with server.database.read() as connection:
            read_moment(connection)
    except BpmError as error:
        return Health(is_ready=False, problem=error.message)
    return Health(is_ready=True)


def check_tables(server: Server) -> Health:
    """Like :func:`check`, and whether this release runs on the tables there are."""
    state = check(server)
    if not state.is_ready:
        return state
    found, newest = migrate.current(server.database)
    if not migrate.serves(found):
        return Health(is_ready=False, problem=f"Expected tables of revision {newest}, but found {found or 'none'}")
    return state

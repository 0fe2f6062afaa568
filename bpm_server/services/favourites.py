"""Stars: processes that somebody wants to find first in the catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpm_server.kernel.errors import WrongState
from bpm_server.services.authorization import authorize
from bpm_server.services.preferences import authorize_self
from bpm_server.services.process_instances import find_process
from bpm_server.services.transaction import command, transaction
from bpm_server.store import favourites as store

if TYPE_CHECKING:
    from bpm_server.domain.identity import Actor
    from bpm_server.services.server import Server

MOST = 200


@command
def mark_favourite(server: Server, actor: Actor, process_id: str, *, marked: bool) -> None:
    """Puts a star on a process, or takes it away; what is so already stays.

    Raises:
        NotFound: no such process is deployed.
        Forbidden: the actor may not start it.
        WrongState: there are as many stars as one person may have.
    """
    with transaction(server, actor) as tx:
        authorize_self(actor)
        if not marked:
            store.delete(tx.connection, actor.username, process_id)
            return
        find_process(tx, process_id)
        authorize(actor, "PROCESS_DEFINITION", "CREATE_PROCESS_INSTANCE", process_id)
        if len(store.favourites(tx.connection, actor.username)) >= MOST:
            message = f"Expected fewer than {MOST} favourites before another one, but found {MOST}"
            raise WrongState(message, retry=False)
        store.insert(tx.connection, actor.username, process_id, tx.now)

"""Links that decide without signing in: for one person, about one item of one approval, until they are used or too old.

A link is sealed with the installation's key. It leads nowhere as soon as its person has said something on that item, it
is not their turn any more, or they have left; whoever opens it is not told which.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from bpm_server.domain.approvals.items import ItemState
from bpm_server.kernel import json
from bpm_server.kernel.errors import InvalidInput, NotFound
from bpm_server.services.identities import find_actor
from bpm_server.store import approvals as store
from bpm_server.store.moments import read_moment

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from bpm_server.domain.identity import Actor
    from bpm_server.services.server import Server

PURPOSE = "decision-link"
KEPT = timedelta(days=14)
_NOWHERE = "Expected a link to decide by, but this one leads nowhere (any more)"


@dataclass(frozen=True, slots=True)
class OpenLink:
    """A link that can be used: by whom, and where."""

    actor: Actor
    task_key: int
    item_key: int


def make_link(server: Server, username: str, task_key: int) -> str | None:
    """The token of a link for somebody whose turn it is at a task; None where it is not.

    Whether the caller may have it is asked before: it acts as its person.
    """
    with server.database.read() as connection:
        item = _item(connection, task_key, username)
        if item is None:
            return None
        until = read_moment(connection).now + KEPT
    text = json.dumps([username, task_key, item, until.isoformat()])
    return server.secrets.seal_token(text, PURPOSE)


def open_link(server: Server, token: str) -> OpenLink:
    """What a link is for, and its person with all their rights.

    Raises:
        NotFound: it leads nowhere (any more).
    """
    username, task_key, item_key, until = _opened(server, token)
    with server.database.read() as connection:
        is_over = read_moment(connection).now >= until
        usable = not is_over and _item(connection, task_key, username) == item_key
        usable = usable and not store.has_voted(connection, task_key, item_key)
        actor = find_actor(server, connection, username) if usable else None
    if actor is None:
        raise NotFound(_NOWHERE)
    return OpenLink(actor, task_key, item_key)


def _item(connection: Connection, task_key: int, username: str) -> int | None:
    """The item on which it is somebody's own turn."""
    stored = store.find_approval(connection, task_key)
    if stored is None or stored.ended_at is not None or stored.is_correcting:
        return None
    items = [one.item for one in store.read_items(connection, task_key, stored.round)]
    return next((one.key for one in items if one.person == username and one.state is ItemState.TO_DO), None)


def _opened(server: Server, token: str) -> tuple[str, int, int, datetime]:
    try:
        username, task_key, item_key, until = json.loads(server.secrets.open_token(token, PURPOSE))
    except InvalidInput as error:
        raise NotFound(_NOWHERE) from error
    return username, task_key, item_key, datetime.fromisoformat(until)

"""The devices on which somebody has notifications; everybody sees their own alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bpm_server.store import pushes as store

if TYPE_CHECKING:
    from datetime import datetime

    from bpm_server.domain.identity import Actor
    from bpm_server.services.server import Server


@dataclass(frozen=True, slots=True)
class Device:
    """A device.

    Attributes:
        name: Such as ``Chrome · Windows``; empty where nothing is known.
        host: Of its push service.
        is_here: Whether it is the browser that asks.
        problem: Why the push service did not take the last message.
    """

    key: int
    name: str
    host: str
    is_here: bool
    created_at: datetime
    last_used_at: datetime | None
    problem: str | None


def devices(server: Server, actor: Actor, here: str | None = None) -> list[Device]:
    """One's devices, newest first.

    Args:
        server: The server.
        actor: Whose.
        here: Digest of the cookie of the browser that asks.
    """
    with server.database.read() as connection:
        rows = store.devices(connection, actor.username)
    return [
        Device(
            row.key,
            row.name,
            row.host,
            here is not None and row.device == here,
            row.created_at,
            row.last_used_at,
            row.problem,
        )
        for row in rows
    ]


def endpoint_of(server: Server, actor: Actor, here: str) -> str | None:
    """Digest of the endpoint by which a browser gets the actor's notifications; None where it does not."""
    with server.database.read() as connection:
        row = store.of_device(connection, here)
    return None if row is None or row.username != actor.username else str(row.endpoint_digest)

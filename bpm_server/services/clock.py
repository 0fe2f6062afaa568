"""Pinning the engine's clock, in installations for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpm_server.kernel.errors import Forbidden
from bpm_server.services.authorization import authorize
from bpm_server.services.transaction import command, transaction
from bpm_server.store import moments as store

if TYPE_CHECKING:
    from datetime import datetime

    from bpm_server.domain.identity import Actor
    from bpm_server.services.server import Server


@command
def pin_clock(server: Server, actor: Actor, moment: datetime) -> None:
    """Lets engine time stand still.

    Raises:
        Forbidden: the installation or the actor may not.
    """
    with transaction(server, actor) as tx:
        _check_allowed(server)
        authorize(actor, "SYSTEM", "UPDATE")
        store.pin_clock(tx.connection, moment)
        tx.wake("timers")
        tx.wake("alarms")


@command
def reset_clock(server: Server, actor: Actor) -> None:
    """Lets engine time run with the database's again.

    Raises:
        Forbidden: the installation or the actor may not.
    """
    with transaction(server, actor) as tx:
        _check_allowed(server)
        authorize(actor, "SYSTEM", "UPDATE")
        store.pin_clock(tx.connection, None)
        tx.wake("timers")
        tx.wake("alarms")


def _check_allowed(server: Server) -> None:
    if not server.settings.allow_clock:
        message = "Expected an installation whose clock may be moved (BPM_ALLOW_CLOCK), but this one's may not"
        raise Forbidden(message)

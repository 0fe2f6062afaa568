"""Addresses that a release before 0014 left in plain text are sealed when none of its processes is left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpm_server import bootstrap
from bpm_server.domain.identity import SYSTEM
from bpm_server.kernel.errors import InvalidInput
from bpm_server.services.secrets import seal_addresses
from bpm_server.store.identities import has_plain_addresses

if TYPE_CHECKING:
    from bpm_server.services.server import Server
    from bpm_server.settings import Settings


def seal_all(server: Server) -> int:
    """Seals them some at a time; may be interrupted and run again."""
    total = 0
    while count := seal_addresses(server, SYSTEM):
        total += count
    if total:
        server.database.empty_log()
    return total


def seal_after_upgrade(settings: Settings) -> int:
    """The same for a command that has no server yet.

    Raises:
        InvalidInput: there are some, and no secret key: one that is made now would not be that of web and worker.
    """
    database = bootstrap.open_database(settings)
    with database.read() as connection:
        left = has_plain_addresses(connection)
    database.dispose()
    if not left:
        return 0
    if not bootstrap.has_secret_key(settings):
        message = (
            "Expected the installation's secret key (BPM_SECRET_KEY, or secret.key in "
            f"'{settings.data_dir}') to seal e-mail addresses with, but found none; run it again with that key"
        )
        raise InvalidInput(message)
    with bootstrap.running(settings) as server:
        return seal_all(server)

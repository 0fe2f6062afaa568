"""``bpm-server secrets rotate``: after a change of the secret key, nothing needs the old one any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpm_server import bootstrap
from bpm_server.domain.identity import SYSTEM
from bpm_server.services.secrets import reseal_endpoints

if TYPE_CHECKING:
    import argparse

    from bpm_server.settings import Settings


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Seals everything anew that a key of before has sealed; may be interrupted and run again."""
    del options
    bootstrap.check_database(settings)
    bootstrap.check_revision(settings)
    total = 0
    with bootstrap.running(settings) as server:
        after: int | None = 0
        while after is not None:
            after, count = reseal_endpoints(server, SYSTEM, after)
            total += count
    print(f"{total} secrets were sealed with another key and are sealed with the present one now.")
    print("Keep the old key for 'audit verify' (BPM_OLD_SECRET_KEYS): older seals of the audit log were made with it.")
    return 0

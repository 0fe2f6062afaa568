"""``bpm-server secrets rotate``: after a change of the secret key, nothing needs the old one any more."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from bpm_server import bootstrap
from bpm_server.domain.identity import SYSTEM
from bpm_server.services.secrets import reseal_addresses, reseal_endpoints

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from bpm_server.domain.identity import Actor
    from bpm_server.services.server import Server
    from bpm_server.settings import Settings

P = TypeVar("P", int, str)


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Seals everything anew that a key of before has sealed; may be interrupted and run again."""
    del options
    bootstrap.check_database(settings)
    bootstrap.check_revision(settings)
    with bootstrap.running(settings) as server:
        secrets = _reseal(server, reseal_endpoints, 0)
        addresses = _reseal(server, reseal_addresses, "")
    print(f"{secrets} secrets were sealed with another key and are sealed with the present one now.")
    print(f"{addresses} e-mail addresses were sealed with another key and are sealed with the present one now.")
    print("Keep the old key for 'audit verify' (BPM_OLD_SECRET_KEYS): older seals of the audit log were made with it.")
    return 0


def _reseal(server: Server, reseal: Callable[[Server, Actor, P], tuple[P | None, int]], begin: P) -> int:
    """Goes on until nothing is left; returns how many were sealed anew."""
    total = 0
    after: P | None = begin
    while after is not None:
        after, count = reseal(server, SYSTEM, after)
        total += count
    return total

"""``bpm-server audit verify``: whether the audit log is what was sealed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from bpm_server import bootstrap
from bpm_server.kernel import json
from bpm_server.kernel.errors import InvalidInput, NotFound
from bpm_server.reports.audit_seals import verify
from bpm_server.services.sealing import PURPOSE

if TYPE_CHECKING:
    import argparse

    from bpm_server.domain.sealing import Break
    from bpm_server.settings import Settings


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Prints every break, then what was seen; exit status 1 where something is not as it was sealed."""
    bootstrap.check_database(settings)
    bootstrap.check_revision(settings)
    noted = None if options.expect is None else _noted(options.expect)
    if not bootstrap.has_secret_key(settings):
        message = f"Expected the secret key with which the log was sealed in '{settings.data_dir}', but found none"
        raise NotFound(message)

    def tell(found: Break) -> None:
        print(json.dumps(found.as_json()) if options.json else f"{found.severity}: {found.message} ({found.kind})")

    database = bootstrap.open_database(settings)
    try:
        box = bootstrap.secret_box(settings)
        verdict = verify(database, [box.key(PURPOSE), *box.old_keys(PURPOSE)], tell, noted)
    finally:
        database.dispose()
    if options.json:
        print(json.dumps(verdict.as_json()))
    else:
        print(f"{verdict.seals} seals, {verdict.rows} rows in them, {verdict.unsealed} rows not sealed yet.")
        if verdict.last is not None:
            print(f"Last seal, to be noted elsewhere: {verdict.last[0]}:{verdict.last[1]}")
        print(f"{verdict.errors} errors, {verdict.warnings} warnings", file=sys.stderr)
    return 1 if verdict.errors else 0


def _noted(text: str) -> tuple[int, str]:
    number, _, digest = text.partition(":")
    if not number.isdecimal() or len(digest) != 64:
        message = f"Expected NUMBER:DIGEST of a seal, as 'audit verify' prints it, but found '{text[:80]}'"
        raise InvalidInput(message)
    return int(number), digest

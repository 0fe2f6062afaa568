"""``bpm-server cleanup``: removes ended instances whose time is over, after writing them into an archive."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bpm_server import bootstrap
from bpm_server.domain.identity import SYSTEM
from bpm_server.domain.retention import Ended
from bpm_server.kernel import json
from bpm_server.kernel.errors import InvalidInput, Unavailable
from bpm_server.kernel.json import timestamp
from bpm_server.reports import retention as report
from bpm_server.reports.clock import engine_time
from bpm_server.services import retention
from bpm_server.store import history_files

if TYPE_CHECKING:
    import argparse

    from bpm_server.services.retention import Removed
    from bpm_server.services.server import Server
    from bpm_server.settings import Settings
    from bpm_server.store.retention import Removable

LONGEST_DAYS = 36_500
PAUSE_S = 0.2


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Removes until nothing is left, or says what would be removed."""
    days = options.older_than
    if days is not None and not 0 <= days <= LONGEST_DAYS:
        message = f"Expected --older-than to be from 0 to {LONGEST_DAYS} days, but found {days}"
        raise InvalidInput(message)
    folder = options.archive or (Path(settings.archive_dir) if settings.archive_dir else None)
    bootstrap.prepare(settings)
    with bootstrap.running(settings) as server:
        before = None if days is None else engine_time(server) - timedelta(days=days)
        which = Ended(before, options.process)
        if options.dry_run:
            _say_what_would_be(report.removable(server, which), as_json=options.json)
            return 0
        if folder is not None:
            history_files.check_folder(folder)
        try:
            removed = remove_all(server, which, folder)
        except OSError as error:
            message = f"Expected to write the archive into '{folder}', but found: {error}"
            raise Unavailable(message) from error
        _say(removed, as_json=options.json)
    return 0


def remove_all(server: Server, which: Ended, folder: Path | None) -> Removed:
    """Removes batch after batch; what another cleanup has in hand is waited for, unless it goes by the end."""
    total, after = retention.Removed(), 0
    while keys := retention.removable(server, which, after):
        done = retention.remove_ended(server, SYSTEM, keys, which, folder)
        total.add(done)
        if which.before is not None:
            after = keys[-1]
        elif not done.trees:
            time.sleep(PAUSE_S)
    return total


def _say_what_would_be(found: list[Removable], *, as_json: bool) -> None:
    total = sum(process.instances for process in found)
    if as_json:
        processes = [
            {
                "processId": process.process_id,
                "instances": process.instances,
                "firstEndedAt": timestamp(process.first_ended_at),
                "lastEndedAt": timestamp(process.last_ended_at),
            }
            for process in found
        ]
        print(json.dumps({"dryRun": True, "instances": total, "processes": processes}))
        return
    for process in found:
        span = f"ended {process.first_ended_at:%Y-%m-%d} to {process.last_ended_at:%Y-%m-%d}"
        print(f"{process.process_id}: {process.instances} instances, {span}")
    print(f"{total} instances would be removed, with what they called.")


def _say(removed: Removed, *, as_json: bool) -> None:
    if as_json:
        said: dict[str, Any] = {
            "dryRun": False,
            "instances": removed.trees,
            "calledInstances": removed.instances - removed.trees,
            "rows": {name: count for name, count in sorted(removed.rows.items()) if count},
            "files": [str(path) for path in removed.files],
        }
        print(json.dumps(said))
        return
    called = removed.instances - removed.trees
    print(f"{removed.trees} instances removed, and {called} that they called: {removed.rows.total()} rows.")
    for path in removed.files:
        print(path)

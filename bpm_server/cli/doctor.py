"""``bpm-server doctor``: proves that engine state and tables agree; ``--repair`` mends what can be mended."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import TYPE_CHECKING

from bpm_server import bootstrap
from bpm_server.domain.identity import SYSTEM
from bpm_server.kernel import json
from bpm_server.kernel.errors import BpmError
from bpm_server.services.examining import examine
from bpm_server.services.repairing import repair_instance, repair_stray
from bpm_server.store.strays import MENDS

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from bpm_server.domain.consistency import Defect
    from bpm_server.services.server import Server
    from bpm_server.settings import Settings


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Prints what is wrong, as it is found; exit status 1 where an error is left."""
    bootstrap.check_database(settings)
    bootstrap.check_revision(settings)
    with bootstrap.running(settings) as server:
        if options.repair:
            for defect in _repaired(server):
                print(f"repaired: {defect.message} ({defect.rule})", file=sys.stderr)
        counts = {"error": 0, "warning": 0}
        for defect in examine(server, timedelta(minutes=options.late_after)):
            counts[defect.severity] += 1
            print(json.dumps(defect.as_json()) if options.json else defect.as_text(), flush=True)
    print(f"{counts['error']} errors, {counts['warning']} warnings", file=sys.stderr)
    return 1 if counts["error"] else 0


def _repaired(server: Server) -> Iterator[Defect]:
    """Rows of nobody first; then each instance once, however many defects it has."""
    last: int | None = None
    for defect in examine(server):
        if defect.repair is None:
            continue
        try:
            if defect.rule in MENDS:
                if repair_stray(server, SYSTEM, defect):
                    yield defect
            elif defect.instance_key is not None and defect.instance_key != last:
                last = defect.instance_key
                yield from repair_instance(server, SYSTEM, last)
        except BpmError as error:
            print(f"not repaired: {error.message} ({defect.rule})", file=sys.stderr)

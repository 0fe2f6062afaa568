"""``python -m tests.golden.record NAME``: keeps databases as this release writes them, in ``NAME.jsonl.xz`` here.

Each scenario that has a golden trace and more than one step is stopped after half of its steps.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bpm_server.store import migrate
from tests.conformance.test_scenarios import NAMES
from tests.conformance.trace_driver import Scenario
from tests.golden.keeping import FOLDER, rows_of, write
from tests.support.services import shared_data

if TYPE_CHECKING:
    from collections.abc import Iterator


def recorded() -> Iterator[dict[str, Any]]:
    """A line for each scenario."""
    for name in NAMES:
        directory = shared_data() / "scenarios" / name
        if name.endswith("*"):
            continue
        golden = json.loads((directory / "golden.json").read_text(encoding="utf-8"))
        steps = len(golden["snapshots"]) - 1
        if steps < 2:
            continue
        with tempfile.TemporaryDirectory() as folder:
            scenario = Scenario(directory, Path(folder))
            scenario.begin(steps // 2)
            database = scenario.bpm.server.database
            _, revision = migrate.current(database)
            yield {"scenario": name, "steps": steps // 2, "revision": revision, "rows": rows_of(database)}
            database.dispose()


if __name__ == "__main__":
    (name,) = sys.argv[1:]
    write(FOLDER / f"{name}.jsonl.xz", recorded())

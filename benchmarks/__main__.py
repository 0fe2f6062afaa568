"""``make bench``: runs the measurements named on the command line, or all of them."""

from __future__ import annotations

import importlib
import sys

from benchmarks.machine import describe
from bpm_server.kernel import log

ALL = (
    "steps",
    "growth",
    "http_steps",
    "http_completions",
    "jobs",
    "history",
    "restart",
    "day_in_the_life",
    "shards",
    "feel",
)


def main() -> None:
    log.configure(level="WARNING", as_json=False)  # as the servers are started that are measured
    print(describe())
    for name in sys.argv[1:] or ALL:
        print(f"\n## {name}")
        for label, value in importlib.import_module(f"benchmarks.{name}").run():
            print(f"{label:<70} {value}", flush=True)


if __name__ == "__main__":
    main()

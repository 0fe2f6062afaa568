"""A script that runs on Node beside a test and says what happens to it, one JSON object a line."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

import build_assets
from tests.support.services import ROOT, missing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATIENCE_S = 60.0
BANNER = "import { createRequire } from 'module'; const require = createRequire(import.meta.url);"


def node_with(package: str) -> str:
    """Node, on a machine that has this package of package.json's devDependencies."""
    if not (ROOT / "node_modules" / package).is_dir():
        missing(package, "run 'make install'")
    return build_assets._find_node()[0]


def bundled(node: str, script: Path, folder: Path) -> Path:
    """A script and what it imports in one file: ECMAScript modules find packages that are written for older Node."""
    bundle = folder / script.name
    command = [node, ROOT / "node_modules" / "esbuild" / "bin" / "esbuild", script, "--bundle", "--platform=node"]
    options = ["--format=esm", "--loader:.css=empty", "--log-level=error", f"--banner:js={BANNER}"]
    subprocess.run([*command, *options, f"--outfile={bundle}"], check=True, cwd=ROOT)
    return bundle


class Script:
    """What a script said, and how to tell it something."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.heard: list[dict[str, Any]] = []
        self._unasked: list[dict[str, Any]] = []
        self._process = process
        self._lines: queue.Queue[str] = queue.Queue()
        assert process.stdout is not None
        threading.Thread(target=lambda: [self._lines.put(line) for line in process.stdout or ()], daemon=True).start()

    def tell(self, message: Any) -> None:
        """Sends the script a line."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()

    def wait_for(self, event: str, *others: str, **members: Any) -> dict[str, Any]:
        """The next event of one of these kinds; those that come before it stay for whoever waits for them."""
        end = time.monotonic() + PATIENCE_S
        for found in self._unasked:
            if _is(found, (event, *others), members):
                self._unasked.remove(found)
                return found
        while True:
            try:
                line = self._lines.get(timeout=max(end - time.monotonic(), 0.01))
            except queue.Empty:
                pytest.fail(f"expected {event} {members}, but heard {self.heard}")
            if not line.startswith("{"):
                continue  # the client's own log
            found = json.loads(line)
            self.heard.append(found)
            if _is(found, (event, *others), members):
                return found
            self._unasked.append(found)

    def forget(self) -> None:
        """Another test begins: what nobody has asked for belongs to the one before."""
        self._unasked.clear()


def _is(found: dict[str, Any], events: tuple[str, ...], members: dict[str, Any]) -> bool:
    return found["event"] in events and members.items() <= found.items()


@contextmanager
def running(node: str, script: Path, *arguments: str, **variables: str) -> Iterator[Script]:
    """Runs a script until the block ends; ``variables`` of its environment."""
    process = subprocess.Popen(
        [node, script, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        cwd=ROOT,
        env={**os.environ, **variables},
    )
    try:
        yield Script(process)
    finally:
        process.kill()
        process.wait(30)
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()

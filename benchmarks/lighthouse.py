"""Lighthouse on the inbox and on a task: scores, and the compressed bytes of the first load, on a desk and on a phone.

``bpm-server web`` on SQLite with the manager and the tasks of ``day_in_the_life`` and a few of others: pages
are judged here, not lists. Lighthouse is installed by npm into a temporary folder and runs on the Node that builds the
assets, in the Chromium of the tests; it is no part of the product.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import build_assets
from benchmarks.day_filling import MANAGER, morning
from benchmarks.http_steps import serving
from bpm_server.domain.demo import COMPANY
from tests.support.browser import Person, sync_api
from tests.support.running import free_port
from tests.support.services import chromium

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = "lighthouse@13.5.0"
OTHERS = 100
CATEGORIES = ("performance", "accessibility", "best-practices")
LEAST, MOST_KB = 0.95, 250
RUNS = 3
"""Of which the one with the best performance is told: other work on the machine only makes it worse."""
TRIES = 3
"""Now and then it misses the beginning of a page (NO_NAVSTART) and asks to be run again."""
FORMS = {"desk": ("--preset=desktop",), "phone": ()}


def install(folder: Path) -> list[str]:
    """Installs Lighthouse; returns the command."""
    node, npm = build_assets._find_node()
    options = ["--no-audit", "--no-fund", "--loglevel=error", "--prefix", str(folder)]
    subprocess.run([*npm, "install", *options, PACKAGE], check=True, env=_environment(node), stdout=subprocess.DEVNULL)
    return [node, str(folder / "node_modules" / "lighthouse" / "cli" / "index.js")]


def _environment(node: str) -> dict[str, str]:
    path = os.pathsep.join([str(Path(node).parent), os.environ.get("PATH", "")])
    return {**os.environ, "PATH": path, "CHROME_PATH": chromium()}


@contextlib.contextmanager
def signed_in(address: str, folder: Path) -> Iterator[tuple[Any, int]]:
    """A browser in whose own profile the manager has signed in, and the port by which Lighthouse drives it."""
    port = free_port()
    flags = ["--no-sandbox", "--disable-gpu", f"--remote-debugging-port={port}"]
    with sync_api.sync_playwright() as playwright:
        made = playwright.chromium.launch_persistent_context(
            str(folder / "profile"), executable_path=chromium(), args=flags, locale="zh-CN"
        )
        Person(made.new_page(), address).sign_in(MANAGER, COMPANY.password)
        yield made, port
        made.close()


def audit(command: list[str], address: str, made: Any, port: int, folder: Path, *options: str) -> Any:
    """Lighthouse's report on a page of who is signed in there, nothing of which is in the browser's cache."""
    found = folder / "report.json"
    found.unlink(missing_ok=True)
    made.new_cdp_session(made.pages[0]).send("Network.clearBrowserCache")
    flags = [f"--only-categories={','.join(CATEGORIES)}", f"--output-path={found}", f"--port={port}"]
    whole = [*command, address, "--quiet", "--output=json", "--disable-storage-reset", *flags, *options]
    tries = (subprocess.run(whole, check=False, env=_environment(command[0])) for _ in range(TRIES))
    if all(one.returncode for one in tries):
        message = f"Expected Lighthouse to report on {address}, but it failed {TRIES} times"
        raise RuntimeError(message)
    return json.loads(found.read_text())


def rows(name: str, report: Any) -> Iterator[tuple[str, str]]:
    """What is told of one page."""
    scores = {one: report["categories"][one]["score"] or 0.0 for one in CATEGORIES}  # null: Lighthouse gave up
    kilobytes = (
        sum(one.get("transferSize", 0) for one in report["audits"]["network-requests"]["details"]["items"]) / 1e3
    )
    met = min(scores.values()) >= LEAST and kilobytes <= MOST_KB
    text = ", ".join(f"{one} {score:.2f}" for one, score in scores.items())
    speed = report["environment"]["benchmarkIndex"]  # of a desktop computer: 1,500 and more
    yield name, f"{text}, first load {kilobytes:.0f} kB  {'met' if met else 'missed'}; machine {speed:.0f}"
    for category in CATEGORIES:
        for reference in report["categories"][category]["auditRefs"]:
            one = report["audits"][reference["id"]]
            if reference["weight"] and one["score"] is not None and one["score"] < LEAST:
                yield f"{name}, {one['id']}", one.get("displayValue") or one["title"]


def run() -> Iterator[tuple[str, str]]:
    """Rows of the report, as they come."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = install(folder / "lighthouse")
        url = f"sqlite:///{folder}/bench.db"
        day = morning(url, folder, OTHERS)
        with serving(folder, url) as (port, _, _):
            address = f"http://127.0.0.1:{port}"
            with signed_in(address, folder) as (made, debugging):
                for page, path in (("inbox", "/"), ("task", f"/tasks/{min(day.tasks)}")):
                    for form, options in FORMS.items():
                        reports = [
                            audit(command, address + path, made, debugging, folder, *options) for _ in range(RUNS)
                        ]
                        best = max(reports, key=lambda one: one["categories"]["performance"]["score"] or 0)
                        yield from rows(f"{page} on a {form}", best)

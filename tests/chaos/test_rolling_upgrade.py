"""An upgrade without a pause: the previous code's processes and the new ones serve the same orders side by side.

The previous code is the commit before this one, and the one that ``tests/golden/previous-release`` names.
"""

from __future__ import annotations

import contextlib
import io
import random
import subprocess
import tarfile
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from tests.chaos.test_kill_server import Order
from tests.support.installation import Installation, own_postgresql
from tests.support.receiver import Receiver
from tests.support.running import Answer, Api
from tests.support.services import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ORDERS, CLIENTS, LIMIT_S = 12, 3, 240
RELEASE_FILE = ROOT / "tests" / "golden" / "previous-release"
pytestmark = [pytest.mark.postgresql, pytest.mark.timeout(LIMIT_S + 120)]


def unpacked(commit: str, folder: Path) -> Path:
    """The code of a commit."""
    try:
        done = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("git is not installed: install it to test upgrades")
    if done.returncode:
        pytest.skip(f"commit {commit} is not in this clone: run 'git fetch --unshallow' to test upgrades from it")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")
    assets = ROOT / "bpm_server" / "web" / "static" / "vendor"
    (folder / assets.relative_to(ROOT)).symlink_to(assets)
    return folder


class Serving:
    """A client of whichever web process is in service; those that are replaced leave the list before they stop."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.apis: list[Api] = []
        self.left: list[Api] = []
        self.asked: Counter[int] = Counter()

    def add(self, ports: list[int]) -> None:
        self.apis = [*self.apis, *(Api(port, self.token) for port in ports)]

    def keep(self, ports: list[int]) -> None:
        self.left += [api for api in self.apis if api.port not in ports]
        self.apis = [api for api in self.apis if api.port in ports]

    def close(self) -> None:
        for api in (*self.apis, *self.left):
            api.close()

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        api = random.choice(self.apis)
        self.asked[api.port] += 1
        return api(*arguments, **options)


class Work:
    """Clients that drive orders in the background."""

    def __init__(self, serving: Serving) -> None:
        self.waiting = [Order(serving, number) for number in range(ORDERS)]  # type: ignore[arg-type]
        self.allowed = 0
        self.done: list[Order] = []
        self.failures: list[BaseException] = []
        self._deadline = time.monotonic() + LIMIT_S
        self._threads = [threading.Thread(target=self._client) for _ in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    def _client(self) -> None:
        while self.waiting and not self.failures:
            if ORDERS - len(self.waiting) >= self.allowed:
                time.sleep(0.05)
                continue
            order = self.waiting.pop()
            try:
                order.run(self._deadline)
            except (Answer, AssertionError, OSError, ValueError, LookupError) as error:
                self.failures.append(error)
                return
            self.done.append(order)

    def until(self, count: int, *, begun: int | None = None) -> None:
        """Until so many orders are done; ``begun`` of them may be at work meanwhile."""
        self.allowed = count if begun is None else begun
        while len(self.done) < count and not self.failures:
            time.sleep(0.05)
        if self.failures:
            raise self.failures[0]

    def stop(self) -> None:
        """Lets the clients end, whatever there is left to do."""
        self.waiting.clear()
        for thread in self._threads:
            thread.join()

    def end(self) -> None:
        """All orders."""
        self.allowed = ORDERS
        for thread in self._threads:
            thread.join()
        if self.failures:
            raise self.failures[0]


def previous_release() -> str:
    return RELEASE_FILE.read_text(encoding="ascii").strip()


@pytest.mark.parametrize("previous", [lambda: "HEAD~1", previous_release], ids=["commit", "release"])
def test_orders_go_on_while_the_code_is_replaced(previous: Callable[[], str], tmp_path: Path) -> None:
    code = unpacked(previous(), tmp_path / "code")
    if "def serves(" not in (code / "bpm_server" / "store" / "migrate.py").read_text(encoding="utf-8"):
        pytest.skip("the previous code is older than upgrades in two steps: commit once more to test them")
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
    with own_postgresql() as database, Receiver() as receiver, contextlib.ExitStack() as stack:
        old = Installation(tmp_path / "old", database.url, None, webs=1, workers=1, code=code)
        new = Installation(tmp_path / "new", database.url, None, webs=1, workers=1)
        for installation in (old, new):
            stack.callback(installation.kill)
        old.start()
        serving = Serving(old.run("user", "token", "admin", "--name", "rolling").strip())
        stack.callback(serving.close)
        serving.add(old.ports)
        receiver.secret = serving("POST", "/api/webhook-endpoints", {"name": "finance", "url": receiver.url})["secret"]
        work = Work(serving)
        stack.callback(work.stop)
        work.until(3, begun=6)

        new.run("migrate")  # what only adds; the old code goes on with orders that it has begun
        old.wait_for(old.ports[0])
        new.start_processes()
        serving.add(new.ports)
        work.until(8, begun=11)

        serving.keep(new.ports)
        assert [process.stop() for process in (*old.webs, *old.workers)] == [0, 0], old.logs()
        new.run("migrate", "--finish")
        new.wait_for(new.ports[0])
        work.end()

        assert all(serving.asked[port] > 10 for port in (*old.ports, *new.ports)), serving.asked
        found = serving("POST", "/v2/process-instances/search", {"filter": {}, "page": {"limit": 100}})["items"]
        incidents = serving("POST", "/v2/incidents/search", {"filter": {"state": "ACTIVE"}})["items"]
        assert (Counter(item["state"] for item in found), incidents) == ({"COMPLETED": ORDERS}, [])
        booked = Counter(payload["data"]["orderNumber"] for payload in receiver.applied.values())
        assert booked == {f"SO-{number:05d}": 1 for number in range(ORDERS)}

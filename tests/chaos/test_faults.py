"""Faults of the world: a wrong clock, a full disk, connections that half close, stall or break. Nothing is lost.

What happens is said by the tests' names and checked by the orders themselves: all completed, each handed over once.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from tests.chaos.test_kill_server import Order
from tests.support.faults import Proxy, small_disk
from tests.support.installation import Installation, PostgreSQL, own_postgresql
from tests.support.receiver import Receiver
from tests.support.running import Answer, Api, RunningServer
from tests.support.services import missing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LIMIT_S = 240
pytestmark = pytest.mark.timeout(LIMIT_S + 120)


@contextlib.contextmanager
def orders(api: Any, receiver: Receiver, count: int) -> Iterator[None]:
    """So many orders run in the background; at the end all are completed and handed over once."""
    receiver.secret = api("POST", "/api/webhook-endpoints", {"name": "finance", "url": receiver.url})["secret"]
    failures: list[BaseException] = []
    deadline = time.monotonic() + LIMIT_S

    def client(numbers: range) -> None:
        try:
            for number in numbers:
                Order(api, number).run(deadline)
        except (Answer, AssertionError, OSError, ValueError, LookupError) as error:
            failures.append(error)

    threads = [threading.Thread(target=client, args=(range(first, count, 3),)) for first in range(3)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for thread in threads:
            thread.join()
    if failures:
        raise failures[0]
    found = patiently(api, "POST", "/v2/process-instances/search", {"filter": {}, "page": {"limit": 100}})["items"]
    incidents = patiently(api, "POST", "/v2/incidents/search", {"filter": {"state": "ACTIVE"}})["items"]
    assert (Counter(item["state"] for item in found), incidents) == ({"COMPLETED": count}, [])
    end = time.monotonic() + LIMIT_S
    while len(receiver.applied) < count and time.monotonic() < end:
        time.sleep(0.1)  # a delivery may be waiting for its next try
    booked = Counter(payload["data"]["orderNumber"] for payload in receiver.applied.values())
    assert booked == {f"SO-{number:05d}": 1 for number in range(count)}


def patiently(api: Any, *request: Any) -> Any:
    """As a client that comes again after 503."""
    end = time.monotonic() + LIMIT_S
    while True:
        try:
            return api(*request)
        except Answer as answer:
            if answer.status != 503 or time.monotonic() > end:
                raise
            time.sleep(0.5)


@contextlib.contextmanager
def installed(folder: Path, url: str, **counts: int) -> Iterator[tuple[Installation, Callable[[], Api]]]:
    """An installation that is not started yet; the second part starts it and gives a client of its first web."""
    installation = Installation(folder, url, None, **counts)
    with contextlib.ExitStack() as stack:
        stack.callback(installation.kill)

        def start() -> Api:
            installation.start()
            token = installation.run("user", "token", "admin", "--name", "faults").strip()
            return stack.enter_context(contextlib.closing(Api(installation.ports[0], token)))

        yield installation, start


@pytest.mark.postgresql
@pytest.mark.parametrize("wrong", ["+2h", "-2h"])
def test_a_worker_whose_clock_is_wrong_changes_nothing(wrong: str, tmp_path: Path) -> None:
    """Due times and leases go by the database's clock."""
    faketime = shutil.which("faketime")
    if faketime is None:
        missing("faketime", "run 'make services' (Debian), or install it")
    with (
        own_postgresql() as database,
        Receiver() as receiver,
        installed(tmp_path, database.url, webs=1, workers=2) as (installation, start),
    ):
        installation.workers[0].under(faketime, "-m", "-f", wrong)
        api = start()
        with orders(api, receiver, 6):
            pass
        due = api("POST", "/v2/jobs/search", {"filter": {"state": "CREATED"}})["items"]
        assert due == []


def write_until_refused(api: Api) -> Answer:
    """Starts orders until the server says that it cannot."""
    for number in range(2_000):
        try:
            api("POST", "/v2/process-instances", {
                "processDefinitionId": "order-approval",
                "variables": {"orderNumber": f"fill-{number}", "amount": 1, "customer": "x" * 20_000, "currency": "CNY",
                              "lines": [], "initiator": "li.ming"},
            })  # fmt: skip
        except Answer as answer:
            return answer
    message = "the disk did not fill up"
    raise AssertionError(message)


def instances(api: Api) -> int:
    return int(api("POST", "/v2/process-instances/search", {"filter": {}, "page": {"limit": 1}})["page"]["totalItems"])


def test_a_full_disk_refuses_writing_and_recovers_without_hands(tmp_path: Path) -> None:
    """SQLite: 503 with Retry-After while it is full, nothing half-written, and afterwards all goes on."""
    with small_disk(tmp_path / "disk", 24) as disk, Receiver() as receiver:
        server = RunningServer(disk.folder, "--demo")
        server.start()
        try:
            with contextlib.closing(server.api()) as api:
                disk.fill()
                refused = write_until_refused(api)
                assert refused.status == 503, refused
                kept = instances(api)  # reading goes on
                api("GET", "/health/live")
                assert write_until_refused(api).status == 503
                assert instances(api) == kept
                disk.free()
                an_order_goes_through(api, receiver)
                assert instances(api) == kept + 1
        finally:
            server.stop()


def an_order_goes_through(api: Api, receiver: Receiver) -> None:
    receiver.secret = api("POST", "/api/webhook-endpoints", {"name": "finance", "url": receiver.url})["secret"]
    Order(api, 1).run(time.monotonic() + LIMIT_S)


@pytest.mark.postgresql
def test_connections_to_the_database_that_half_close_stall_or_break(tmp_path: Path) -> None:
    """A proxy between the processes and PostgreSQL ends one direction, then the other, holds everything, resets."""
    with own_postgresql() as database, Proxy(database.port) as proxy, Receiver() as receiver:
        url = database.url.replace(f":{database.port}/", f":{proxy.port}/")
        with installed(tmp_path, url, webs=1, workers=1) as (installation, start):
            api = start()
            with orders(api, receiver, 9):
                for number in range(8):
                    time.sleep(0.7)
                    match number % 4:
                        case 0:
                            proxy.half_close(towards_server=True)
                        case 1:
                            proxy.half_close(towards_server=False)
                        case 2:
                            proxy.hold()
                            time.sleep(2)
                            proxy.go_on()
                        case 3:
                            proxy.cut()
            assert all(process.is_running for process in (*installation.webs, *installation.workers))


@pytest.mark.postgresql
def test_a_full_disk_under_postgresql(tmp_path: Path) -> None:
    """PostgreSQL stops itself where it cannot write its log; the processes wait for it and go on by themselves."""
    with small_disk(tmp_path / "disk", 160) as disk, Receiver() as receiver:
        (disk.folder / "cluster").mkdir()
        for folder in (disk.folder, disk.folder / "cluster"):
            folder.chmod(0o777)
        database = PostgreSQL(disk.folder / "cluster")
        database.start()
        try:
            with installed(tmp_path, database.url, webs=1, workers=1) as (installation, start):
                api = start()
                disk.fill()
                refused = write_until_refused(api)
                assert refused.status == 503, refused
                disk.free()
                with contextlib.suppress(subprocess.CalledProcessError):  # it runs, if it has not stopped itself
                    database.start()
                installation.wait_for(installation.ports[0])
                kept = instances(api)
                an_order_goes_through(api, receiver)
                assert instances(api) == kept + 1
                assert all(process.is_running for process in (*installation.webs, *installation.workers))
        finally:
            database.stop()

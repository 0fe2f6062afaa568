"""kill -9 while clients start processes and retry under their ``Idempotency-Key``: each start counts exactly once.

A client whose request was cut off does not know whether it counted. Whenever the key has answered once, it answers the
same for ever after, in every process that follows.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.running import Answer, Api, RunningServer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.postgresql import Cluster

PROOF = os.environ.get("BPM_PROOF") == "1"
STARTS, KILLS, CLIENTS = (1_000, 100, 6) if PROOF else (60, 4, 4)
LIMIT_S = 1_800 if PROOF else 180
BETWEEN_KILLS_S = (0.1, 0.5)


class Starter:
    """Starts process after process, each under a key of its own, until it is told the instance's key."""

    def __init__(self, api: Api, pace: threading.Semaphore, deadline: float) -> None:
        self.api = api
        self.pace = pace
        self.deadline = deadline
        self.unknown = 0
        self.told: dict[str, str] = {}

    def start(self, number: int) -> None:
        name = f"SO-{number:05d}"
        while time.monotonic() < self.deadline:
            try:
                self.told[name] = self.ask(name)
            except OSError:
                self.unknown += 1
            except Answer as answer:
                if answer.status not in (409, 503):
                    raise
            else:
                return
            time.sleep(0.05)
        raise AssertionError(f"{name} was not answered in time")

    def ask(self, name: str) -> str:
        variables = {"orderNumber": name, "amount": 1, "customer": "c", "currency": "CNY", "lines": []}
        body = {"processDefinitionId": "order-approval", "businessId": name, "variables": variables}
        found: str = self.api("POST", "/v2/process-instances", body, headers={"Idempotency-Key": name})[
            "processInstanceKey"
        ]
        return found


def drive(server: RunningServer, seed: int) -> tuple[Starter, dict[str, Any]]:
    draw = random.Random(seed)
    starter = Starter(server.api(), threading.Semaphore(0), time.monotonic() + LIMIT_S)
    numbers = iter(range(STARTS))
    lock = threading.Lock()
    failures: list[BaseException] = []

    def client() -> None:
        while not failures:
            starter.pace.acquire()  # starts come as the kills go on
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            try:
                starter.start(number)
            except (Answer, AssertionError, LookupError) as error:
                failures.append(error)

    threads = [threading.Thread(target=client) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for _ in range(KILLS):
        starter.pace.release(STARTS // KILLS)
        time.sleep(draw.uniform(*BETWEEN_KILLS_S))
        server.kill()
        server.start()
    starter.pace.release(CLIENTS)
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return starter, {"starts": len(starter.told), "kills": KILLS, "unknown outcomes": starter.unknown}


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
@pytest.mark.timeout(LIMIT_S + 600)
def test_a_start_that_is_retried_through_kills_counts_once(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest, record_property: Any
) -> None:
    environment = {}
    if kind == "postgresql":
        cluster: Cluster = request.getfixturevalue("postgresql_cluster")
        environment["BPM_DATABASE_URL"] = cluster.create(f"retries_{os.getpid()}")
    server = RunningServer(tmp_path, **environment)
    server.start()
    seed = int(os.environ.get("BPM_SEED", "0")) or random.randrange(1 << 30)
    print(f"seed {seed}")
    try:
        starter, report = drive(server, seed)
        found: list[dict[str, Any]] = starter.api(
            "POST", "/v2/process-instances/search", {"filter": {}, "page": {"limit": 5_000}}
        )["items"]
        assert Counter(one["businessId"] for one in found) == dict.fromkeys(starter.told, 1)
        assert {one["businessId"]: one["processInstanceKey"] for one in found} == starter.told
        assert {name: starter.ask(name) for name in starter.told} == starter.told  # for ever after
        starter.api.close()
    finally:
        server.kill()
    for name, value in report.items():
        record_property(name, value)
    print(kind, report)

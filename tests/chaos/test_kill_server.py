"""kill -9 of the server at random points while orders run: no order is lost, no handoff is made twice.

Short form in CI; ``make proof`` (``BPM_PROOF=1``) kills 200 times while 500 orders run, on both databases.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import statistics
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.support.postgresql import Cluster
from tests.support.receiver import Receiver
from tests.support.running import Answer, Api, RunningServer

PROOF = os.environ.get("BPM_PROOF") == "1"
ORDERS, KILLS, CLIENTS = (500, 200, 6) if PROOF else (24, 8, 4)
REVIEWS = ("review-technology", "review-purchasing", "review-finance", "review-general-manager")
BETWEEN_KILLS_S = (0.05, 0.6)
LIMIT_S = 3600 if PROOF else 180


class Order:
    """A client that drives one order and never knows whether an unanswered request took effect."""

    def __init__(self, api: Api, number: int) -> None:
        self.api = api
        self.number = f"SO-{number:05d}"
        self.amount = 400_000 + number * 1_000
        self.unknown = 0

    def run(self, deadline: float) -> None:
        while time.monotonic() < deadline:
            try:
                if self._step():
                    return
            except OSError:
                self.unknown += 1
                time.sleep(0.2)
            except Answer as answer:
                if answer.status not in (404, 409, 503):
                    raise
                time.sleep(0.05)
        raise AssertionError(f"order {self.number} did not end in time")

    def _step(self) -> bool:
        """Looks where the order is and does the next thing; True when it has ended."""
        instance = self._instance()
        if instance is None:
            self.api("POST", "/v2/process-instances", {
                "processDefinitionId": "order-approval",
                "variables": {"orderNumber": self.number, "amount": self.amount, "customer": "c", "currency": "CNY",
                              "lines": [], "initiator": "li.ming"},
            })  # fmt: skip
            return False
        if instance["state"] == "COMPLETED":
            return True
        tasks = self._search("user-tasks", {"processInstanceKey": instance["processInstanceKey"], "state": "CREATED"})
        for task in tasks:
            assert task["elementId"] in REVIEWS, task["elementId"]
            values = {"outcome": "approved", "comment": "ok"}
            self.api("POST", f"/v2/user-tasks/{task['userTaskKey']}/completion", {"variables": values})
        if not tasks:
            time.sleep(0.05)
        return False

    def _instance(self) -> dict[str, Any] | None:
        filters = {"variables": [{"name": "orderNumber", "value": json.dumps(self.number)}]}
        found = self._search("process-instances", filters)
        assert len(found) <= 1, f"order {self.number} was started {len(found)} times"
        return found[0] if found else None

    def _search(self, what: str, filters: dict[str, Any]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.api("POST", f"/v2/{what}/search", {"filter": filters})["items"]
        return found


def drive(server: RunningServer, receiver: Receiver, seed: int) -> dict[str, Any]:
    """Runs all orders while the server is killed; returns what happened."""
    draw = random.Random(seed)
    api = server.api()
    receiver.secret = api("POST", "/api/webhook-endpoints", {"name": "finance", "url": receiver.url})["secret"]
    waiting = [Order(api, number) for number in range(ORDERS)]
    done: list[Order] = []
    failures: list[BaseException] = []
    lock, deadline = threading.Lock(), time.monotonic() + LIMIT_S
    killed: list[float] = []

    def next_order() -> Order | None:
        """Orders come as the kills go on, so that every kill meets some of them at work."""
        with lock:
            allowed = ORDERS if len(killed) >= KILLS else (len(killed) + 1) * ORDERS // KILLS
            return waiting.pop() if ORDERS - len(waiting) < allowed else None

    def client() -> None:
        while waiting and not failures:
            order = next_order()
            if order is None:
                time.sleep(0.02)
                continue
            try:
                order.run(deadline)
            except (Answer, AssertionError, OSError, ValueError, LookupError) as error:
                failures.append(error)
                return
            done.append(order)

    threads = [threading.Thread(target=client) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    while len(killed) < KILLS and not failures:
        time.sleep(draw.uniform(*BETWEEN_KILLS_S))
        server.kill()
        killed.append(server.start())
    for thread in threads:
        thread.join()
    api.close()
    if failures:
        raise failures[0]
    return {
        "orders": len(done),
        "kills": len(killed),
        "unknown outcomes": sum(order.unknown for order in done),
        "median restart s": round(statistics.median(killed), 2),
    }


def check(server: RunningServer, receiver: Receiver) -> None:
    with contextlib.closing(server.api()) as api:
        found = api("POST", "/v2/process-instances/search", {"filter": {}, "page": {"limit": 1000}})["items"]
        incidents = api("POST", "/v2/incidents/search", {"filter": {"state": "ACTIVE"}})["items"]
    assert Counter(item["state"] for item in found) == {"COMPLETED": ORDERS}
    assert incidents == []
    booked = Counter(payload["data"]["orderNumber"] for payload in receiver.applied.values())
    assert booked == {f"SO-{number:05d}": 1 for number in range(ORDERS)}, "a handoff is missing or was made twice"
    assert receiver.refused == 0


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
@pytest.mark.timeout(LIMIT_S + 600)
def test_killing_the_server_loses_no_order_and_doubles_no_handoff(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest, record_property: Any
) -> None:
    environment = {}
    if kind == "postgresql":
        cluster: Cluster = request.getfixturevalue("postgresql_cluster")
        environment["BPM_DATABASE_URL"] = cluster.create(f"chaos_{os.getpid()}")
    server = RunningServer(tmp_path, **environment)
    server.start()
    seed = int(os.environ.get("BPM_SEED", "0")) or random.randrange(1 << 30)
    print(f"seed {seed}")
    try:
        with Receiver() as receiver:
            report = drive(server, receiver, seed)
            check(server, receiver)
            report["webhooks received"] = sum(receiver.seen.values())
    finally:
        server.kill()
    for name, value in report.items():
        record_property(name, value)
    print(kind, report)

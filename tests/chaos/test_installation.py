"""A production installation under kills: PostgreSQL, RabbitMQ, web and worker processes, clients that drive orders.

Every order ends and is handed over exactly once, whatever is killed; the broker may be away all the time.
Short form in CI; ``make proof`` (``BPM_PROOF=1``) runs more of everything.
"""

from __future__ import annotations

import contextlib
import os
import random
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from kombu import Connection

from tests.chaos.test_kill_server import Order
from tests.support.installation import Installation, own_broker, own_postgresql
from tests.support.receiver import Receiver
from tests.support.running import Answer, Api

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.installation import PostgreSQL
    from tests.support.rabbitmq import Broker

PROOF = os.environ.get("BPM_PROOF") == "1"
ORDERS, KILLS, CLIENTS = (400, 60, 6) if PROOF else (10, 6, 3)
LIMIT_S = 3_600 if PROOF else 240
pytestmark = [pytest.mark.postgresql, pytest.mark.rabbitmq, pytest.mark.timeout(LIMIT_S + 300)]


class AnyWeb:
    """A client of whichever web process answers."""

    def __init__(self, ports: list[int], token: str) -> None:
        self._apis = [Api(port, token) for port in ports]

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return random.choice(self._apis)(*arguments, **options)

    def close(self) -> None:
        for api in self._apis:
            api.close()


@contextlib.contextmanager
def installed(folder: Path, database: PostgreSQL, broker: Broker | None) -> Iterator[tuple[Installation, AnyWeb]]:
    installation = Installation(folder, database.url, broker, webs=2, workers=2)
    try:
        installation.start()
        token = installation.run("user", "token", "admin", "--name", "chaos").strip()
        with contextlib.closing(AnyWeb(installation.ports, token)) as api:
            yield installation, api
    finally:
        installation.kill()


def drive(api: AnyWeb, disturb: Callable[[int], None], kills: int) -> list[Order]:
    """Runs all orders while ``disturb`` is called again and again."""
    waiting = [Order(api, number) for number in range(ORDERS)]  # type: ignore[arg-type]
    done: list[Order] = []
    failures: list[BaseException] = []
    deadline = time.monotonic() + LIMIT_S

    def client() -> None:
        while waiting and not failures:
            with contextlib.suppress(IndexError):
                order = waiting.pop()
                try:
                    order.run(deadline)
                except (Answer, AssertionError, OSError, ValueError, LookupError) as error:
                    failures.append(error)
                    return
                done.append(order)

    threads = [threading.Thread(target=client) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for number in range(kills):
        if failures:
            break
        disturb(number)
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return done


def check(api: AnyWeb, receiver: Receiver) -> None:
    api.close()  # connections kept to processes that were killed since
    found = api("POST", "/v2/process-instances/search", {"filter": {}, "page": {"limit": 1000}})["items"]
    incidents = api("POST", "/v2/incidents/search", {"filter": {"state": "ACTIVE"}})["items"]
    assert (Counter(item["state"] for item in found), incidents) == ({"COMPLETED": ORDERS}, [])
    booked = Counter(payload["data"]["orderNumber"] for payload in receiver.applied.values())
    assert booked == {f"SO-{number:05d}": 1 for number in range(ORDERS)}, "a handoff is missing or was made twice"


def add_receiver(api: AnyWeb, receiver: Receiver) -> None:
    receiver.secret = api("POST", "/api/webhook-endpoints", {"name": "finance", "url": receiver.url})["secret"]


def undisturbed(
    folder: Path, database: PostgreSQL, broker: Broker, receiver: Receiver, look: Callable[[], None] = lambda: None
) -> None:
    """All orders, while nothing is killed."""
    with installed(folder, database, broker) as (_, api):
        add_receiver(api, receiver)
        drive(api, lambda _: None, 0)
        check(api, receiver)
        look()


def queues(broker: Broker) -> dict[str, tuple[int, int]]:
    """For each lane: messages that wait, workers that listen; empty until a worker has made the queues."""
    with Connection(broker.url) as connection, contextlib.suppress(*connection.channel_errors):
        channel = connection.channel()
        declared = {lane: channel.queue_declare(f"bpm_server.{lane}", passive=True) for lane in ("engine", "outside")}
        return {lane: (queue.message_count, queue.consumer_count) for lane, queue in declared.items()}
    return {}


def wait_for_consumers(broker: Broker, count: int) -> None:
    """Until so many workers listen on each lane."""
    end = time.monotonic() + 60
    while (listening := {listening for _, listening in queues(broker).values()}) != {count}:
        assert time.monotonic() < end, f"expected {count} workers on each lane, but found {listening}"
        time.sleep(0.2)


def test_kills_of_any_part_lose_no_order_and_double_no_handoff(tmp_path: Path) -> None:
    seed = int(os.environ.get("BPM_SEED", "0")) or random.randrange(1 << 30)
    print(f"seed {seed}")
    draw = random.Random(seed)
    with (
        own_postgresql() as database,
        own_broker() as broker,
        Receiver() as receiver,
        installed(tmp_path, database, broker) as (installation, api),
    ):
        add_receiver(api, receiver)

        def disturb(number: int) -> None:
            time.sleep(draw.uniform(0.2, 1.5))
            kind = ("worker", "web", "broker", "web", "database", "worker")[number % 6]
            if kind == "broker":
                broker.kill()
                broker.start()
            elif kind == "database":
                database.restart()
            else:
                process = draw.choice(installation.webs if kind == "web" else installation.workers)
                process.kill()
                process.start()

        done = drive(api, disturb, KILLS)
        for port in installation.ports:
            installation.wait_for(port)
        check(api, receiver)
        print("unknown outcomes", sum(order.unknown for order in done), "received", sum(receiver.seen.values()))
        wait_for_consumers(broker, 2)  # before that, a worker killed last has not yet come to answer SIGTERM
        assert [process.stop() for process in (*installation.webs, *installation.workers)] == [0] * 4


def test_without_the_broker_everything_is_done_all_the_same(tmp_path: Path) -> None:
    with own_postgresql() as database, own_broker() as broker, Receiver() as receiver:
        broker.kill()
        undisturbed(tmp_path, database, broker, receiver)


def test_workers_hear_wake_ups(tmp_path: Path) -> None:
    def look() -> None:
        wait_for_consumers(broker, 2)
        assert {messages for messages, _ in queues(broker).values()} == {0}

    with own_postgresql() as database, own_broker() as broker, Receiver() as receiver:
        undisturbed(tmp_path, database, broker, receiver, look)

"""A production installation under kills: PostgreSQL, RabbitMQ, three web and four worker processes, a failing receiver.

Clients drive orders and keep a journal; afterwards ``checker.py`` judges what they were told, what the receiver heard
and what the database says: nothing lost, nothing done twice, everything ended. ``BPM_SEED`` repeats the faults.
Short form in CI; ``make proof`` (``BPM_PROOF=1``) runs 20,000 orders, or as many as ``BPM_CHAOS_ORDERS`` says.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import random
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from kombu import Connection

from tests.chaos import checker, records
from tests.chaos.clients import Crowd, Webs
from tests.chaos.disturbing import Disturber, Faults, plan
from tests.chaos.exporting import History
from tests.support.bpmn_builder import Process, event, io
from tests.support.installation import Installation, own_broker, own_postgresql
from tests.support.receiver import Receiver
from tests.support.running import ADMIN_PASSWORD, Api

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.installation import PostgreSQL
    from tests.support.rabbitmq import Broker
    from tests.support.receiver import Heard

PROOF = os.environ.get("BPM_PROOF") == "1"
ORDERS = int(os.environ.get("BPM_CHAOS_ORDERS", "20000" if PROOF else "60"))
QUIET_ORDERS = 2_000 if PROOF else 20
FAULTS = Faults(kills=100, database=5, broker=5) if PROOF else Faults(kills=6, database=1, broker=1)
UNDISTURBED = Faults()
CLIENTS = 16 if PROOF else 6
WEBS, WORKERS = 3, 4
PEOPLE = ("li.ming", "wang.fang", "zhao.lei")
FAILS = 0.3
FAILURES = (*("before", "after", "drop") * 10, "busy")
RETRY_SECONDS = ",".join(["1"] * 30)
LIMIT_S = 7_200 if PROOF else 240
pytestmark = [pytest.mark.postgresql, pytest.mark.rabbitmq, pytest.mark.timeout(LIMIT_S + 600)]


def await_payment() -> bytes:
    """Waits for a message and hands over that it came."""
    p = Process(checker.PAYMENT)
    p.message("paid", "payment", "=orderNumber")
    data = io({"endpoint": '="finance"', "eventType": '="order.paid"', "data": "={orderNumber: orderNumber}"})
    wait = p.add("intermediateCatchEvent", "wait", event("message", messageRef="paid"))
    p.path(p.start(), wait, p.service("handoff", "webhook", extra=data), p.end())
    return p.xml()


@contextlib.contextmanager
def installed(folder: Path, database: PostgreSQL, broker: Broker, receiver: Receiver) -> Iterator[Any]:
    """An installation with its people and the receiver; gives it and a client for all of them."""
    (folder / "payment.bpmn").write_bytes(await_payment())
    installation = Installation(
        folder, database.url, broker, webs=WEBS, workers=WORKERS, BPM_WEBHOOK_RETRY_SECONDS=RETRY_SECONDS
    )
    try:
        installation.start(str(folder / "payment.bpmn"))
        with contextlib.closing(installation.api(installation.ports[0])) as api:
            tokens = {person: signed_up(api, person) for person in PEOPLE}
            endpoint = {"name": "finance", "url": receiver.url}
            receiver.secret = api("POST", "/api/webhook-endpoints", endpoint)["secret"]
        with contextlib.closing(Webs(installation.ports, tokens)) as webs:
            yield installation, webs
    finally:
        installation.kill()


def signed_up(api: Api, person: str) -> str:
    """A person who may do everything; returns a token of theirs."""
    user = {"username": person, "password": ADMIN_PASSWORD, "name": person, "email": f"{person}@example.org"}
    api("POST", "/v2/setup/user", user)
    credentials = base64.b64encode(f"{person}:{ADMIN_PASSWORD}".encode()).decode()
    with contextlib.closing(Api(api.port)) as own:
        made = own("POST", "/api/tokens", {"name": "chaos"}, headers={"authorization": f"Basic {credentials}"})
    return str(made["token"])


def noted(heard: Heard) -> records.Request:
    """A request as a record."""
    payload = json.loads(heard.body) if heard.is_signed else {"type": "", "data": {"orderNumber": ""}}
    return records.Request(
        heard.headers.get("webhook-id", ""),
        heard.is_signed,
        event=payload["type"],
        order=payload["data"]["orderNumber"],
        body=hashlib.sha256(heard.body).hexdigest(),
        is_applied=heard.is_applied,
        status=heard.status or 0,
    )


@dataclass(frozen=True)
class Trial:
    """A run to be made in a folder, where its records and the logs of its processes lie afterwards."""

    folder: Path
    orders: int
    faults: Faults = UNDISTURBED
    broker_runs: bool = True
    look: Callable[[Broker], None] = lambda _: None

    def run(self) -> None:
        """Makes the run; its checker finds nothing, nor do doctor and audit log, nor was any process surprised."""
        seed = int(os.environ.get("BPM_SEED", "0")) or random.randrange(1 << 30)
        print(f"seed {seed}, records in {self.folder}")
        heard = records.Log(self.folder / checker.RECEIVER)
        with (
            own_postgresql() as database,
            own_broker() as broker,
            Receiver(fails=FAILS, failures=FAILURES, seed=seed, tell=lambda one: heard.write(noted(one))) as receiver,
        ):
            if not self.broker_runs:
                broker.kill()
            with installed(self.folder, database, broker, receiver) as (installation, webs):
                self._drive(Disturber(installation, database, broker), webs, seed, History(database.url))
                judge(self.folder)
                self._examine(installation, broker)
        heard.close()
        assert surprises(self.folder) == []

    def _drive(self, disturber: Disturber, webs: Webs, seed: int, history: History) -> None:
        """Runs the orders and the faults side by side, waits for what follows, and takes down the history."""
        begun = time.monotonic()
        faults = plan(seed, self.orders, self.faults, webs=WEBS, workers=WORKERS)
        clients, at_last = (records.Log(self.folder / name) for name in (checker.CLIENTS, checker.HISTORY))
        crowd = Crowd(webs, clients, self.orders, CLIENTS, begun + LIMIT_S)
        try:
            disturber.run(faults, crowd, max(CLIENTS, self.orders // 50))
        except BaseException:
            crowd.stop()
            raise
        finally:
            crowd.join()
        driven = time.monotonic()
        history.wait_until_all_ended(begun + LIMIT_S)
        print(f"driven in {driven - begun:.0f} s, all ended after {time.monotonic() - begun:.0f} s")
        print(f"killed: {dict(sorted(disturber.done.items()))}")
        assert disturber.done.total() == len(faults)
        at_last.write(*history.records())
        for log in (clients, at_last):
            log.close()

    def _examine(self, installation: Installation, broker: Broker) -> None:
        """What the product says of itself; at last every process ends as it is told."""
        for port in installation.ports:
            installation.wait_for(port)
        for command in (("doctor",), ("audit", "verify")):
            installation.run(*command, timeout_s=LIMIT_S)
        self.look(broker)
        if self.broker_runs:
            wait_for_consumers(broker, WORKERS)  # before that, one killed last has not yet come to answer SIGTERM
        processes = (*installation.webs, *installation.workers)
        assert [process.stop() for process in processes] == [0] * len(processes)


def judge(folder: Path) -> None:
    """What the checker says of the records."""
    run = checker.read_run(folder)
    print(*(f"{count:>10,}  {name}" for name, count in checker.counts(run).items()), sep="\n")
    found = checker.check(run)
    assert not found, "\n".join([f"{len(found)} violations", *map(str, found[:50])])


def surprises(folder: Path) -> list[str]:
    """Exceptions that processes have not foreseen, each with what was logged around it.

    Where the broker is killed while Celery reads from it or answers, Celery logs that itself, with a traceback, and
    connects again.
    """
    found = []
    for log in sorted(folder.glob("*.log")):
        _, *after = log.read_text(encoding="utf-8", errors="replace").split("Traceback (most recent call last)")
        found += [f"{log.name}: {text[:4_000]}" for text in after if not is_celery_losing_the_broker(text)]
    return found


def is_celery_losing_the_broker(text: str) -> bool:
    """Whether what follows "Traceback" ends in a lost connection, and nothing of ours was on the way."""
    frames, _, _ = text.partition("\n20")  # the next line of the log begins with its time
    exception = re.search(r"^(?!  )\S.*$", frames.removeprefix(":").lstrip("\n"), re.MULTILINE)
    lost = exception is not None and exception[0].startswith(("ConnectionResetError", "amqp.exceptions.Recoverable"))
    return lost and "bpm_server/" not in frames


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


def test_kills_of_any_part_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    Trial(tmp_path, ORDERS, FAULTS).run()


def test_without_the_broker_everything_is_done_all_the_same(tmp_path: Path) -> None:
    Trial(tmp_path, QUIET_ORDERS, broker_runs=False).run()


def test_workers_hear_wake_ups(tmp_path: Path) -> None:
    def look(broker: Broker) -> None:
        wait_for_consumers(broker, WORKERS)
        assert {messages for messages, _ in queues(broker).values()} == {0}

    Trial(tmp_path, 10, look=look).run()

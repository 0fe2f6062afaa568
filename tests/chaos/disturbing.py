"""Faults of a chaos run: which process, the database or the broker is killed, and after how many orders."""

from __future__ import annotations

import random
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.chaos.clients import Crowd
    from tests.support.installation import Installation, PostgreSQL
    from tests.support.rabbitmq import Broker

LOOK_S = 0.02
MOST_DELAY_S = 0.5
EVERYTHING = 1 << 30


@dataclass(frozen=True)
class Faults:
    """How many of each: ``kill -9`` of web and worker processes, of the database server, of the broker."""

    kills: int = 0
    database: int = 0
    broker: int = 0


@dataclass(frozen=True, order=True)
class Fault:
    """One of them, ``delay_s`` after so many orders were begun; ``number`` says which process."""

    after: int
    kind: str
    number: int
    delay_s: float


def plan(seed: int, orders: int, faults: Faults, *, webs: int, workers: int) -> list[Fault]:
    """The faults of a run in their order, spread over it at random: a seed gives the same ones again."""
    draw = random.Random(seed)
    processes = [("web", number) for number in range(webs)] + [("worker", number) for number in range(workers)]
    chosen = [draw.choice(processes) for _ in range(faults.kills)]
    chosen += [("database", 0)] * faults.database + [("broker", 0)] * faults.broker
    return sorted(
        Fault(draw.randrange(1, orders), kind, number, draw.uniform(0, MOST_DELAY_S)) for kind, number in chosen
    )


class Disturber:
    """Does what is planned; every process that it kills is started again at once, as a service manager would."""

    def __init__(self, installation: Installation, database: PostgreSQL, broker: Broker) -> None:
        self._installation = installation
        self._database = database
        self._broker = broker
        self.done: Counter[str] = Counter()

    def run(self, faults: list[Fault], crowd: Crowd, ahead: int) -> None:
        """All faults, each when it is time; meanwhile clients may begin so many orders beyond, afterwards all."""
        for fault in faults:
            crowd.allowed = fault.after + ahead
            while crowd.begun < fault.after and crowd.is_working:
                time.sleep(LOOK_S)
            if not crowd.is_working:
                return
            time.sleep(fault.delay_s)
            self._do(fault)
            self.done[fault.kind] += 1
        crowd.allowed = EVERYTHING

    def _do(self, fault: Fault) -> None:
        match fault.kind:
            case "database":
                self._database.restart()
            case "broker":
                self._broker.kill()
                self._broker.start()
            case kind:
                processes = self._installation.webs if kind == "web" else self._installation.workers
                processes[fault.number].kill()
                processes[fault.number].start()

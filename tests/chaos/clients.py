"""Clients of a chaos run: they drive orders over HTTP and note every request before they send it and after its answer.

A request without a sure answer is sent again with the same ``Idempotency-Key``, to any web process, until it has one.
"""

from __future__ import annotations

import random
import threading
import time
from typing import TYPE_CHECKING, Any

from tests.chaos.checker import APPROVAL, PAID, PAYMENT, reviews_of
from tests.chaos.records import Begun, Ended, Outcome
from tests.support.running import Answer, Api

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tests.chaos.records import Log

PAUSE_S = (0.05, 0.3)
RACES = 10
"""Every tenth order is decided by two people at the same moment; as many wait for a payment beside it."""
UNDECIDED = "request_in_progress"


class Webs:
    """The web processes, for each person a client of each."""

    def __init__(self, ports: Sequence[int], tokens: Mapping[str, str]) -> None:
        self.people = tuple(tokens)
        self._apis = {person: [Api(port, token) for port in ports] for person, token in tokens.items()}

    def ask(self, person: str, path: str, body: Any, key: str | None = None) -> Any:
        """Asks one of them; raises ``Answer`` or ``OSError``."""
        headers = {} if key is None else {"Idempotency-Key": key}
        return random.choice(self._apis[person])("POST", path, body, headers=headers)

    def close(self) -> None:
        """Closes all connections."""
        for apis in self._apis.values():
            for api in apis:
                api.close()


class Client:
    """One client; it drives one order after the other."""

    def __init__(self, number: int, webs: Webs, log: Log, deadline: float) -> None:
        self.number = number
        self.webs = webs
        self._log = log
        self._deadline = deadline
        self._looks = 0

    def drive(self, number: int) -> None:
        """From the start of an order to its last review; what follows needs no client."""
        order = f"SO-{number:05d}"
        person = self.webs.people[number % len(self.webs.people)]
        amount = 400_000 + number % 200 * 1_000
        waits_for_payment = number % RACES == 0
        if waits_for_payment and number % (2 * RACES):
            self._publish(order, person)
        self._start(APPROVAL, order, person, amount)
        if waits_for_payment:
            self._start(PAYMENT, order + PAID, person)
            if not number % (2 * RACES):
                self._publish(order, person)
        self._review(order, person, amount, number)

    def _start(self, process: str, order: str, person: str, amount: int = 0) -> None:
        variables = {"orderNumber": order, "amount": amount, "customer": "c", "currency": "CNY", "lines": [],
                     "initiator": person}  # fmt: skip
        body = {"processDefinitionId": process, "businessId": order, "variables": variables}
        begun = self._begun("start", order, person, f"{order}/start", process=process, amount=amount)
        told = self._act(begun, "/v2/process-instances", body, lambda reply: (int(reply["processInstanceKey"]),))
        assert told is not None, f"{order} was refused"

    def _publish(self, order: str, person: str) -> None:
        name = order + PAID
        body = {"name": "payment", "correlationKey": name, "messageId": name, "timeToLive": 7_200_000}
        told = self._act(self._begun("publish", name, person, f"{name}/publish"), "/v2/messages/publication", body)
        assert told is not None, f"the message to {name} was refused"

    def _review(self, order: str, person: str, amount: int, number: int) -> None:
        """Completes tasks as they come, until the last review is done or somebody has rejected the order."""
        left = set(reviews_of(amount))
        while left:
            open_tasks = self._find(order, person)
            for key, element in open_tasks.items():
                decision = "approved"
                if number % RACES == 3 and element == "review-finance":
                    decision = self._race(order, key, element)
                else:
                    assert self._complete(order, person, key, element, decision), f"{order}: {element} was refused"
                left.discard(element)
                if decision != "approved":
                    return
            if not open_tasks:
                self.wait()

    def _find(self, order: str, person: str) -> dict[int, str]:
        self._looks += 1
        elements: dict[int, str] = {}

        def read(reply: Any) -> tuple[int, ...]:
            elements.update({int(task["userTaskKey"]): task["elementId"] for task in reply["items"]})
            return tuple(elements)

        begun = self._begun("find", order, person, f"{self.number}/{self._looks}/find")
        body = {"filter": {"businessId": order, "state": "CREATED"}}
        self._act(begun, "/v2/user-tasks/search", body, read)
        return elements

    def _complete(self, order: str, person: str, key: int, element: str, decision: str) -> bool:
        """Whether this person has completed the task; False: somebody else was first."""
        begun = self._begun("complete", order, person, f"{key}/{person}", task=key, element=element, decision=decision)
        values = {"outcome": decision, "comment": decision}
        return self._act(begun, f"/v2/user-tasks/{key}/completion", {"variables": values}) is not None

    def _race(self, order: str, key: int, element: str) -> str:
        """Two people decide the same at the same moment, one for and one against it; returns who wins."""
        decisions = dict(zip(self.webs.people[:2], random.sample(("approved", "rejected"), 2), strict=True))
        won: list[str] = []
        failures: list[BaseException] = []
        line = threading.Barrier(2)

        def decide(person: str) -> None:
            try:
                line.wait()
                if self._complete(order, person, key, element, decisions[person]):
                    won.append(decisions[person])
            except BaseException as error:  # noqa: BLE001 - raised below, in the client's own thread
                failures.append(error)

        threads = [threading.Thread(target=decide, args=(person,)) for person in decisions]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]
        assert won, f"{order}: {element} was refused to both"
        return won[0]

    def _begun(self, kind: Any, order: str, person: str, key: str, **about: Any) -> Begun:
        return Begun(key, 0.0, self.number, kind, order, person, **about)

    def _act(
        self, wanted: Begun, path: str, body: Any, read: Callable[[Any], tuple[int, ...]] = lambda _: ()
    ) -> tuple[int, ...] | None:
        """Tries until there is an answer; returns what it told, None where the request was refused."""
        key = None if wanted.kind == "find" else wanted.key
        while True:
            self._log.write(_at(wanted))
            told, status, outcome = self._try(wanted, path, body, key, read)
            self._log.write(Ended(wanted.key, time.monotonic(), outcome, status, told))
            if outcome != "unknown":
                return told if outcome == "ok" else None
            self.wait()

    def _try(
        self, wanted: Begun, path: str, body: Any, key: str | None, read: Callable[[Any], tuple[int, ...]]
    ) -> tuple[tuple[int, ...], int, Outcome]:
        try:
            return read(self.webs.ask(wanted.person, path, body, key)), 200, "ok"
        except OSError:
            return (), 0, "unknown"
        except Answer as answer:
            if answer.status >= 500 or (answer.status == 409 and UNDECIDED in str(answer.body)):
                return (), answer.status, "unknown"
            if wanted.kind == "complete" and answer.status in (404, 409):
                return (), answer.status, "failed"
            raise

    def wait(self) -> None:
        """A moment; fails where the time is over."""
        assert time.monotonic() < self._deadline, "the time is over"
        time.sleep(random.uniform(*PAUSE_S))


def _at(wanted: Begun) -> Begun:
    fields = {name: getattr(wanted, name) for name in wanted.__struct_fields__}
    return Begun(**{**fields, "at": time.monotonic()})


class Crowd:
    """Several clients at once, each in a thread; they share the orders.

    Attributes:
        begun: So many orders were begun.
        allowed: So many may be, until it is raised: so orders come as faults go on, and each fault meets some at work.
    """

    def __init__(self, webs: Webs, log: Log, orders: int, clients: int, deadline: float) -> None:
        self.begun = 0
        self.allowed = 0
        self.failures: list[BaseException] = []
        self._count = orders
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._work, args=(Client(number, webs, log, deadline),))
            for number in range(clients)
        ]
        for thread in self._threads:
            thread.start()

    def _work(self, client: Client) -> None:
        try:
            while not self.failures and (number := self._next()) is not None:
                if number < 0:
                    client.wait()
                else:
                    client.drive(number)
        except BaseException as error:  # noqa: BLE001 - raised by join, in the test's own thread
            self.failures.append(error)

    def _next(self) -> int | None:
        """The next order; -1: not yet; None: there are no more."""
        with self._lock:
            if self.begun >= self._count:
                return None
            if self.begun >= self.allowed:
                return -1
            self.begun += 1
            return self.begun - 1

    @property
    def is_working(self) -> bool:
        """Whether any order is still being driven."""
        return any(thread.is_alive() for thread in self._threads)

    def stop(self) -> None:
        """No further order is begun."""
        with self._lock:
            self._count = self.begun

    def join(self) -> None:
        """Until all orders were driven; raises what went wrong."""
        for thread in self._threads:
            thread.join()
        if self.failures:
            raise self.failures[0]

"""Judges a chaos run from its records alone: what clients were told, what the receiver heard, what the database says.

``python -m tests.chaos.checker FOLDER`` judges a run again. It knows the two processes that the clients drive
(``order-approval`` and ``await-payment``), and nothing of the product's code.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.chaos import records as r

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

CLIENTS, RECEIVER, HISTORY = "clients.jsonl", "receiver.jsonl", "history.jsonl"
APPROVAL, PAYMENT = "order-approval", "await-payment"
REVIEWS = ("review-technology", "review-purchasing", "review-finance")
LARGE_REVIEW, LARGE = "review-general-manager", 500_000
PAID = ":paid"
"""Ends the business ids of payments: ``SO-00010:paid`` waits for that of order ``SO-00010``."""


def reviews_of(amount: int) -> tuple[str, ...]:
    """Where an order of this amount is decided, all approving."""
    return (*REVIEWS, LARGE_REVIEW) if amount > LARGE else REVIEWS


@dataclass(frozen=True)
class Violation:
    """A promise that was broken."""

    rule: str
    order: str
    found: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.order}: {self.found}"


@dataclass
class Run:
    """The records, by what they are about."""

    operations: list[r.Operation]
    requests: list[r.Request] = field(default_factory=list)
    instances: list[r.Instance] = field(default_factory=list)
    tasks: dict[int, r.Task] = field(default_factory=dict)
    completions: list[r.Completion] = field(default_factory=list)
    receipts: list[r.Receipt] = field(default_factory=list)
    steps: list[r.Step] = field(default_factory=list)
    incidents: list[r.Incident] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.orders: dict[str, list[r.Operation]] = defaultdict(list)
        for operation in self.operations:
            self.orders[operation.begun.order].append(operation)
        self.by_order: dict[str, list[r.Instance]] = defaultdict(list)
        for instance in self.instances:
            self.by_order[instance.order].append(instance)
        self._names = {one.key: one.order for one in self.instances}

    def of(self, order: str, *kinds: str) -> list[r.Operation]:
        """An order's operations of these kinds."""
        return [one for one in self.orders.get(order, ()) if one.begun.kind in kinds]

    def name_of(self, instance: int) -> str:
        """The order of an instance."""
        return self._names.get(instance, f"instance {instance}")


def read_run(folder: Path) -> Run:
    """The run whose records lie in a folder."""
    found: dict[type, list[Any]] = defaultdict(list)
    for record in (*r.read(folder / RECEIVER), *r.read(folder / HISTORY)):
        found[type(record)].append(record)
    return Run(
        r.operations(r.read(folder / CLIENTS)),
        found[r.Request],
        found[r.Instance],
        {task.key: task for task in found[r.Task]},
        found[r.Completion],
        found[r.Receipt],
        found[r.Step],
        found[r.Incident],
    )


def check(run: Run) -> list[Violation]:
    """All promises that were broken, none for a run that is as it should be."""
    rules = (_starts, _completions, _completed_tasks, _messages, _requests, _effects, _ends, _journal, _order, _looks)
    return [violation for rule in rules for violation in rule(run)]


def _starts(run: Run) -> Iterator[Violation]:
    """Each acknowledged start is one instance, the one that the client was told; the others are none or one."""
    for order, operations in run.orders.items():
        starts = [one for one in operations if one.begun.kind == "start"]
        found = [one.key for one in run.by_order.get(order, ())]
        told = {key for one in starts for keys in one.told for key in keys}
        if told and not found:
            yield Violation("lost start", order, f"the client was told {sorted(told)}")
        elif told - set(found) or len(told) > 1:
            yield Violation("another start", order, f"the client was told {sorted(told)}, the history has {found}")
        if len(found) > 1:
            yield Violation("duplicated start", order, f"{len(found)} instances: {found}")
        if found and all(one.outcome == "failed" for one in starts):
            yield Violation("start without cause", order, f"instance {found[0]} of a start that was refused")
    for order in run.by_order.keys() - run.orders.keys():
        yield Violation("start without cause", order, "no client has asked for it")


def _completions(run: Run) -> Iterator[Violation]:
    """Who was told that a task is completed has completed it, and nobody else."""
    told: dict[int, list[r.Begun]] = defaultdict(list)
    for operation in run.operations:
        if operation.begun.kind == "complete" and operation.outcome == "ok":
            told[operation.begun.task].append(operation.begun)
    for key, winners in told.items():
        order, people = winners[0].order, [one.person for one in winners]
        if len(winners) > 1:
            yield Violation("completed by two", order, f"task {key}: {people} were both told so")
        task = run.tasks.get(key)
        if task is None or task.state != "COMPLETED":
            yield Violation("lost completion", order, f"task {key} is {task.state if task else 'not in the history'}")
        elif task.ended_by not in people:
            yield Violation("lost completion", order, f"task {key} of {people} was completed by {task.ended_by}")


def _completed_tasks(run: Run) -> Iterator[Violation]:
    """Each completed task was completed once, by somebody who wanted that and was not refused."""
    tried: dict[tuple[int, str], list[r.Operation]] = defaultdict(list)
    for operation in run.operations:
        if operation.begun.kind == "complete":
            tried[operation.begun.task, operation.begun.person].append(operation)
    audited = Counter(one.task for one in run.completions)
    for task in run.tasks.values():
        order = run.name_of(task.instance)
        if task.state != "COMPLETED":
            if audited[task.key]:
                yield Violation("not in the history", order, f"task {task.key}: only the audit log has its completion")
            continue
        causes = tried.get((task.key, task.ended_by), [])
        if not causes:
            yield Violation("completion without cause", order, f"{task.ended_by} did not ask for task {task.key}")
        elif all(one.outcome == "failed" for one in causes):
            yield Violation("refused but done", order, f"task {task.key}: {task.ended_by} was refused, and has done it")
        if audited[task.key] != 1:
            yield Violation("not in the history", order, f"{audited[task.key]} audit entries complete task {task.key}")


def _messages(run: Run) -> Iterator[Violation]:
    """Each acknowledged message reached its instance, once."""
    reached = Counter(one.order for one in run.receipts)
    for order in run.orders:
        sent = run.of(order, "publish")
        if reached[order] > 1:
            yield Violation("message twice", order, f"it was received {reached[order]} times")
        if reached[order] and not any(one.outcome != "failed" for one in sent):
            yield Violation("message without cause", order, "nobody has sent it")
        if any(one.outcome == "ok" for one in sent) and not reached[order] and run.by_order.get(order):
            yield Violation("lost message", order, "it was sent and never received")


def _requests(run: Run) -> Iterator[Violation]:
    """Every request is signed; one id means one content for ever."""
    bodies: dict[str, set[str]] = defaultdict(set)
    for request in run.requests:
        if not request.is_signed:
            yield Violation("wrong signature", request.order or "?", f"request {request.id}")
            continue
        bodies[request.id].add(request.body)
        if len(bodies[request.id]) == 2:
            yield Violation("other content", request.order, f"id {request.id} came with other content")


def _effects(run: Run) -> Iterator[Violation]:
    """What was decided, by what clients were told, takes effect outside exactly once; nothing else does."""
    ids: dict[str, set[str]] = defaultdict(set)
    applied: set[str] = set()
    accepted: set[str] = set()
    for request in run.requests:
        if request.is_signed:
            ids[request.order].add(request.id)
            applied |= {request.order} if request.is_applied else set()
            accepted |= {request.order} if 200 <= request.status < 300 else set()
    stuck = {run.name_of(one.instance) for one in run.incidents}
    for order in run.orders.keys() | ids.keys():
        wanted = _is_wanted(run, order)
        if len(ids[order]) > 1:
            yield Violation("duplicated effect", order, f"under several ids: {sorted(ids[order])}")
        if ids[order] and wanted is False:
            yield Violation("effect without cause", order, f"ids {sorted(ids[order])}")
        if wanted and order not in applied and order not in stuck:
            yield Violation("lost effect", order, "the receiver has never acted on it")
        elif wanted and order not in accepted and order not in stuck:
            yield Violation("lost effect", order, "no request was ever accepted, but nothing waits to be sent")


def _is_wanted(run: Run, order: str) -> bool | None:
    """Whether the order must be handed over; None: nobody can know, as an operation never had an answer."""
    starts = run.of(order, "start")
    needed = [_best(starts)]
    if starts and starts[0].begun.process == PAYMENT:
        needed.append(_best(run.of(order, "publish")))
    else:
        amount = starts[0].begun.amount if starts else 0
        completed = run.of(order, "complete")
        if any(one.outcome == "ok" and one.begun.decision != "approved" for one in completed):
            return False
        for element in reviews_of(amount):
            approved = [one for one in completed if one.begun.element == element and one.begun.decision == "approved"]
            needed.append(_best(approved))
    if "failed" in needed:
        return False
    return None if "unknown" in needed else True


def _best(operations: list[r.Operation]) -> r.Outcome:
    """What several people got who wanted the same."""
    found = {one.outcome for one in operations}
    return "ok" if "ok" in found else "unknown" if "unknown" in found else "failed"


def _ends(run: Run) -> Iterator[Violation]:
    """Each instance has ended, or an open incident says what the receiver has done to it."""
    accepted = {one.order for one in run.requests if 200 <= one.status < 300}
    heard = {one.order for one in run.requests}
    incidents = {one.instance: one for one in run.incidents}
    for instance in run.instances:
        incident = incidents.get(instance.key)
        if incident is not None:
            if instance.order in accepted or instance.order not in heard:
                yield Violation("unexplained incident", instance.order, f"{incident.element}: {incident.message}")
        elif instance.ended_at is None:
            yield Violation("unfinished", instance.order, f"it is {instance.state}, without an incident")


def _journal(run: Run) -> Iterator[Violation]:
    """The steps of each instance are numbered without gaps and do not go back in time."""
    steps: dict[int, list[r.Step]] = defaultdict(list)
    for step in run.steps:
        steps[step.instance].append(step)
    for instance in run.instances:
        own = sorted(steps.get(instance.key, ()), key=lambda step: step.sequence)
        if [step.sequence for step in own] != list(range(1, len(own) + 1)) or not own:
            numbers = [step.sequence for step in own]
            yield Violation("events out of order", instance.order, f"the steps are numbered {numbers}")
        for one, following in zip(own, own[1:], strict=False):
            if following.at < one.at:
                yield Violation("events out of order", instance.order, f"step {following.sequence} is before its last")


def _order(run: Run) -> Iterator[Violation]:
    """What was acknowledged before something else was asked for is earlier in the history too."""
    for order, operations in run.orders.items():
        happened = [(one, at) for one in operations if one.outcome == "ok" and (at := _happened(run, one))]
        for one, at in happened:
            for other, later in happened:
                if one.ended_at < other.begun.at and later < at:
                    text = f"{other.begun.key} at {later} after {one.begun.key} at {at}"
                    yield Violation("events out of order", order, text)


def _happened(run: Run, operation: r.Operation) -> datetime | None:
    begun = operation.begun
    if begun.kind == "start":
        return next((one.started_at for one in run.by_order.get(begun.order, ())), None)
    task = run.tasks.get(begun.task) if begun.kind == "complete" else None
    return task.ended_at if task else None


def _looks(run: Run) -> Iterator[Violation]:
    """A list that is asked for after a task was completed does not have it any more."""
    for order in run.orders:
        done = {one.begun.task: one.ended_at for one in run.of(order, "complete") if one.outcome == "ok"}
        for look in run.of(order, "find"):
            for key in (key for keys in look.told for key in keys):
                if done.get(key, look.begun.at) < look.begun.at:
                    yield Violation("stale list", order, f"task {key} was open after it had been completed")


def counts(run: Run) -> dict[str, int]:
    """What happened, in numbers."""
    changes = [one for one in run.operations if one.begun.kind != "find"]
    signed = [one for one in run.requests if one.is_signed]
    return {
        "orders": len(run.orders),
        "instances": len(run.instances),
        "instances that ended": sum(one.ended_at is not None for one in run.instances),
        "instances in an incident": len({one.instance for one in run.incidents}),
        "operations": len(changes),
        **{f"operations {name}": sum(one.outcome == name for one in changes) for name in ("ok", "failed", "unknown")},
        "tries of operations": sum(one.tries for one in changes),
        "lists asked for": len(run.operations) - len(changes),
        "steps in the journal": len(run.steps),
        "effects wanted": sum(_is_wanted(run, order) is True for order in run.orders),
        "effects": len({one.id for one in signed if one.is_applied}),
        "webhook requests": len(run.requests),
        "webhook requests refused or dropped": sum(not 200 <= one.status < 300 for one in run.requests),
    }


def main(folder: Path) -> int:
    """Prints the numbers and what is wrong; exit status 1 where something is."""
    run = read_run(folder)
    for name, count in counts(run).items():
        print(f"{count:>10,}  {name}")
    found = check(run)
    for violation in found:
        print(violation)
    print(f"{len(found):>10,}  violations")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))

"""The checker finds each kind of violation, and nothing where there is none: a good run, changed in one place."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tests.chaos import checker
from tests.chaos import records as r

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

T0 = datetime(2026, 1, 1, tzinfo=UTC)
APPROVED, REJECTED, PAID = "SO-00001", "SO-00002", "SO-00003:paid"
INSTANCES = {APPROVED: 1, REJECTED: 2, PAID: 3}
LI, WANG = "li.ming", "wang.fang"
FINANCE = 13
"""The approved order's task that two people wanted to complete; WANG was refused."""


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def operation(order: str, kind: Any, second: float, outcome: Any = "ok", **about: Any) -> r.Operation:
    """It begins at this second and ends half a second later."""
    told = about.pop("told", ((),) if outcome == "ok" else ())
    person = about.pop("person", LI)
    key = f"{order}/{kind}/{about.get('task', '')}/{person}/{second}"
    return r.Operation(r.Begun(key, second, 1, kind, order, person, **about), second + 0.5, outcome, 1, told)


def reviewed(order: str, last: str) -> tuple[list[r.Operation], list[r.Task]]:
    """An order's start and its three reviews, the last one so; task keys 11, 12, 13 of instance 1."""
    instance = INSTANCES[order]
    asked = [operation(order, "start", 0, process=checker.APPROVAL, amount=1, told=((instance,),))]
    tasks = []
    for number, element in enumerate(checker.REVIEWS, 1):
        key, decision = 10 * instance + number, last if number == 3 else "approved"
        asked.append(operation(order, "complete", number, task=key, element=element, decision=decision))
        tasks.append(r.Task(key, instance, element, "COMPLETED", at(number), LI))
    asked.append(operation(order, "find", 2.8, told=((10 * instance + 3,),)))
    return asked, tasks


def request(order: str, webhook_id: str = "", status: int = 204, **about: Any) -> r.Request:
    values = {"is_signed": True, "event": "e", "order": order, "body": "b", "is_applied": True, **about}
    return r.Request(webhook_id or f"msg_{order}", status=status, **values)


def good_run() -> checker.Run:
    """One order that is approved while somebody else is refused, one that is rejected, one that is paid."""
    first, tasks = reviewed(APPROVED, "approved")
    second, more = reviewed(REJECTED, "rejected")
    refused = operation(
        APPROVED, "complete", 3, "failed",
        person=WANG, task=FINANCE, element="review-finance", decision="rejected",
    )  # fmt: skip
    paid = [
        operation(PAID, "publish", 0),
        operation(PAID, "start", 1, process=checker.PAYMENT, told=((INSTANCES[PAID],),)),
    ]
    return checker.Run(
        [*first, refused, *second, *paid],
        [request(APPROVED, status=503), request(APPROVED), request(PAID, status=0, is_applied=False), request(PAID)],
        [
            r.Instance(key, order, "p", "COMPLETED", at(1 if order == PAID else 0), at(9))
            for order, key in INSTANCES.items()
        ],
        {task.key: task for task in (*tasks, *more)},
        [r.Completion(task.key, LI) for task in (*tasks, *more)],
        [r.Receipt(PAID, INSTANCES[PAID])],
        [r.Step(key, number, at(number)) for key in INSTANCES.values() for number in (1, 2, 3)],
    )


def changed(run: checker.Run, name: str, wanted: Callable[[Any], bool], **values: Any) -> checker.Run:
    """The run with other values in those of its records that are wanted; there must be one at least."""
    found = getattr(run, name)
    records = list(found.values()) if isinstance(found, dict) else found
    assert any(map(wanted, records))
    records = [msgspec.structs.replace(one, **values) if wanted(one) else one for one in records]
    new = {one.key: one for one in records} if isinstance(found, dict) else records
    return dataclasses.replace(run, **{name: new})


def without(run: checker.Run, name: str, unwanted: Callable[[Any], bool]) -> checker.Run:
    """The run without some of its records."""
    records = getattr(run, name)
    left = [one for one in records if not unwanted(one)]
    assert len(left) < len(records)
    return dataclasses.replace(run, **{name: left})


def also(run: checker.Run, name: str, *more: Any) -> checker.Run:
    """The run with more records."""
    return dataclasses.replace(run, **{name: [*getattr(run, name), *more]})


def is_start(order: str) -> Callable[[r.Operation], bool]:
    return lambda one: one.begun.order == order and one.begun.kind == "start"


def is_of(order: str) -> Callable[[Any], bool]:
    return lambda one: one.order == order


def is_task(key: int) -> Callable[[Any], bool]:
    return lambda one: one.key == key


def wins_too(one: r.Operation) -> bool:
    return one.begun.person == WANG


def completes_finance(one: r.Operation) -> bool:
    return one.begun.task == FINANCE and one.begun.person == LI


def stuck(run: checker.Run) -> checker.Run:
    """The approved order's receiver has accepted nothing, and an incident says so."""
    run = changed(run, "requests", is_of(APPROVED), status=500, is_applied=False)
    run = changed(run, "instances", is_of(APPROVED), ended_at=None, state="ACTIVE")
    return also(run, "incidents", r.Incident(INSTANCES[APPROVED], "handoff", "it did not accept"))


def unknown(run: checker.Run, wanted: Callable[[r.Operation], bool]) -> checker.Run:
    return changed(run, "operations", wanted, outcome="unknown", told=(), ended_at=float("inf"))


def test_a_good_run() -> None:
    assert checker.check(good_run()) == []
    counted = checker.counts(good_run())
    assert (counted["orders"], counted["effects wanted"], counted["effects"]) == (3, 2, 2)
    assert (counted["operations ok"], counted["operations failed"], counted["operations unknown"]) == (10, 1, 0)


def test_what_nobody_could_know_and_what_an_incident_explains_is_no_violation() -> None:
    run = good_run()
    assert checker.check(stuck(run)) == []
    assert checker.check(unknown(run, completes_finance)) == []
    not_started = without(unknown(run, is_start(PAID)), "instances", is_of(PAID))
    not_started = without(without(not_started, "requests", is_of(PAID)), "receipts", is_of(PAID))
    assert checker.check(not_started) == []


@pytest.mark.parametrize(
    ("rule", "spoil"),
    [
        ("lost start", lambda run: without(run, "instances", is_of(PAID))),
        ("another start", lambda run: changed(run, "operations", is_start(PAID), told=((4,),))),
        ("another start", lambda run: changed(run, "operations", is_start(PAID), told=((3,), (4,)))),
        ("duplicated start", lambda run: also(run, "instances", r.Instance(4, PAID, "p", "COMPLETED", T0, T0))),
        ("start without cause", lambda run: also(run, "instances", r.Instance(4, "SO-4", "p", "COMPLETED", T0, T0))),
        ("start without cause", lambda run: changed(run, "operations", is_start(PAID), outcome="failed", told=())),
        ("completed by two", lambda run: changed(run, "operations", wins_too, outcome="ok")),
        ("lost completion", lambda run: changed(run, "tasks", is_task(FINANCE), state="CREATED")),
        ("lost completion", lambda run: changed(run, "tasks", is_task(FINANCE), ended_by=WANG)),
        ("lost completion", lambda run: dataclasses.replace(run, tasks={})),
        ("refused but done", lambda run: changed(run, "operations", completes_finance, outcome="failed", told=())),
        ("completion without cause", lambda run: without(run, "operations", completes_finance)),
        ("not in the history", lambda run: without(run, "completions", lambda one: one.task == FINANCE)),
        ("not in the history", lambda run: also(run, "completions", r.Completion(FINANCE, LI))),
        ("not in the history", lambda run: changed(run, "tasks", is_task(FINANCE), state="CANCELED")),
        ("lost message", lambda run: without(run, "receipts", is_of(PAID))),
        ("message twice", lambda run: also(run, "receipts", r.Receipt(PAID, 3))),
        ("message without cause", lambda run: without(run, "operations", lambda one: one.begun.kind == "publish")),
        ("wrong signature", lambda run: also(run, "requests", request(PAID, status=401, is_signed=False))),
        ("other content", lambda run: also(run, "requests", request(PAID, body="other"))),
        ("lost effect", lambda run: without(run, "requests", is_of(PAID))),
        ("lost effect", lambda run: changed(run, "requests", is_of(PAID), status=500)),
        ("lost effect", lambda run: changed(run, "requests", is_of(PAID), is_applied=False)),
        ("duplicated effect", lambda run: also(run, "requests", request(PAID, "msg_again"))),
        ("effect without cause", lambda run: also(run, "requests", request(REJECTED))),
        ("effect without cause", lambda run: also(run, "requests", request("SO-4"))),
        ("unfinished", lambda run: changed(run, "instances", is_of(PAID), ended_at=None)),
        ("unexplained incident", lambda run: also(run, "incidents", r.Incident(INSTANCES[PAID], "e", "no"))),
        ("unexplained incident", lambda run: also(run, "incidents", r.Incident(INSTANCES[REJECTED], "e", "no"))),
        ("events out of order", lambda run: without(run, "steps", lambda one: one.sequence == 2)),
        ("events out of order", lambda run: dataclasses.replace(run, steps=[])),
        ("events out of order", lambda run: also(run, "steps", r.Step(1, 4, T0))),
        ("events out of order", lambda run: changed(run, "tasks", is_task(FINANCE), ended_at=at(0.5))),
        ("events out of order", lambda run: changed(run, "instances", is_of(APPROVED), started_at=at(7))),
        ("stale list", lambda run: also(run, "operations", operation(APPROVED, "find", 4, told=((FINANCE,),)))),
    ],
)  # fmt: skip
def test_a_violation_is_found(rule: str, spoil: Callable[[checker.Run], checker.Run]) -> None:
    assert rule in {found.rule for found in checker.check(spoil(good_run()))}


def test_an_operation_is_what_came_of_its_tries(tmp_path: Path) -> None:
    begun = [r.Begun(key, 1.0, 1, "start", "o", LI) for key in "abcd"]
    log = r.Log(tmp_path / "clients.jsonl")
    log.write(begun[0], r.Ended("a", 2.0, "unknown"), begun[0], r.Ended("a", 3.0, "ok", 200, (7,)))
    log.write(begun[1], r.Ended("b", 2.0, "unknown"), begun[1], r.Ended("b", 3.0, "failed", 409))
    log.write(begun[2], r.Ended("c", 2.0, "failed", 409), begun[2])
    log.write(begun[3])
    log.close()
    found = r.operations(r.read(tmp_path / "clients.jsonl"))
    assert [(one.outcome, one.tries, one.told) for one in found] == [
        ("ok", 2, ((7,),)), ("failed", 2, ()), ("unknown", 2, ()), ("unknown", 1, ()),
    ]  # fmt: skip
    assert [one.ended_at for one in found] == [3.0, 3.0, float("inf"), float("inf")]


def test_a_run_is_judged_again_from_its_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = good_run()
    clients, heard, history = (r.Log(tmp_path / name) for name in (checker.CLIENTS, checker.RECEIVER, checker.HISTORY))
    for one in run.operations:
        told = one.told[0] if one.told else ()
        clients.write(one.begun, r.Ended(one.begun.key, one.ended_at, one.outcome, 0, told))
    heard.write(*run.requests)
    history.write(*run.instances, *run.tasks.values(), *run.completions, *run.receipts, *run.steps)
    assert checker.main(tmp_path) == 0
    assert "0  violations" in capsys.readouterr().out
    heard.write(request(PAID, "msg_again"))
    assert checker.main(tmp_path) == 1
    assert f"duplicated effect: {PAID}" in capsys.readouterr().out
    for log in (clients, heard, history):
        log.close()

"""Which approvals are decided together with others: what the process says, and what has happened there."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

import pytest

from bpm_server.domain.approvals.node import Where
from bpm_server.kernel.errors import InvalidInput, WrongState
from bpm_server.reports.bulk import Obstacle, obstacle
from bpm_server.reports.task_details import task_detail
from bpm_server.services import approvals, returning, tasks
from tests.support.approvals import one_node, person, starter
from tests.support.bpmn_builder import Process
from tests.support.service_levels import plain

if TYPE_CHECKING:
    from tests.support.approvals import Desk

ANN, BOB = person("ann"), person("bob")


def at(desk: Desk, key: int, name: str = "ann") -> Obstacle | None:
    server, who = desk.bpm.server, person(name)
    return obstacle(server, who, task_detail(server, who, key))


def approve(desk: Desk, key: int, name: str = "ann") -> None:
    tasks.complete_task(desk.bpm.server, person(name), key, {}, outcome="approved", from_form=True, in_bulk=True)


@pytest.mark.parametrize(
    ("rule", "amount", "is_allowed"),
    [
        ("true", 1, True),
        ("", 1, True),
        ("false", 1, False),
        ("=amount <= 10000", 10_000, True),
        ("=amount <= 10000", 10_001, False),
        ("=amount <= 10000", None, False),
        ("=missing", 1, False),
    ],
)
def test_the_process_says_which_ones(desk: Desk, rule: str, amount: int | None, is_allowed: bool) -> None:
    _, key = desk.start(one_node("any", "ann", bulk=rule), amount=amount)
    assert at(desk, key) == (None if is_allowed else Obstacle.RULE)
    if is_allowed:
        approve(desk, key)
    else:
        with pytest.raises(WrongState, match="decided together with others") as refused:
            approve(desk, key)
        assert refused.value.details["bulk"] is False
    assert desk.items(key) == {"ann": "approved" if is_allowed else "to-do"}


def test_a_rule_that_cannot_be_understood_is_not_deployed(desk: Desk) -> None:
    for rule, said in (("maybe", "true, false or FEEL"), ("=amount <", "FEEL after '='")):
        with pytest.raises(InvalidInput, match=said):
            desk.bpm.deploy(one_node("any", "ann", bulk=rule))


def test_a_plain_task_has_the_same_rule_by_another_name(desk: Desk) -> None:
    bpm = desk.bpm
    bpm.deploy(plain({"task.bulk": "=amount < 5", "outcomes": "approved,rejected"}))
    small, large = (bpm.task("do", instance=bpm.start(amount=amount)).key for amount in (4, 5))
    approve(desk, small)
    assert at(desk, large) == Obstacle.RULE
    with pytest.raises(WrongState):
        approve(desk, large)
    with pytest.raises(InvalidInput, match=r"task\.bulk: expected true, false or FEEL"):
        bpm.deploy(plain({"task.bulk": "perhaps"}))
    with pytest.raises(InvalidInput, match=r"Expected 'task\.bulk' at a user task"):
        bpm.deploy(_misplaced())


def _misplaced() -> bytes:
    p = Process()
    p.path(p.start(), p.service("j", "work", extra=_property("task.bulk", "true")), p.end())
    return p.xml()


def _property(name: str, value: str) -> str:
    return f'<zeebe:properties><zeebe:property name="{name}" value="{value}"/></zeebe:properties>'


def test_what_somebody_asks_or_answers_is_opened(desk: Desk) -> None:
    server = desk.bpm.server
    _, key = desk.start(one_node("any", "ann"))
    assert at(desk, key) is None
    approvals.delegate(server, ANN, key, "bob")
    assert at(desk, key, "bob") == Obstacle.OPINION
    approvals.decide(server, BOB, key, "approved")
    assert at(desk, key) == Obstacle.ANSWERED


def test_what_somebody_added_before_has_said_is_read(desk: Desk) -> None:
    server = desk.bpm.server
    _, key = desk.start(one_node("any", "ann"))
    approvals.add_signers(server, ANN, key, ["bob"], Where.BEFORE)
    assert at(desk, key, "bob") is None
    approvals.decide(server, BOB, key, "approved")
    assert at(desk, key) == Obstacle.ANSWERED


def test_a_request_that_is_corrected_and_one_that_was(desk: Desk) -> None:
    server = desk.bpm.server
    _, key = desk.start(one_node("any", "ann", after_return="direct"))
    returning.give_back(server, ANN, key, "initiator", "Which trip?")
    assert at(desk, key, "eve") == Obstacle.CORRECTION
    returning.resubmit(server, starter("eve"), key, {})
    assert at(desk, key) == Obstacle.CORRECTED


def test_two_who_approve_the_same_together_at_once_one_of_them_is_told_who_was_faster(desk: Desk) -> None:
    _, key = desk.start(one_node("any", "ann, bob", bulk="=amount <= 10000"), amount=1)
    approve(desk, key)
    with pytest.raises(WrongState) as late:
        approve(desk, key, "bob")
    assert late.value.details["decidedBy"] == "ann"


def test_a_plain_task_that_somebody_has_done_is_not_asked_for_its_rule(desk: Desk) -> None:
    desk.bpm.deploy(plain({"task.bulk": "=amount < 9"}, 'candidateUsers="ann, bob"'))
    desk.bpm.start(actor=starter("eve"), amount=1)
    key = desk.task("do")
    for name, is_in_time in (("ann", True), ("bob", False)):
        with nullcontext() if is_in_time else pytest.raises(WrongState) as late:
            tasks.complete_task(desk.bpm.server, person(name), key, {}, in_bulk=True)
    assert late.value.details["endedBy"] == "ann"

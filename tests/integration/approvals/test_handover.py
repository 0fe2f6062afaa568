"""Who leaves hands over what is open: every task goes to the successor once, and what does not says why."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from bpm_server.domain.approvals.node import Where
from bpm_server.domain.identity import Actor
from bpm_server.kernel.errors import Forbidden, WrongState
from bpm_server.services import (
    approvals,
    batch_operations,
    handover_items,
    returning,
    tasks,
)
from bpm_server.services import people as people_services
from bpm_server.services.handover import start_handover
from bpm_server.services.suspension import suspend_instance
from bpm_server.store.tables.approvals import approval, approval_act
from bpm_server.store.tables.batch_operations import batch_operation_item
from bpm_server.store.tables.instances import process_instance
from bpm_server.store.tables.tasks import user_task
from bpm_server.worker import rounds
from tests.support.approvals import node, one_node, person
from tests.support.bpmn_builder import Process
from tests.support.product import ADMIN
from tests.support.statements import counted

if TYPE_CHECKING:
    from tests.support.approvals import Desk
from tests.support.handover import NOTE, assignee, give, history, outcome, plain, problems, told

# --- plain tasks ----------------------------------------------------------------------------------------


def test_an_assigned_task_becomes_the_successors(desk: Desk, hr: Actor) -> None:
    _instance, key = desk.start(plain(assignee="ann"))
    done = give(desk, hr)
    assert outcome(desk, done) == ("COMPLETED", 1, 1, 0)
    assert assignee(desk, key) == "fei"
    assert history(desk, key) == [("handover", "hr", ["ann", "fei"], NOTE)]
    tasks.complete_task(desk.bpm.server, person("fei"), key)


def test_a_task_that_is_offered_by_name_is_offered_to_the_successor(desk: Desk, hr: Actor) -> None:
    _instance, key = desk.start(plain(candidateUsers="ann, bob, fei"))
    give(desk, hr)
    assert desk.asked(key) == ["bob", "fei"]
    with pytest.raises(Forbidden):
        tasks.claim_task(desk.bpm.server, person("ann"), key)
    tasks.claim_task(desk.bpm.server, person("fei"), key)


def test_who_had_claimed_an_offered_task_and_leaves_is_in_neither_list(desk: Desk, hr: Actor) -> None:
    _instance, key = desk.start(plain(candidateUsers="ann, bob"))
    tasks.claim_task(desk.bpm.server, person("ann"), key)
    assert outcome(desk, give(desk, hr))[1] == 1
    assert (assignee(desk, key), desk.asked(key)) == ("fei", ["bob", "fei"])


def test_another_successor_takes_a_process(desk: Desk, hr: Actor) -> None:
    _instance, key = desk.start(plain(assignee="ann"))
    desk.bpm.deploy(plain("q", assignee="ann"))
    other = desk.bpm.start("q")
    give(desk, hr, by_process={"q": "bob"})
    of_q = desk.bpm.scalars(sa.select(user_task.c.assignee).where(user_task.c.instance_key == other))
    assert (assignee(desk, key), of_q) == ("fei", ["bob"])
    assert (told(desk, "fei"), told(desk, "bob")) == (["handover"], ["handover"])


def test_what_has_ended_stays_as_it_was(desk: Desk, hr: Actor) -> None:
    _instance, key = desk.start(plain(assignee="ann"))
    tasks.complete_task(desk.bpm.server, person("ann"), key)
    assert outcome(desk, give(desk, hr)) == ("COMPLETED", 0, 0, 0)
    assert assignee(desk, key) == "ann"


def test_a_task_of_a_suspended_case_stays_and_says_why(desk: Desk, hr: Actor) -> None:
    instance, key = desk.start(plain(assignee="ann"))
    suspend_instance(desk.bpm.server, ADMIN, instance)
    done = give(desk, hr)
    assert outcome(desk, done) == ("COMPLETED", 1, 0, 1)
    assert problems(desk, done) == [f"Expected to hand over task '{key}', but its process instance is suspended"]
    assert assignee(desk, key) == "ann"


def test_what_is_done_before_its_turn_comes_is_skipped(desk: Desk, hr: Actor) -> None:
    _instance, key = desk.start(plain(assignee="ann"))
    done = start_handover(desk.bpm.server, hr, "ann", "fei", NOTE)
    tasks.complete_task(desk.bpm.server, person("ann"), key)
    desk.bpm.deliver()
    assert outcome(desk, done) == ("COMPLETED", 1, 1, 0)
    assert problems(desk, done) == [f"Expected an open task of 'ann', but task '{key}' has ended"]
    assert assignee(desk, key) == "ann"


def test_the_successor_is_told_once(desk: Desk, hr: Actor) -> None:
    desk.bpm.deploy(plain(assignee="ann"))
    for _ in range(3):
        desk.bpm.start()
    p = Process("q")
    p.path(p.start(), node(p, "sign", "all", "ann, bob"), p.end())
    desk.bpm.deploy(p.xml())
    desk.bpm.start("q")
    give(desk, hr)
    assert told(desk, "fei") == ["handover"]


# --- approvals ------------------------------------------------------------------------------------------


def test_an_approval_is_the_successors_to_sign(desk: Desk, hr: Actor) -> None:
    _instance, key = desk.start(one_node("all", "ann, bob"))
    give(desk, hr)
    assert desk.asked(key) == ["bob", "fei"]
    assert desk.reason(key, "fei")["handed_over_from"] == "ann"
    assert history(desk, key) == [("handover", "hr", ["ann", "fei"], NOTE)]
    desk.vote("fei")
    desk.vote("bob")
    assert desk.outcome(key) == "approved"


def test_a_later_turn_goes_over_too(desk: Desk, hr: Actor) -> None:
    _instance, key = desk.start(one_node("sequential", "bob, ann"))
    give(desk, hr)
    assert desk.asked(key) == ["bob"]
    desk.vote("bob")
    assert desk.asked(key) == ["fei"]


def test_delegated_then_the_delegate_leaves_it_returns(desk: Desk, hr: Actor) -> None:
    _instance, key = desk.start(one_node("all", "bob"))
    approvals.delegate(desk.bpm.server, person("bob"), key, "ann", "what do you think?")
    give(desk, hr)
    assert desk.asked(key) == ["bob"]
    assert desk.items(key) == {"bob": "to-do", "ann": "canceled"}
    assert history(desk, key)[-1] == ("handover", "hr", ["ann"], NOTE)
    assert "turn" in told(desk, "bob")
    desk.vote("bob")
    assert desk.outcome(key) == "approved"


def test_what_they_have_delegated_comes_back_to_the_successor(desk: Desk, hr: Actor) -> None:
    _instance, key = desk.start(one_node("all", "ann"))
    approvals.delegate(desk.bpm.server, person("ann"), key, "bob", "what do you think?")
    give(desk, hr)
    assert desk.asked(key) == ["bob"]
    desk.vote("bob")
    assert (desk.asked(key), desk.outcome(key)) == (["fei"], None)
    desk.vote("fei")
    assert desk.outcome(key) == "approved"


def test_those_they_have_added_before_themselves_stay(desk: Desk, hr: Actor) -> None:
    _instance, key = desk.start(one_node("all", "ann"))
    approvals.add_signers(desk.bpm.server, person("ann"), key, ["bob"], Where.BEFORE)
    give(desk, hr)
    assert desk.asked(key) == ["bob"]
    desk.vote("bob")
    assert desk.asked(key) == ["fei"]


def test_a_successor_who_signs_there_already_signs_once(desk: Desk, hr: Actor) -> None:
    _instance, key = desk.start(one_node("all", "ann, fei"))
    give(desk, hr)
    assert desk.items(key) == {"ann": "skipped", "fei": "to-do"}
    desk.vote("fei")
    assert desk.outcome(key) == "approved"


def test_a_successor_who_has_signed_decides_it(desk: Desk, hr: Actor) -> None:
    instance, key = desk.start(one_node("all", "ann, fei"))
    desk.vote("fei")
    give(desk, hr)
    assert desk.outcome(key) == "approved"
    assert desk.bpm.state(instance) == "COMPLETED"


def test_where_the_successor_made_the_request_the_administrator_is_asked(desk: Desk, hr: Actor) -> None:
    _instance, key = desk.start(one_node("all", "ann, bob"), initiator="eve")
    done = give(desk, hr, "eve")
    assert outcome(desk, done) == ("COMPLETED", 1, 1, 0)
    assert desk.asked(key) == ["admin", "bob"]
    assert desk.reason(key, "admin")["noSigner"] == "ann has handed over to eve, who may not sign here"
    assert told(desk, "admin") == ["turn"]


def test_where_nobody_may_have_it_it_stays_and_says_why(desk: Desk, hr: Actor) -> None:
    _instance, key = desk.start(one_node("all", "ann, bob", no_signer="nobody-here"), initiator="eve")
    done = give(desk, hr, "eve")
    assert outcome(desk, done) == ("COMPLETED", 1, 0, 1)
    [problem] = problems(desk, done)
    assert (
        problem == "Expected 'eve' or an administrator to sign for 'ann', but 'eve' made the request, and no other may"
    )
    assert desk.asked(key) == ["ann", "bob"]


def test_a_successor_who_is_asked_for_an_opinion_elsewhere_does_not_get_a_vote(desk: Desk, hr: Actor) -> None:
    _instance, key = desk.start(one_node("all", "ann, bob"))
    approvals.delegate(desk.bpm.server, person("bob"), key, "fei", "what do you think?")
    give(desk, hr)
    assert desk.asked(key) == ["admin", "fei"]


def test_the_successor_corrects_a_request_that_came_back(desk: Desk, hr: Actor) -> None:
    _instance, key = desk.start(one_node("all", "bob"), initiator="ann")
    returning.give_back(desk.bpm.server, person("bob"), key, "initiator", "the invoice is missing")
    assert desk.asked(key) == ["ann"]
    give(desk, hr)
    assert desk.asked(key) == ["fei"]
    with pytest.raises(Forbidden):
        returning.resubmit(desk.bpm.server, person("ann"), key)
    returning.resubmit(desk.bpm.server, person("fei"), key)
    assert desk.asked(key) == ["bob"]
    started_by = desk.bpm.scalars(sa.select(process_instance.c.started_by))
    assert started_by == ["ann"], "who made the request stays in the history"


def test_what_is_returned_after_they_have_left_is_corrected_by_who_has_their_work(desk: Desk, hr: Actor) -> None:
    _, key = desk.start(one_node("all", "cai, dan"), initiator="ann")
    give(desk, hr, "bob", leaves=True)
    give(desk, hr, "fei", of="bob", leaves=True)
    returning.give_back(desk.bpm.server, person("cai"), key, "initiator", "too much")
    assert desk.asked(key) == ["fei"]
    assert history(desk, key)[-1] == ("handover", "system", ["ann", "fei"], None)
    assert told(desk, "fei")[-1] == "returned" and "returned" not in told(desk, "ann")
    returning.resubmit(desk.bpm.server, person("fei"), key)
    assert desk.asked(key) == ["cai", "dan"]


def test_nothing_is_returned_to_who_has_left_and_handed_nothing_over(desk: Desk, hr: Actor) -> None:
    _, key = desk.start(one_node("all", "cai, dan"), initiator="ann")
    people_services.set_activity(desk.bpm.server, hr, "ann", active=False)
    with pytest.raises(WrongState, match="'ann' has left: hand their work over first"):
        returning.give_back(desk.bpm.server, person("cai"), key, "initiator", "too much")
    assert desk.asked(key) == ["cai", "dan"]


def test_an_approval_that_is_decided_stays_as_it_was(desk: Desk, hr: Actor) -> None:
    _instance, key = desk.start(one_node("all", "ann"))
    desk.vote("ann")
    assert outcome(desk, give(desk, hr))[1] == 0
    assert desk.items(key) == {"ann": "approved"}
    assert desk.bpm.scalars(sa.select(approval.c.decided_by)) == ["ann"]


# --- many -----------------------------------------------------------------------------------------------


class Killed(BaseException):
    """The process is gone: nobody catches this."""


def test_a_worker_that_dies_in_the_middle_hands_every_task_over_once(
    desk: Desk, hr: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.bpm.deploy(plain(assignee="ann"))
    for _ in range(8):
        desk.bpm.start()
    key = start_handover(desk.bpm.server, hr, "ann", "fei", NOTE)
    whole, done = handover_items.hand_over_task, []

    def dying(tx: Any, task: int, plan: Any) -> None:
        whole(tx, task, plan)
        done.append(task)
        if len(done) == 4:
            raise Killed

    monkeypatch.setattr(handover_items, "hand_over_task", dying)
    with pytest.raises(Killed):
        rounds.do_batch_items(desk.bpm.server)
    monkeypatch.setattr(handover_items, "hand_over_task", whole)
    assert outcome(desk, key) == ("ACTIVE", 8, 3, 0)
    with desk.bpm.server.database.write() as connection:
        past = sa.select(sa.func.min(process_instance.c.started_at)).scalar_subquery()
        connection.execute(batch_operation_item.update().values(available_at=past))
        connection.commit()
    desk.bpm.deliver()
    assert outcome(desk, key) == ("COMPLETED", 8, 8, 0)
    assert desk.bpm.scalars(sa.select(user_task.c.assignee)) == ["fei"] * 8
    assert set(Counter(desk.bpm.scalars(sa.select(approval_act.c.task_key))).values()) == {1}


def cost(desk: Desk, hr: Actor, number: int) -> tuple[int, set[int]]:
    """Statements of asking for a handover of so many tasks, and of each one but the first, which reads the caches."""
    server = desk.bpm.server
    for _ in range(number):
        desk.bpm.start()
    with counted(server.database) as asking:
        start_handover(server, hr, "ann", "fei", NOTE)
    first, *others = batch_operations.lease_items(server, 100)
    assert batch_operations.do_item(server, first)
    each = set()
    for item in others:
        with counted(server.database) as doing:
            assert batch_operations.do_item(server, item)
        each.add(len(doing.texts))
    return len(asking.texts), each


@pytest.mark.parametrize(
    ("file", "most"), [(plain(assignee="ann"), 10), (one_node("all", "ann, bob"), 17)], ids=["plain", "approval"]
)
def test_asking_costs_the_same_for_few_and_for_many_and_so_does_each_task(
    desk: Desk, hr: Actor, file: bytes, most: int
) -> None:
    desk.bpm.deploy(file)
    few, many = cost(desk, hr, 2), cost(desk, hr, 30)
    assert few == many
    assert many[1] == {most}

"""Returned for correction, and back; recalled; terminated."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bpm_server.kernel.errors import Forbidden, InvalidInput, WrongState
from bpm_server.services import informing, returning, tasks
from tests.support.approvals import node, one_node, person, starter
from tests.support.bpmn_builder import Process, timer
from tests.support.product import ADMIN

if TYPE_CHECKING:
    from tests.support.approvals import Desk


def three(**third: str) -> bytes:
    """Three approvals in a row, by ann, bob and cai."""
    p = Process()
    p.path(
        p.start(), node(p, "one", "all", "ann"), node(p, "two", "all", "bob"), node(p, "three", "all", "cai", **third)
    )
    p.path("three", p.end())
    return p.xml()


def at_the_third(desk: Desk, **third: str) -> tuple[int, int]:
    desk.bpm.deploy(three(**third))
    instance = desk.bpm.start(actor=starter("eve"), amount=7)
    desk.vote("ann", key=desk.task("one"))
    desk.vote("bob", key=desk.task("two"))
    return instance, desk.task("three")


def give_back(desk: Desk, key: int, target: str, name: str = "cai") -> str | None:
    return returning.give_back(desk.bpm.server, person(name), key, target, "numbers do not add up")


def test_to_a_passed_node_and_through_all_again(desk: Desk) -> None:
    instance, key = at_the_third(desk)
    assert give_back(desk, key, "one") == "one"
    assert desk.outcome(key) == "returned"
    assert desk.state(key) == "COMPLETED"
    assert desk.bpm.open_tasks() == ["one"]
    assert desk.bpm.variables(instance)["comment"] == "numbers do not add up"
    for name, element in (("ann", "one"), ("bob", "two"), ("cai", "three")):
        desk.vote(name, key=desk.task(element))
    assert desk.bpm.state(instance) == "COMPLETED"
    assert desk.bpm.variables(instance)["outcome"] == "approved"


def test_to_the_previous_node_and_straight_back(desk: Desk) -> None:
    _, key = at_the_third(desk, after_return="direct")
    assert give_back(desk, key, "previous") == "two"
    desk.vote("bob", key=desk.task("two"))
    assert desk.bpm.open_tasks() == ["three"]
    assert desk.vote("cai", key=desk.task("three")) == "approved"


def test_straight_back_goes_over_what_lies_between(desk: Desk) -> None:
    _, key = at_the_third(desk, after_return="direct")
    give_back(desk, key, "one")
    desk.vote("ann", key=desk.task("one"))
    assert desk.bpm.open_tasks() == ["three"]


def test_returned_to_the_initiator_from_the_third_node_direct_it_comes_straight_back(desk: Desk) -> None:
    instance, key = at_the_third(desk, after_return="direct")
    assert give_back(desk, key, "initiator") is None
    assert desk.asked(key) == ["eve"]
    with pytest.raises(WrongState, match="'eve' is correcting"):
        desk.vote("cai", key=key)
    with pytest.raises(Forbidden, match="that is eve"):
        returning.resubmit(desk.bpm.server, person("ann"), key, {"amount": 9})
    returning.resubmit(desk.bpm.server, person("eve"), key, {"amount": 9}, "corrected")
    assert desk.bpm.variables(instance)["amount"] == 9
    assert desk.asked(key) == ["cai"]
    assert desk.vote("cai", key=key) == "approved"
    assert desk.bpm.state(instance) == "COMPLETED"
    assert desk.acts(key) == [("cai", "return"), ("eve", "resubmit"), ("cai", "approve")]


def test_returned_to_the_initiator_all_is_walked_again(desk: Desk) -> None:
    _, key = at_the_third(desk)
    give_back(desk, key, "initiator")
    returning.resubmit(desk.bpm.server, person("eve"), key)
    assert desk.bpm.open_tasks() == ["one"]
    assert desk.outcome(key) == "returned"


def test_what_a_stranger_has_started_is_returned_to_nobody(desk: Desk) -> None:
    _, key = desk.start(one_node("all", "ann"), initiator="public form")
    with pytest.raises(InvalidInput, match="nothing was passed"):
        give_back(desk, key, "initiator", "ann")
    assert desk.asked(key) == ["ann"]


def test_the_first_node_asks_again_itself(desk: Desk) -> None:
    _, key = desk.start(one_node("any", '=if amount > 5 then "ann" else "bob"'), amount=9)
    give_back(desk, key, "initiator", "ann")
    returning.resubmit(desk.bpm.server, person("eve"), key, {"amount": 1})
    assert desk.asked(key) == ["bob"]
    assert desk.vote("bob") == "approved"


def test_a_task_that_the_initiator_did_is_where_they_correct(desk: Desk) -> None:
    p = Process()
    p.path(p.start(), p.user("write"), node(p, "sign", "all", "ann", after_return="direct"), p.end())
    desk.bpm.deploy(p.xml())
    instance = desk.bpm.start(actor=starter("eve"))
    tasks.complete_task(desk.bpm.server, ADMIN, desk.task("write"), {})
    assert returning_to(desk, desk.task()) == ["previous", "write"]
    give_back(desk, desk.task(), "write", "ann")
    desk.bpm.task("write").complete()
    assert desk.bpm.open_tasks() == ["sign"]
    assert desk.bpm.state(instance) == "ACTIVE"


def returning_to(desk: Desk, key: int) -> list[str]:
    from bpm_server.reports.approvals import return_targets

    return [one.name for one in return_targets(desk.bpm.server, key) if one.hidden is None and one.name != "initiator"]


def test_only_what_was_passed_on_every_way_is_a_target_and_the_message_says_what_is(desk: Desk) -> None:
    p = Process()
    p.path(p.start(), p.add("parallelGateway", "f"), node(p, "one", "all", "ann"), p.add("parallelGateway", "j"))
    p.path("f", node(p, "two", "all", "bob"), "j", node(p, "three", "all", "cai"), p.end())
    desk.bpm.deploy(p.xml())
    desk.bpm.start(actor=starter("eve"))
    desk.vote("ann", key=desk.task("one"))
    with pytest.raises(InvalidInput, match="'one', which is not-on-every-way"):
        give_back(desk, desk.task("two"), "one", "bob")
    desk.vote("bob", key=desk.task("two"))
    with pytest.raises(InvalidInput, match="one of initiator to return to, but found 'one'"):
        give_back(desk, desk.task("three"), "one")


def test_targets_that_the_process_does_not_name_are_refused(desk: Desk) -> None:
    _, key = at_the_third(desk, return_to="previous")
    with pytest.raises(InvalidInput, match="not-allowed"):
        give_back(desk, key, "one")
    assert give_back(desk, key, "previous") == "two"


def test_where_nobody_is_found_after_a_correction_an_administrator_hears_of_it(desk: Desk) -> None:
    file = one_node("all", "=who", no_signer="nobody", after_return="direct")
    _, key = desk.start(file, who=["ann"])
    give_back(desk, key, "initiator", "ann")
    returning.resubmit(desk.bpm.server, person("eve"), key, {"who": []})
    assert desk.asked(key) == []
    assert desk.incidents(key) == [("ACTIVE", "NO_SIGNER")]


def test_who_rejects_what_was_returned_to_them_sends_nothing_straight_back(desk: Desk) -> None:
    p = Process()
    p.path(
        p.start(),
        node(p, "one", "all", "ann"),
        p.add("exclusiveGateway", "agreed", default="f_agreed_redo"),
        p.user("redo"),
        "one",
    )
    p.flow("agreed", node(p, "between", "all", "cai"), '=outcome = "approved"')
    p.path("between", node(p, "two", "all", "bob", after_return="direct"), p.end())
    desk.start(p.xml(), element_id="one")
    for name, element in (("ann", "one"), ("cai", "between")):
        desk.vote(name, key=desk.task(element))
    give_back(desk, desk.task("two"), "one", "bob")
    desk.vote("ann", "rejected", key=desk.task("one"))
    tasks.complete_task(desk.bpm.server, ADMIN, desk.task("redo"), {})
    desk.vote("ann", key=desk.task("one"))
    assert desk.bpm.open_tasks() == ["between"]


def test_before_a_fork_both_branches_are_walked_again(desk: Desk) -> None:
    p = Process()
    p.path(p.start(), node(p, "one", "all", "ann"), p.add("parallelGateway", "f"))
    p.path("f", node(p, "two", "all", "bob", after_return="direct"), p.add("parallelGateway", "j"))
    p.path("f", node(p, "three", "all", "cai"), "j", p.end())
    desk.bpm.deploy(p.xml())
    instance = desk.bpm.start(actor=starter("eve"))
    desk.vote("ann", key=desk.task("one"))
    desk.vote("cai", key=desk.task("three"))
    give_back(desk, desk.task("two"), "one", "bob")
    assert desk.bpm.open_tasks() == ["one"]
    desk.vote("ann", key=desk.task("one"))
    assert desk.bpm.open_tasks() == ["three", "two"]
    desk.vote("cai", key=desk.task("three"))
    desk.vote("bob", key=desk.task("two"))
    assert desk.bpm.state(instance) == "COMPLETED"


def test_technology_and_purchasing_sign_in_parallel_and_a_reject_by_one_ends_the_other(desk: Desk) -> None:
    _, key = desk.start(one_node("all", '=["bob", "cai"]'))
    assert desk.vote("bob", "rejected") == "rejected"
    assert desk.items(key)["cai"] == "handled-by-another"


def test_a_request_is_recalled_before_the_first_act(desk: Desk) -> None:
    instance, key = desk.start(one_node("all", "ann, bob"))
    with pytest.raises(Forbidden):
        returning.recall(desk.bpm.server, person("ann"), instance)
    returning.recall(desk.bpm.server, person("eve"), instance, "wrong customer")
    assert desk.bpm.state(instance) == "TERMINATED"
    with pytest.raises(WrongState):
        desk.vote("ann", key=key)
    other = desk.bpm.start(actor=starter("eve"))
    desk.vote("ann", key=desk.task())
    with pytest.raises(WrongState, match="ann did"):
        returning.recall(desk.bpm.server, person("eve"), other)


def test_reminders_and_copies_say_nothing_of_a_request(desk: Desk) -> None:
    instance, key = desk.start(one_node("all", "ann", copy_at_start="dan"))
    informing.urge(desk.bpm.server, person("ann"), key)
    informing.send_copies(desk.bpm.server, person("ann"), key, ["fei"])
    returning.recall(desk.bpm.server, person("eve"), instance)
    assert desk.bpm.state(instance) == "TERMINATED"


def test_an_act_in_a_called_process_is_an_act_on_the_request(desk: Desk) -> None:
    caller = Process("caller")
    called = '<zeebe:calledElement processId="p"/>'
    caller.add("callActivity", "c", f"<bpmn:extensionElements>{called}</bpmn:extensionElements>")
    caller.path(caller.start(), "c", caller.end())
    desk.bpm.deploy(one_node("all", "ann, bob"), caller.xml())
    instance = desk.bpm.start("caller", actor=starter("eve"))
    desk.vote("ann")
    with pytest.raises(WrongState, match="ann did"):
        returning.recall(desk.bpm.server, person("eve"), instance)


def test_what_the_process_takes_back_asks_nobody_any_more(desk: Desk) -> None:
    p = Process()
    p.path(p.start(), node(p, "sign", "all", "ann, bob"), p.end())
    p.path(p.boundary("late", "sign", timer("Duration", "PT1H")), p.end("e2"))
    instance, key = desk.start(p.xml())
    desk.vote("ann")
    desk.bpm.clock.advance(hours=2)
    assert desk.bpm.state(instance) == "COMPLETED"
    assert desk.items(key) == {"ann": "approved", "bob": "canceled"}
    assert desk.outcome(key) is None
    with pytest.raises(WrongState, match="cancelled by its process"):
        desk.vote("bob", key=key)


def test_terminating_needs_the_right_and_a_reason(desk: Desk) -> None:
    instance, _ = desk.start(one_node("all"))
    with pytest.raises(Forbidden):
        returning.terminate(desk.bpm.server, person("eve"), instance, "because")
    with pytest.raises(InvalidInput, match="why it is terminated"):
        returning.terminate(desk.bpm.server, ADMIN, instance, "")
    returning.terminate(desk.bpm.server, ADMIN, instance, "the customer is bankrupt")
    assert desk.bpm.state(instance) == "TERMINATED"

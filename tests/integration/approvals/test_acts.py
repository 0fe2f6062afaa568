"""What signers do beside voting: add and remove others, transfer, delegate, take back; substitutes."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from bpm_server.domain.approvals.items import GroupMode
from bpm_server.domain.approvals.node import Where
from bpm_server.domain.substitutions import Mode
from bpm_server.kernel.errors import Forbidden, InvalidInput, LimitExceeded, NotFound, WrongState
from bpm_server.reports.approvals import acts_of
from bpm_server.services import approvals, informing, substitutions, tasks
from bpm_server.services.transfers import transfer_task
from bpm_server.store.carbon_copies import is_informed
from bpm_server.store.tables.tasks import task_comment
from tests.support.approvals import node, one_node, person
from tests.support.bpmn_builder import Process
from tests.support.product import ADMIN

if TYPE_CHECKING:
    from tests.support.approvals import Desk


def add(desk: Desk, name: str, key: int, people: list[str], where: Where, mode: GroupMode = GroupMode.ALL) -> None:
    approvals.add_signers(desk.bpm.server, person(name), key, people, where, mode=mode)


# --- add and remove -------------------------------------------------------------------------------------


def test_added_before_sign_first_and_it_comes_back(desk: Desk) -> None:
    _, key = desk.start(one_node("all", "ann"))
    add(desk, "ann", key, ["dan", "eve"], Where.BEFORE)
    assert desk.asked(key) == ["dan", "eve"]
    assert desk.items(key)["ann"] == "waiting-for-added"
    desk.vote("dan")
    desk.vote("eve", "rejected")
    assert desk.asked(key) == ["ann"]
    assert desk.vote("ann") == "approved"


def test_added_after_sign_once_the_adder_agreed_and_decide_for_them(desk: Desk) -> None:
    _, key = desk.start(one_node("all", "ann, bob"))
    add(desk, "ann", key, ["dan"], Where.AFTER)
    assert desk.items(key)["ann"] == "approved"
    assert desk.asked(key) == ["bob", "dan"]
    desk.vote("bob")
    assert desk.vote("dan") == "approved"


def test_adding_in_parallel_changes_the_denominator(desk: Desk) -> None:
    _, key = desk.start(one_node("vote", "ann, bob", threshold="0.5"))
    add(desk, "ann", key, ["cai", "dan"], Where.PARALLEL)
    assert desk.vote("ann") is None
    assert desk.vote("bob") is None
    assert desk.vote("dan") == "approved"


def test_several_added_in_order_or_one_of_them(desk: Desk) -> None:
    _, key = desk.start(one_node("all", "ann, bob"))
    add(desk, "ann", key, ["cai", "dan"], Where.BEFORE, GroupMode.SEQUENTIAL)
    add(desk, "bob", key, ["eve", "fei"], Where.BEFORE, GroupMode.ANY)
    assert desk.asked(key) == ["cai", "eve", "fei"]
    desk.vote("fei")
    assert desk.items(key)["eve"] == "handled-by-another"
    desk.vote("cai")
    assert desk.asked(key) == ["bob", "dan"]


def test_nobody_is_added_twice_deeper_than_once_or_on_both_sides(desk: Desk) -> None:
    _, key = desk.start(one_node("all", "ann, bob"))
    with pytest.raises(InvalidInput, match="signs here already"):
        add(desk, "ann", key, ["bob"], Where.PARALLEL)
    add(desk, "ann", key, ["cai"], Where.BEFORE)
    with pytest.raises(WrongState, match="was added before"):
        add(desk, "cai", key, ["dan"], Where.BEFORE)
    desk.vote("cai")
    with pytest.raises(WrongState, match="other side"):
        add(desk, "ann", key, ["dan"], Where.AFTER)
    with pytest.raises(NotFound, match="is not known"):
        add(desk, "ann", key, ["nobody"], Where.PARALLEL)
    assert desk.acts(key) == [("ann", "add"), ("cai", "approve")]


def test_removing_the_last_open_signer_decides_the_node(desk: Desk) -> None:
    instance, key = desk.start(one_node("all", "ann"))
    add(desk, "ann", key, ["dan"], Where.PARALLEL)
    desk.vote("ann")
    with pytest.raises(Forbidden):
        approvals.remove_signer(desk.bpm.server, person("dan"), key, desk.item(key, "dan"))
    assert approvals.remove_signer(desk.bpm.server, person("ann"), key, desk.item(key, "dan")) == "approved"
    assert desk.bpm.state(instance) == "COMPLETED"


def test_the_last_who_signs_and_who_has_acted_stay(desk: Desk) -> None:
    _, key = desk.start(one_node("all", "ann, bob"))
    desk.vote("ann")
    with pytest.raises(WrongState, match="is approved"):
        approvals.remove_signer(desk.bpm.server, ADMIN, key, desk.item(key, "ann"))
    _, other = desk.start(one_node("all", "cai"))
    other = next(one for one in (desk.bpm.task("sign", nth).key for nth in (0, 1)) if one != key)
    with pytest.raises(WrongState, match="the last who signs"):
        approvals.remove_signer(desk.bpm.server, ADMIN, other, desk.item(other, "cai"))


# --- transfer, delegate, substitutes --------------------------------------------------------------------


def test_transfer_is_for_good_with_a_reason_and_not_to_the_initiator(desk: Desk) -> None:
    _, key = desk.start(one_node("all", "ann, bob"))
    server = desk.bpm.server
    with pytest.raises(InvalidInput, match="why it is transferred"):
        transfer_task(server, person("ann"), key, "dan", " ")
    for to, why in (("eve", "made the request"), ("bob", "signs here already")):
        with pytest.raises(InvalidInput, match=why):
            transfer_task(server, person("ann"), key, to, "away")
    transfer_task(server, person("ann"), key, "dan", "away")
    assert desk.items(key) == {"ann": "transferred", "bob": "to-do", "dan": "to-do"}
    with pytest.raises(Forbidden):
        desk.vote("ann")
    assert desk.reason(key, "dan") == {"transferred_from": "ann", "by": "ann"}


def test_delegated_comes_back_and_who_asked_decides(desk: Desk) -> None:
    _, key = desk.start(one_node("all", "ann"))
    approvals.delegate(desk.bpm.server, person("ann"), key, "dan", "what do you think?")
    assert desk.asked(key) == ["dan"]
    assert desk.items(key)["ann"] == "delegated"
    assert desk.vote("dan", "rejected") is None
    assert desk.asked(key) == ["ann"]
    assert desk.vote("ann") == "approved"


def test_a_substitute_signs_for_who_is_away_but_never_their_own_request(desk: Desk) -> None:
    for name, other in (("ann", "dan"), ("bob", "eve")):
        substitutions.appoint_substitute(desk.bpm.server, person(name), name, other, mode=Mode.ABSENCE)
    _, key = desk.start(one_node("all", "ann, bob"))
    assert desk.asked(key) == ["bob", "dan"]
    assert desk.reason(key, "dan")["standsFor"][0]["username"] == "ann"
    desk.vote("dan")
    with pytest.raises(Forbidden):
        desk.vote("eve")
    assert desk.vote("bob") == "approved"


def test_an_assistant_may_act_beside_the_signer_and_the_history_says_who(desk: Desk) -> None:
    substitutions.appoint_substitute(desk.bpm.server, person("ann"), "ann", "dan", mode=Mode.ASSISTANCE)
    instance, key = desk.start(one_node("all", "ann"))
    assert desk.asked(key) == ["ann", "dan"]
    assert desk.vote("dan") == "approved"
    assert [(one["signer"], one["by"]) for one in desk.bpm.variables(instance)["votes"]] == [("ann", "dan")]


def test_the_amount_limit_of_a_substitute_holds(desk: Desk) -> None:
    substitutions.appoint_substitute(
        desk.bpm.server, person("ann"), "ann", "dan", mode=Mode.ABSENCE, most_amount=Decimal(1000)
    )
    file = one_node("all", "ann", amount="=amount")
    _, key = desk.start(file, amount=1000)
    assert desk.asked(key) == ["dan"]
    desk.vote("dan")
    desk.bpm.start(actor=ADMIN, amount=1001)
    assert desk.asked(desk.task()) == ["ann"]


# --- taking back ----------------------------------------------------------------------------------------


def test_a_vote_is_taken_back_as_long_as_nobody_acted_after_it(desk: Desk) -> None:
    _, key = desk.start(one_node("sequential", "ann, bob, cai"))
    desk.vote("ann")
    approvals.take_back(desk.bpm.server, person("ann"), key)
    assert desk.asked(key) == ["ann"]
    desk.vote("ann")
    desk.vote("bob")
    with pytest.raises(WrongState, match="bob did"):
        approvals.take_back(desk.bpm.server, person("ann"), key)
    assert desk.acts(key) == [("ann", "approve"), ("ann", "take-back"), ("ann", "approve"), ("bob", "approve")]


# --- informing ------------------------------------------------------------------------------------------


def test_urging_reminds_whose_turn_it_is_once_an_hour(desk: Desk) -> None:
    _, key = desk.start(one_node("sequential", "ann, bob"))
    server = desk.bpm.server
    with pytest.raises(Forbidden):
        informing.urge(server, person("fei"), key)
    assert informing.urge(server, person("eve"), key, "please") == ["ann"]
    with pytest.raises(LimitExceeded, match="one reminder an hour") as caught:
        informing.urge(server, person("eve"), key)
    assert caught.value.details["retry_after"] == 3601
    desk.bpm.clock.advance(hours=1, seconds=1)
    desk.vote("ann")
    assert informing.urge(server, person("eve"), key) == ["bob"]
    assert desk.acts(key) == [("eve", "urge"), ("ann", "approve"), ("eve", "urge")]


def test_copies_go_to_each_person_once(desk: Desk) -> None:
    instance, key = desk.start(one_node("all", "ann"))
    server = desk.bpm.server
    assert informing.send_copies(server, person("ann"), key, ["cai", "dan"], "for your information") == ["cai", "dan"]
    assert informing.send_copies(server, person("eve"), key, ["dan", "fei"]) == ["fei"]
    with pytest.raises(Forbidden):
        informing.send_copies(server, person("cai"), key, ["ann"])
    with server.database.read() as connection:
        assert is_informed(connection, instance, "dan")
    assert informing.mark_read(server, person("dan"), instance)
    assert not informing.mark_read(server, person("dan"), instance)
    with pytest.raises(Forbidden):
        informing.mark_read(server, person("bob"), instance)


def test_the_process_sends_copies_at_the_start_and_at_the_end(desk: Desk) -> None:
    file = one_node(
        "all", "ann", copy_at_start="dan", copy_at_end='=if outcome = "approved" then ["dan", "fei"] else []'
    )
    instance, _ = desk.start(file)
    server = desk.bpm.server
    with server.database.read() as connection:
        assert [is_informed(connection, instance, name) for name in ("dan", "fei")] == [True, False]
    desk.vote("ann")
    with server.database.read() as connection:
        assert [is_informed(connection, instance, name) for name in ("dan", "fei")] == [True, True]
        told = [(one.actor, one.people) for one in acts_of(connection, instance) if one.act == "copy"]
    assert told == [("system", ("dan",)), ("system", ("fei",))]


def test_copies_at_the_end_are_sent_where_nobody_needs_to_sign(desk: Desk) -> None:
    p = Process()
    done = node(
        p, "sign", "all", "ann", skip_approved="true", copy_at_end='=if outcome = "approved" then "dan" else []'
    )
    p.path(p.start(), node(p, "one", "all", "ann"), done, p.end())
    instance, key = desk.start(p.xml(), element_id="one")
    desk.vote("ann", key=key)
    assert desk.bpm.state(instance) == "COMPLETED"
    with desk.bpm.server.database.read() as connection:
        assert is_informed(connection, instance, "dan")


def test_rules_for_copies_that_give_nonsense_stop_nothing_and_the_history_says_so(desk: Desk) -> None:
    instance, _ = desk.start(one_node("all", "ann", copy_at_start="=7", copy_at_end="=amount"), amount={"value": 7})
    assert desk.vote("ann") == "approved"
    with desk.bpm.server.database.read() as connection:
        told = [one for one in acts_of(connection, instance) if one.act == "copy"]
    assert [(one.actor, one.people) for one in told] == [("system", ()), ("system", ())]
    assert [str(one.comment).startswith("Expected a person, or a rule") for one in told] == [True, True]


def test_who_has_a_part_in_the_request_may_comment(desk: Desk) -> None:
    _, key = desk.start(one_node("all", "ann, bob"))
    desk.vote("ann")
    for name in ("ann", "bob", "eve"):
        tasks.comment_task(desk.bpm.server, person(name), key, "one moment")
    with pytest.raises(Forbidden):
        tasks.comment_task(desk.bpm.server, person("cai"), key, "me too")
    written = desk.bpm.scalars(sa.select(task_comment.c.written_by).order_by(task_comment.c.key))
    assert written == ["ann", "bob", "eve"]

"""Countersign, or-sign, in order and by vote: who is asked when, and what decides."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from bpm_server.kernel.errors import Forbidden, InvalidInput, WrongState
from bpm_server.services import approvals, incidents, tasks
from bpm_server.services.process_instances import set_variables
from bpm_server.store.tables.instances import incident
from tests.support.approvals import node, one_node, person, properties, starter
from tests.support.bpmn_builder import Process
from tests.support.product import ADMIN

if TYPE_CHECKING:
    from tests.support.approvals import Desk


def test_countersign_asks_everybody_at_once_and_all_must_agree(desk: Desk) -> None:
    instance, key = desk.start(one_node("all"))
    assert desk.asked(key) == ["ann", "bob", "cai"]
    assert desk.vote("ann") is None
    assert desk.asked(key) == ["bob", "cai"]
    assert desk.vote("cai", comment="fine") is None
    assert desk.vote("bob") == "approved"
    assert desk.bpm.state(instance) == "COMPLETED"
    found = desk.bpm.variables(instance)
    assert found["outcome"] == "approved"
    assert [(one["signer"], one["vote"], one["comment"]) for one in found["votes"]] == [
        ("ann", "yes", ""), ("bob", "yes", ""), ("cai", "yes", "fine"),
    ]  # fmt: skip
    assert desk.acts(key) == [("ann", "approve"), ("cai", "approve"), ("bob", "approve")]
    assert desk.asked(key) == []


def test_one_veto_ends_a_countersign(desk: Desk) -> None:
    instance, key = desk.start(one_node("all"))
    desk.vote("ann")
    assert desk.vote("cai", "rejected", comment="too dear") == "rejected"
    assert desk.items(key) == {"ann": "approved", "bob": "handled-by-another", "cai": "rejected"}
    assert desk.bpm.variables(instance)["comment"] == "too dear"
    assert desk.bpm.state(instance) == "COMPLETED"


def test_a_countersign_that_waits_for_all_hears_everybody(desk: Desk) -> None:
    _, key = desk.start(one_node("all", on_reject="wait_all"))
    assert desk.vote("ann", "rejected") is None
    assert desk.vote("bob") is None
    assert desk.vote("cai") == "rejected"
    assert desk.outcome(key) == "rejected"


def test_or_sign_is_decided_by_the_first_and_the_others_are_told_by_whom(desk: Desk) -> None:
    _, key = desk.start(one_node("any"))
    assert desk.vote("bob") == "approved"
    assert desk.items(key) == {"ann": "handled-by-another", "bob": "approved", "cai": "handled-by-another"}
    with pytest.raises(WrongState, match="was approved by bob"):
        desk.vote("ann", key=key)


def test_in_order_each_is_asked_after_the_one_before_agreed(desk: Desk) -> None:
    _, key = desk.start(one_node("sequential"))
    assert desk.asked(key) == ["ann"]
    with pytest.raises(WrongState, match="is waiting"):
        desk.vote("bob")
    desk.vote("ann")
    assert desk.asked(key) == ["bob"]
    assert desk.vote("bob", "rejected") == "rejected"
    assert desk.items(key)["cai"] == "canceled"


def test_a_vote_of_three_above_one_half_ends_after_two(desk: Desk) -> None:
    _, key = desk.start(one_node("vote", threshold="0.5"))
    assert desk.vote("ann") is None
    assert desk.vote("cai") == "approved"
    assert desk.items(key)["bob"] == "handled-by-another"


def test_a_vote_by_weight_ends_as_soon_as_it_cannot_be_carried(desk: Desk) -> None:
    _, key = desk.start(one_node("vote", threshold="0.6", compare=">=", weights="bob=3"))
    assert desk.vote("bob", "rejected") == "rejected"
    assert desk.outcome(key) == "rejected"


def test_signers_come_from_expressions_groups_and_superiors_with_the_reason(desk: Desk) -> None:
    _, key = desk.start(
        one_node("all", '=if amount > 500000 then ["group:board", "fei"] else ["superior(1)"]'), amount=9
    )
    assert desk.asked(key) == ["bob"]
    assert desk.reason(key, "bob") == {
        "reasons": [{"rule": "superior", "level": 1, "of": "eve", "department": "all", "by": "department_head"}]
    }
    desk.vote("bob")
    desk.bpm.start(actor=starter("eve"), amount=500_001)
    assert desk.asked(desk.task()) == ["bob", "cai", "dan", "fei"]


def test_the_candidates_of_the_task_sign_where_no_signers_are_named(desk: Desk) -> None:
    p = Process()
    assigned = '<zeebe:assignmentDefinition candidateGroups="board" candidateUsers="fei"/>'
    p.path(p.start(), p.user("sign", extra=assigned + properties(mode="any")), p.end())
    _, key = desk.start(p.xml())
    assert desk.asked(key) == ["bob", "cai", "dan", "fei"]


def test_nobody_found_never_passes_but_goes_to_the_administrator_with_the_finding(desk: Desk) -> None:
    _, key = desk.start(one_node("all", "group:nobody"))
    assert desk.asked(key) == ["admin"]
    assert desk.reason(key, "admin") == {"noSigner": "group nobody: unknown"}


def test_not_even_an_administrator_is_an_incident_and_one_may_name_signers(desk: Desk) -> None:
    _, key = desk.start(one_node("all", "=null", no_signer="nobody"))
    assert desk.asked(key) == []
    assert desk.bpm.open_tasks() == ["sign"]
    assert [state for state, _ in desk.incidents(key)] == ["ACTIVE"]
    approvals.name_signers(desk.bpm.server, ADMIN, key, ["dan"], "the rules found nobody")
    assert [state for state, _ in desk.incidents(key)] == ["RESOLVED"]
    assert desk.asked(key) == ["dan"]
    assert desk.vote("dan") == "approved"


def test_resolving_the_incident_asks_by_the_rules_once_more(desk: Desk) -> None:
    instance, key = desk.start(one_node("all", "=who", no_signer="nobody"))
    server, incident_key = desk.bpm.server, desk.bpm.scalars(sa.select(incident.c.key))[0]
    with pytest.raises(WrongState, match="found nobody: the process names no signers"):
        incidents.resolve_incident(server, ADMIN, incident_key)
    assert [state for state, _ in desk.incidents(key)] == ["ACTIVE"]
    set_variables(server, ADMIN, instance, {"who": ["ann"]})
    incidents.resolve_incident(server, ADMIN, incident_key)
    assert [state for state, _ in desk.incidents(key)] == ["RESOLVED"]
    assert desk.asked(key) == ["ann"]
    assert desk.vote("ann") == "approved"
    assert desk.bpm.state(instance) == "COMPLETED"


@pytest.mark.parametrize(
    ("initiator", "asked"), [("self", ["ann", "eve"]), ("skip", ["ann"]), ("superior", ["ann", "bob"])]
)
def test_the_initiator_as_signer(desk: Desk, initiator: str, asked: list[str]) -> None:
    _, key = desk.start(one_node("all", "eve, ann", initiator=initiator))
    assert desk.asked(key) == asked


def test_only_the_initiator_and_passed_over_is_approved_at_once(desk: Desk) -> None:
    desk.bpm.deploy(one_node("all", "eve", initiator="skip"))
    instance = desk.bpm.start(actor=starter("eve"))
    assert desk.bpm.state(instance) == "COMPLETED"
    assert desk.bpm.variables(instance)["outcome"] == "approved"


def test_who_has_approved_before_may_be_passed_over(desk: Desk) -> None:
    p = Process()
    p.path(p.start(), node(p, "one", "all", "ann"), node(p, "sign", "all", "ann, bob", skip_approved="true"), p.end())
    desk.bpm.deploy(p.xml())
    desk.bpm.start()
    desk.vote("ann", key=desk.task("one"))
    key = desk.task()
    assert desk.asked(key) == ["bob"]
    assert desk.items(key)["ann"] == "skipped"


def test_completing_over_camunda_s_interface_is_a_vote_and_nothing_else(desk: Desk) -> None:
    _, key = desk.start(one_node("all", "ann, bob"))
    with pytest.raises(WrongState, match=f"/api/tasks/{key}/decide"):
        tasks.complete_task(desk.bpm.server, person("ann"), key, {"amount": 3})
    with pytest.raises(Forbidden):
        tasks.complete_task(desk.bpm.server, person("fei"), key, {"outcome": "approved"})
    tasks.complete_task(desk.bpm.server, person("ann"), key, {"outcome": "approved", "comment": "yes"})
    assert desk.items(key) == {"ann": "approved", "bob": "to-do"}
    for change in (tasks.claim_task, tasks.unassign_task):
        with pytest.raises(WrongState, match="is an approval"):
            change(desk.bpm.server, ADMIN if change is tasks.unassign_task else person("bob"), key)
    with pytest.raises(WrongState, match="is an approval"):
        tasks.update_task(desk.bpm.server, ADMIN, key, candidate_users=["fei"])


def test_a_reject_needs_a_reason_and_twice_is_too_often(desk: Desk) -> None:
    _, key = desk.start(one_node("all"))
    with pytest.raises(InvalidInput, match="why it is rejected"):
        approvals.decide(desk.bpm.server, person("ann"), key, "rejected", "  ")
    desk.vote("ann")
    with pytest.raises(WrongState, match="is approved"):
        desk.vote("ann")
    assert desk.acts(key) == [("ann", "approve")]


def test_a_policy_that_cannot_be_understood_is_refused_at_deployment(desk: Desk) -> None:
    file = one_node("most", threshold="2", return_to="nowhere", signers="head  of, x y", colour="red")
    with pytest.raises(InvalidInput) as caught:
        desk.bpm.deploy(file)
    found = [(one["element"], one["message"]) for one in caught.value.details["findings"] if one["severity"] == "error"]
    assert {element for element, _ in found} == {"sign"}
    text = " ".join(message for _, message in found)
    for part in ("approval.mode", "approval.threshold", "approval.signers", "'approval.colour'"):
        assert part in text


def test_what_approvals_do_not_hear_and_rules_that_nobody_evaluates_are_refused_at_deployment(desk: Desk) -> None:
    p = Process()
    listener = '<zeebe:taskListeners><zeebe:taskListener eventType="completing" type="check"/></zeebe:taskListeners>'
    p.path(p.start(), p.user("sign", extra=listener + properties(mode="all", no_signer='="ann"')), p.end())
    file = p.xml().replace(
        b'<bpmn:startEvent',
        b'<bpmn:extensionElements><zeebe:properties><zeebe:property name="approval.admin" value="head  of"/>'
        b'<zeebe:property name="approval.mode" value="all"/></zeebe:properties></bpmn:extensionElements>'
        b'<bpmn:startEvent', 1,
    )  # fmt: skip
    with pytest.raises(InvalidInput) as caught:
        desk.bpm.deploy(file)
    found = [(one["element"], one["message"]) for one in caught.value.details["findings"] if one["severity"] == "error"]
    assert [(element, message.split(",")[0].split(":")[0]) for element, message in found] == [
        ("p", "Expected 'approval.admin' as the only property of approvals of a process"),
        ("p", "approval.admin"),
        ("sign", "Expected an approval without task listeners"),
        ("sign", "approval.noSigner"),
    ]

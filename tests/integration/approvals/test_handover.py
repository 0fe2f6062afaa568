"""Who leaves hands over what is open: everything goes to the successor, each task once, and what does not says why."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from bpm_server.domain.approvals.node import Where
from bpm_server.domain.identity import Actor, Permission
from bpm_server.domain.substitutions import Mode
from bpm_server.kernel import json
from bpm_server.kernel.errors import BpmError, Conflict, Forbidden, InvalidInput, NotFound, WrongState
from bpm_server.services import (
    approvals,
    batch_operations,
    departments,
    handover_items,
    identities,
    returning,
    substitutions,
    tasks,
)
from bpm_server.services import people as people_services
from bpm_server.services.handover import start_handover
from bpm_server.services.suspension import suspend_instance
from bpm_server.store.identities import identity_changed
from bpm_server.store.tables.approvals import approval, approval_act
from bpm_server.store.tables.audit import audit_log
from bpm_server.store.tables.batch_operations import batch_operation, batch_operation_item
from bpm_server.store.tables.handovers import handover
from bpm_server.store.tables.identity import role, role_member, user
from bpm_server.store.tables.instances import process_instance
from bpm_server.store.tables.notifications import notification
from bpm_server.store.tables.organisation import department, named_superior, substitution
from bpm_server.store.tables.tasks import user_task
from bpm_server.worker import rounds
from tests.support.approvals import node, one_node, person
from tests.support.bpmn_builder import Process
from tests.support.product import ADMIN, START
from tests.support.statements import counted

if TYPE_CHECKING:
    from tests.support.approvals import Desk

NOTE = "Ann has left the company"


@pytest.fixture
def hr(desk: Desk) -> Actor:
    """Who may change the organisation, and nothing else."""
    with desk.bpm.server.database.write() as connection:
        connection.execute(user.insert(), {"username": "hr", "name": "Hr", "active": True, "created_at": START})
        rights = json.dumps(["ORGANISATION:*", "USER:UPDATE"])
        connection.execute(role.insert(), {"role_id": "hr", "name": "People", "permissions": rights})
        connection.execute(role_member.insert(), {"role_id": "hr", "kind": "u", "member": "hr"})
        identity_changed(connection)
        connection.commit()
    return identities.actor_by_name(desk.bpm.server, "hr")


def give(desk: Desk, hr: Actor, successor: str = "fei", of: str = "ann", **more: Any) -> int:
    """Hands over, and lets the workers finish."""
    key = start_handover(desk.bpm.server, hr, of, successor, NOTE, **more)
    desk.bpm.deliver()
    return key


def plain(name: str = "p", **assignment: str) -> bytes:
    p = Process(name)
    values = "".join(f' {key}="{value}"' for key, value in assignment.items())
    p.path(p.start(), p.user("sign", extra=f"<zeebe:assignmentDefinition{values}/>"), p.end())
    return p.xml()


def outcome(desk: Desk, key: int) -> tuple[str, int, int, int]:
    o = batch_operation.c
    return tuple(desk.bpm.rows(sa.select(o.state, o.total, o.completed, o.failed).where(o.key == key))[0])


def problems(desk: Desk, key: int) -> list[str]:
    i = batch_operation_item.c
    found = sa.select(i.error_message).where(i.operation_key == key, i.error_message.is_not(None))
    return desk.bpm.scalars(found)


def assignee(desk: Desk, key: int) -> str | None:
    return desk.bpm.scalars(sa.select(user_task.c.assignee).where(user_task.c.key == key))[0]


def history(desk: Desk, key: int) -> list[tuple[str, str, list[str], str | None]]:
    t = approval_act.c
    rows = desk.bpm.rows(sa.select(t.act, t.actor, t.people, t.comment).where(t.task_key == key).order_by(t.key))
    return [(row.act, row.actor, json.loads(row.people), row.comment) for row in rows]


def result(desk: Desk, key: int) -> Any:
    return json.loads(desk.bpm.scalars(sa.select(handover.c.result).where(handover.c.key == key))[0])


def told(desk: Desk, username: str) -> list[str]:
    t = notification.c
    return desk.bpm.scalars(sa.select(t.kind).where(t.username == username).order_by(t.key))


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


# --- the organisation -----------------------------------------------------------------------------------


def test_the_successor_heads_their_departments_and_is_the_superior_of_whom_they_were(desk: Desk, hr: Actor) -> None:
    server = desk.bpm.server
    departments.create_department(server, hr, "east", "East", parent_id="all", head="ann")
    people_services.name_superior(server, hr, "cai", "ann")
    key = give(desk, hr, "dan")
    heads = dict(tuple(row) for row in desk.bpm.rows(sa.select(department.c.department_id, department.c.head)))
    assert heads == {"all": "bob", "east": "dan"}
    assert desk.bpm.scalars(sa.select(named_superior.c.superior)) == ["dan"]
    assert result(desk, key) == {
        "moved": [{"what": "department", "name": "east"}, {"what": "superior", "name": "cai"}],
        "kept": [],
    }


def test_what_would_go_in_a_circle_stays_and_says_why(desk: Desk, hr: Actor) -> None:
    server = desk.bpm.server
    people_services.name_superior(server, hr, "cai", "ann")
    people_services.name_superior(server, hr, "dan", "ann")
    people_services.name_superior(server, hr, "eve", "dan")
    key = give(desk, hr, "eve")
    found = result(desk, key)
    assert found["moved"] == [{"what": "superior", "name": "cai"}]
    assert [(one["name"], "in a circle" in one["reason"]) for one in found["kept"]] == [("dan", True)]


def test_nobody_becomes_their_own_superior(desk: Desk, hr: Actor) -> None:
    people_services.name_superior(desk.bpm.server, hr, "fei", "ann")
    [kept] = result(desk, give(desk, hr))["kept"]
    assert kept["reason"] == "Expected nobody above themselves, but found 'fei'"


def test_substitutions_end_or_go_to_the_successor(desk: Desk, hr: Actor) -> None:
    server = desk.bpm.server
    of_ann = substitutions.appoint_substitute(server, hr, "ann", "bob")
    for_cai = substitutions.appoint_substitute(server, hr, "cai", "ann", mode=Mode.ASSISTANCE)
    key = give(desk, hr, "dan")
    s = substitution.c
    rows = desk.bpm.rows(sa.select(s.username, s.substitute, s.mode, s.withdrawn_by).order_by(s.key))
    assert [tuple(row) for row in rows] == [
        ("ann", "bob", "absence", "hr"),
        ("cai", "ann", "assistance", "hr"),
        ("cai", "dan", "assistance", None),
    ]
    moved = result(desk, key)["moved"]
    assert {one["name"] for one in moved} == {str(of_ann), str(for_cai)}


def test_a_successor_cannot_act_for_themselves(desk: Desk, hr: Actor) -> None:
    substitutions.appoint_substitute(desk.bpm.server, hr, "fei", "ann")
    [kept] = result(desk, give(desk, hr))["kept"]
    assert (kept["what"], kept["reason"]) == (
        "substitution",
        "Expected somebody else to act for 'fei', but found 'fei'",
    )


def test_one_act_also_says_that_they_have_left(desk: Desk, hr: Actor) -> None:
    _instance, key = desk.start(plain(assignee="ann"))
    give(desk, hr, leaves=True)
    assert desk.bpm.scalars(sa.select(user.c.active).where(user.c.username == "ann")) == [False]
    assert assignee(desk, key) == "fei"


def test_the_audit_log_says_who_handed_over_what_to_whom(desk: Desk, hr: Actor) -> None:
    desk.start(plain(assignee="ann"))
    give(desk, hr)
    a = audit_log.c
    rows = desk.bpm.rows(
        sa.select(a.actor, a.entity_type, a.related_key, a.description).where(
            a.description.startswith("handover", autoescape=True), a.entity_type != "BATCH"
        )
    )
    assert sorted(tuple(row) for row in rows) == [
        ("hr", "USER", "fei", f"handover to 'fei': {NOTE}"),
        ("hr", "USER_TASK", "fei", "handover: 'ann' -> 'fei'"),
    ]


# --- who may, and what is refused -----------------------------------------------------------------------


def test_only_who_may_change_the_organisation_hands_over(desk: Desk, hr: Actor) -> None:
    server = desk.bpm.server
    with pytest.raises(Forbidden):
        start_handover(server, person("ann"), "ann", "fei", NOTE)
    only_places = Actor("hr", permissions=frozenset({Permission("ORGANISATION", "UPDATE")}))
    with pytest.raises(Forbidden, match="USER:UPDATE"):
        start_handover(server, only_places, "ann", "fei", NOTE, leaves=True)


@pytest.mark.parametrize(
    ("successor", "note", "error", "said"),
    [
        ("ann", NOTE, InvalidInput, "Expected somebody else to succeed 'ann'"),
        ("nobody", NOTE, NotFound, "'nobody' is not known"),
        ("fei", " ", InvalidInput, "Expected a note"),
        ("fei", "x" * 10_001, InvalidInput, "at most 10000 characters"),
    ],
)
def test_a_handover_that_cannot_be_is_refused(
    desk: Desk, hr: Actor, successor: str, note: str, error: type[BpmError], said: str
) -> None:
    desk.start(plain(assignee="ann"))
    with pytest.raises(error, match=said):
        start_handover(desk.bpm.server, hr, "ann", successor, note)
    assert not desk.bpm.rows(sa.select(batch_operation))


def test_a_successor_who_has_left_gets_nothing(desk: Desk, hr: Actor) -> None:
    people_services.set_activity(desk.bpm.server, hr, "fei", active=False)
    with pytest.raises(NotFound, match="'fei' has left"):
        start_handover(desk.bpm.server, hr, "ann", "fei", NOTE)
    with pytest.raises(NotFound, match="'fei' has left"):
        start_handover(desk.bpm.server, hr, "ann", "bob", NOTE, by_process={"p": "fei"})


def test_a_successor_who_leaves_meanwhile_gets_nothing_more(desk: Desk, hr: Actor) -> None:
    _instance, key = desk.start(plain(assignee="ann"))
    done = start_handover(desk.bpm.server, hr, "ann", "fei", NOTE)
    people_services.set_activity(desk.bpm.server, hr, "fei", active=False)
    desk.bpm.deliver()
    assert problems(desk, done) == ["Expected an active person as successor, but 'fei' has left"]
    assert assignee(desk, key) == "ann"


def test_nobody_says_of_themselves_that_they_have_left(desk: Desk, hr: Actor) -> None:
    with pytest.raises(InvalidInput, match="somebody else"):
        start_handover(desk.bpm.server, hr, "hr", "fei", NOTE, leaves=True)
    assert outcome(desk, give(desk, hr, of="hr")) == ("COMPLETED", 0, 0, 0)


def test_the_last_administrator_does_not_leave(desk: Desk, hr: Actor) -> None:
    with pytest.raises(Conflict, match="last"):
        start_handover(desk.bpm.server, hr, "admin", "fei", NOTE, leaves=True)


def test_who_has_lost_the_right_meanwhile_hands_nothing_over(desk: Desk, hr: Actor) -> None:
    _instance, key = desk.start(plain(assignee="ann"))
    done = start_handover(desk.bpm.server, hr, "ann", "fei", NOTE)
    people_services.set_activity(desk.bpm.server, hr, "hr", active=False)
    desk.bpm.deliver()
    assert outcome(desk, done)[3] == 1
    assert assignee(desk, key) == "ann"


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

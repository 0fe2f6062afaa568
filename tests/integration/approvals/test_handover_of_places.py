"""A handover in the organisation: who gets somebody's places there, who may hand over, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from bpm_server.domain.identity import Actor, Permission
from bpm_server.domain.substitutions import Mode
from bpm_server.kernel.errors import BpmError, Conflict, Forbidden, InvalidInput, NotFound
from bpm_server.services import (
    departments,
    substitutions,
)
from bpm_server.services import people as people_services
from bpm_server.services.handover import start_handover
from bpm_server.store.tables.audit import audit_log
from bpm_server.store.tables.batch_operations import batch_operation
from bpm_server.store.tables.identity import user
from bpm_server.store.tables.organisation import department, named_superior, substitution
from tests.support.approvals import person

if TYPE_CHECKING:
    from tests.support.approvals import Desk
from tests.support.handover import NOTE, assignee, give, outcome, plain, problems, result

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

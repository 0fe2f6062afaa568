"""Who is told what, in the transaction of what happened: never who acted, never who may not see the case."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from bpm_server.domain.approvals.node import Where
from bpm_server.domain.identity import SYSTEM
from bpm_server.kernel import json
from bpm_server.kernel.errors import Forbidden, NotFound
from bpm_server.services import approvals, informing, notifications, returning, tasks
from bpm_server.services.deletion import delete_instance
from bpm_server.services.process_instances import cancel_instance
from bpm_server.services.transfers import transfer_task
from bpm_server.store.tables.notifications import notification
from bpm_server.worker import rounds
from tests.support.approvals import node, one_node, person
from tests.support.bpmn_builder import Process
from tests.support.product import ADMIN
from tests.support.statements import counted

if TYPE_CHECKING:
    from tests.support.approvals import Desk


def told(desk: Desk) -> list[tuple[str, str]]:
    """Everybody who was told something since the last question, in order of names."""
    t = notification
    found = sorted(tuple(row) for row in desk.bpm.rows(sa.select(t.c.username, t.c.kind)))
    with desk.bpm.server.database.write() as connection:
        connection.execute(t.delete())
        connection.commit()
    return found


def plain(**assignment: str) -> bytes:
    p = Process()
    p.path(p.start(), task(p, "sign", **assignment), p.end())
    return p.xml()


def task(p: Process, key: str, **assignment: str) -> str:
    values = "".join(f' {name}="{value}"' for name, value in assignment.items())
    return p.user(key, extra=f"<zeebe:assignmentDefinition{values}/>")


# --- approvals ------------------------------------------------------------------------------------------


def test_signers_are_told_when_it_is_their_turn_and_the_initiator_of_the_decision(desk: Desk) -> None:
    instance, key = desk.start(one_node("sequential", "ann, bob"))
    assert told(desk) == [("ann", "turn")]
    desk.vote("ann")
    t = notification
    [row] = desk.bpm.rows(sa.select(t))
    assert (row.username, row.kind, row.by, row.instance_key, row.task_key) == ("bob", "turn", "ann", instance, key)
    assert told(desk) == [("bob", "turn")]
    desk.vote("bob", "rejected")
    [row] = desk.bpm.rows(sa.select(t))
    assert (row.username, row.kind, json.loads(row.details)) == ("eve", "decided", {"outcome": "rejected"})


def test_who_acts_is_not_told(desk: Desk) -> None:
    desk.start(one_node("all", "eve, ann"))
    assert told(desk) == [("ann", "turn")]


def test_the_kind_says_why_somebody_is_asked(desk: Desk) -> None:
    _, key = desk.start(one_node("all", "ann, bob"))
    told(desk)
    server = desk.bpm.server
    transfer_task(server, person("ann"), key, "cai", "on holiday")
    assert told(desk) == [("cai", "transferred")]
    approvals.delegate(server, person("cai"), key, "dan", "your field")
    assert told(desk) == [("dan", "delegated")]
    desk.vote("dan")
    assert told(desk) == [("cai", "turn")]
    approvals.add_signers(server, person("bob"), key, ["fei"], Where.PARALLEL)
    assert told(desk) == [("fei", "added")]


def test_a_returned_request_and_its_way_back(desk: Desk) -> None:
    _, key = desk.start(one_node("all", "ann"))
    told(desk)
    returning.give_back(desk.bpm.server, person("ann"), key, "initiator", "amount is missing")
    assert told(desk) == [("eve", "returned")]
    returning.resubmit(desk.bpm.server, person("eve"), key)
    assert told(desk) == [("ann", "turn")]


def test_urged_and_copied(desk: Desk) -> None:
    instance, key = desk.start(one_node("all", "ann, bob"))
    told(desk)
    informing.urge(desk.bpm.server, person("eve"), key)
    assert told(desk) == [("ann", "urged"), ("bob", "urged")]
    informing.send_copies(desk.bpm.server, person("ann"), key, ["fei", "ann"])
    [row] = desk.bpm.rows(sa.select(notification))
    assert (row.username, row.kind, row.instance_key, row.task_key) == ("fei", "copied", instance, None)
    told(desk)
    informing.send_copies(desk.bpm.server, person("ann"), key, ["fei"])
    assert told(desk) == []


def test_a_node_that_passes_at_once_asks_nobody(desk: Desk) -> None:
    p = Process()
    p.path(p.start(), node(p, "sign", "all", "eve", initiator="skip"), task(p, "next", assignee="ann"), p.end())
    desk.start(p.xml(), element_id="next")
    assert told(desk) == [("ann", "assigned")]


# --- plain tasks ----------------------------------------------------------------------------------------


def test_a_task_by_name_is_told_one_offered_to_a_group_is_not(desk: Desk) -> None:
    desk.start(plain(assignee="ann"))
    assert told(desk) == [("ann", "assigned")]
    _, key = desk.start(plain(candidateGroups="board"))
    assert told(desk) == []
    tasks.assign_task(desk.bpm.server, ADMIN, key, "cai")
    assert told(desk) == [("cai", "assigned")]
    tasks.unassign_task(desk.bpm.server, ADMIN, key)
    assert told(desk) == []


def test_who_claims_is_not_told(desk: Desk) -> None:
    _, key = desk.start(plain(candidateUsers="ann"))
    told(desk)
    tasks.claim_task(desk.bpm.server, person("ann"), key)
    assert told(desk) == []


# --- mentions -------------------------------------------------------------------------------------------


def test_only_people_who_may_see_the_case_are_told_of_a_mention(desk: Desk) -> None:
    _, key = desk.start(one_node("all", "ann, bob"))
    told(desk)
    text = "@bob and @eve: see above. @fei, @nobody.here, @ann and mail@cai are not meant; @admin is."
    tasks.comment_task(desk.bpm.server, person("ann"), key, text)
    assert told(desk) == [("bob", "mentioned"), ("eve", "mentioned")]


def test_a_mention_in_an_act(desk: Desk) -> None:
    _, key = desk.start(one_node("all", "ann, bob"))
    told(desk)
    desk.vote("ann", comment="fine with me, @bob.")
    assert told(desk) == [("bob", "mentioned")]
    informing.send_copies(desk.bpm.server, person("bob"), key, ["fei"], "for you, @fei")
    assert told(desk) == [("fei", "copied"), ("fei", "mentioned")]


# --- reading --------------------------------------------------------------------------------------------


def test_reading_counts_once_and_only_ones_own(desk: Desk) -> None:
    _, key = desk.start(one_node("all", "ann, bob"))
    t = notification
    keys = {row.username: row.key for row in desk.bpm.rows(sa.select(t.c.username, t.c.key))}
    server = desk.bpm.server
    assert notifications.mark_notifications_read(server, person("ann"), [keys["bob"]]) == 0
    assert notifications.mark_notifications_read(server, person("ann"), [keys["ann"], keys["bob"]]) == 1
    assert notifications.mark_notifications_read(server, person("ann")) == 0
    assert desk.bpm.scalars(sa.select(t.c.username).where(t.c.read_at.is_(None))) == ["bob"]
    assert notifications.open_notification(server, person("bob"), keys["bob"]).task_key == key
    assert desk.bpm.scalars(sa.select(t.c.username).where(t.c.read_at.is_(None))) == []
    with pytest.raises(NotFound, match="there is none"):
        notifications.open_notification(server, person("ann"), keys["bob"])
    with pytest.raises(Forbidden):
        notifications.mark_notifications_read(server, SYSTEM)


def test_they_go_after_ninety_days_or_with_the_case(desk: Desk) -> None:
    bpm = desk.bpm
    first, _ = desk.start(one_node("all", "ann"))
    bpm.clock.advance(days=89)
    assert rounds.ROUNDS["notifications"](bpm.server) == 0
    bpm.clock.advance(days=1, seconds=1)
    second, _ = desk.start(one_node("all", "ann"))
    assert rounds.ROUNDS["notifications"](bpm.server) == 1
    assert bpm.scalars(sa.select(notification.c.instance_key)) == [second]
    for key in (first, second):
        cancel_instance(bpm.server, ADMIN, key)
    delete_instance(bpm.server, ADMIN, second)
    assert bpm.scalars(sa.select(notification.c.instance_key)) == []


# --- costs ----------------------------------------------------------------------------------------------


def test_where_nobody_is_told_there_is_no_statement(desk: Desk) -> None:
    desk.bpm.deploy(plain(candidateGroups="board"))

    with counted(desk.bpm.server.database) as statements:
        desk.bpm.start()
    assert "user_task_candidate" in str(statements)
    assert "notification" not in str(statements)

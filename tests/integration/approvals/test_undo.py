"""Undo of transfers, delegations and added signers: the state of before, both acts in the history, one winner."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from bpm_server.domain.approvals.node import Where
from bpm_server.domain.identity import Actor
from bpm_server.kernel.errors import Forbidden, WrongState
from bpm_server.reports.timeline import timeline
from bpm_server.services import approvals, drafts, informing, returning, tasks, transfers
from bpm_server.services.notifications import mark_notifications_read
from bpm_server.services.transfers import transfer_task
from bpm_server.services.undoing import undo_act
from bpm_server.store.tables.approvals import approval, approval_item
from bpm_server.store.tables.notifications import notification
from bpm_server.store.tables.service_levels import sla_clock
from bpm_server.store.tables.tasks import user_task, user_task_candidate
from tests.support.approvals import Desk, node, one_node, person
from tests.support.bpmn_builder import Process
from tests.support.contention import at_once, patiently
from tests.support.product import ADMIN
from tests.support.service_levels import open_office

if TYPE_CHECKING:
    from bpm_server.services.server import Server

Ask = Callable[["Server", int], Any]
ANN, BOB = person("ann"), person("bob")
ASK: dict[str, Ask] = {
    "transfer": lambda server, key: transfer_task(server, ANN, key, "dan", "away"),
    "delegate": lambda server, key: approvals.delegate(server, ANN, key, "dan", "what do you think?"),
    "before": lambda server, key: approvals.add_signers(server, ANN, key, ["dan", "fei"], Where.BEFORE),
    "after": lambda server, key: approvals.add_signers(server, ANN, key, ["dan"], Where.AFTER),
    "parallel": lambda server, key: approvals.add_signers(server, ANN, key, ["dan", "fei"], Where.PARALLEL),
}
CLOCK = '<zeebe:property name="sla.target" value="PT16H"/>'
PLAIN = '<zeebe:assignmentDefinition candidateUsers="ann, bob"/>'


def plain(extra: str = PLAIN) -> bytes:
    p = Process()
    p.path(p.start(), p.user("sign", extra=extra), p.end())
    return p.xml()


def timed(mode: str = "all") -> bytes:
    """An approval with a clock."""
    file = one_node(mode, "ann, bob")
    found = file.replace(b"<zeebe:properties>", f"<zeebe:properties>{CLOCK}".encode())
    assert found != file
    return found


def everything(desk: Desk, key: int) -> dict[str, list[dict[str, Any]]]:
    """All rows that say how a task stands; of its people those who were not let off."""
    i, wheres = approval_item, {sla_clock: sla_clock.c.task_key, approval: approval.c.task_key}
    queries = {
        "task": sa.select(user_task).where(user_task.c.key == key),
        "candidates": sa.select(user_task_candidate).where(user_task_candidate.c.task_key == key),
        "items": sa.select(i).where(i.c.task_key == key, i.c.state != "taken-back"),
        **{table.name: sa.select(table).where(column == key) for table, column in wheres.items()},
    }
    return {
        name: sorted((dict(row._mapping) for row in desk.bpm.rows(query)), key=str) for name, query in queries.items()
    }


def told(desk: Desk, name: str) -> list[str]:
    t = notification
    return desk.bpm.scalars(sa.select(t.c.kind).where(t.c.username == name).order_by(t.c.key))


def acts_told(desk: Desk, instance: int) -> list[tuple[str, str | None, tuple[str, ...]]]:
    """The timeline's acts."""
    items = [one for one in timeline(desk.bpm.server, instance).items if one.kind == "act"]
    return [(one.values["act"], one.actor, one.values["people"]) for one in items]


# --- approvals ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ASK)
def test_an_approval_is_as_before_and_the_history_tells_of_both(desk: Desk, kind: str) -> None:
    open_office(desk.bpm)
    instance, key = desk.start(timed())
    desk.bpm.clock.advance(hours=1)
    before, ring = everything(desk, key), told(desk, "ann")
    ASK[kind](desk.bpm.server, key)
    assert everything(desk, key) != before
    assert "dan" in desk.asked(key)
    desk.bpm.clock.advance(minutes=3)
    assert undo_act(desk.bpm.server, ANN, key) is None
    assert everything(desk, key) == before
    assert len(before["sla_clock"]) == 1
    assert (told(desk, "dan"), told(desk, "fei"), told(desk, "ann")) == ([], [], ring)
    first, *_, last = acts_told(desk, instance)
    assert first[:2] == (kind if kind in ("transfer", "delegate") else "add", "ann")
    assert last == ("undo", "ann", first[2])
    assert desk.vote("bob") is None
    assert desk.vote("ann") == "approved"


@pytest.mark.parametrize("kind", ASK)
def test_who_was_let_off_cannot_act_and_hears_who_has_taken_it_back(desk: Desk, kind: str) -> None:
    _, key = desk.start(one_node("all", "ann, bob"))
    ASK[kind](desk.bpm.server, key)
    undo_act(desk.bpm.server, ANN, key)
    with pytest.raises(WrongState, match="ann has taken it back") as caught:
        desk.vote("dan", key=key)
    assert caught.value.details["takenBackBy"] == "ann"


@pytest.mark.parametrize("kind", ASK)
def test_only_who_did_it_undoes_it_and_only_once(desk: Desk, kind: str) -> None:
    _, key = desk.start(one_node("all", "ann, bob"))
    ASK[kind](desk.bpm.server, key)
    for other in (BOB, person("dan"), person("eve"), ADMIN):
        with pytest.raises(Forbidden):
            undo_act(desk.bpm.server, other, key)
    undo_act(desk.bpm.server, ANN, key)
    with pytest.raises(WrongState) as caught:
        undo_act(desk.bpm.server, ANN, key)
    assert caught.value.details["undone"] is True


DO: dict[str, Callable[[Desk, int, int], Any]] = {
    "votes": lambda desk, key, _: desk.vote("dan", key=key),
    "comments": lambda desk, key, _: tasks.comment_task(desk.bpm.server, person("dan"), key, "hm"),
    "copies": lambda desk, key, _: informing.send_copies(desk.bpm.server, person("dan"), key, ["cai"]),
    "passes on": lambda desk, key, _: transfer_task(desk.bpm.server, person("dan"), key, "fei", "not me"),
}


@pytest.mark.parametrize("doing", DO)
def test_whatever_the_receiver_has_done_with_it_comes_first(desk: Desk, doing: str) -> None:
    instance, key = desk.start(one_node("all", "ann, bob"))
    tasks.comment_task(desk.bpm.server, ADMIN, key, "before")
    transfer_task(desk.bpm.server, ANN, key, "dan", "away")
    DO[doing](desk, key, instance)
    before = everything(desk, key)
    with pytest.raises(WrongState) as caught:
        undo_act(desk.bpm.server, ANN, key)
    assert caught.value.details["actedSince"] == ["dan"]
    assert everything(desk, key) == before


def test_what_others_do_meanwhile_does_not_hinder(desk: Desk) -> None:
    _, key = desk.start(one_node("all", "ann, bob, cai"))
    transfer_task(desk.bpm.server, ANN, key, "dan", "away")
    desk.vote("bob")
    tasks.comment_task(desk.bpm.server, ADMIN, key, "hm")
    informing.urge(desk.bpm.server, person("eve"), key)
    undo_act(desk.bpm.server, ANN, key)
    assert desk.asked(key) == ["ann", "cai"]


def test_which_of_several_acts_can_be_named(desk: Desk) -> None:
    _, key = desk.start(one_node("all", "ann, bob"))
    approvals.add_signers(desk.bpm.server, ANN, key, ["dan"], Where.PARALLEL)
    transfer_task(desk.bpm.server, ANN, key, "fei", "away")
    first, last = desk.bpm.scalars(
        sa.text(f"SELECT key FROM approval_act WHERE task_key = {key} AND before IS NOT NULL ORDER BY key")
    )
    undo_act(desk.bpm.server, ANN, key, first)
    assert desk.asked(key) == ["bob", "fei"]
    with pytest.raises(WrongState):
        undo_act(desk.bpm.server, ANN, key, first)
    undo_act(desk.bpm.server, ANN, key, last)
    assert desk.asked(key) == ["ann", "bob"]


def test_without_the_added_the_votes_may_be_enough(desk: Desk) -> None:
    instance, key = desk.start(one_node("vote", "ann, bob, cai"))
    approvals.add_signers(desk.bpm.server, ANN, key, ["dan"], Where.PARALLEL)
    desk.vote("bob")
    desk.vote("cai")
    assert desk.state(key) == "CREATED"
    assert undo_act(desk.bpm.server, ANN, key) == "approved"
    assert desk.bpm.state(instance) == "COMPLETED"


def test_after_a_correction_signers_are_asked_anew(desk: Desk) -> None:
    _, key = desk.start(one_node("all", "ann, bob"))
    transfer_task(desk.bpm.server, ANN, key, "dan", "away")
    returning.give_back(desk.bpm.server, BOB, key, "initiator", "wrong")
    with pytest.raises(WrongState, match="is correcting the request"):
        undo_act(desk.bpm.server, ANN, key)
    returning.resubmit(desk.bpm.server, person("eve"), key)
    with pytest.raises(WrongState, match="asked anew"):
        undo_act(desk.bpm.server, ANN, key)


def test_what_was_undone_does_not_keep_a_request_from_being_recalled(desk: Desk) -> None:
    instance, key = desk.start(one_node("all", "ann, bob"))
    transfer_task(desk.bpm.server, ANN, key, "dan", "away")
    with pytest.raises(WrongState):
        returning.recall(desk.bpm.server, person("eve"), instance)
    undo_act(desk.bpm.server, ANN, key)
    returning.recall(desk.bpm.server, person("eve"), instance)
    assert desk.bpm.state(instance) == "TERMINATED"


# --- what the receiver hears ----------------------------------------------------------------------------


def test_who_has_read_that_they_were_asked_is_told_that_they_are_not(desk: Desk) -> None:
    _, key = desk.start(one_node("all", "ann, bob"))
    approvals.add_signers(desk.bpm.server, ANN, key, ["dan", "fei"], Where.PARALLEL)
    mark_notifications_read(desk.bpm.server, person("dan"))
    undo_act(desk.bpm.server, ANN, key)
    assert told(desk, "dan") == ["added", "taken-back"]
    assert told(desk, "fei") == []


@pytest.mark.parametrize(
    ("column", "settings"),
    [
        ("mail_at", {"smtp_url": "smtp://localhost:2525", "mail_from": "bpm@example.org"}),
        ("push_at", {"push_contact": "mailto:it@example.org"}),
    ],
    ids=["mail", "push"],
)
def test_where_a_mail_or_a_push_may_have_gone_out_they_are_told(
    desk: Desk, column: str, settings: dict[str, str]
) -> None:
    _, key = desk.start(one_node("all", "ann, bob"))
    telling = Desk(desk.bpm.with_settings(**settings))
    t = notification
    for is_made, expected in ((False, []), (True, ["taken-back"])):
        transfer_task(telling.bpm.server, ANN, key, "dan", "away")
        if is_made:
            with desk.bpm.server.database.write() as connection:
                connection.execute(t.update().where(t.c.username == "dan").values({column: None}))
                connection.commit()
        undo_act(telling.bpm.server, ANN, key)
        assert told(desk, "dan") == expected


# --- plain tasks ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("claimed", [False, True])
def test_a_plain_task_is_as_before(desk: Desk, claimed: bool) -> None:
    open_office(desk.bpm)
    instance, key = desk.start(plain(f"<zeebe:properties>{CLOCK}</zeebe:properties>{PLAIN}"))
    server = desk.bpm.server
    if claimed:
        tasks.claim_task(server, ANN, key)
    desk.bpm.clock.advance(hours=1)
    before = everything(desk, key)
    assert len(before["sla_clock"]) == 1
    transfers.transfer_task(server, ANN, key, "dan", "away")
    assert desk.bpm.scalars(sa.select(user_task.c.assignee).where(user_task.c.key == key)) == ["dan"]
    assert told(desk, "dan") == ["transferred"]
    with pytest.raises(Forbidden):
        undo_act(server, BOB, key)
    undo_act(server, ANN, key)
    assert everything(desk, key) == before
    assert told(desk, "dan") == []
    assert acts_told(desk, instance) == [("transfer", "ann", ("dan",)), ("undo", "ann", ("dan",))]
    with pytest.raises(WrongState, match="ann has taken it back"):
        tasks.complete_task(server, person("dan"), key)
    tasks.complete_task(server, ANN, key)
    assert [one.kind for one in timeline(server, instance).items].count("answered") == 1


PLAINLY: dict[str, Callable[[Desk, int, Actor], Any]] = {
    "gives it back": lambda desk, key, dan: tasks.release_task(desk.bpm.server, dan, key),
    "takes it again": lambda desk, key, dan: (
        tasks.release_task(desk.bpm.server, dan, key),
        tasks.assign_task(desk.bpm.server, ADMIN, key, "dan"),
    ),
    "comments": lambda desk, key, dan: tasks.comment_task(desk.bpm.server, dan, key, "hm"),
    "passes on": lambda desk, key, dan: transfers.transfer_task(desk.bpm.server, dan, key, "fei", "not me"),
    "changes it": lambda desk, key, dan: tasks.update_task(
        desk.bpm.server, Actor("dan", permissions=ADMIN.permissions), key, priority=7
    ),
    "completes it": lambda desk, key, dan: tasks.complete_task(desk.bpm.server, dan, key),
}


@pytest.mark.parametrize("doing", PLAINLY)
def test_whatever_the_receiver_has_done_with_a_plain_task_comes_first(desk: Desk, doing: str) -> None:
    _, key = desk.start(plain())
    transfers.transfer_task(desk.bpm.server, ANN, key, "dan", "away")
    desk.bpm.clock.advance(minutes=1)
    PLAINLY[doing](desk, key, person("dan"))
    before = everything(desk, key)
    with pytest.raises(WrongState):
        undo_act(desk.bpm.server, ANN, key)
    assert everything(desk, key) == before


def test_who_has_begun_to_fill_it_in_is_not_interrupted(desk: Desk) -> None:
    form = b'{"id": "f", "type": "default", "components": [{"type": "textfield", "key": "note", "id": "n"}]}'
    desk.bpm.deploy(("f.form", form))
    _, key = desk.start(plain(f'<zeebe:formDefinition formId="f"/>{PLAIN}'))
    transfers.transfer_task(desk.bpm.server, ANN, key, "dan", "away")
    drafts.save_task_draft(desk.bpm.server, person("dan"), key, {"note": "half"}, "", known_version=0)
    with pytest.raises(WrongState) as caught:
        undo_act(desk.bpm.server, ANN, key)
    assert caught.value.details["actedSince"] == ["dan"]


def test_a_task_whose_listeners_hear_first_is_transferred_for_good(desk: Desk) -> None:
    listener = '<zeebe:taskListeners><zeebe:taskListener eventType="assigning" type="check"/></zeebe:taskListeners>'
    instance, key = desk.start(plain(f"{listener}{PLAIN}"))
    assert transfers.transfer_task(desk.bpm.server, ANN, key, "dan", "away") is not None
    assert [one.values["text"] for one in timeline(desk.bpm.server, instance).items if one.kind == "comment"] == [
        "away"
    ]
    with pytest.raises(Forbidden):
        undo_act(desk.bpm.server, ANN, key)


# --- at the same moment ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["transfer", "delegate", "before", "after", "parallel"])
def test_undo_and_the_receivers_vote_at_once_one_of_them_wins(desk: Desk, kind: str) -> None:
    server = desk.bpm.server
    for _ in range(6):
        instance, _ = desk.start(one_node("all", "ann, bob"))
        key = desk.bpm.task("sign", instance=instance).key
        ASK[kind](server, key)
        pressed = at_once(
            2, patiently(lambda number, key=key: undo_act(server, ANN, key) if number else desk.vote("dan", key=key))
        )
        refused = [one for one in pressed if isinstance(one, WrongState)]
        assert len(refused) == 1, pressed
        undone = isinstance(pressed[0], WrongState)
        why = refused[0].details
        assert why["takenBackBy"] == "ann" if undone else why["actedSince"] == ["dan"], why
        assert desk.items(key)["dan"] == ("taken-back" if undone else "approved")
        assert [act for _, act in desk.acts(key)].count("undo") == undone


def test_undo_and_the_receivers_answer_of_a_plain_task_at_once_one_of_them_wins(desk: Desk) -> None:
    server, dan = desk.bpm.server, person("dan")
    for _ in range(8):
        instance, _ = desk.start(plain())
        key = desk.bpm.task("sign", instance=instance).key
        transfers.transfer_task(server, ANN, key, "dan", "away")
        pressed = at_once(
            2,
            patiently(
                lambda number, key=key: undo_act(server, ANN, key) if number else tasks.complete_task(server, dan, key)
            ),
        )
        refused = [one for one in pressed if isinstance(one, WrongState)]
        assert len(refused) == 1, pressed
        if isinstance(pressed[0], WrongState):
            assert pressed[0].details["takenBackBy"] == "ann"
            assert desk.bpm.state(instance) == "ACTIVE"
        else:
            assert pressed[1].details["endedBy"] == "dan"
            assert desk.bpm.state(instance) == "COMPLETED"


def test_undo_twice_at_once_counts_once(desk: Desk) -> None:
    _, key = desk.start(one_node("all", "ann, bob"))
    transfer_task(desk.bpm.server, ANN, key, "dan", "away")
    pressed = at_once(4, patiently(lambda _: undo_act(desk.bpm.server, ANN, key)))
    assert sum(one is None for one in pressed) == 1, pressed
    assert all(one is None or one.details["undone"] for one in pressed)
    assert desk.acts(key) == [("ann", "transfer"), ("ann", "undo")]


def test_due_dates_that_were_set_by_hand_stay(desk: Desk) -> None:
    p = Process()
    p.path(p.start(), node(p, "sign", "all", "ann, bob"), p.end())
    _, key = desk.start(p.xml())
    tasks.update_task(desk.bpm.server, ADMIN, key, due_date=desk.bpm.clock.now() + timedelta(hours=3))
    before = everything(desk, key)
    transfer_task(desk.bpm.server, ANN, key, "dan", "away")
    undo_act(desk.bpm.server, ANN, key)
    assert everything(desk, key) == before

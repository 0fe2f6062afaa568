"""Deciding by a link without signing in: once, by its person, and not by looking."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bpm_server.domain.identity import SYSTEM
from bpm_server.services import approvals, people, tokens
from bpm_server.services.decision_links import make_link
from bpm_server.services.transfers import transfer_task
from tests.support.approvals import Desk, one_node, person
from tests.support.product import ADMIN
from tests.support.rest import add_person

if TYPE_CHECKING:
    from tests.support.product import Product
    from tests.support.rest import Rest


@pytest.fixture
def desk(bpm: Product, nobody: Rest) -> Desk:
    for name in ("ann", "bob", "eve"):
        add_person(bpm, name, roles=("staff",))
    assert nobody.app
    return Desk(bpm)


def link(desk: Desk, name: str = "ann") -> tuple[int, str]:
    _, key = desk.start(one_node("all", "ann, bob"))
    return key, f"/decide/{make_link(desk.bpm.server, name, key)}"


def said(nobody: Rest, path: str) -> tuple[int, str]:
    answer = nobody.get(path)
    return answer.status, answer.body.decode().partition("<article")[2]


def post(nobody: Rest, path: str, **form: str) -> tuple[int, str]:
    answer = nobody.post(path, data=form, content_type="application/x-www-form-urlencoded")
    return answer.status, answer.body.decode()


def test_looking_decides_nothing_a_second_tap_does_and_only_once(desk: Desk, nobody: Rest) -> None:
    key, path = link(desk)
    for _ in range(3):
        assert nobody.get(path).status == 200
    assert desk.acts(key) == []
    status, text = post(nobody, path, outcome="approved", comment="by phone")
    assert (status, 'class="start-form sent"' in text) == (200, True)
    assert desk.acts(key) == [("ann", "approve")]
    assert nobody.get(path).status == 404
    assert post(nobody, path, outcome="rejected", comment="no")[0] == 404
    assert desk.acts(key) == [("ann", "approve")]


def test_a_reject_needs_a_reason_and_the_link_stays_good_until_there_is_one(desk: Desk, nobody: Rest) -> None:
    key, path = link(desk)
    assert post(nobody, path, outcome="rejected")[0] == 400
    assert post(nobody, path, outcome="perhaps", comment="x")[0] == 400
    assert desk.acts(key) == []
    assert post(nobody, path, outcome="rejected", comment="too dear")[0] == 200
    assert desk.outcome(key) == "rejected"


def test_a_vote_that_was_taken_back_does_not_make_its_link_good_again(desk: Desk, nobody: Rest) -> None:
    key, path = link(desk)
    post(nobody, path, outcome="approved")
    approvals.take_back(desk.bpm.server, person("ann"), key)
    assert desk.asked(key) == ["ann", "bob"]
    assert nobody.get(path).status == 404


def test_too_old_decided_transferred_left_and_tampered_links_say_the_same(desk: Desk, nobody: Rest) -> None:
    key, path = link(desk)
    known = said(nobody, "/decide/nonsense")
    assert said(nobody, path[:-2] + "xx") == known
    assert said(nobody, "/decide/" + "x" * 2_000) == known
    add_person(desk.bpm, "cai", roles=("staff",))
    transfer_task(desk.bpm.server, person("ann"), key, "cai", "away")
    assert said(nobody, path) == known
    path = f"/decide/{make_link(desk.bpm.server, 'cai', key)}"
    assert nobody.get(path).status == 200
    desk.bpm.clock.advance(days=15)
    assert said(nobody, path) == known
    path = f"/decide/{make_link(desk.bpm.server, 'bob', key)}"
    people.set_activity(desk.bpm.server, ADMIN, "bob", active=False)
    assert said(nobody, path) == known


def test_nobody_whose_turn_it_is_not_has_a_link_and_the_card_is_one_s_own(desk: Desk, nobody: Rest) -> None:
    _, key = desk.start(one_node("sequential", "ann, bob"))
    assert make_link(desk.bpm.server, "bob", key) is None
    assert make_link(desk.bpm.server, "eve", key) is None
    stranger = nobody.as_(add_person(desk.bpm, "dan", roles=("staff",)))
    assert stranger.get(f"/api/tasks/{key}/card").status == 403
    ann = nobody.as_(tokens.create_token(desk.bpm.server, SYSTEM, "ann", "test"))
    card = ann.get(f"/api/tasks/{key}/card")
    assert (card.status, card["initiator"]) == (200, "eve")
    assert nobody.get(card["decideUrl"].removeprefix("http://localhost")).status == 200

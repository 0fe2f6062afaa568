"""A hundred people at one node, and random acts: one outcome, no vote lost or counted twice, a whole history."""

from __future__ import annotations

import random
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from bpm_server.domain.approvals.items import ItemState
from bpm_server.domain.approvals.node import Where
from bpm_server.kernel.errors import BpmError, WrongState
from bpm_server.services import approvals
from bpm_server.services.transfers import transfer_task
from bpm_server.services.undoing import undo_act
from bpm_server.store.tables.approvals import approval_act, approval_item
from tests.support.approvals import Desk, hire, one_node, person
from tests.support.contention import at_once, patiently
from tests.support.product import ADMIN

if TYPE_CHECKING:
    from tests.support.product import Product

CROWD = tuple(f"p{number:03}" for number in range(100))
VOTES = (ItemState.APPROVED, ItemState.REJECTED)


@pytest.fixture
def crowd(bpm: Product) -> Desk:
    """A hundred people more."""
    hire(bpm, *CROWD)
    return Desk(bpm)


def votes(desk: Desk, key: int) -> Counter[str]:
    t = approval_item
    return Counter(desk.bpm.scalars(sa.select(t.c.state).where(t.c.task_key == key)))


def test_a_hundred_press_approve_on_one_or_sign_one_decides_and_the_others_are_told_who(crowd: Desk) -> None:
    _, key = crowd.start(one_node("any", ", ".join(CROWD)))
    results = at_once(100, patiently(lambda number: crowd.vote(CROWD[number], key=key)))
    decided = [one for one in results if one == "approved"]
    refused = [one for one in results if isinstance(one, WrongState)]
    assert (len(decided), len(refused)) == (1, 99), [one for one in results if one not in decided + refused][:3]
    ((winner, _),) = crowd.acts(key)
    assert {one.details["decidedBy"] for one in refused} == {winner}
    assert votes(crowd, key) == {ItemState.APPROVED: 1, ItemState.HANDLED_BY_ANOTHER: 99}


def test_a_hundred_countersign_at_once_and_every_vote_counts_once(crowd: Desk) -> None:
    instance, key = crowd.start(one_node("all", ", ".join(CROWD)))
    results = at_once(100, patiently(lambda number: crowd.vote(CROWD[number], key=key)))
    assert Counter(map(str, results)) == {"None": 99, "approved": 1}, results[:3]
    assert votes(crowd, key) == {ItemState.APPROVED: 100}
    found = crowd.bpm.variables(instance)
    assert sorted(one["signer"] for one in found["votes"]) == sorted(CROWD)
    assert sorted(crowd.acts(key)) == sorted((name, "approve") for name in CROWD)


@pytest.mark.parametrize("seed", range(6))
def test_whatever_people_do_there_is_one_outcome_and_a_whole_history(crowd: Desk, seed: int) -> None:
    draw = random.Random(seed)
    mode = ("all", "any", "sequential", "vote")[seed % 4]
    more = {"on_reject": "wait_all"} if seed > 3 else {}
    instance, key = crowd.start(one_node(mode, "ann, bob, cai", **more))
    done: list[tuple[str, str]] = []
    for _ in range(200):
        if crowd.state(key) != "CREATED":
            break
        name = draw.choice(crowd.asked(key))
        done += act(crowd, draw, key, name)
    else:
        while crowd.state(key) == "CREATED":
            name = crowd.asked(key)[0]
            crowd.vote(name, key=key)
            done.append((name, "approve"))
    assert crowd.outcome(key) in ("approved", "rejected")
    assert crowd.acts(key) == done
    assert crowd.bpm.state(instance) == "COMPLETED"
    assert crowd.bpm.variables(instance)["outcome"] == crowd.outcome(key)
    left = votes(crowd, key)
    assert not left.keys() & {ItemState.TO_DO, ItemState.WAITING, ItemState.WAITING_FOR_ADDED, ItemState.DELEGATED}
    signed = crowd.bpm.scalars(
        sa.select(approval_item.c.person).where(approval_item.c.task_key == key, approval_item.c.state.in_(VOTES))
    )
    assert len(signed) == len(set(signed)), "somebody voted twice"
    assert {one["signer"] for one in crowd.bpm.variables(instance)["votes"]} == set(signed)
    count = sa.select(sa.func.count()).where(approval_act.c.task_key == key)
    assert crowd.bpm.scalars(count) == [len(done)]


def act(desk: Desk, draw: random.Random, key: int, name: str) -> list[tuple[str, str]]:
    """One random act; what was refused must have changed nothing, which the history shows in the end."""
    server, who, other, where = desk.bpm.server, person(name), draw.choice(CROWD), draw.choice(list(Where))
    kinds: list[tuple[str, Any]] = [
        ("approve", lambda: desk.vote(name, key=key)),
        ("reject", lambda: desk.vote(name, "rejected", key=key)),
        ("add", lambda: approvals.add_signers(server, who, key, [other], where)),
        ("transfer", lambda: transfer_task(server, who, key, other, "why")),
        ("delegate", lambda: approvals.delegate(server, who, key, other)),
        ("take-back", lambda: approvals.take_back(server, who, key)),
        ("remove", lambda: approvals.remove_signer(server, ADMIN, key, desk.item(key, name))),
        ("undo", lambda: undo_act(server, person(asker), key)),
    ]
    asker, what = last_that_asked(desk, draw, key) or (name, None)
    kind, do = draw.choices(kinds, weights=(3, 1, 3, 2, 2, 1, 1, 5))[0]
    try:
        do()
    except BpmError:
        return []
    if kind == "undo":
        return [*([(asker, "take-back")] if what == "after" else []), (asker, "undo")]
    agreed = [(name, "approve")] if kind == "add" and where is Where.AFTER else []
    return [("admin" if kind == "remove" else name, kind), *agreed]


def last_that_asked(desk: Desk, draw: random.Random, key: int) -> tuple[str, str | None] | None:
    """Somebody who has asked others, and where those signers stand whom they asked last."""
    t = approval_act
    asking = sa.select(t.c.actor, t.c.place).where(t.c.task_key == key, t.c.before.is_not(None))
    found = {row.actor: row.place for row in desk.bpm.rows(asking.order_by(t.c.key))}
    return draw.choice(sorted(found.items())) if found else None

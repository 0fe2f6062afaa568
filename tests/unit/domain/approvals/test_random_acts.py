"""Any random sequence of acts: one outcome, no lost and no double vote, denominators right, nobody waits in vain."""

from __future__ import annotations

import contextlib
import copy
from collections import Counter
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bpm_server.domain.approvals import acts
from bpm_server.domain.approvals.handover import hand_over
from bpm_server.domain.approvals.items import GroupMode, Item, ItemState, Place
from bpm_server.domain.approvals.node import Act, Done, Hand, Node, Outcome, Where
from bpm_server.domain.approvals.policy import Compare, Mode, OnReject
from bpm_server.domain.approvals.undo import UNDOABLE, undo
from bpm_server.kernel.errors import BpmError, NotFound
from tests.unit.domain.approvals.nodes import INITIATOR, node

PEOPLE = ["a", "b", "c", "d", INITIATOR]
NEW = ["x", "y", "z", *PEOPLE]
policies = st.fixed_dictionaries(
    {
        "mode": st.sampled_from(Mode),
        "on_reject": st.sampled_from(OnReject),
        "any_reject_decides": st.booleans(),
        "threshold": st.sampled_from([Decimal("0.25"), Decimal("0.5"), Decimal("0.7")]),
        "compare": st.sampled_from(Compare),
        "weights": st.dictionaries(st.sampled_from(NEW), st.sampled_from([Decimal("0.5"), Decimal(2)]), max_size=3),
    }
)
AT_NODES = (
    Act.APPROVE, Act.REJECT, Act.RETURN, Act.ADD, Act.REMOVE, Act.TRANSFER, Act.DELEGATE, Act.TAKE_BACK, Act.HANDOVER,
    Act.ESCALATE, Act.TIMEOUT, Act.UNDO, Act.UNDO,
)  # fmt: skip
"""Those that :func:`do` knows."""
steps = st.lists(
    st.fixed_dictionaries(
        {
            "act": st.sampled_from(AT_NODES),
            "actor": st.one_of(st.none(), st.none(), st.none(), st.sampled_from(NEW)),
            "stands_for": st.sets(st.sampled_from(PEOPLE), max_size=1),
            "is_admin": st.booleans(),
            "people": st.lists(st.sampled_from(NEW), min_size=1, max_size=2, unique=True),
            "where": st.sampled_from(Where),
            "group": st.sampled_from(GroupMode),
            "pick": st.integers(0, 9),
        }
    ),
    max_size=25,
)


def actor(made: Node, step: dict[str, Any]) -> str:
    """Mostly somebody who can do it, else anybody: acts that are refused teach little."""
    able = (ItemState.APPROVED, ItemState.REJECTED) if step["act"] is Act.TAKE_BACK else (ItemState.TO_DO,)
    people = [item.person for item in made.items.values() if item.state in able] or PEOPLE
    if step["act"] is Act.UNDO:
        people = [done.actor for done in made.history if done.before is not None] or PEOPLE
    return step["actor"] or people[step["pick"] % len(people)]


def do(made: Node, step: dict[str, Any]) -> None:  # noqa: C901 - one case for each act
    hand = Hand(actor(made, step), frozenset(step["stands_for"]), step["is_admin"])
    person = step["people"][0]
    keys = list(made.items)
    match step["act"]:
        case Act.APPROVE:
            acts.approve(made, hand)
        case Act.REJECT:
            acts.reject(made, hand)
        case Act.RETURN:
            acts.give_back(made, hand, "initiator", "wrong")
        case Act.ADD:
            acts.add_signers(made, hand, step["people"], step["where"], mode=step["group"])
        case Act.REMOVE:
            acts.remove_signer(made, hand, keys[step["pick"] % len(keys)])
        case Act.TRANSFER:
            acts.transfer(made, hand, person, "on leave")
        case Act.DELEGATE:
            acts.delegate(made, hand, person)
        case Act.TAKE_BACK:
            acts.take_back(made, hand)
        case Act.HANDOVER:
            hand_over(made, hand.actor, step["people"][-1], [person])
        case Act.ESCALATE:
            acts.escalate(made, "system", dict.fromkeys([*NEW, INITIATOR], person))
        case Act.UNDO:
            undo(made, hand, undoable(made, hand.actor))
        case Act.TIMEOUT:
            acts.time_out(made, "system", Outcome.REJECTED if step["is_admin"] else Outcome.APPROVED)


def undoable(made: Node, who: str) -> Done:
    """What somebody did last that can be undone, or anybody, so that it is refused."""
    found = [done for done in made.history if done.before is not None]
    if not found:
        raise NotFound("nothing to undo")
    return next((done for done in reversed(found) if done.actor == who), found[-1])


def seen(made: Node) -> Any:
    return copy.deepcopy((made.items, made.outcome, made.target, made.decided_by, made.history))


def votes(made: Node) -> Counter[int]:
    """Votes by item, as the history tells them."""
    found: Counter[int] = Counter()
    for done in made.history:
        if done.act in (Act.APPROVE, Act.REJECT, Act.RETURN):
            found[done.item] += 1
        elif done.act is Act.TAKE_BACK:
            found[done.item] -= 1
    return +found


def check(made: Node) -> None:
    items = made.items.values()
    counted = Counter(item.person for item in items if item.counts)
    assert max(counted.values(), default=1) == 1, "somebody stands twice"
    voted = {item.key for item in items if item.state in (ItemState.APPROVED, ItemState.REJECTED, ItemState.RETURNED)}
    assert votes(made) == Counter(dict.fromkeys(voted, 1)), "votes of the history are those of the items"
    assert all(item.acted_by for item in items if item.key in voted)
    if made.policy.mode is Mode.SEQUENTIAL and made.outcome is None:
        steps_open = {one.step for one in items if one.parent is None and (one.is_open or is_open_behind(made, one))}
        asked = {one.step for one in items if one.parent is None and one.state is ItemState.TO_DO}
        assert asked <= {min(steps_open)}, "asked before their turn"
    if made.outcome is None:
        assert any(item.state is ItemState.TO_DO for item in items), "nobody can act, and nothing is decided"
        for item in items:
            group = [one for one in items if one.parent == item.key and one.is_open]
            if item.state in (ItemState.WAITING_FOR_ADDED, ItemState.DELEGATED):
                assert group, "waits for nobody"
            assert not item.parent or made.items[item.parent].parent is None, "added to who was added"
            if any(one.place is not Place.AFTER for one in group):
                assert item.state in (ItemState.WAITING_FOR_ADDED, ItemState.DELEGATED), "others are asked for nothing"
            if any(one.place is Place.AFTER for one in group):
                assert item.state is ItemState.APPROVED, "others sign after what was not signed"
            places = {one.place for one in items if one.parent == item.key and one.counts}
            assert not {Place.BEFORE, Place.AFTER} <= places
    else:
        assert not any(item.is_open for item in items), "decided, and somebody is still asked"


def is_open_behind(made: Node, item: Item) -> bool:
    """Whether people sign after somebody who agreed."""
    return any(one.parent == item.key and one.is_open for one in made.items.values())


def decision(made: Node) -> Outcome | None:
    """Of nodes to which nobody was added: counted again, in other words."""
    own = [item for item in made.items.values() if item.counts]
    yes = [item for item in own if item.state is ItemState.APPROVED]
    no = [item for item in own if item.state is ItemState.REJECTED]
    policy = made.policy
    if policy.mode is Mode.VOTE:
        total = sum(item.weight for item in own)
        have = sum(item.weight for item in yes)
        can_have = total - sum(item.weight for item in no)
        above = policy.compare is Compare.ABOVE
        if have > policy.threshold * total if above else have >= policy.threshold * total:
            return Outcome.APPROVED
        reachable = can_have > policy.threshold * total if above else can_have >= policy.threshold * total
        return None if reachable else Outcome.REJECTED
    if policy.mode is Mode.ANY:
        if yes:
            return Outcome.APPROVED
        return Outcome.REJECTED if (no and policy.any_reject_decides) or len(no) == len(own) else None
    patient = policy.mode is Mode.ALL and policy.on_reject is OnReject.WAIT_ALL
    if no and (not patient or len(yes) + len(no) == len(own)):
        return Outcome.REJECTED
    return Outcome.APPROVED if len(yes) == len(own) else None


@given(policies, st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=4, unique=True), steps)
@settings(max_examples=400, deadline=None)
def test_any_acts(policy: dict[str, Any], people: list[str], sequence: list[dict[str, Any]]) -> None:
    made = node(*people, **policy)
    check(made)
    for step in sequence:
        before = seen(made)
        try:
            do(made, step)
        except BpmError:
            assert seen(made) == before, "refused, and something has changed"
            continue
        if before[1] is not None:
            assert (made.outcome, made.decided_by) == (before[1], before[3]), "decided twice"
            assert step["act"] is Act.HANDOVER
        check(made)
        if made.decided_by == "system":
            assert step["act"] in (Act.TIMEOUT, Act.HANDOVER) or before[1] is not None
        elif made.outcome is not Outcome.RETURNED and all(item.parent is None for item in made.items.values()):
            assert made.outcome == decision(made)


@given(policies, st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=4, unique=True), steps, st.data())
@settings(max_examples=200, deadline=None)
def test_from_anywhere_it_comes_to_an_end(
    policy: dict[str, Any], people: list[str], sequence: list[dict[str, Any]], data: st.DataObject
) -> None:
    """Whatever happened before, whoever is asked then can act, and after as many acts as there are people it ends."""
    made = node(*people, **policy)
    for step in sequence:
        try:
            do(made, step)
        except BpmError:
            continue
    for _ in range(2 * len(made.items)):
        ready = [item for item in made.items.values() if item.state is ItemState.TO_DO]
        if made.outcome is not None:
            return
        item = data.draw(st.sampled_from(ready))
        (acts.approve if data.draw(st.booleans()) else acts.reject)(made, Hand(item.person), item=item.key)
    assert made.outcome is not None


@given(policies, st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=4, unique=True), steps, steps)
@settings(max_examples=400, deadline=None)
def test_what_is_undone_at_once_never_was(
    policy: dict[str, Any], people: list[str], sequence: list[dict[str, Any]], asking: list[dict[str, Any]]
) -> None:
    """After any acts: a transfer, a delegation or added signers that are undone leave everybody as they were."""
    made = node(*people, **policy)
    for step in sequence:
        with contextlib.suppress(BpmError):
            do(made, step)
    for step in asking:
        if step["act"] not in UNDOABLE or made.outcome is not None:
            continue
        before, told = copy.deepcopy(made.items), len(made.history)
        try:
            do(made, step)
        except BpmError:
            continue
        if made.outcome is not None:
            return
        done = next(one for one in made.history[told:] if one.before is not None)
        brought = done.before.brought if done.before else ()
        if not all(made.items[key].is_open for key in brought):
            continue  # who was asked before has decided for all of them
        undo(made, Hand(done.actor, frozenset(step["stands_for"])), done)
        let_off = {key: item for key, item in made.items.items() if key not in before}
        assert {key: item for key, item in made.items.items() if key in before} == before
        assert let_off.keys() == set(brought)
        assert {item.state for item in let_off.values()} == {ItemState.TAKEN_BACK}
        assert made.history[-1] == Done(Act.UNDO, done.actor, done.item, to=done.to, where=str(done.act))
        check(made)
        again = seen(made)
        with contextlib.suppress(BpmError):
            undo(made, Hand(done.actor), done)
            raise AssertionError("undone twice")
        assert seen(made) == again

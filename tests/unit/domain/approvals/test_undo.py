"""A transfer, a delegation and added signers are taken back as long as nothing has followed."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import pytest

from bpm_server.domain.approvals import acts
from bpm_server.domain.approvals.items import GroupMode
from bpm_server.domain.approvals.node import Act, Done, Node, Outcome, Where
from bpm_server.domain.approvals.policy import Mode
from bpm_server.domain.approvals.undo import undo
from bpm_server.kernel.errors import Forbidden, WrongState
from tests.unit.domain.approvals.nodes import approve, hand, item_of, node, states, to_do

if TYPE_CHECKING:
    from collections.abc import Callable


def asked(made: Node) -> Done:
    """The last act that asked somebody."""
    return next(done for done in reversed(made.history) if done.before is not None)


ASK: dict[str, Callable[[Node], None]] = {
    "transfer": lambda made: acts.transfer(made, hand("a"), "x", "away"),
    "delegate": lambda made: acts.delegate(made, hand("a"), "x"),
    "before": lambda made: acts.add_signers(made, hand("a"), ["x", "y"], Where.BEFORE, mode=GroupMode.ANY),
    "after": lambda made: acts.add_signers(made, hand("a"), ["x", "y"], Where.AFTER),
    "parallel": lambda made: acts.add_signers(made, hand("a"), ["x", "y"], Where.PARALLEL),
}


@pytest.mark.parametrize("kind", ASK)
def test_everybody_is_as_before_and_the_history_tells_of_both(kind: str) -> None:
    made = node("a", "b")
    before = copy.deepcopy(made.items)
    ASK[kind](made)
    done = asked(made)
    undo(made, hand("a"), done)
    assert {key: made.items[key] for key in before} == before
    assert {states(made)[person] for person in done.to} == {"taken-back"}
    assert to_do(made) == "a b"
    assert made.history[-1] == Done(Act.UNDO, "a", item_of(made, "a"), to=done.to, where=str(done.act))
    with pytest.raises(WrongState, match="nobody is asked by it any more"):
        undo(made, hand("a"), done)


@pytest.mark.parametrize("kind", ASK)
def test_who_has_been_let_off_is_told_who_has_taken_it_back(kind: str) -> None:
    made = node("a", "b")
    ASK[kind](made)
    undo(made, hand("a"), asked(made))
    with pytest.raises(WrongState, match="a has taken it back") as caught:
        acts.approve(made, hand("x"))
    assert caught.value.details["takenBackBy"] == "a"


@pytest.mark.parametrize("kind", ASK)
def test_nobody_else_undoes_it_and_not_after_the_first_word(kind: str) -> None:
    made = node("a", "b", mode=Mode.ALL)
    ASK[kind](made)
    done = asked(made)
    for other in ("b", "x"):
        with pytest.raises(Forbidden):
            undo(made, hand(other, is_admin=True), done)
    approve(made, "x")
    with pytest.raises(WrongState, match="x did") as caught:
        undo(made, hand("a"), done)
    assert caught.value.details["actedSince"] == ["x"]


def test_who_has_asked_others_in_turn_has_acted() -> None:
    made = node("a")
    acts.transfer(made, hand("a"), "x", "away")
    done = asked(made)
    acts.delegate(made, hand("x"), "y")
    undo(made, hand("x"), asked(made))
    assert to_do(made) == "x"
    with pytest.raises(WrongState, match="x did"):
        undo(made, hand("a"), done)


def test_nobody_signs_twice_by_an_undo() -> None:
    made = node("a", "b")
    acts.transfer(made, hand("a"), "x", "away")
    done = asked(made)
    acts.add_signers(made, hand("b"), ["a"], Where.PARALLEL)
    with pytest.raises(WrongState, match="'a' signs here again"):
        undo(made, hand("a"), done)


def test_a_group_of_before_keeps_how_it_has_decided() -> None:
    made = node("a")
    acts.add_signers(made, hand("a"), ["x", "y"], Where.BEFORE, mode=GroupMode.ANY)
    approve(made, "x")
    acts.add_signers(made, hand("a"), ["z"], Where.BEFORE, mode=GroupMode.ALL)
    assert to_do(made) == "z"
    undo(made, hand("a"), asked(made))
    assert made.items[item_of(made, "a")].group_mode is GroupMode.ANY
    assert to_do(made) == "a"


def test_votes_that_came_meanwhile_may_be_enough_without_the_added() -> None:
    made = node("a", "b", "c", mode=Mode.VOTE)
    acts.add_signers(made, hand("a"), ["x"], Where.PARALLEL)
    done = asked(made)
    approve(made, "b", "c")
    assert made.outcome is None
    undo(made, hand("a"), done)
    assert (made.outcome, made.decided_by) == (Outcome.APPROVED, "a")


def test_in_a_sequence_whoever_comes_later_has_built_on_it() -> None:
    made = node("a", "b", mode=Mode.SEQUENTIAL)
    acts.transfer(made, hand("a"), "x", "away")
    undo(made, hand("a"), asked(made))
    assert states(made) == {"a": "to-do", "b": "waiting", "x": "taken-back"}
    acts.add_signers(made, hand("a"), ["y"], Where.AFTER)
    undo(made, hand("a"), asked(made))
    assert states(made) == {"a": "to-do", "b": "waiting", "x": "taken-back", "y": "taken-back"}


def test_whoever_was_removed_meanwhile_is_not_let_off_twice() -> None:
    made = node("a", "b")
    acts.add_signers(made, hand("a"), ["x", "y"], Where.PARALLEL)
    done = asked(made)
    acts.remove_signer(made, hand("a"), item_of(made, "x"))
    undo(made, hand("a"), done)
    assert states(made) == {"a": "to-do", "b": "to-do", "x": "canceled", "y": "taken-back"}
    assert made.history[-1].to == ("y",)


def test_after_the_decision_it_is_too_late() -> None:
    made = node("a", "b", mode=Mode.ANY)
    acts.transfer(made, hand("a"), "x", "away")
    done = asked(made)
    approve(made, "b")
    with pytest.raises(WrongState, match="approved by b"):
        undo(made, hand("a"), done)

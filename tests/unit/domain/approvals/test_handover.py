"""Who leaves hands over what is open, and nobody signs twice for it."""

from __future__ import annotations

import pytest

from bpm_server.domain.approvals import acts
from bpm_server.domain.approvals.handover import hand_over
from bpm_server.domain.approvals.node import Act, Outcome, Where
from bpm_server.domain.approvals.policy import Duplicates, Mode
from tests.unit.domain.approvals.nodes import INITIATOR, approve, hand, node, states, to_do


def test_when_the_delegate_leaves_it_returns() -> None:
    made = node("a")
    acts.delegate(made, hand("a"), "x")
    assert not hand_over(made, "boss", "x", ["y"], "has left")
    assert to_do(made) == "a"
    done = made.history[-1]
    assert (done.act, done.actor, done.to, done.comment) == (Act.HANDOVER, "boss", ("x",), "has left")


def test_the_successor_stands_in_the_same_place() -> None:
    made = node("a", "b", "c", mode=Mode.SEQUENTIAL)
    assert not hand_over(made, "boss", "b", ["h"])
    assert to_do(made) == "a"
    approve(made, "a")
    assert to_do(made) == "h"
    assert made.history[0].to == ("b", "h")


def test_what_was_delegated_comes_back_to_the_successor() -> None:
    made = node("a")
    acts.delegate(made, hand("a"), "x")
    assert not hand_over(made, "boss", "a", ["h"])
    assert states(made) == {"a": "transferred", "h": "delegated", "x": "to-do"}
    approve(made, "x")
    assert (made.outcome, to_do(made)) == (None, "h")


def test_who_was_asked_what_they_think_and_succeeds_decides() -> None:
    made = node("a")
    acts.delegate(made, hand("a"), "h")
    assert not hand_over(made, "boss", "a", ["h"])
    assert to_do(made) == "h"
    approve(made, "h")
    assert made.outcome is Outcome.APPROVED


def test_a_successor_who_signs_there_anyway_signs_once() -> None:
    made = node("a", "h", "c")
    assert not hand_over(made, "boss", "a", ["h"])
    assert states(made) == {"a": "skipped", "h": "to-do", "c": "to-do"}
    approve(made, "h", "c")
    assert made.outcome is Outcome.APPROVED


def test_a_successor_who_has_signed_is_not_asked_again() -> None:
    made = node("a", "h")
    approve(made, "h")
    assert not hand_over(made, "boss", "a", ["h"])
    assert (made.outcome, made.decided_by) == (Outcome.APPROVED, "boss")


@pytest.mark.parametrize(("which", "turn"), [(Duplicates.FIRST, "h"), (Duplicates.LAST, "b")])
def test_in_a_sequence_they_sign_where_the_rule_for_duplicates_puts_them(which: Duplicates, turn: str) -> None:
    made = node("a", "b", "h", mode=Mode.SEQUENTIAL, duplicates=which)
    assert not hand_over(made, "boss", "a", ["h"])
    assert to_do(made) == turn


def test_a_successor_who_made_the_request_gets_nothing() -> None:
    made = node("a", "b")
    (stays,) = hand_over(made, "boss", "a", [INITIATOR])
    assert (stays.person, to_do(made), made.history) == ("a", "a b", [])
    assert not hand_over(made, "boss", "a", [INITIATOR, "admin"], reasons={"admin": {"noSigner": "their own"}})
    assert to_do(made) == "b admin"
    reason = next(one.reason for one in made.items.values() if one.person == "admin")
    assert reason == {"noSigner": "their own", "handed_over_from": "a", "by": "boss"}


def test_a_successor_whom_another_signer_asks_does_not_become_a_signer() -> None:
    made = node("a", "b")
    acts.delegate(made, hand("b"), "h")
    (stays,) = hand_over(made, "boss", "a", ["h"])
    assert stays.person == "a"


@pytest.mark.parametrize("where", [Where.BEFORE, Where.AFTER])
def test_an_added_signer_is_not_needed_where_the_successor_signs(where: Where) -> None:
    made = node("a", "h")
    acts.add_signers(made, hand("a"), ["x"], where)
    assert not hand_over(made, "boss", "x", ["h"])
    assert states(made)["x"] == "skipped"
    approve(made, *to_do(made).split())
    assert made.outcome is Outcome.APPROVED


def test_what_is_decided_stays() -> None:
    made = node("a", "b", mode=Mode.ANY)
    approve(made, "b")
    before = states(made)
    assert not hand_over(made, "boss", "a", ["h"])
    assert states(made) == before

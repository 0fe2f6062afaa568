"""Countersign, or-sign, sequence and vote: what decides a node, and what is said to the others."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bpm_server.domain.approvals import acts
from bpm_server.domain.approvals.node import Outcome
from bpm_server.domain.approvals.policy import Compare, Mode, OnReject
from bpm_server.kernel.errors import WrongState
from tests.unit.domain.approvals.nodes import approve, hand, node, states, to_do

# --- countersign ----------------------------------------------------------------------------------------


def test_in_a_countersign_everybody_is_asked_at_once_and_all_must_agree() -> None:
    made = node("a", "b", "c")
    assert to_do(made) == "a b c"
    approve(made, "c", "a")
    assert made.outcome is None
    approve(made, "b")
    assert (made.outcome, made.decided_by) == (Outcome.APPROVED, "b")


def test_one_veto_ends_a_countersign() -> None:
    made = node("a", "b", "c")
    approve(made, "a")
    acts.reject(made, hand("b"), "too expensive")
    assert made.outcome is Outcome.REJECTED
    assert states(made) == {"a": "approved", "b": "rejected", "c": "handled-by-another"}


def test_a_countersign_may_hear_everybody_before_it_rejects() -> None:
    made = node("a", "b", "c", on_reject=OnReject.WAIT_ALL)
    acts.reject(made, hand("a"))
    assert made.outcome is None
    approve(made, "b", "c")
    assert made.outcome is Outcome.REJECTED


# --- or-sign --------------------------------------------------------------------------------------------


def test_the_first_to_act_decides_an_or_sign_and_the_others_are_told_who_did() -> None:
    made = node("a", "b", "c", mode=Mode.ANY)
    approve(made, "b")
    assert made.outcome is Outcome.APPROVED
    assert states(made) == {"a": "handled-by-another", "b": "approved", "c": "handled-by-another"}
    with pytest.raises(WrongState, match="Expected to approve here, but it was approved by b"):
        approve(made, "a")


def test_a_reject_decides_an_or_sign_too() -> None:
    made = node("a", "b", mode=Mode.ANY)
    acts.reject(made, hand("a"))
    assert made.outcome is Outcome.REJECTED


def test_an_or_sign_may_need_all_to_reject() -> None:
    made = node("a", "b", "c", mode=Mode.ANY, any_reject_decides=False)
    acts.reject(made, hand("a"))
    acts.reject(made, hand("b"))
    assert made.outcome is None
    acts.reject(made, hand("c"))
    assert made.outcome is Outcome.REJECTED


# --- sequence -------------------------------------------------------------------------------------------


def test_in_a_sequence_one_follows_the_other() -> None:
    made = node("a", "b", "c", mode=Mode.SEQUENTIAL)
    assert to_do(made) == "a"
    with pytest.raises(WrongState, match="what they do here is waiting"):
        approve(made, "b")
    approve(made, "a")
    assert to_do(made) == "b"
    approve(made, "b", "c")
    assert made.outcome is Outcome.APPROVED


def test_a_reject_stops_the_chain() -> None:
    made = node("a", "b", "c", mode=Mode.SEQUENTIAL)
    approve(made, "a")
    acts.reject(made, hand("b"))
    assert made.outcome is Outcome.REJECTED
    assert states(made)["c"] == "canceled"  # nobody had asked them yet


# --- vote -----------------------------------------------------------------------------------------------


def test_a_vote_of_three_above_half_ends_after_two_yes() -> None:
    made = node("a", "b", "c", mode=Mode.VOTE, threshold=Decimal("0.5"), compare=Compare.ABOVE)
    approve(made, "a")
    assert made.outcome is None
    approve(made, "c")
    assert made.outcome is Outcome.APPROVED


@pytest.mark.parametrize(
    ("compare", "outcome"), [(Compare.ABOVE, Outcome.REJECTED), (Compare.AT_LEAST, Outcome.APPROVED)]
)
def test_half_of_the_votes_is_at_least_half_and_not_above(compare: Compare, outcome: Outcome) -> None:
    made = node("a", "b", mode=Mode.VOTE, compare=compare)
    approve(made, "a")
    if made.outcome is None:
        acts.reject(made, hand("b"))
    assert made.outcome is outcome


def test_a_vote_ends_early_where_it_cannot_be_reached_any_more() -> None:
    made = node("a", "b", "c", "d", mode=Mode.VOTE, threshold=Decimal("0.75"), compare=Compare.AT_LEAST)
    acts.reject(made, hand("a"))
    assert made.outcome is None
    acts.reject(made, hand("b"))
    assert made.outcome is Outcome.REJECTED


def test_votes_have_weights() -> None:
    made = node("chair", "b", "c", mode=Mode.VOTE, weights={"chair": Decimal(3)})
    approve(made, "chair")
    assert made.outcome is Outcome.APPROVED
    made = node("chair", "b", "c", mode=Mode.VOTE, weights={"chair": Decimal("0.5")})
    approve(made, "chair", "b")
    assert made.outcome is Outcome.APPROVED

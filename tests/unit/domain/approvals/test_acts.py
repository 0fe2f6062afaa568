"""Each act does exactly what its name promises (docs of the product: approvals; one test for each of its rows)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bpm_server.domain.approvals import acts
from bpm_server.domain.approvals.items import GroupMode
from bpm_server.domain.approvals.node import Asked, Node, Outcome, Where
from bpm_server.domain.approvals.policy import Duplicates, InitiatorSigns, Mode, Policy
from bpm_server.kernel.errors import Forbidden, InvalidInput, NotFound, WrongState
from tests.unit.domain.approvals.nodes import INITIATOR, approve, hand, item_of, node, states, to_do

# --- add signer -----------------------------------------------------------------------------------------


def test_added_before_they_sign_first_and_it_returns_to_me() -> None:
    made = node("a", "b")
    acts.add_signers(made, hand("a"), ["x", "y"], Where.BEFORE)
    assert states(made) == {"a": "waiting-for-added", "b": "to-do", "x": "to-do", "y": "to-do"}
    approve(made, "x", "y")
    assert to_do(made) == "a b"
    approve(made, "a", "b")
    assert made.outcome is Outcome.APPROVED


def test_a_reject_of_who_was_added_before_is_for_me_to_weigh() -> None:
    made = node("a")
    acts.add_signers(made, hand("a"), ["x", "y"], Where.BEFORE)
    acts.reject(made, hand("x"), "I would not")
    assert (made.outcome, to_do(made)) == (None, "a")
    assert states(made)["y"] == "handled-by-another"
    approve(made, "a")
    assert made.outcome is Outcome.APPROVED


@pytest.mark.parametrize("mode", [GroupMode.ANY, GroupMode.ALL, GroupMode.SEQUENTIAL])
@pytest.mark.parametrize("agrees", [True, False])
def test_those_added_before_once_more_decide_anew(mode: GroupMode, agrees: bool) -> None:
    made = node("a")
    acts.add_signers(made, hand("a"), ["x"], Where.BEFORE, mode=mode)
    acts.reject(made, hand("x"), "no") if not agrees else approve(made, "x")
    acts.add_signers(made, hand("a"), ["y", "z"], Where.BEFORE, mode=mode)
    assert to_do(made) == ("y" if mode is GroupMode.SEQUENTIAL else "y z")
    acts.transfer(made, hand("y"), "w", "away")
    approve(made, "w")
    assert to_do(made) == ("a" if mode is GroupMode.ANY else "z")
    if mode is not GroupMode.ANY:
        approve(made, "z")
    acts.delegate(made, hand("a"), "v", "what do you think?")
    assert to_do(made) == "v"
    approve(made, "v", "a")
    assert made.outcome is Outcome.APPROVED


def test_a_vote_of_the_last_group_taken_back_opens_that_group_alone() -> None:
    made = node("a")
    acts.add_signers(made, hand("a"), ["v", "x"], Where.BEFORE, mode=GroupMode.ANY)
    approve(made, "x")
    acts.add_signers(made, hand("a"), ["y", "z"], Where.BEFORE, mode=GroupMode.ANY)
    approve(made, "z")
    acts.take_back(made, hand("z"))
    assert to_do(made) == "y z"
    assert states(made)["v"] == "handled-by-another"


def test_added_after_they_sign_when_i_have_agreed_and_it_does_not_return() -> None:
    made = node("a", "b")
    acts.add_signers(made, hand("a"), ["x"], Where.AFTER, comment="fine with me")
    assert states(made) == {"a": "approved", "b": "to-do", "x": "to-do"}
    approve(made, "b")
    assert made.outcome is None  # my yes waits for theirs
    approve(made, "x")
    assert made.outcome is Outcome.APPROVED


def test_a_reject_of_who_was_added_after_counts() -> None:
    made = node("a", "b")
    acts.add_signers(made, hand("a"), ["x"], Where.AFTER)
    acts.reject(made, hand("x"))
    assert made.outcome is Outcome.REJECTED


def test_added_beside_me_they_change_the_denominator() -> None:
    made = node("a", "b", mode=Mode.VOTE)
    approve(made, "a")
    acts.add_signers(made, hand("b"), ["x", "y"], Where.PARALLEL)
    acts.reject(made, hand("b"))
    assert made.outcome is None  # one of four, two open
    approve(made, "x")
    assert made.outcome is None  # two of four are not above half
    approve(made, "y")
    assert made.outcome is Outcome.APPROVED


def test_adding_a_signer_while_a_countersign_runs_changes_the_denominator() -> None:
    made = node("a", "b")
    approve(made, "a")
    acts.add_signers(made, hand("b"), ["x"], Where.PARALLEL)
    approve(made, "b")
    assert made.outcome is None
    approve(made, "x")
    assert made.outcome is Outcome.APPROVED


@pytest.mark.parametrize(
    ("mode", "first", "then"),
    [(GroupMode.ANY, "x y", "a"), (GroupMode.ALL, "x y", "y"), (GroupMode.SEQUENTIAL, "x", "y")],
)
def test_several_added_decide_as_it_was_said(mode: GroupMode, first: str, then: str) -> None:
    made = node("a")
    acts.add_signers(made, hand("a"), ["x", "y"], Where.BEFORE, mode=mode)
    assert to_do(made) == first
    approve(made, "x")
    assert to_do(made) == then


def test_who_was_added_adds_nobody() -> None:
    made = node("a")
    acts.add_signers(made, hand("a"), ["x"], Where.BEFORE)
    with pytest.raises(WrongState, match="'x' was added before"):
        acts.add_signers(made, hand("x"), ["y"], Where.BEFORE)


def test_before_and_after_do_not_stand_at_one_item() -> None:
    made = node("a")
    acts.add_signers(made, hand("a"), ["x"], Where.BEFORE)
    approve(made, "x")
    with pytest.raises(WrongState, match="on the other side"):
        acts.add_signers(made, hand("a"), ["y"], Where.AFTER)


@pytest.mark.parametrize("people", [["b"], ["a"], [], ["x", "x"]])
def test_nobody_signs_twice(people: list[str]) -> None:
    made = node("a", "b")
    with pytest.raises(InvalidInput, match="Expected"):
        acts.add_signers(made, hand("a"), people, Where.PARALLEL)
    assert len(made.items) == 2


def test_in_a_sequence_who_is_added_beside_me_signs_before_the_next() -> None:
    made = node("a", "b", mode=Mode.SEQUENTIAL)
    acts.add_signers(made, hand("a"), ["x"], Where.PARALLEL)
    approve(made, "a")
    assert to_do(made) == "x"
    approve(made, "x")
    assert to_do(made) == "b"


# --- remove signer --------------------------------------------------------------------------------------


def test_removing_the_last_open_signer_decides_the_node() -> None:
    made = node("a", "b")
    approve(made, "a")
    acts.remove_signer(made, hand("boss", is_admin=True), item_of(made, "b"))
    assert made.outcome is Outcome.APPROVED


def test_who_added_somebody_may_remove_them_and_nobody_else() -> None:
    made = node("a", "b")
    acts.add_signers(made, hand("a"), ["x"], Where.PARALLEL)
    with pytest.raises(Forbidden, match="only who added them"):
        acts.remove_signer(made, hand("b"), item_of(made, "x"))
    with pytest.raises(Forbidden):
        acts.remove_signer(made, hand("a"), item_of(made, "b"))  # the rules brought them in
    acts.remove_signer(made, hand("a"), item_of(made, "x"))
    approve(made, "a", "b")
    assert made.outcome is Outcome.APPROVED


def test_who_has_acted_is_not_removed_and_never_the_last() -> None:
    boss = hand("boss", is_admin=True)
    made = node("a", "b")
    approve(made, "a")
    with pytest.raises(WrongState, match="what they do here is approved"):
        acts.remove_signer(made, boss, item_of(made, "a"))
    made = node("a", "b")
    acts.remove_signer(made, boss, item_of(made, "a"))
    with pytest.raises(WrongState, match="'b' is the last who signs"):
        acts.remove_signer(made, boss, item_of(made, "b"))
    with pytest.raises(NotFound):
        acts.remove_signer(made, boss, 99)


def test_when_all_who_were_added_before_are_removed_it_returns_to_me() -> None:
    made = node("a")
    acts.add_signers(made, hand("a"), ["x"], Where.BEFORE)
    acts.remove_signer(made, hand("a"), item_of(made, "x"))
    assert to_do(made) == "a"


# --- transfer, delegate, substitute ---------------------------------------------------------------------


def test_transferred_it_is_theirs_for_good() -> None:
    made = node("a", "b", mode=Mode.SEQUENTIAL)
    acts.transfer(made, hand("a"), "x", "on leave")
    assert states(made) == {"a": "transferred", "b": "waiting", "x": "to-do"}
    with pytest.raises(Forbidden):
        approve(made, "a")
    approve(made, "x", "b")
    assert made.outcome is Outcome.APPROVED


@pytest.mark.parametrize("person", [INITIATOR, "b", "a"])
def test_it_is_not_transferred_to_the_initiator_or_to_who_signs_already(person: str) -> None:
    made = node("a", "b")
    with pytest.raises(InvalidInput):
        acts.transfer(made, hand("a"), person, "please")
    assert to_do(made) == "a b"


def test_a_transfer_has_a_reason_and_keeps_the_weight() -> None:
    made = node("chair", "b", "c", mode=Mode.VOTE, weights={"chair": Decimal(3)})
    with pytest.raises(InvalidInput, match="why"):
        acts.transfer(made, hand("chair"), "x", "  ")
    acts.transfer(made, hand("chair"), "x", "conflict of interest")
    approve(made, "x")
    assert made.outcome is Outcome.APPROVED


def test_delegated_it_comes_back_to_me_and_i_decide() -> None:
    made = node("a")
    acts.delegate(made, hand("a"), "x", "what do you think?")
    assert states(made) == {"a": "delegated", "x": "to-do"}
    with pytest.raises(WrongState, match="delegated"):
        approve(made, "a")
    acts.reject(made, hand("x"), "rather not")
    assert (made.outcome, to_do(made)) == (None, "a")
    approve(made, "a")
    assert made.outcome is Outcome.APPROVED


def test_a_substitute_acts_for_somebody() -> None:
    made = node("a")
    acts.approve(made, hand("s", "a"))
    (item,) = made.items.values()
    assert (made.outcome, item.person, item.acted_by) == (Outcome.APPROVED, "a", "s")


def test_a_substitute_who_made_the_request_gets_nothing() -> None:
    made = node("a", initiator="s")
    with pytest.raises(Forbidden, match="'s' made the request"):
        acts.approve(made, hand("s", "a"))
    assert made.outcome is None


def test_who_stands_for_two_says_for_whom() -> None:
    made = node("a", "b")
    with pytest.raises(InvalidInput, match="there are several: a, b"):
        acts.approve(made, hand("s", "a", "b"))
    acts.approve(made, hand("s", "a", "b"), item=item_of(made, "b"))
    acts.approve(made, hand("s", "a", "b"))
    assert made.outcome is Outcome.APPROVED


def test_their_own_item_goes_before_those_they_stand_for() -> None:
    made = node("a", "s")
    acts.approve(made, hand("s", "a"))
    assert states(made) == {"a": "to-do", "s": "approved"}


# --- return, take back ----------------------------------------------------------------------------------


def test_a_return_is_one_persons_act_and_ends_the_node() -> None:
    made = node("a", "b", "c")
    approve(made, "a")
    acts.give_back(made, hand("b"), "initiator", "the invoice is missing")
    assert (made.outcome, made.target) == (Outcome.RETURNED, "initiator")
    assert states(made) == {"a": "approved", "b": "returned", "c": "canceled"}


def test_a_return_says_why_and_goes_where_the_policy_lets_it() -> None:
    made = node("a", return_to=("initiator",))
    with pytest.raises(InvalidInput, match="why it is returned"):
        acts.give_back(made, hand("a"), "initiator", "")
    with pytest.raises(InvalidInput, match="one of initiator"):
        acts.give_back(made, hand("a"), "elsewhere", "x")
    assert to_do(made) == "a"


def test_a_vote_is_taken_back_while_nobody_has_acted_since() -> None:
    made = node("a", "b", mode=Mode.SEQUENTIAL)
    approve(made, "a")
    acts.take_back(made, hand("a"))
    assert (to_do(made), states(made)["b"]) == ("a", "waiting")
    approve(made, "a")
    acts.delegate(made, hand("b"), "x")
    acts.take_back(made, hand("a"))  # a question is no answer
    made = node("a", "b", "c", mode=Mode.SEQUENTIAL)
    approve(made, "a", "b")
    with pytest.raises(WrongState, match="but b did"):
        acts.take_back(made, hand("a"))


def test_what_is_decided_is_not_taken_back() -> None:
    made = node("a", mode=Mode.ANY)
    approve(made, "a")
    with pytest.raises(WrongState, match="approved by a"):
        acts.take_back(made, hand("a"))


def test_an_opinion_is_taken_back_until_it_was_used() -> None:
    made = node("a")
    acts.add_signers(made, hand("a"), ["x", "y"], Where.BEFORE, mode=GroupMode.ANY)
    approve(made, "x")
    acts.take_back(made, hand("x"))
    assert states(made) == {"a": "waiting-for-added", "x": "to-do", "y": "to-do"}


# --- who is asked ---------------------------------------------------------------------------------------


def test_an_empty_list_is_told_and_never_passes() -> None:
    made = Node(Policy(), INITIATOR, iter(range(9)).__next__)
    assert not made.open([])
    assert made.outcome is None


@pytest.mark.parametrize(
    ("rule", "asked"),
    [(InitiatorSigns.SELF, "ines b"), (InitiatorSigns.SKIP, "b"), (InitiatorSigns.SUPERIOR, "chief b")],
)
def test_the_initiator_as_a_signer(rule: InitiatorSigns, asked: str) -> None:
    made = Node(Policy(initiator=rule), INITIATOR, iter(range(9)).__next__)
    made.open([Asked(INITIATOR), Asked("b")], superior_of=lambda _: Asked("chief"))
    assert to_do(made) == asked


def test_where_all_are_passed_over_the_policy_approves() -> None:
    made = Node(Policy(initiator=InitiatorSigns.SKIP), INITIATOR, iter(range(9)).__next__)
    assert made.open([Asked(INITIATOR)])
    assert (made.outcome, made.decided_by, states(made)) == (Outcome.APPROVED, None, {INITIATOR: "skipped"})


@pytest.mark.parametrize(("which", "order"), [(Duplicates.FIRST, "a b c"), (Duplicates.LAST, "b a c")])
def test_somebody_named_twice_is_asked_once(which: Duplicates, order: str) -> None:
    made = node("a", "b", "a", "c", duplicates=which)
    assert to_do(made) == order


def test_who_approved_before_may_be_passed_over() -> None:
    made = Node(Policy(skip_approved=True), INITIATOR, iter(range(9)).__next__)
    made.open([Asked("a"), Asked("b")], approved_before=frozenset("a"))
    assert states(made) == {"a": "skipped", "b": "to-do"}


def test_whoever_is_not_asked_may_not_act() -> None:
    made = node("a")
    with pytest.raises(Forbidden, match="others are"):
        approve(made, "stranger")


def test_a_node_has_an_end() -> None:
    made = node("a")
    with pytest.raises(InvalidInput, match="at most 1000"):
        acts.add_signers(made, hand("a"), [f"p{number}" for number in range(1_000)], Where.PARALLEL)
    assert len(made.items) == 1

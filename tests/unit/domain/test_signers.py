"""Who signs, and why; nobody is an outcome, not an approval."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from bpm_server.domain.organisation import Organisation, Person
from bpm_server.domain.signers import (
    Case,
    Found,
    LeftOut,
    NoSigner,
    Reason,
    Represented,
    RuleKind,
    Signer,
    SignerRule,
    WhyNot,
    find_signers,
    read_rules,
)
from bpm_server.domain.substitutions import Mode, Substitution
from bpm_server.kernel.errors import InvalidInput
from tests.support.organisations import TRADING

NOW = datetime(2026, 5, 1, tzinfo=UTC)
CASE = Case("seller", "order", NOW, previous=("buyer", "sales-head"))


def find(value: Any, organisation: Organisation = TRADING, case: Case = CASE) -> Found | NoSigner:
    return find_signers(organisation, read_rules(value), case)


def names(value: Any, organisation: Organisation = TRADING, case: Case = CASE) -> list[str]:
    found = find(value, organisation, case)
    assert isinstance(found, Found), found
    return [one.username for one in found.signers]


def with_substitute(username: str, substitute: str | None, **more: Any) -> Organisation:
    one = Substitution(7, username, substitute, Mode.ABSENCE, NOW - timedelta(days=1), **more)
    return replace(TRADING, substitutions=(one,))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("buyer", ["buyer"]),
        (["buyer", "boss", "buyer"], ["buyer", "boss"]),
        ("group:finance", ["buyer", "boss"]),
        ({"group": "finance"}, ["buyer", "boss"]),
        ("role:auditor", ["outsider"]),
        ("department:sales", ["sales-head", "east-head", "seller"]),
        ({"department": "sales", "deep": False}, ["sales-head"]),
        ("head of department", ["east-head"]),
        ("head of purchasing", ["boss"]),
        ("superior", ["east-head"]),
        ("superior(2)", ["sales-head"]),
        ({"superior": Decimal(3)}, ["boss"]),
        ("superiors(2)", ["east-head", "sales-head"]),
        ("superiors(9)", ["east-head", "sales-head", "boss"]),
        ("previous signer", ["sales-head"]),
        ("initiator", ["seller"]),
        (["superior(1)", {"user": "east-head"}], ["east-head"]),
    ],
)
def test_rules_find_people_in_order_and_once(value: Any, expected: list[str]) -> None:
    assert names(value) == expected


def test_the_reasons_say_which_rule_and_whose_head() -> None:
    found = find(["superior(1)", "head of department"])
    above, head = SignerRule(RuleKind.SUPERIOR, level=1), SignerRule(RuleKind.HEAD)
    expected = (Reason(above, "seller", "east", "department_head"), Reason(head, "seller", "east", "department_head"))
    assert found == Found((Signer("east-head", expected),))


@pytest.mark.parametrize(
    ("value", "why", "username"),
    [
        ("nobody", WhyNot.UNKNOWN, "nobody"),
        ("group:none", WhyNot.UNKNOWN, None),
        ("group:empty", WhyNot.EMPTY, None),
        ("role:none", WhyNot.UNKNOWN, None),
        ("department:none", WhyNot.UNKNOWN, None),
        ("head of none", WhyNot.UNKNOWN, None),
        ("superior(9)", WhyNot.EMPTY, None),
    ],
)
def test_nobody_is_an_outcome_that_says_why(value: str, why: WhyNot, username: str | None) -> None:
    (rule,) = read_rules(value)
    assert find(value) == NoSigner((LeftOut(rule, why, username),))


def test_no_rule_finds_nobody() -> None:
    assert find(None) == find([]) == NoSigner(())


def test_without_initiator_and_previous_signer_their_rules_find_nobody() -> None:
    case = Case(None, "order", NOW)
    for value in ("initiator", "previous signer", "superior(1)", "superiors(1)", "head of department"):
        assert isinstance(find(value, case=case), NoSigner)


def test_whoever_left_is_left_out_and_named() -> None:
    gone = replace(TRADING, people={**TRADING.people, "buyer": Person("buyer", active=False)})
    found = find("group:finance", gone)
    assert isinstance(found, Found)
    assert [one.username for one in found.signers] == ["boss"]
    assert found.left_out == (LeftOut(SignerRule(RuleKind.GROUP, "finance"), WhyNot.LEFT, "buyer"),)


def test_a_substitute_is_asked_for_who_is_away() -> None:
    found = find("buyer", with_substitute("buyer", "outsider"))
    reasons = (Reason(SignerRule(RuleKind.USER, "buyer")),)
    represented = Represented("buyer", reasons, ("buyer", "outsider"))
    assert found == Found((Signer("outsider", (), (represented,)),))


def test_a_substitute_who_is_asked_anyway_is_asked_once_for_both() -> None:
    for value in (["buyer", "boss"], ["boss", "buyer"]):
        found = find(value, with_substitute("buyer", "boss"))
        assert isinstance(found, Found)
        (signer,) = found.signers
        assert signer.username == "boss"
        assert [one.username for one in signer.stands_for] == ["buyer"]
        assert [reason.rule.name for reason in signer.reasons] == ["boss"]


def test_a_substitute_who_is_the_initiator_gets_nothing() -> None:
    found = find("buyer", with_substitute("buyer", "seller"))
    rule = SignerRule(RuleKind.USER, "buyer")
    assert found == Found(
        (Signer("buyer", (Reason(rule),)),), (LeftOut(rule, WhyNot.SUBSTITUTE_IS_INITIATOR, "seller"),)
    )


def test_limits_and_absence_without_anybody() -> None:
    limited = with_substitute("buyer", "outsider", most_amount=Decimal(100))
    assert names("buyer", limited) == ["buyer"]
    assert names("buyer", limited, replace(CASE, amount=Decimal(100))) == ["outsider"]
    assert names("buyer", with_substitute("buyer", None)) == ["buyer"]


@pytest.mark.parametrize(
    "value",
    ["", " ", 5, ["a", None], {"group": ""}, {"group": "a", "role": "b"}, {"x": "y"}, "superior(0)", "superior(51)",
     {"superior": "1"}, {"superior": Decimal("1.5")}, {"superior": True}, "two words", "group:", {"deep": False},
     {"department": "a", "deep": "no"}, ["a"] * 501],
)  # fmt: skip
def test_what_is_no_rule_is_refused(value: Any) -> None:
    with pytest.raises(InvalidInput, match=r"Expected (a person, or a rule|at most 500 rules)"):
        read_rules(value)

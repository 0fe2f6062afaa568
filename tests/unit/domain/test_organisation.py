"""Departments, heads and superiors, also of organisations that are drawn at random."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpm_server.domain import organisation as rules
from bpm_server.domain.organisation import Department, Membership, Organisation, Person, Superior, SuperiorRule
from bpm_server.kernel.errors import Conflict, InvalidInput, NotFound
from tests.support.organisations import TRADING


def names(chain: list[Superior]) -> list[str]:
    return [one.username for one in chain]


def test_the_chain_goes_over_heads_to_the_top() -> None:
    assert names(rules.superiors(TRADING, "seller")) == ["east-head", "sales-head", "boss"]
    assert names(rules.superiors(TRADING, "east-head")) == ["sales-head", "boss"]
    assert rules.superiors(TRADING, "boss") == []
    assert rules.nth_superior(TRADING, "seller", 2) == Superior("sales-head", SuperiorRule.HEAD, "sales")
    assert rules.nth_superior(TRADING, "seller", 4) is None


def test_a_named_superior_goes_before_the_head() -> None:
    changed = rules.with_superior(TRADING, "seller", "buyer")
    assert rules.superior_of(changed, "seller") == Superior("buyer", SuperiorRule.NAMED)
    assert names(rules.superiors(changed, "seller")) == ["buyer", "boss"]  # purchasing has no head


def test_whoever_left_is_passed_over() -> None:
    people = {**TRADING.people, "east-head": Person("east-head", active=False)}
    changed = replace(rules.with_superior(TRADING, "buyer", "east-head"), people=people)
    assert names(rules.superiors(changed, "seller")) == ["sales-head", "boss"]
    assert rules.superior_of(changed, "buyer") == Superior("boss", SuperiorRule.HEAD, "company")
    assert rules.members(changed, "east") == ["seller"]


def test_the_head_of_a_department_may_be_the_person() -> None:
    assert rules.department_head(TRADING, "east-head") == Superior("east-head", SuperiorRule.HEAD, "east")
    assert rules.department_head(TRADING, "buyer") == Superior("boss", SuperiorRule.HEAD, "company")
    assert rules.department_head(TRADING, "nobody") is None


def test_a_head_of_several_departments_has_the_head_above_the_highest() -> None:
    both = rules.with_department(TRADING, replace(TRADING.departments["east"], head="sales-head"))
    assert rules.superior_of(both, "sales-head") == Superior("boss", SuperiorRule.HEAD, "company")


def test_members_with_and_without_what_is_below() -> None:
    assert rules.members(TRADING, "sales", deep=False) == ["sales-head"]
    assert rules.members(TRADING, "sales") == ["sales-head", "east-head", "seller"]
    assert rules.with_below(TRADING, "company") == ["company", "purchasing", "sales", "east"]


def test_the_first_department_is_the_main_one_and_there_is_one() -> None:
    twice = rules.with_membership(TRADING, Membership("purchasing", "seller"))
    assert rules.main_department(twice, "seller") == "east"
    moved = rules.with_membership(twice, Membership("purchasing", "seller", is_main=True))
    assert rules.main_department(moved, "seller") == "purchasing"
    assert [one.is_main for one in moved.by_person["seller"]] == [True, False]
    assert rules.main_department(rules.without_membership(moved, "purchasing", "seller"), "seller") == "east"
    assert "seller" not in rules.without_membership(TRADING, "east", "seller").by_person


def test_circles_are_refused_with_the_path() -> None:
    circle = rules.with_department(TRADING, replace(TRADING.departments["sales"], parent_id="east"))
    with pytest.raises(Conflict, match=r"circle: (sales -> east -> sales|east -> sales -> east)"):
        rules.check_organisation(circle)
    with pytest.raises(NotFound, match="department 'nowhere'"):
        rules.check_organisation(rules.with_department(TRADING, Department("x", "x", parent_id="nowhere")))
    above = rules.with_superior(TRADING, "boss", "seller")
    with pytest.raises(Conflict, match="boss -> seller -> east-head -> sales-head -> boss") as raised:
        rules.check_organisation(above)
    assert raised.value.details["path"] == ["boss", "seller", "east-head", "sales-head", "boss"]


@pytest.mark.parametrize("level", [0, -1, 51])
def test_levels_that_cannot_be(level: int) -> None:
    with pytest.raises(InvalidInput, match="a level from 1 to 50"):
        rules.nth_superior(TRADING, "seller", level)


def test_changes_are_told() -> None:
    before, after = {"name": "a", "head": None}, {"name": "a", "head": "x"}
    assert rules.told_change(before, after) == "head: None -> 'x'"
    assert rules.told_change({}, {"name": "a"}) == "name: None -> 'a'"


PEOPLE = [f"p{n}" for n in range(8)]
IDS = [f"d{n}" for n in range(6)]


@st.composite
def organisations(draw: st.DrawFn) -> Organisation:
    """Any parents, heads, members and named superiors: sound or not."""
    someone = st.none() | st.sampled_from(PEOPLE)
    departments = {
        name: Department(name, name, parent_id=draw(st.none() | st.sampled_from(IDS)), head=draw(someone))
        for name in IDS
    }
    places = draw(st.sets(st.tuples(st.sampled_from(IDS), st.sampled_from(PEOPLE)), max_size=12))
    named = draw(st.dictionaries(st.sampled_from(PEOPLE), st.sampled_from(PEOPLE), max_size=4))
    found = Organisation(
        people={name: Person(name, active=draw(st.integers(0, 5)) > 0) for name in PEOPLE},
        departments=departments,
        superiors=named,
    )
    for department_id, username in sorted(places):
        found = rules.with_membership(found, Membership(department_id, username, is_main=draw(st.booleans())))
    return found


@given(organisations())
def test_whatever_the_organisation_chains_end_and_circles_are_found(found: Organisation) -> None:
    above = {name: one.parent_id for name, one in found.departments.items()}
    in_circle = False
    for name in IDS:
        at, steps = above[name], 0
        while at is not None and steps <= len(IDS):
            at, steps = above[at], steps + 1
        in_circle |= at is not None
    if in_circle:
        with pytest.raises(Conflict, match="departments that lead up to a root"):
            rules.check_departments(found)
    else:
        rules.check_departments(found)
    for name in PEOPLE:
        chain = [name, *names(rules.superiors(found, name))]
        assert len(set(chain)) == len(chain)
        assert all(found.is_active(one) for one in chain[1:])
        assert sum(one.is_main for one in found.by_person.get(name, ())) == (name in found.by_person)
    for department_id in IDS:
        below = rules.with_below(found, department_id)
        assert len(set(below)) == len(below) and department_id in below


@given(organisations())
def test_without_named_superiors_nobody_is_above_themselves(found: Organisation) -> None:
    """Heads alone cannot make a circle: who is above heads a higher department."""
    parents = {
        name: (f"d{int(name[1:]) - 1}" if one.parent_id and name != "d0" else None)
        for name, one in found.departments.items()
    }
    tree = {name: replace(one, parent_id=parents[name]) for name, one in found.departments.items()}
    rules.check_organisation(replace(found, departments=tree, superiors={}))

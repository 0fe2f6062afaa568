"""Substitutes: who acts for whom, when, for which process and up to which amount; never in a circle."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpm_server.domain.organisation import Organisation, Person
from bpm_server.domain.substitutions import (
    Mode,
    StandIn,
    Substitution,
    check_substitution,
    is_absent,
    stand_in,
    substitution_in_force,
)
from bpm_server.kernel.errors import BpmError, Conflict, InvalidInput

START = datetime(2026, 5, 1, tzinfo=UTC)
DAY = timedelta(days=1)
NOON = START + DAY / 2


def away(
    key: int, username: str, substitute: str | None, first: int = 0, last: int | None = 10, **more: Any
) -> Substitution:
    ends_at = None if last is None else START + last * DAY
    return Substitution(key, username, substitute, more.pop("mode", Mode.ABSENCE), START + first * DAY, ends_at, **more)


def company(*substitutions: Substitution, left: str = "") -> Organisation:
    people = {name: Person(name, active=name != left) for name in "abcdef"}
    return Organisation(people=people, substitutions=substitutions)


def acting(
    organisation: Organisation, at: datetime = NOON, process: str = "p", amount: Decimal | None = None
) -> str | None:
    found = stand_in(organisation, "a", at, process, amount)
    return None if found is None else found.username


def test_from_its_begin_to_before_its_end() -> None:
    one = company(away(1, "a", "b", 1, 2))
    moments = (START + DAY - timedelta.resolution, START + DAY, START + 2 * DAY - timedelta.resolution, START + 2 * DAY)
    assert [acting(one, moment) for moment in moments] == [None, "b", "b", None]
    assert [is_absent(one, "a", moment) for moment in moments] == [False, True, True, False]


def test_one_for_the_process_goes_before_one_for_all() -> None:
    both = company(away(1, "a", "b"), away(2, "a", "c", processes=("p", "q")))
    assert (acting(both), acting(both, process="x")) == ("c", "b")


def test_a_limit_holds_and_what_is_not_known_is_more() -> None:
    one = company(away(1, "a", "b", most_amount=Decimal(500_000)))
    amounts = (Decimal("500000.00"), Decimal("500000.01"), None)
    assert [acting(one, amount=amount) for amount in amounts] == ["b", None, None]
    wider = company(away(1, "a", "b", most_amount=Decimal(5), processes=("p",)), away(2, "a", "c"))
    assert acting(wider, amount=Decimal(6)) == "c"


def test_the_substitute_of_who_is_away_acts() -> None:
    chain = company(away(1, "a", "b"), away(2, "b", "c"))
    assert stand_in(chain, "a", NOON, "p") == StandIn("c", ("a", "b", "c"), 2, Mode.ABSENCE)
    limited = company(away(1, "a", "b"), away(2, "b", "c", most_amount=Decimal(1)))
    assert acting(limited, amount=Decimal(2)) is None
    assert acting(company(away(1, "a", "b"), away(2, "b", None))) is None
    assert acting(company(away(1, "a", "b"), away(2, "b", "c", mode=Mode.ASSISTANCE))) == "b"
    assert acting(company(away(1, "a", "b"), left="b")) is None
    assert acting(company(away(1, "a", "b"), away(2, "b", "c"), left="b")) == "c"


@pytest.mark.parametrize(
    ("new", "says"),
    [
        (away(1, "a", "a"), "somebody else to act for 'a'"),
        (away(1, "a", None, mode=Mode.ASSISTANCE), "somebody to assist 'a', but found nobody"),
        (away(1, "a", "b", 2, 2), "an end after the begin 2026-05-03"),
        (away(1, "a", "b", processes=()), "1 to 100 processes"),
        (away(1, "a", "b", most_amount=Decimal(0)), "an amount above zero"),
        (away(1, "a", "b", most_amount=Decimal("NaN")), "an amount above zero"),
    ],
)
def test_what_cannot_be(new: Substitution, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        check_substitution(new, company())


@pytest.mark.parametrize(
    ("other", "refused"),
    [
        (away(2, "a", "c", 9, 12), True),
        (away(2, "a", "c", 10, 12), False),
        (away(2, "a", "c", None or 0, None), True),
        (away(2, "a", "c", processes=("p",)), False),
        (away(2, "b", "c"), False),
    ],
)
def test_one_at_a_time(other: Substitution, refused: bool) -> None:
    new = away(1, "a", "b")
    if not refused:
        check_substitution(new, company(other))
        return
    with pytest.raises(Conflict, match="one substitution of 'a' at a time, but '2' counts from"):
        check_substitution(new, company(other))


def test_a_circle_is_refused_with_its_path_where_all_meet() -> None:
    new = away(3, "c", "a", 4, 6)
    with pytest.raises(Conflict, match="c -> a -> b -> c"):
        check_substitution(new, company(away(1, "a", "b"), away(2, "b", "c")))
    check_substitution(new, company(away(1, "a", "b"), away(2, "b", "c", 6, 8)))
    check_substitution(new, company(away(1, "a", "b", processes=("p",)), away(2, "b", "c", processes=("q",))))
    check_substitution(replace(new, processes=("q",)), company(away(1, "a", "b", processes=("p",)), away(2, "b", "c")))


@st.composite
def substitutions(draw: st.DrawFn) -> Substitution:
    begin = draw(st.integers(0, 6))
    return away(
        draw(st.integers(1, 10**9)),
        draw(st.sampled_from("abcdef")),
        draw(st.sampled_from("abcdef")),
        begin,
        draw(st.none() | st.integers(begin + 1, 8)),
        processes=draw(st.sampled_from([None, ("p",), ("q",), ("p", "q")])),
    )


@given(st.lists(substitutions(), max_size=10), st.integers(0, 8), st.sampled_from("pq"))
def test_what_was_accepted_never_goes_in_a_circle(drawn: list[Substitution], day: int, process: str) -> None:
    organisation = company()
    for new in drawn:
        try:
            check_substitution(new, organisation)
        except BpmError:
            continue
        organisation = replace(organisation, substitutions=(*organisation.substitutions, new))
    moment = START + day * DAY
    for name in "abcdef":
        path = [name]
        while (one := substitution_in_force(organisation, path[-1], moment, process)) is not None:
            assert one.substitute is not None and one.substitute not in path
            path.append(one.substitute)
        found = stand_in(organisation, name, moment, process)
        assert (found is None) == (len(path) == 1)
        if found is not None:
            assert list(found.path) == path


@given(st.lists(substitutions(), max_size=12), st.integers(0, 8))
def test_whatever_there_is_the_search_ends_elsewhere(drawn: list[Substitution], day: int) -> None:
    organisation = company(*drawn)
    for name in "abcdef":
        found = stand_in(organisation, name, START + day * DAY, "p")
        assert found is None or (found.username != name and len(set(found.path)) == len(found.path))

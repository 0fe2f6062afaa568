"""Who acts for whom, asked the other way round, is what ``stand_in`` says: for any process and any amount."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from bpm_server.domain.organisation import Organisation, Person
from bpm_server.domain.represented import Represented, represented_by
from bpm_server.domain.substitutions import Mode, Substitution, stand_in

NOW = datetime(2026, 3, 2, tzinfo=UTC)
PEOPLE = ("a", "b", "c", "d")
PROCESSES = ("p", "q", "r")
AMOUNTS = [None, *map(Decimal, ("0.5", "10", "10.01", "99", "100", "1000"))]
substitutions = st.lists(
    st.builds(
        Substitution,
        st.integers(1, 99),
        st.sampled_from(PEOPLE),
        st.sampled_from([*PEOPLE, None]),
        st.sampled_from(Mode),
        st.sampled_from([NOW - timedelta(days=1), NOW + timedelta(days=1)]),
        st.none(),
        st.sampled_from([None, ("p",), ("p", "q")]),
        st.sampled_from([None, Decimal(10), Decimal(100)]),
    ),
    max_size=6,
)


def company(found: list[Substitution]) -> Organisation:
    return Organisation(people={name: Person(name) for name in PEOPLE}, substitutions=tuple(found))


def covers(one: Represented, process_id: str, amount: Decimal | None) -> bool:
    return one.covers(process_id) and one.allows(amount)


@given(substitutions)
@settings(max_examples=400, deadline=None)
def test_it_is_what_stand_in_says(found: list[Substitution]) -> None:
    organisation = company(found)
    for substitute in PEOPLE:
        ones = represented_by(organisation, substitute, NOW)
        for person in PEOPLE:
            for process in PROCESSES:
                for amount in AMOUNTS:
                    other = stand_in(organisation, person, NOW, process, amount)
                    expected = other is not None and other.username == substitute
                    mine = [one for one in ones if one.username == person and covers(one, process, amount)]
                    assert len(mine) == expected, (person, process, amount)


def test_whoever_has_nobody_behind_them_is_asked_nothing() -> None:
    assert represented_by(company([]), "a", NOW) == ()

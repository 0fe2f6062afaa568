"""Many change the organisation at once: it stays sound, and what people may see of it is never old."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bpm_server.domain import organisation as rules
from bpm_server.domain.identity import SYSTEM
from bpm_server.kernel.errors import Conflict
from bpm_server.services import departments, installation, people, substitutions, users
from bpm_server.store.moments import read_moment
from bpm_server.store.organisation import read_organisation
from tests.support.contention import at_once
from tests.support.product import ADMIN

if TYPE_CHECKING:
    from bpm_server.domain.organisation import Organisation
    from tests.support.product import Product


def organisation(bpm: Product) -> Organisation:
    with bpm.server.database.read() as connection:
        return read_organisation(connection, read_moment(connection).now)


def add_people(bpm: Product, *names: str) -> None:
    for name in names:
        users.create_user(bpm.server, SYSTEM, name, password="correct horse battery")


def refused(results: list[Any]) -> list[Any]:
    assert all(one is None or isinstance(one, rules.Department | int | Conflict) for one in results), results
    return [one for one in results if isinstance(one, Conflict)]


def test_two_who_move_departments_below_each_other_make_no_circle(bpm: Product) -> None:
    for name in ("a", "b"):
        departments.create_department(bpm.server, ADMIN, name, name)
    pairs = [("a", "b"), ("b", "a")]
    for _ in range(5):
        results = at_once(2, lambda n: departments.move_department(bpm.server, ADMIN, *pairs[n]))
        (loser,) = refused(results)
        assert sorted(set(loser.details["path"])) == ["a", "b"]
        rules.check_organisation(organisation(bpm))
        for name in ("a", "b"):
            departments.move_department(bpm.server, ADMIN, name, None)


def test_a_ring_of_moves_at_once_leaves_a_tree(bpm: Product) -> None:
    names = [f"d{n}" for n in range(8)]
    for name in names:
        departments.create_department(bpm.server, ADMIN, name, name)
    results = at_once(8, lambda n: departments.move_department(bpm.server, ADMIN, names[n], names[(n + 1) % 8]))
    assert len(refused(results)) == 1
    found = organisation(bpm)
    rules.check_departments(found)
    assert [one.department_id for one in found.departments.values() if one.parent_id is None] != []


def test_superiors_named_at_once_make_no_circle(bpm: Product) -> None:
    add_people(bpm, *"abcd")
    results = at_once(4, lambda n: people.name_superior(bpm.server, ADMIN, "abcd"[n], "bcda"[n]))
    assert len(refused(results)) == 1
    rules.check_superiors(organisation(bpm))


def test_substitutes_appointed_at_once_are_in_no_circle_and_one_at_a_time(bpm: Product) -> None:
    add_people(bpm, *"abc")
    results = at_once(3, lambda n: substitutions.appoint_substitute(bpm.server, ADMIN, "abc"[n], "bca"[n]))
    assert len(refused(results)) == 1
    assert len(organisation(bpm).substitutions) == 2


def test_of_many_substitutes_of_one_person_one_is_appointed(bpm: Product) -> None:
    add_people(bpm, *"abcd")
    results = at_once(3, lambda n: substitutions.appoint_substitute(bpm.server, ADMIN, "a", "bcd"[n]))
    assert len(refused(results)) == 2
    assert len(organisation(bpm).substitutions) == 1


def test_one_main_department_whoever_is_faster(bpm: Product) -> None:
    add_people(bpm, "a")
    names = [f"d{n}" for n in range(6)]
    for name in names:
        departments.create_department(bpm.server, ADMIN, name, name)
    at_once(6, lambda n: people.assign_person(bpm.server, ADMIN, names[n], "a", is_main=True))
    mine = organisation(bpm).by_person["a"]
    assert len(mine) == 6
    assert [one.is_main for one in mine].count(True) == 1


def test_what_is_in_memory_is_never_old(bpm: Product) -> None:
    def head() -> str | None:
        with bpm.server.database.read() as connection:
            return bpm.server.organisations.at(connection, read_moment(connection)).departments["d"].head

    add_people(bpm, "a")
    departments.create_department(bpm.server, ADMIN, "d", "d")
    assert head() is None
    departments.appoint_head(bpm.server, ADMIN, "d", "a")
    assert head() == "a"
    with pytest.raises(Conflict):
        departments.move_department(bpm.server, ADMIN, "d", "d")
    assert head() == "a"


def test_nobody_who_is_deleted_becomes_head_meanwhile(bpm: Product) -> None:
    departments.create_department(bpm.server, ADMIN, "d", "d")
    installation.prepare_installation(bpm.server, "correct horse battery")
    for round_ in range(3):
        name = f"p{round_}"
        add_people(bpm, name)
        acts = (
            lambda name=name: users.delete_user(bpm.server, ADMIN, name),
            lambda name=name: departments.appoint_head(bpm.server, ADMIN, "d", name),
        )
        at_once(2, lambda n, acts=acts: acts[n]())
        assert organisation(bpm).departments["d"].head is None
        assert name not in organisation(bpm).people

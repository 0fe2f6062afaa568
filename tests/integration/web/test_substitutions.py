"""Substitutes and absences over REST."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.rest import add_person

if TYPE_CHECKING:
    from tests.support.product import Product
    from tests.support.rest import Rest
    from tests.support.worlds import World

PATH = "/api/substitutions"
JANUARY = {"beginsAt": "2026-01-10T00:00:00Z", "endsAt": "2026-01-20T00:00:00Z"}


@pytest.fixture
def people(bpm: Product, rest: Rest) -> dict[str, Rest]:
    return {name: rest.as_(add_person(bpm, name, roles=("staff",))) for name in ("ann", "ben", "eve")}


def test_one_from_beginning_to_end(bpm: Product, rest: Rest, people: dict[str, Rest]) -> None:
    ann = people["ann"]
    body = {
        "substitute": "ben",
        **JANUARY,
        "processes": ["order", "order", "quote"],
        "mostAmount": Decimal("500000.01"),
    }
    made = ann.post(PATH, body)
    expected = {
        "username": "ann",
        "substitute": "ben",
        "mode": "absence",
        "beginsAt": "2026-01-10T00:00:00.000Z",
        "endsAt": "2026-01-20T00:00:00.000Z",
        "processes": ["order", "quote"],
        "mostAmount": Decimal("500000.01"),
        "reason": None,
        "createdBy": "ann",
        "withdrawnAt": None,
        "withdrawnBy": None,
    }
    assert made.status == 201
    assert {name: made[name] for name in expected} == expected
    key = made["substitutionKey"]
    assert ann.get(f"{PATH}/{key}").body == people["ben"].get(f"{PATH}/{key}").body == made.body
    assert ann.post(f"{PATH}/{key}/withdrawal").status == 204
    over = ann.post(f"{PATH}/{key}/withdrawal")
    assert (over.status, "is over since" in over["detail"]) == (409, True)
    found = rest.post(f"{PATH}/search", {"filter": {"username": "ann", "withdrawnAt": {"$exists": True}}})["items"]
    assert [(one["substitutionKey"], one["withdrawnBy"]) for one in found] == [(key, "ann")]


def test_who_is_away_now_and_who_acts(bpm: Product, rest: Rest, people: dict[str, Rest]) -> None:
    people["ann"].post(PATH, {"substitute": "ben", **JANUARY})
    people["eve"].post(PATH, {"mode": "absence"})

    def now(name: str) -> tuple[bool, str | None]:
        found = rest.get(f"/api/people/{name}")
        return found["absent"], found["substitute"]

    assert (now("ann"), now("eve")) == ((False, None), (True, None))
    bpm.clock.advance(days=10)
    assert now("ann") == (True, "ben")
    bpm.clock.advance(days=10)
    assert now("ann") == (False, None)


def test_others_only_by_right(rest: Rest, people: dict[str, Rest]) -> None:
    body = {"username": "ann", "substitute": "eve"}
    assert people["eve"].post(PATH, body).status == 403
    made = rest.post(PATH, body)
    assert (made.status, made["createdBy"]) == (201, "root")
    assert people["eve"].post(f"{PATH}/{made['substitutionKey']}/withdrawal").status == 403
    assert people["ann"].post(f"{PATH}/{made['substitutionKey']}/withdrawal").status == 204


def test_one_sees_those_of_oneself(bpm: Product, rest: Rest, people: dict[str, Rest]) -> None:
    guest = rest.as_(add_person(bpm, "guest"))
    key = people["ann"].post(PATH, {"substitute": "ben"})["substitutionKey"]
    assert guest.post(f"{PATH}/search")["items"] == []
    assert guest.get(f"{PATH}/{key}").status == 403
    people["eve"].post(PATH, {"substitute": "guest"})
    assert [one["username"] for one in guest.post(f"{PATH}/search")["items"]] == ["eve"]


def test_overlaps_and_circles_are_refused(people: dict[str, Rest]) -> None:
    first = people["ann"].post(PATH, {"substitute": "ben", **JANUARY})
    again = people["ann"].post(PATH, {"substitute": "eve", "beginsAt": "2026-01-19T00:00:00Z"})
    assert (again.status, again["substitutionKey"]) == (409, first["substitutionKey"])
    assert people["ben"].post(PATH, {"substitute": "eve"}).status == 201
    circle = people["eve"].post(PATH, {"substitute": "ann"})
    assert (circle.status, circle["path"]) == (409, ["eve", "ann", "ben", "eve"])
    assert people["eve"].post(PATH, {"substitute": "ann", "endsAt": JANUARY["beginsAt"]}).status == 201


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"substitute": "root"}, 400),
        ({"substitute": "none"}, 404),
        ({"username": "none", "substitute": "root"}, 404),
        ({"mode": "assistance"}, 400),
        ({"mode": "holiday"}, 400),
        ({"substitute": "admin", "endsAt": "2025-01-01T00:00:00Z"}, 400),
        ({"substitute": "admin", "processes": []}, 400),
        ({"substitute": "admin", "processes": ["p"] * 101}, 400),
        ({"substitute": "admin", "mostAmount": 0}, 400),
        ({"substitute": "admin", "mostAmount": "5"}, 400),
        ({"substitute": "admin", "mostAmount": 10**18}, 400),
        ({"substitute": "admin", "mostAmount": Decimal("0.0000000001")}, 400),
        ({"substitute": "admin", "more": 1}, 400),
    ],
)
def test_wrong_ones_change_nothing(world: World, body: dict[str, Any], status: int) -> None:
    with world.unchanged():
        world.refused(world.rest.post(PATH, body), status)
        world.refused(world.rest.post(f"{PATH}/1/withdrawal"), 404)

"""Handing over the work of somebody who leaves, over REST."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.bpmn_builder import Process
from tests.support.rest import add_person

if TYPE_CHECKING:
    from tests.support.product import Product
    from tests.support.rest import Rest
    from tests.support.worlds import World

PATH = "/api/people/ann/handover"
ITEMS = "/api/handover-items/search"
BODY = {"successor": "ben", "note": "Ann has left the company"}


@pytest.fixture
def people(bpm: Product, rest: Rest) -> dict[str, Rest]:
    """Staff; ann has two tasks."""
    found = {name: rest.as_(add_person(bpm, name, roles=("staff",))) for name in ("ann", "ben")}
    p = Process()
    p.path(p.start(), p.user("sign", extra='<zeebe:assignmentDefinition assignee="ann"/>'), p.end())
    bpm.deploy(p.xml())
    for _ in range(2):
        bpm.start()
    return found


def test_looked_at_begun_and_followed_to_its_end(bpm: Product, rest: Rest, people: dict[str, Rest]) -> None:
    rest.put("/api/people/ben/superior", {"superior": "ann"})
    before = rest.get(PATH)
    assert before["work"] == [{"kind": "assigned", "processDefinitionId": "p", "count": 2}]
    assert (before["total"], before["places"]) == (2, [{"what": "superior", "name": "ben"}])
    assert before["handovers"] == []
    made = rest.post(PATH, {**BODY, "successors": {"q": "ben"}, "leaves": True})
    assert made.status == 201
    expected = {
        "person": "ann",
        "successor": "ben",
        "successors": {"q": "ben"},
        "note": BODY["note"],
        "hasLeft": True,
        "startedBy": "root",
        "state": "CREATED",
        "total": 2,
        "completed": 0,
        "failed": 0,
        "moved": [],
        "kept": [{"what": "superior", "name": "ben", "reason": "Expected nobody above themselves, but found 'ben'"}],
    }
    assert {name: made[name] for name in expected} == expected
    bpm.deliver()
    after = rest.get(PATH)
    assert (after["active"], after["total"]) == (False, 0)
    [done] = after["handovers"]
    assert (done["state"], done["completed"], done["failed"]) == ("COMPLETED", 2, 0)
    items = rest.post(ITEMS, {"filter": {"handoverKey": made["handoverKey"]}})["items"]
    assert [(one["elementId"], one["state"]) for one in items] == [("sign", "COMPLETED")] * 2
    [told] = people["ben"].post("/api/notifications/search")["items"]
    assert (told["kind"], told["details"]) == ("handover", {"person": "ann"})


def test_the_same_request_twice_is_one_handover(bpm: Product, rest: Rest, people: dict[str, Rest]) -> None:
    first, second = (rest.post(PATH, BODY, headers={"Idempotency-Key": "leaving-1"}) for _ in range(2))
    assert first["handoverKey"] == second["handoverKey"]
    assert len(rest.get(PATH)["handovers"]) == 1


def test_who_may_not_change_the_organisation_sees_and_changes_nothing(rest: Rest, people: dict[str, Rest]) -> None:
    key = rest.post(PATH, BODY)["handoverKey"]
    ben = people["ben"]
    assert ben.get(PATH).status == 403
    assert ben.post(PATH, BODY).status == 403
    assert ben.post(ITEMS, {"filter": {"handoverKey": key}})["items"] == []
    assert len(rest.get(PATH)["handovers"]) == 1


@pytest.fixture(scope="module")
def staffed(world: World) -> World:
    """A world with two people more."""
    for name in ("ann", "ben"):
        add_person(world.bpm, name, roles=("staff",))
    return world


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        (PATH, {"successor": "ben"}, 400, "note"),
        (PATH, {**BODY, "note": "  "}, 400, "Expected a note"),
        (PATH, {**BODY, "successor": "ann"}, 400, "Expected somebody else to succeed 'ann'"),
        (PATH, {**BODY, "successor": "zoe"}, 404, "'zoe' is not known"),
        (PATH, {**BODY, "successors": {"p": 1}}, 400, "found int for 'p'"),
        (PATH, {**BODY, "successors": {"p": "zoe"}}, 404, "'zoe' is not known"),
        (PATH, {**BODY, "when": "now"}, 400, "when"),
        ("/api/people/zoe/handover", BODY, 404, "there is none"),
    ],
)
def test_what_cannot_be_is_refused(staffed: World, path: str, body: Any, status: int, said: str) -> None:
    with staffed.unchanged():
        reply = staffed.refused(staffed.rest.post(path, body), status)
    assert said in str(reply.body)


def test_clients_of_the_contract_do_not_meet_a_kind_that_they_do_not_know(
    bpm: Product, rest: Rest, people: dict[str, Rest]
) -> None:
    key = rest.post(PATH, BODY)["handoverKey"]
    bpm.deliver()
    assert rest.post("/v2/batch-operations/search")["items"] == []
    assert rest.post("/v2/batch-operation-items/search")["items"] == []
    assert rest.get(f"/v2/batch-operations/{key}").status == 403

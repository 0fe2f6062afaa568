"""Cluster variables over REST, and what processes make of them, also when they are replayed."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from bpm_server.reports.replay import replay
from tests.support.bpmn_builder import Process, io
from tests.support.rest import add_person

if TYPE_CHECKING:
    from tests.support.product import Product
    from tests.support.rest import Answer, Rest

PATH = "/v2/cluster-variables/global"


def create(rest: Rest, name: str, value: Any, **more: Any) -> Answer:
    return rest.post(PATH, {"name": name, "value": value, **more})


def test_a_variable_from_beginning_to_end(rest: Rest) -> None:
    made = create(rest, "limit", {"amount": Decimal("500000.01")}, metadata={"owner": "finance", "rank": 2})
    expected = {
        "name": "limit",
        "value": '{"amount":500000.01}',
        "scope": "GLOBAL",
        "tenantId": None,
        "metadata": {"owner": "finance", "rank": 2},
        "kind": "JSON",
    }
    assert (made.status, made.body) == (200, expected)
    assert rest.get(f"{PATH}/limit").body == expected
    changed = rest.put(f"{PATH}/limit", {"value": "none"})
    assert (changed.status, changed.body) == (200, {**expected, "value": '"none"'})
    assert rest.search("cluster-variables") == [{**expected, "value": '"none"', "isTruncated": False}]
    assert rest.delete(f"{PATH}/limit").status == 204
    assert rest.get(f"{PATH}/limit").status == 404
    assert rest.search("cluster-variables") == []


def test_searching(rest: Rest) -> None:
    for name in ("b", "a", "c"):
        create(rest, name, name)
    names = [one["name"] for one in rest.search("cluster-variables", sort=[{"field": "name", "order": "DESC"}])]
    assert names == ["c", "b", "a"]
    for found, wanted in (
        ({"value": '"b"'}, ["b"]),
        ({"name": {"$in": ["a", "c"]}}, ["a", "c"]),
        ({"scope": "TENANT"}, []),
        ({"scope": "GLOBAL", "kind": "JSON", "isTruncated": False}, ["a", "b", "c"]),
        ({"isTruncated": True}, []),
    ):
        assert [one["name"] for one in rest.search("cluster-variables", filter=found)] == wanted, found


@pytest.mark.parametrize(
    "body",
    [
        {"name": "a b", "value": 1},
        {"name": "", "value": 1},
        {"name": "a"},
        {"name": "a", "value": "x" * 9_000},
        {"name": "a", "value": 1, "kind": "SECRET_REFERENCE"},
        {"name": "a", "value": 1, "metadata": {"x": True}},
        {"name": "a", "value": 1, "metadata": {"x": None}},
        {"name": "a", "value": 1, "metadata": {str(n): n for n in range(101)}},
    ],
)
def test_wrong_variables_are_refused(rest: Rest, body: dict[str, Any]) -> None:
    assert rest.post(PATH, body).status == 400
    assert rest.search("cluster-variables") == []


def test_names_are_taken_and_missing(rest: Rest) -> None:
    create(rest, "a", 1)
    assert create(rest, "a", 2).status == 409
    assert rest.put(f"{PATH}/b", {"value": 1}).status == 404
    assert rest.delete(f"{PATH}/b").status == 404


def test_rights(bpm: Product, rest: Rest) -> None:
    create(rest, "a", 1)
    staff = rest.as_(add_person(bpm, "ann", roles=("staff",)))
    designer = rest.as_(add_person(bpm, "dora", roles=("designer",)))
    assert create(staff, "b", 1).status == 403
    assert staff.get(f"{PATH}/a").status == 403
    assert staff.search("cluster-variables") == []
    assert designer.get(f"{PATH}/a").status == 200
    assert designer.put(f"{PATH}/a", {"value": 2}).status == 403
    assert designer.delete(f"{PATH}/a").status == 403
    evaluated = designer.post("/v2/expression/evaluation", {"expression": "=camunda.vars.env.a + 1"})
    assert evaluated["result"] == 2


# --- in processes ---------------------------------------------------------------------------------------


def reading() -> bytes:
    """Keeps what it sees at the start and after the task."""
    process = Process("p")
    seen = io(inputs={"cluster": "=camunda.vars.cluster.limit", "env": "=camunda.vars.env.limit"})
    process.start("s")
    process.user("first", extra=seen)
    process.user("second", extra=seen)
    process.end("e")
    process.path("s", "first", "second", "e")
    return process.xml()


def seen_at(rest: Rest, bpm: Product, element: str) -> dict[str, str]:
    found = rest.search("variables", filter={"scopeKey": str(bpm.task(element).key)})
    return {one["name"]: one["value"] for one in found}


def test_each_step_sees_the_newest_value(bpm: Product, rest: Rest) -> None:
    bpm.deploy(reading())
    create(rest, "limit", 10)
    create(rest, "other", 1)
    bpm.start()
    assert seen_at(rest, bpm, "first") == {"cluster": "10", "env": "10"}
    rest.put(f"{PATH}/limit", {"value": [1, 2]})
    bpm.task("first").complete()
    assert seen_at(rest, bpm, "second") == {"cluster": "[1,2]", "env": "[1,2]"}


def test_without_a_variable_it_is_null(bpm: Product, rest: Rest) -> None:
    bpm.deploy(reading())
    bpm.start()
    assert seen_at(rest, bpm, "first") == {"cluster": "null", "env": "null"}


def test_a_process_variable_goes_before(bpm: Product, rest: Rest) -> None:
    bpm.deploy(reading())
    create(rest, "limit", 10)
    bpm.start(camunda={"vars": {"cluster": {"limit": 1}, "env": {"limit": 2}}})
    assert seen_at(rest, bpm, "first") == {"cluster": "1", "env": "2"}


def test_a_replay_sees_what_each_step_saw(bpm: Product, rest: Rest) -> None:
    bpm.deploy(reading())
    before = bpm.start()
    create(rest, "limit", 10)
    key = bpm.start()
    rest.put(f"{PATH}/limit", {"value": 20})
    bpm.task("first", instance=key).complete()
    rest.delete(f"{PATH}/limit")
    bpm.task("second", instance=key).complete()
    create(rest, "limit", 30)
    for instance, steps in ((key, 3), (before, 1)):
        found = replay(bpm.server, instance)
        assert (found.difference, found.steps) == (None, steps)

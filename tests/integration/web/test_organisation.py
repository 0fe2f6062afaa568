"""Departments, positions and people over REST: right, wrong and forbidden."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from bpm_server.store.tables.audit import audit_log
from tests.support.rest import add_person

if TYPE_CHECKING:
    from tests.support.product import Product
    from tests.support.rest import Answer, Rest
    from tests.support.worlds import World


ME = "root"
"""Who acts where nobody else is named: an administrator, see ``conftest``."""


def department(rest: Rest, name: str, parent: str | None = None, head: str | None = None) -> Answer:
    return rest.post("/api/departments", {"departmentId": name, "name": name, "parentId": parent, "head": head})


@pytest.fixture
def company(bpm: Product, rest: Rest) -> dict[str, Rest]:
    """company (boss) > sales (lead) > east (seller in it); the people by name."""
    names = ("boss", "lead", "seller")
    people = {name: rest.as_(add_person(bpm, name, roles=("staff",))) for name in names}
    for name, parent, head in (("company", None, "boss"), ("sales", "company", "lead"), ("east", "sales", None)):
        assert department(rest, name, parent, head).status == 201
    for place, name in (("company", "boss"), ("sales", "lead"), ("east", "seller")):
        assert rest.put(f"/api/departments/{place}/members/{name}", {}).status == 204
    return people


def superiors(rest: Rest, name: str) -> list[str]:
    return [one["username"] for one in rest.get(f"/api/people/{name}")["superiors"]]


def told(bpm: Product) -> list[tuple[str, str, str]]:
    t = audit_log
    with bpm.server.database.read() as connection:
        query = sa.select(t.c.operation, t.c.entity_key, t.c.description).order_by(t.c.key)
        return [(row.operation, row.entity_key, row.description or "") for row in connection.execute(query)]


def test_a_department_from_beginning_to_end(bpm: Product, rest: Rest) -> None:
    made = department(rest, "sales")
    expected = {"departmentId": "sales", "name": "sales", "nameEn": None, "parentId": None, "head": None}
    assert (made.status, made.body) == (201, expected)
    assert department(rest, "sales").status == 409
    changed = rest.put("/api/departments/sales", {"name": "销售部", "nameEn": "Sales"})
    assert (changed.status, changed.body) == (200, {**expected, "name": "销售部", "nameEn": "Sales"})
    assert rest.post("/api/departments/search", {"filter": {"nameEn": "Sales"}})["items"] == [changed.body]
    assert rest.delete("/api/departments/sales").status == 204
    assert rest.get("/api/departments/sales").status == 404
    assert [one for one in told(bpm) if one[1] == "sales"] == [
        ("CREATE", "sales", "department: department_id: None -> 'sales'; name: None -> 'sales'"),
        ("UPDATE", "sales", "department: name: 'sales' -> '销售部'; name_en: None -> 'Sales'"),
        (
            "DELETE",
            "sales",
            "department: department_id: 'sales' -> None; name: '销售部' -> None; name_en: 'Sales' -> None",
        ),
    ]  # fmt: skip


def test_superiors_follow_every_change(rest: Rest, company: dict[str, Rest]) -> None:
    assert superiors(rest, "seller") == ["lead", "boss"]
    assert superiors(rest, "lead") == ["boss"]
    assert rest.put("/api/departments/east/parent", {"parentId": "company"})["parentId"] == "company"
    assert superiors(rest, "seller") == ["boss"]
    assert rest.put("/api/departments/east/head", {"username": "lead"})["head"] == "lead"
    assert superiors(rest, "seller") == ["lead", "boss"]
    assert rest.get("/api/people/lead")["heads"] == ["east", "sales"]
    assert rest.put("/api/people/seller/superior", {"superior": "boss"}).status == 204
    assert rest.get("/api/people/seller")["superiors"] == [{"username": "boss", "rule": "named", "departmentId": None}]
    assert rest.put("/api/people/seller/superior", {"superior": None}).status == 204
    assert rest.put("/api/people/lead/activity", {"active": False}).status == 204
    assert superiors(rest, "seller") == ["boss"]
    assert company["lead"].get("/api/people/boss").status == 401  # has left


def test_circles_are_refused_with_their_path(rest: Rest, company: dict[str, Rest]) -> None:
    refused = rest.put("/api/departments/company/parent", {"parentId": "east"})
    assert refused.status == 409
    assert refused["path"] == ["company", "east", "sales", "company"]
    assert "company -> east -> sales -> company" in refused["detail"]
    above = rest.put("/api/people/boss/superior", {"superior": "seller"})
    assert (above.status, above["path"][0], above["path"][-1]) == (409, "boss", "boss")
    assert rest.put("/api/people/boss/superior", {"superior": "boss"}).status == 409
    assert superiors(rest, "boss") == []
    assert rest.put("/api/people/seller/activity", {"active": False}).status == 204
    assert rest.put("/api/people/lead/superior", {"superior": "seller"}).status == 404  # has left


def test_members_and_main_departments(rest: Rest, company: dict[str, Rest]) -> None:
    assert rest.post("/api/positions", {"positionId": "rep", "name": "销售代表", "nameEn": "Sales rep"}).status == 201
    body = {"positionId": "rep", "isMain": True}
    assert rest.put("/api/departments/company/members/seller", body).status == 204
    found = rest.get("/api/people/seller")["departments"]
    assert [(one["departmentId"], one["positionId"], one["isMain"]) for one in found] == [
        ("company", "rep", True),
        ("east", None, False),
    ]
    assert [one["username"] for one in rest.get("/api/departments/sales/members")["items"]] == ["lead", "seller"]
    assert [one["username"] for one in rest.get("/api/departments/sales/members?deep=false")["items"]] == ["lead"]
    assert rest.get("/api/departments/sales/members?deep=x").status == 400
    assert rest.delete("/api/positions/rep").status == 409
    assert rest.delete("/api/departments/company/members/seller").status == 204
    assert rest.delete("/api/departments/company/members/seller").status == 404
    assert [one["isMain"] for one in rest.get("/api/people/seller")["departments"]] == [True]
    assert rest.put("/api/positions/rep", {"name": "代表"})["nameEn"] is None
    assert rest.delete("/api/positions/rep").status == 204
    directory = rest.post("/api/people/search", {"filter": {"departmentId": "east"}})["items"]
    assert [one["username"] for one in directory] == ["seller"]


def test_what_is_not_empty_stays(rest: Rest, company: dict[str, Rest]) -> None:
    refused = rest.delete("/api/departments/sales")
    assert (refused.status, refused["departments"], refused["people"]) == (409, ["east"], ["lead"])


def test_whoever_is_deleted_is_nowhere(rest: Rest, company: dict[str, Rest]) -> None:
    rest.put("/api/people/seller/superior", {"superior": "lead"})
    rest.post("/api/substitutions", {"username": "boss", "substitute": "lead"})
    assert rest.delete("/v2/users/lead").status == 204
    assert superiors(rest, "seller") == ["boss"]
    assert rest.get("/api/departments/sales")["head"] is None
    assert rest.post("/api/substitutions/search")["items"] == []


def test_everybody_reads_and_only_who_may_changes(bpm: Product, rest: Rest, company: dict[str, Rest]) -> None:
    staff = company["seller"]
    for path in ("/api/departments/sales", "/api/departments/sales/members", "/api/people/boss"):
        assert staff.get(path).status == 200
    for method, path, body in (
        ("POST", "/api/departments", {"departmentId": "x", "name": "x"}),
        ("PUT", "/api/departments/sales", {"name": "x"}),
        ("PUT", "/api/departments/sales/parent", {"parentId": None}),
        ("PUT", "/api/departments/sales/head", {"username": "seller"}),
        ("DELETE", "/api/departments/sales", None),
        ("PUT", "/api/departments/sales/members/seller", {}),
        ("DELETE", "/api/departments/east/members/seller", None),
        ("PUT", "/api/people/boss/superior", {"superior": "seller"}),
        ("PUT", "/api/people/boss/activity", {"active": False}),
        ("POST", "/api/positions", {"positionId": "x", "name": "x"}),
    ):
        assert staff.call(method, path, body).status == 403, path
    stranger = rest.as_(add_person(bpm, "guest"))
    assert stranger.get("/api/people/guest").status == 200  # oneself
    for path in ("/api/people/boss", "/api/departments/sales", "/api/departments/sales/members"):
        assert stranger.get(path).status == 403
    assert stranger.post("/api/departments/search")["items"] == []


WRONG: list[tuple[str, str, dict[str, Any], int]] = [
    ("POST", "/api/departments", {"departmentId": "a b", "name": "x"}, 400),
    ("POST", "/api/departments", {"departmentId": "a", "name": " "}, 400),
    ("POST", "/api/departments", {"departmentId": "a", "name": "x", "parentId": "none"}, 404),
    ("POST", "/api/departments", {"departmentId": "a", "name": "x", "head": "none"}, 404),
    ("POST", "/api/departments", {"departmentId": "a", "name": "x", "more": 1}, 400),
    ("PUT", "/api/departments/none", {"name": "x"}, 404),
    ("PUT", "/api/departments/none/parent", {"parentId": None}, 404),
    ("PUT", "/api/departments/none/parent", {}, 400),
    ("PUT", "/api/departments/none/members/" + ME, {}, 404),
    ("PUT", "/api/people/none/superior", {"superior": ME}, 404),
    ("PUT", f"/api/people/{ME}/superior", {"superior": "none"}, 404),
    ("PUT", f"/api/people/{ME}/activity", {"active": "no"}, 400),
    ("PUT", "/api/people/none/activity", {"active": True}, 404),
    ("DELETE", "/api/positions/none", {}, 404),
]


@pytest.mark.parametrize(("method", "path", "body", "status"), WRONG)
def test_wrong_requests_change_nothing(world: World, method: str, path: str, body: Any, status: int) -> None:
    with world.unchanged():
        world.refused(world.rest.call(method, path, body), status)


def test_the_last_administrator_does_not_leave(bpm: Product, rest: Rest) -> None:
    rest.put("/api/people/admin/activity", {"active": False})
    assert rest.put(f"/api/people/{ME}/activity", {"active": False}).status == 409
    assert rest.get(f"/api/people/{ME}")["active"] is True

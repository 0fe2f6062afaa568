"""The page of absences and substitutes, and the banner of who is away."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from bpm_server.domain.identity import SYSTEM
from bpm_server.domain.substitutions import Mode
from bpm_server.services import people, substitutions, users
from bpm_server.store.moments import look_moment
from tests.support.statements import counted

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from tests.integration.web.pages.conftest import Browser, Page
    from tests.support.product import Product

    Opens = Callable[..., Browser]

HOME = "/settings/substitutes"
SCRIPT = "<script>alert(1)</script>"


def typed(at: datetime) -> str:
    """A moment as a field of the form holds it; the browser of these tests is in no zone, so it is the house's."""
    return at.astimezone(ZoneInfo("Asia/Shanghai")).strftime("%Y-%m-%dT%H:%M")


@pytest.fixture
def now(company: Product) -> datetime:
    return look_moment(company.server.database).now


def wish(**changes: Any) -> dict[str, Any]:
    return {"mode": "absence", "substitute": "wang.fang", "scope": "all", **changes}


def people_at(page: Page, title: str) -> list[str]:
    return page.texts(f"section[aria-labelledby={title}] .substitution b")


def test_away_with_a_substitute_in_one_go_and_back_again(browser: Opens, now: datetime) -> None:
    li, wang = browser("li.ming"), browser("wang.fang")
    end = typed(now + timedelta(days=3))
    made = li.post(HOME, wish(ends_at=end, processes=["order-approval"], scope="some", most_amount="50,000.5"))
    assert (made.status, made.headers["Location"]) == (303, HOME)
    page = li.get(HOME)
    assert people_at(page, "mine-title") == ["王芳"]
    facts = page.texts(".substitution-facts span")
    assert facts[1:] == ["Order approval", "up to 50,000.5"]
    assert people_at(wang.get(HOME), "standing-title") == ["李明"]
    assert "王芳 gets your work of some processes." in li.get("/").one(".away p")
    assert wang.get("/").texts(".away") == []
    [ends] = page.tree.cssselect("section[aria-labelledby=mine-title] form")
    assert li.post(ends.get("action"), {"next": "/"}).headers["Location"] == "/"
    page = li.get(HOME)
    assert (people_at(page, "mine-title"), people_at(page, "past-title")) == ([], ["王芳"])
    assert li.get("/").texts(".away") == []
    assert li.post(ends.get("action")).status == 303
    assert people_at(wang.get(HOME), "standing-title") == []


@pytest.mark.parametrize(
    ("changes", "status", "field", "says"),
    [
        ({"substitute": "li.ming"}, 400, "substitute", "not the person themselves"),
        ({"substitute": "nobody"}, 404, "substitute", "nobody of this name"),
        ({"substitute": "", "mode": "assistance"}, 400, "substitute", "Choose somebody"),
        ({"begins_at": "tomorrow"}, 400, "begins_at", "Type a date and a time."),
        ({"ends_at": "2020-01-01T09:00"}, 400, "ends_at", "The end must be to come"),
        ({"scope": "some"}, 400, "processes", "Choose 1 to 100"),
        ({"most_amount": "much"}, 400, "most_amount", "Type an amount"),
        ({"most_amount": "0"}, 400, "most_amount", "Type an amount"),
        ({"reason": "x" * 4001}, 400, "reason", "too long"),
        ({"mode": "holiday"}, 400, "mode", "Choose one"),
    ],
)
def test_what_is_wrong_stands_at_its_field_and_nothing_typed_is_lost(
    browser: Opens, changes: dict[str, Any], status: int, field: str, says: str
) -> None:
    li = browser("li.ming")
    sent = wish(**{"most_amount": "7", "reason": "travel", **changes})
    page = li.post(HOME, sent)
    assert page.status == status
    assert says in page.one(f"#{field}-problem")
    for name in {"substitute", "begins_at", "ends_at", "most_amount", "reason"} & sent.keys():
        assert page.tree.cssselect(f"input[name={name}]")[0].get("value") == sent[name]
    assert people_at(li.get(HOME), "mine-title") == []


def test_a_circle_and_an_overlap_are_refused_with_the_reason(browser: Opens) -> None:
    li, wang = browser("li.ming"), browser("wang.fang")
    assert wang.post(HOME, wish(substitute="li.ming", mode="assistance")).status == 303
    circle = li.post(HOME, wish())
    assert (circle.status, circle.one("#substitute-problem")) == (
        409,
        "They would act for each other in a circle: 李明 → 王芳 → 李明.",
    )
    again = wang.post(HOME, wish(substitute="liu.yang"))
    assert (again.status, "another one for the same time" in again.one("#begins_at-problem")) == (409, True)


def test_a_substitute_who_is_away_is_warned_of_before_anything_is_saved(company: Product, browser: Opens) -> None:
    substitutions.appoint_substitute(company.server, SYSTEM, "wang.fang", "liu.yang")
    li = browser("li.ming")
    asked = li.post(HOME, wish())
    assert asked.status == 422
    assert "then it goes to 刘洋" in asked.one(".alert-warning")
    assert people_at(li.get(HOME), "mine-title") == []
    assert li.post(HOME, wish(anyway="1")).status == 303
    assert "then it goes to 刘洋" in li.get(HOME).one(".substitution-warning")
    people.set_activity(company.server, SYSTEM, "wang.fang", active=False)
    assert li.get(HOME).one(".substitution-warning") == "王芳 has left the company."


def test_only_who_may_change_the_organisation_does_it_for_others(browser: Opens) -> None:
    li, admin = browser("li.ming"), browser("admin", "administrator")
    assert li.get(f"{HOME}?for=wang.fang").status == 403
    assert li.post(HOME, wish(**{"for": "wang.fang", "substitute": "liu.yang"})).status == 403
    assert admin.get(f"{HOME}?for=nobody").status == 404
    made = admin.post(HOME, wish(**{"for": "li.ming"}))
    assert made.headers["Location"] == f"{HOME}?for=li.ming"
    page = admin.follow(made)
    assert (page.one("h1"), people_at(page, "mine-title")) == ("Away and substitutes of 李明", ["王芳"])
    mine = li.get(HOME)
    assert "noted by" in " ".join(mine.texts(".substitution-facts span"))
    [ends] = mine.tree.cssselect("section[aria-labelledby=mine-title] form")
    assert browser("liu.yang").post(ends.get("action")).status == 403
    assert li.post(ends.get("action")).status == 303


def test_names_and_reasons_are_text(company: Product, browser: Opens) -> None:
    users.save_user(company.server, SYSTEM, "wang.fang", name=SCRIPT)
    li = browser("li.ming")
    assert li.post(HOME, wish(reason=SCRIPT)).status == 303
    bad = li.post(HOME, wish(reason=SCRIPT, ends_at=SCRIPT))
    assert bad.status == 400
    for page in (li.get(HOME), li.get("/"), bad):
        assert SCRIPT not in page.text
        assert not page.tree.xpath("//script[contains(., 'alert(1)')]")
    assert people_at(li.get(HOME), "mine-title") == [SCRIPT]


def test_those_that_are_over_come_in_pages(company: Product, browser: Opens) -> None:
    for _ in range(12):
        key = substitutions.appoint_substitute(company.server, SYSTEM, "li.ming", None)
        substitutions.withdraw_substitute(company.server, SYSTEM, key)
    li = browser("li.ming")
    first = li.get(HOME)
    assert len(people_at(first, "past-title")) == 10
    [older] = first.links("section[aria-labelledby=past-title] > a")
    assert len(people_at(li.get(older.partition("#")[0]), "past-title")) == 2


def test_the_banner_asks_the_database_nothing_and_the_page_no_more_for_more(company: Product, browser: Opens) -> None:
    li = browser("li.ming")

    def asked(path: str) -> int:
        li.get(path)
        with counted(company.server.database) as statements:
            li.get(path)
        return len(statements)

    before = {path: asked(path) for path in ("/", HOME)}
    substitutions.appoint_substitute(company.server, SYSTEM, "li.ming", "wang.fang", processes=["order-approval"])
    one = {path: asked(path) for path in ("/", HOME)}
    for process in ("expense-approval", "quotation-approval"):
        substitutions.appoint_substitute(
            company.server, SYSTEM, "li.ming", "liu.yang", processes=[process], mode=Mode.ASSISTANCE
        )
    assert {path: asked(path) for path in ("/", HOME)} == one
    assert before["/"] == one["/"]
    assert li.get("/").texts(".away") != []


def test_it_is_chinese_in_chinese(browser: Opens) -> None:
    li = browser("li.ming", language="zh-CN")
    li.post(HOME, wish())
    page = li.get(HOME)
    assert page.one("h1") == "外出与代理"
    assert "您的工作由王芳代办。" in page.one(".away p")

"""The pages around starting: catalogue, stars, drafts, copies, links, sharing, and opening a form to the public."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from bpm_server.services import process_instances
from tests.integration.web.pages.conftest import ADMIN_PASSWORD, actor
from tests.support.requests import deploy_visit

if TYPE_CHECKING:
    from tests.integration.web.pages.conftest import Browser, Page
    from tests.support.product import Product

ORDER = "订单审批"


@pytest.fixture
def li(browser: Any) -> Browser:
    found: Browser = browser("li.ming")
    return found


def island(page: Page) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(page.tree.cssselect(".island script")[0].text)
    return found


def draft(li: Browser, path: str = "/drafts/start/order-approval", version: int = 0, **values: Any) -> Any:
    headers = {"Accept": "application/json", "Accept-Language": li.language, "X-CSRF-Token": li.csrf_token}
    data = {"values": json.dumps(values), "version": str(version)}
    return li.client.post(path, data=data, headers=headers)


def names(page: Page, title: str) -> list[str]:
    """The entries of a section."""
    for section in page.tree.cssselect("section.catalogue"):
        if section.cssselect("h2")[0].text_content().strip() == title:
            return [one.text_content() for one in section.cssselect(".entry b")]
    return []


def test_the_catalogue_has_categories_icons_and_what_one_looks_for_first(browser: Any, li: Browser) -> None:
    page = li.get("/start")
    titles = page.texts("section.catalogue h2")
    assert titles == ["Recently used", "Customer service", "Finance", "Sales"]
    assert names(page, "Recently used") == ["Order approval"]
    assert {"Order approval", "Lead assignment"} <= set(names(page, "Sales")), titles
    signs = [one.get("href").rpartition("#")[2] for one in page.tree.cssselect(".entry use")]
    assert {"file-invoice", "headset", "user-plus", "target"} <= set(signs)
    chinese = browser("li.ming", language="zh-CN").get("/start")
    assert chinese.texts("section.catalogue h2") == ["最近使用", "客户服务", "财务", "销售"]


@pytest.mark.parametrize("text", ["ORDER", "订单", "order-app", "sales order", "销售 订单"])
def test_the_search_finds_words_of_both_languages(li: Browser, text: str) -> None:
    part = li.get(f"/start?q={text}", target="catalogue")
    assert "<html" not in part.text
    assert "Order approval" in part.texts(".entry b")
    assert "Recently used" not in part.texts("h2")


def test_a_search_without_a_find_says_so(li: Browser) -> None:
    page = li.get("/start?q=nothing-like-it")
    assert page.one(".nothing h2") == "Nothing found"
    assert "/start" in page.links(".nothing a")


def test_a_star_stays(li: Browser) -> None:
    part = li.post("/start/ticket/star", {"marked": "1", "q": ""}, target="catalogue")
    assert names(part, "Favourites") == names(part, "Customer service")[:1]
    pressed = [one.get("aria-pressed") for one in part.tree.cssselect("[data-star=ticket]")]
    assert pressed == ["true", "true"]
    assert li.get("/start").texts("section.catalogue h2")[0] == "Favourites"
    assert li.post("/start/ticket/star", {"marked": "0"}).status == 303
    assert "Favourites" not in li.get("/start").texts("section.catalogue h2")
    assert li.post("/start/ticket/star", {"marked": "1", "csrf_token": "wrong"}).status == 403
    assert li.post("/start/none/star", {"marked": "1"}).status == 404


def test_a_draft_comes_back_and_is_in_the_list(browser: Any, li: Browser) -> None:
    reply = draft(li, customer="华泰", amount=7)
    assert (reply.status_code, reply.json["version"]) == (200, 1)
    assert reply.json["text"].startswith("Draft of ")
    page = li.get("/start/order-approval")
    assert island(page)["draft"] == {"values": {"customer": "华泰", "amount": 7}, "comment": ""}
    assert page.one("[data-draft-text]") == reply.json["text"]
    assert li.get("/start").texts(".drafts b") == ["Order approval"]
    wang = browser("wang.fang")
    assert wang.get("/start").texts(".drafts b") == []
    key = reply.json["key"]
    assert wang.post(f"/drafts/{key}/discard").status == 404
    assert li.post(f"/drafts/{key}/discard").status == 303
    assert li.post(f"/drafts/{key}/discard").status == 404
    assert island(li.get("/start/order-approval"))["draft"] is None


def test_scripts_are_told_what_became_of_a_draft(li: Browser) -> None:
    draft(li)
    late = draft(li, customer="x")
    assert (late.status_code, late.json["code"], late.json["version"]) == (409, "stale_version", 1)
    assert draft(li, version=1, customer="x" * 300_000).status_code == 413
    assert draft(li, "/drafts/start/none").status_code == 404
    assert draft(li, "/drafts/tasks/1").status_code == 404
    headers = {"Accept": "application/json"}
    assert li.client.post("/drafts/start/ticket", data={"values": "{}"}, headers=headers).status_code == 403
    bad = li.client.post("/drafts/start/ticket", data={"values": "[]", "csrf_token": li.csrf_token}, headers=headers)
    assert (bad.status_code, bad.json["code"]) == (400, "invalid_input")


def test_a_draft_of_a_task_is_shown_with_its_task(company: Product, browser: Any) -> None:
    wang = browser("wang.fang")
    key = int(wang.get("/").tree.cssselect(".row-item")[0].get("data-key"))
    made = draft(wang, f"/drafts/tasks/{key}", technicalNote="可行")
    assert made.status_code == 200, made.text
    page = wang.get(f"/tasks/{key}")
    assert page.one("[data-draft-text]").startswith("Draft of")
    assert set(island(page)["draft"]) == {"values", "comment"}
    assert wang.get("/start").links(".drafts a.draft") == [f"/tasks/{key}"]
    done = wang.post(f"/tasks/{key}/complete", {"outcome": "rejected", "comment": "no", "values": "{}"}, "detail")
    assert done.status == 200
    assert wang.get("/start").texts(".drafts b") == []


def test_an_earlier_request_fills_in_the_form(company: Product, browser: Any) -> None:
    deploy_visit(company)
    li = browser("li.ming")
    values = {"guest": "Wu", "people": 60, "badge": "4711", "host": "x", "gone": 1}
    who = actor(company, "li.ming")
    key = process_instances.start_process(company.server, who, process_id="visit", variables=values).key
    assert f"/start/visit/copy/{key}" in li.get("/start/visit").links(".earlier a")
    page = li.get(f"/start/visit/copy/{key}")
    assert island(page) == {**island(page), "data": {"guest": "Wu"}, "draft": None}
    assert "earlier request" in page.one(".filled")
    assert "4711" not in page.text
    assert browser("wang.fang").get(f"/start/visit/copy/{key}").status == 404
    assert li.get(f"/start/order-approval/copy/{key}").status == 404


def test_a_link_fills_in_what_the_form_shows_and_leaves_a_draft_alone(company: Product, browser: Any) -> None:
    deploy_visit(company)
    li = browser("li.ming")
    draft(li, "/drafts/start/visit", guest="of the draft")
    page = li.get("/start/visit?guest=Wu%3Cb%3E&people=3&badge=1&office=Bonn&csrf_token=x&people=4&x=1")
    assert island(page)["data"] == {"guest": "Wu<b>", "people": 4}
    assert "Wu<b>" not in page.text, "as JSON that ends no element"
    assert island(page)["draft"] is None
    assert page.links(".filled a") == ["/start/visit"]
    assert island(li.get("/start/visit?badge=1"))["data"] == {}
    assert island(li.get("/start/visit"))["draft"]["values"] == {"guest": "of the draft"}


def test_a_form_is_shared_by_link_and_code(company: Product, browser: Any) -> None:
    deploy_visit(company)
    li = browser("li.ming")
    page, part = li.get("/start/visit/share"), li.get("/start/visit/share", target="share-body")
    for found in (page, part):
        assert "http://localhost/start/visit" in found.texts(".secret-line code")
        assert len(found.tree.cssselect("svg.qr path")) == 2
        assert found.texts(".share-fields dd code") == ["guest", "people", "room", "lunch", "diet", "note"]
    assert "<html" not in part.text
    assert " style=" not in part.text


def test_an_administrator_opens_a_form_on_its_page(company: Product, browser: Any, li: Browser) -> None:
    path = "/processes/ticket/public-forms"
    assert li.get(path).status == 403
    assert path not in li.get("/start/ticket").links("a")
    admin = browser("admin", ADMIN_PASSWORD)
    assert path in admin.get("/start/ticket").links("a")
    assert path in admin.get("/processes/ticket").links("a")
    assert "Nothing is open" in admin.get(path).text
    bad = admin.post(path, {"name": "Hotline", "origins": "https://a.example\nnot-a-site"})
    assert (bad.status, bad.tree.cssselect("#name")[0].get("value")) == (422, "Hotline")
    assert "a web site such as" in bad.one(".alert-danger")
    assert admin.post(path, {"name": "Hotline", "days": "x"}).status == 422
    assert admin.post(path, {"name": "Hotline", "days": "7", "origins": "https://a.example"}).status == 303
    page = admin.get(path)
    address = page.texts(".secret-line code")[0]
    assert address.startswith("http://localhost/public/")
    assert "<iframe" in page.texts(".secret-line code")[1]
    public = browser().get(address.removeprefix("http://localhost"))
    assert (public.status, len(public.tree.cssselect(".island"))) == (200, 1)
    (form,) = [one for one in page.tree.cssselect("form") if one.get("action", "").endswith("/close")]
    assert admin.post(form.get("action")).status == 303
    assert browser().get(address.removeprefix("http://localhost")).status == 404
    assert "closed" in admin.get(path).one(".public-head .badge")


def test_what_designers_write_is_text_in_the_catalogue_of_everybody(li: Browser) -> None:
    hostile = "<script>alert(1)</script>"
    assert hostile not in li.get(f"/start?q={hostile}").text
    assert hostile not in draft(li, customer=hostile).text
    page = li.get("/start/order-approval")
    assert hostile not in page.text
    assert island(page)["draft"]["values"]["customer"] == hostile

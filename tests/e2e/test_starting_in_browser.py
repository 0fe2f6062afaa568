"""From the catalogue to a started process, with a draft left and found again; and a stranger with a public form.

``BPM_SHOTS=folder`` keeps a screenshot of each page that axe-core looks at.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bpm_server.domain.demo import COMPANY
from tests.support.browser import Person, browser, sync_api
from tests.support.demo_server import filling
from tests.support.running import ADMIN_PASSWORD, running

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.browser
expect = sync_api.expect
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "color_scheme": "dark"}
DESK = {"viewport": {"width": 1440, "height": 900}}
ENGLISH = {**DESK, "locale": "en-GB"}
TICKET = "客户工单"
SUBJECT = "主轴异响"
KEPT = "草稿保存于"


class Place:
    """A server with the demo company, and people in browsers."""

    def __init__(self, chromium: Any, address: str) -> None:
        self.chromium, self.address = chromium, address

    def person(self, username: str = "li.ming", password: str = COMPANY.password, **options: Any) -> Person:
        return Person.of(self.chromium, self.address, **{**DESK, **options}).sign_in(username, password)

    def stranger(self, **options: Any) -> Person:
        return Person.of(self.chromium, self.address, **{**DESK, **options})


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("server")
    with filling(folder):
        pass
    with browser() as chromium, running(folder) as server:
        yield Place(chromium, f"http://127.0.0.1:{server.port}")


def look(person: Person, name: str) -> None:
    """Nothing for axe-core in either theme, and nothing wider than the screen."""
    assert person.violations() == [], name
    assert person.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
    if folder := os.environ.get("BPM_SHOTS"):
        person.page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True, caret="initial")


def subject(person: Person) -> Any:
    return person.page.get_by_label("主题", exact=False).first


def test_from_the_catalogue_over_a_draft_to_a_case(place: Place) -> None:
    li = place.person()
    page = li.page
    li.goto("/start")
    look(li, "catalogue")
    page.keyboard.press("/")
    page.keyboard.type("ticket")  # the English name finds it, too
    expect(page.locator("#catalogue .entry")).to_have_count(1)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("s")
    expect(page.locator("[data-star=ticket]")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#catalogue .entry")).to_be_focused()
    li.goto("/start")
    expect(page.locator("#catalogue h2").first).to_have_text("我的收藏")
    look(li, "catalogue-with-favourite")
    page.locator("#catalogue .entry").first.click()
    li.ready()
    li.goto("/start")
    expect(page.locator(".drafts")).to_have_count(0)  # who changes nothing leaves nothing
    page.locator("#catalogue .entry").first.click()
    li.ready()

    subject(li).fill(SUBJECT)
    expect(page.locator("[data-draft-text]")).to_contain_text(KEPT)
    look(li, "form-with-draft")
    subject(li).fill(f"{SUBJECT}，急")  # and leaves before the seconds are over
    li.goto("/start")
    expect(page.locator(".drafts li")).to_have_count(1)
    look(li, "catalogue-with-draft")
    page.locator(".drafts a").click()
    li.ready()
    expect(subject(li)).to_have_value(f"{SUBJECT}，急")
    expect(page.locator("[data-draft-text]")).to_contain_text(KEPT)

    page.get_by_role("button", name="发起", exact=True).click()
    page.wait_for_url("**/instances/*")
    li.ready()
    li.goto("/start")
    expect(page.locator(".drafts")).to_have_count(0)
    li.goto("/start/ticket")
    expect(subject(li)).to_have_value("")
    page.get_by_role("button", name="复制以前的申请").click()
    page.locator(".earlier a").first.click()
    li.ready()
    expect(subject(li)).to_have_value(f"{SUBJECT}，急")
    look(li, "form-of-an-earlier-request")
    assert li.problems == []


def test_the_earlier_of_two_windows_is_told(place: Place) -> None:
    first = place.person()
    second = Person(first.page.context.new_page(), place.address)
    for one in (first, second):
        one.goto("/start/order-approval")
    save = "[data-draft-save]"
    first.page.get_by_label("客户").fill("第一个窗口")
    first.page.click(save)
    expect(first.page.locator("[data-draft-text]")).to_contain_text(KEPT)
    second.page.get_by_label("客户").fill("第二个窗口")
    second.page.click(save)
    told = second.page.locator("[data-draft-text]")
    expect(told).to_contain_text("另一个窗口已保存此草稿")
    look(second, "draft-of-two-windows")
    second.page.get_by_role("button", name="保留当前内容").click()
    expect(told).to_contain_text(KEPT)
    first.page.reload()
    first.ready()
    expect(first.page.get_by_label("客户")).to_have_value("第二个窗口")
    first.page.on("dialog", lambda dialog: dialog.accept())
    first.page.get_by_role("button", name="丢弃").click()
    expect(first.page.get_by_label("客户")).to_have_value("")
    first.goto("/start")
    expect(first.page.locator(".drafts")).to_have_count(0)


def test_a_draft_of_a_task_survives_the_browser(place: Place) -> None:
    wang = place.person("wang.fang")
    li = place.person()
    li.goto("/start/order-approval?orderNumber=SO-77&customer=%E5%8D%8E%E6%B3%B0&amount=4800")
    look(li, "form-filled-by-a-link")
    li.page.get_by_label("产品").fill("数控加工单元")
    li.page.get_by_label("数量").fill("1")
    li.page.get_by_role("button", name="发起", exact=True).click()
    li.page.wait_for_url("**/instances/*")
    wang.goto("/?q=SO-77")
    wang.page.locator(".row-link").click()
    wang.ready()
    wang.page.get_by_label("技术说明").fill("标准配置")
    expect(wang.page.locator("[data-draft-text]")).to_contain_text(KEPT)
    look(wang, "task-with-draft")
    again = place.person("wang.fang")
    again.goto("/?q=SO-77")
    again.page.locator(".row-link").click()
    again.ready()
    expect(again.page.get_by_label("技术说明")).to_have_value("标准配置")
    again.page.get_by_role("button", name="同意", exact=True).click()
    again.page.locator(".toast-line.good", has_text="SO-77").wait_for()
    again.goto("/start")
    expect(again.page.locator(".drafts")).to_have_count(0)
    assert again.problems == []


def test_a_stranger_uses_a_public_form(place: Place) -> None:
    admin = place.person("admin", ADMIN_PASSWORD)
    admin.goto("/processes/ticket/public-forms")
    admin.page.fill("#name", "官网报修")
    admin.page.fill("#origins", "https://www.example.com")
    admin.page.locator(".add-form button").click()
    admin.page.locator(".public-forms li").wait_for()
    admin.ready()
    look(admin, "public-forms")
    address = admin.page.locator(".public-forms code").first.inner_text()
    wu = place.stranger()
    wu.page.goto(address)
    wu.ready()
    look(wu, "public-form")
    send = wu.page.get_by_role("button", name="提交")
    send.click()
    expect(wu.page.locator(".fjs-form-field-error").first).to_be_visible()
    subject(wu).fill(SUBJECT)
    send.click()
    number = wu.page.locator(".sent-number").inner_text()
    look(wu, "public-form-sent")
    assert wu.problems == []
    admin.goto(f"/instances?q={number}")
    expect(admin.page.locator("main")).to_contain_text(SUBJECT)
    phone = place.stranger(**PHONE)
    phone.page.goto(address)
    phone.ready()
    look(phone, "public-form-phone-dark")


def test_on_a_phone_in_the_dark_and_in_english(place: Place) -> None:
    for options, suffix in ((PHONE, "phone-dark"), (ENGLISH, "english")):
        li = place.person(**options)
        li.goto("/start")
        look(li, f"catalogue-{suffix}")
        for process in ("order-approval", "ticket"):
            li.goto(f"/start/{process}")
            look(li, f"form-{process}-{suffix}")
        li.page.locator("[data-open-dialog=share]").click()
        li.page.locator("#share svg.qr").wait_for()
        look(li, f"share-{suffix}")
        assert li.problems == []

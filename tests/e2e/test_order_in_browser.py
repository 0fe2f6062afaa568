"""The whole way of an order, as its people go it: in Chromium, through pages only, on a real server.

``BPM_SHOTS=folder`` keeps a screenshot of each page that axe-core looks at.
"""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bpm_server.domain.demo import COMPANY
from tests.support.browser import Person, browser, sync_api
from tests.support.demo_server import filling
from tests.support.receiver import Receiver
from tests.support.running import RunningServer, running

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.browser
expect = sync_api.expect
FIELDS = {
    "wang.fang": {"技术说明": "标准配置，可行"},
    "zhao.qiang": {"采购成本": "120000", "交货日期": "2026/12/20"},
}


class Company:
    """Everybody's page, signed in at first use; ``receiver`` is the company's finance system."""

    def __init__(self, chromium: Any, server: RunningServer, receiver: Receiver) -> None:
        self.chromium, self.server, self.receiver = chromium, server, receiver
        self.address = f"http://127.0.0.1:{server.port}"
        self._people: dict[str, Person] = {}
        self._looked_at: set[str] = set()

    def person(self, username: str) -> Person:
        if username not in self._people:
            found = Person.of(self.chromium, self.address)
            self._people[username] = found.sign_in(username, COMPANY.password)
        return self._people[username]

    def nobody(self, **options: Any) -> Person:
        return Person.of(self.chromium, self.address, **options)

    def look(self, person: Person, name: str) -> None:
        """axe-core finds nothing on this kind of page, in both themes; each kind is looked at once."""
        if name in self._looked_at:
            return
        self._looked_at.add(name)
        assert person.violations() == [], name
        if folder := os.environ.get("BPM_SHOTS"):
            # A hidden caret leaves style attributes, which htmx carries over and the policy then complains about.
            person.page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True, caret="initial")

    # --- what people do ---------------------------------------------------------------------------------

    def enter(self, number: str, amount: int) -> str:
        """Sales enters an order; returns the path of its case."""
        li = self.person("li.ming")
        li.goto("/start")
        self.look(li, "start")
        li.page.get_by_role("link", name="订单审批").first.click()
        li.ready()
        self.look(li, "start-form")
        for label, text in {"订单号": number, "客户": "上海华泰精密机械有限公司", "金额": str(amount)}.items():
            li.page.get_by_label(label, exact=False).first.fill(text)
        li.page.get_by_label("产品").fill("数控加工单元")
        li.page.get_by_label("数量").fill("1")
        li.page.get_by_role("button", name="发起", exact=True).click()
        li.page.wait_for_url("**/instances/*")
        li.ready()
        self.look(li, "case")
        return str(li.page.url.removeprefix(self.address))

    def open(self, username: str, number: str) -> Person:
        """Opens somebody's task of an order from the inbox."""
        person = self.person(username)
        person.goto(f"/?q={number}")
        self.look(person, "inbox")
        person.page.locator(".row-link").click()
        person.page.locator("article[data-task]").wait_for()
        person.ready()
        return person

    def decide(self, username: str, number: str, button: str = "同意", comment: str = "") -> None:
        """Somebody fills in what the form asks for and decides."""
        person = self.open(username, number)
        self.look(person, f"task-of-{username}")
        if button == "同意":
            for label, text in FIELDS.get(username, {}).items():
                person.page.get_by_label(label).fill(text)
                person.page.keyboard.press("Tab")
        if comment:
            person.page.fill("#comment", comment)
        person.page.get_by_role("button", name=button, exact=True).click()
        person.page.locator(".toast-line.good", has_text=number).wait_for()

    def has_no_task(self, username: str, number: str) -> None:
        person = self.person(username)
        person.goto(f"/?q={number}")
        expect(person.page.locator(".row-item")).to_have_count(0)

    def handed_off(self, number: str) -> list[dict[str, Any]]:
        """What the finance system has of an order, after a little waiting for more."""
        until = time.monotonic() + 15
        while time.monotonic() < until and not self._received(number):
            time.sleep(0.05)
        time.sleep(0.3)
        found = self._received(number)
        assert self.receiver.refused == 0
        assert [self.receiver.seen[key] for key in found] == [1] * len(found)
        return list(found.values())

    def _received(self, number: str) -> dict[str, dict[str, Any]]:
        return {
            key: message
            for key, message in list(self.receiver.applied.items())
            if message["data"].get("orderNumber") == number
        }

    def check_consoles(self) -> None:
        for username, person in self._people.items():
            assert person.problems == [], username


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    """The demo company's people without its demo; the receiver is added as endpoint on the page for it."""
    folder = tmp_path_factory.mktemp("server")
    with filling(folder, replace(COMPANY, endpoint="another")):
        pass
    with Receiver() as receiver, browser() as chromium, running(folder) as server:
        made = Company(chromium, server, receiver)
        _add_endpoint(made)
        yield made


def _add_endpoint(company: Company) -> None:
    chen = company.person("chen.jing")
    chen.goto("/admin/webhooks")
    chen.page.get_by_text("添加端点").click()
    chen.page.fill("#name", "finance")
    chen.page.fill("#url", company.receiver.url)
    company.look(chen, "webhooks")
    chen.page.locator(".add-form button").click()
    company.receiver.secret = chen.page.locator("#secret").inner_text()
    company.look(chen, "webhook-secret")


# --- the order ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("amount", "general_manager"), [(480_000, False), (500_000, False), (500_001, True)])
def test_an_approved_order_is_handed_to_finance_once(company: Company, amount: int, general_manager: bool) -> None:
    number = f"SO-{amount}"
    case = company.enter(number, amount)
    company.decide("zhao.qiang", number)
    company.decide("wang.fang", number)
    company.has_no_task("zhou.wei", number)
    company.decide("chen.jing", number)
    if general_manager:
        assert company._received(number) == {}
        company.decide("zhou.wei", number, comment="同意，注意回款")
    else:
        company.has_no_task("zhou.wei", number)
    received = company.handed_off(number)
    assert [(one["type"], one["data"]["amount"]) for one in received] == [("order.approved", amount)]
    chen = company.person("chen.jing")
    chen.goto(case)
    assert chen.page.locator(".case-head .badge").inner_text() == "已批准并交接"
    course = chen.page.locator(".timeline-list").inner_text()
    assert ("总经理审批" in course) is general_manager
    assert chen.page.locator(".trace-done[data-element-id=handoff-to-finance]").count() == 1
    expect(chen.page.locator(".delivery .badge")).to_have_text(["已送达"])
    company.look(chen, "case-of-an-operator")
    company.check_consoles()


def test_a_reject_by_one_department_ends_the_task_of_the_other(company: Company) -> None:
    case = company.enter("SO-REJECT", 90_000)
    zhao = company.open("zhao.qiang", "SO-REJECT")
    opened = zhao.page.url
    company.decide("wang.fang", "SO-REJECT", "拒绝", "该型号已停产")
    zhao.page.evaluate("document.querySelector('#pulse').dispatchEvent(new Event('pulse'))")
    expect(zhao.page.locator("#problems")).to_contain_text("收回此任务")
    company.look(zhao, "task-that-has-just-gone")
    zhao.page.goto(opened)
    zhao.ready()
    expect(zhao.page.locator(".task-ended")).to_contain_text("收回此任务")
    assert zhao.page.locator("#acts").count() == 0
    company.look(zhao, "task-that-is-gone")
    company.has_no_task("zhao.qiang", "SO-REJECT")
    li = company.person("li.ming")
    li.goto(case)
    assert li.page.locator(".case-head .badge").inner_text() == "订单被拒绝"
    assert "该型号已停产" in li.page.locator(".timeline-list").inner_text()
    assert company._received("SO-REJECT") == {}
    company.check_consoles()


def test_a_returned_order_comes_back_to_sales_with_the_comments(company: Company) -> None:
    company.enter("SO-RETURN", 300_000)
    company.decide("wang.fang", "SO-RETURN", "退回", "请补充现场电源参数")
    company.has_no_task("zhao.qiang", "SO-RETURN")
    li = company.open("li.ming", "SO-RETURN")
    expect(li.page.locator(".task-head h2")).to_contain_text("修改订单")
    expect(li.page.locator(".fjs-container .fjs-table")).to_contain_text("请补充现场电源参数")
    for tab in ("why", "timeline", "diagram"):
        li.page.click(f"#tab-{tab}")
        li.page.locator(f"#pane-{tab} :is(h3, li, svg)").first.wait_for()
        li.ready()
        company.look(li, f"pane-{tab}")
    li.page.click("#tab-timeline")
    expect(li.page.locator("#pane-timeline blockquote")).to_have_text("请补充现场电源参数")
    li.page.click("#tab-form")
    li.page.get_by_label("金额").fill("310000")
    li.page.get_by_label("备注").fill("380 V，50 Hz")
    company.look(li, "correction")
    li.page.get_by_role("button", name="提交").click()
    li.page.locator(".toast-line.good", has_text="SO-RETURN").wait_for()
    for username in ("wang.fang", "zhao.qiang", "chen.jing"):
        company.decide(username, "SO-RETURN")
    assert [one["data"]["amount"] for one in company.handed_off("SO-RETURN")] == [310_000]
    company.check_consoles()


# --- the keyboard ---------------------------------------------------------------------------------------


def test_staff_work_by_keyboard_alone(company: Company) -> None:
    for number in ("SO-KEY-1", "SO-KEY-2", "SO-KEY-3"):
        company.enter(number, 1_000)
    wang = company.person("wang.fang")
    wang.goto("/?q=SO-KEY")
    page = wang.page

    def focused() -> str:
        found: str = page.evaluate(
            "document.activeElement.closest('.row-item')?.innerText ?? document.activeElement.id"
        )
        return found

    page.keyboard.press("Tab")
    assert page.locator(".skip").evaluate("node => node === document.activeElement")
    page.keyboard.press("Enter")
    assert focused() == "main", "the skip link leads past the navigation"
    page.keyboard.press("j")
    assert "SO-KEY-1" in focused()
    page.keyboard.press("j")
    page.keyboard.press("j")
    assert "SO-KEY-3" in focused()
    page.keyboard.press("j")
    page.keyboard.press("k")
    assert "SO-KEY-2" in focused()
    page.keyboard.press("x")
    expect(page.locator("[data-selected]")).to_have_text("已选 1 项")
    company.look(wang, "inbox-with-selection")
    page.keyboard.press("x")
    page.keyboard.press("Enter")
    expect(page.locator(".task-head h2")).to_contain_text("SO-KEY-2")
    wang.ready()
    page.keyboard.press("c")
    assert focused() == "comment"
    page.keyboard.type("没有问题")
    page.keyboard.press("Control+Enter")
    page.locator(".toast-line.good", has_text="SO-KEY-2").wait_for()
    expect(page.locator(".task-head h2")).to_contain_text("SO-KEY-3")
    expect(page.locator(".row-item:has([aria-current])")).to_contain_text("SO-KEY-3")
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    company.look(wang, "keys")
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    assert focused() == "q"
    company.check_consoles()


# --- the rest of the house ------------------------------------------------------------------------------


def test_the_other_pages_have_nothing_that_axe_finds(company: Company) -> None:
    chen, zhou, li = (company.person(name) for name in ("chen.jing", "zhou.wei", "li.ming"))
    for person, name, path in (
        (chen, "cases", "/instances"),
        (chen, "cases-none", "/instances?q=nothing"),
        (chen, "log", "/admin/webhooks"),
        (chen, "batches-none", "/admin/batch-operations"),
        (chen, "batch-ask", "/instances/batch/cancel?q=nothing"),
        (li, "started", "/?tab=started"),
        (li, "done", "/?tab=done"),
        (zhou, "inbox-empty", "/"),
        (zhou, "not-found", "/no-such-page"),
        (zhou, "forbidden", "/admin/webhooks"),
    ):
        person.goto(path)
        company.look(person, name)
    nobody = company.nobody(viewport={"width": 390, "height": 844})
    nobody.goto("/sign-in")
    company.look(nobody, "sign-in")


def test_hostile_and_endless_text_stays_text_and_in_its_place(company: Company) -> None:
    text = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>\u202eمرحبا"
    values = {"orderNumber": "SO-HOSTILE" + text, "customer": text + "长" * 10_000, "remark": "W" * 10_000}
    body = {"processDefinitionId": "order-approval", "variables": {**values, "amount": 3_000, "lines": []}}
    with contextlib.closing(company.server.api()) as api:
        case = f"/instances/{api('POST', '/v2/process-instances', body)['processInstanceKey']}"
    wang = company.nobody(viewport={"width": 390, "height": 844}).sign_in("wang.fang", COMPANY.password)
    wang.page.on("dialog", lambda dialog: wang.problems.append(dialog.message))
    wang.goto("/?q=SO-HOSTILE")
    task = wang.page.locator(".row-link").get_attribute("href")
    for path in ("/?q=SO-HOSTILE", task, f"{task}/timeline", f"{task}/diagram", "/instances?q=SO-HOSTILE", case):
        for width in (390, 1280):
            wang.page.set_viewport_size({"width": width, "height": 844})
            wang.goto(str(path))
            assert "<script>alert(1)" in wang.page.content().replace("&lt;", "<").replace("&gt;", ">")
            assert wang.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, (path, width)
    assert wang.problems == []


def test_the_language_is_switched_and_kept(company: Company) -> None:
    zhou = company.person("zhou.wei")
    zhou.goto("/start")
    for language, title in (("English", "Start a process"), ("简体中文", "发起流程")):
        zhou.page.click(".top-user")
        zhou.page.get_by_role("button", name=language).click()
        zhou.page.locator("h1", has_text=title).wait_for()
        zhou.ready()
        assert zhou.page.url.endswith("/start"), "people stay where they were"
        zhou.goto("/")
        assert zhou.page.title().startswith({"English": "Inbox", "简体中文": "工作台"}[language])
        zhou.goto("/start")


def test_a_wrong_token_changes_nothing_and_says_what_to_do(company: Company) -> None:
    company.enter("SO-TOKEN", 2_000)
    wang = company.open("wang.fang", "SO-TOKEN")
    wang.page.get_by_label("技术说明").fill("可行")
    wang.page.evaluate("document.body.setAttribute('hx-headers:inherited', '{\"X-CSRF-Token\": \"old\"}')")
    wang.page.evaluate("document.querySelector('#acts [name=csrf_token]').value = 'old'")
    wang.page.get_by_role("button", name="同意", exact=True).click()
    expect(wang.page.locator("#problems")).to_contain_text("页面打开太久了")
    wang.page.reload()
    wang.ready()
    assert wang.page.get_by_label("技术说明").input_value() == "可行", "the draft is kept"
    wang.page.evaluate("document.querySelector('.dropdown-menu [name=csrf_token]').value = 'old'")
    wang.page.click(".top-user")
    with wang.page.expect_navigation() as reply:
        wang.page.get_by_role("button", name="English").click()
    assert reply.value.status == 403
    expect(wang.page.locator("main h2")).to_have_text("页面打开太久了")
    wang.ready()
    company.look(wang, "wrong-token")


def test_guessing_passwords_is_locked_out(company: Company) -> None:
    """The last test of this file: afterwards nobody signs in from this address for a while."""
    nobody = company.nobody()
    nobody.goto("/sign-in")
    for _ in range(30):
        nobody.page.fill("#username", "liu.yang")
        nobody.page.fill("#password", "wrong")
        with nobody.page.expect_navigation() as reply:
            nobody.page.click("#sign-in button[type=submit]")
        if reply.value.status != 401:
            break
    assert reply.value.status == 429
    expect(nobody.page.locator(".alert")).to_contain_text("尝试次数过多")
    company.look(nobody, "locked-out")
    nobody.page.fill("#username", "liu.yang")
    nobody.page.fill("#password", COMPANY.password)
    nobody.page.click("#sign-in button[type=submit]")
    expect(nobody.page.locator(".alert")).to_contain_text("尝试次数过多")

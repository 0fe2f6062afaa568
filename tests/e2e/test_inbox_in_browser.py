"""The inbox in Chromium: due dates that go on counting, saved filters, many approvals at once, taking back, news."""

from __future__ import annotations

import base64
import json
import urllib.request
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from bpm_server.domain.demo import COMPANY
from bpm_server.domain.identity import SYSTEM
from bpm_server.kernel.clock import SystemClock
from bpm_server.services import deployments
from tests.support.approvals import one_node
from tests.support.bpmn_builder import Process
from tests.support.browser import Person, browser, look, sync_api
from tests.support.demo_server import filling
from tests.support.running import ADMIN_PASSWORD, running

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.browser
expect = sync_api.expect
EXPENSE = {"expenseType": "travel", "currency": "CNY", "spentOn": "2026-11-02"}


class Inbox:
    """A server with the demo company, and its people in front of it."""

    def __init__(self, chromium: Any, port: int) -> None:
        self.chromium, self.address = chromium, f"http://127.0.0.1:{port}"

    def person(self, username: str, **options: Any) -> Person:
        return Person.of(self.chromium, self.address, **options).sign_in(username, COMPANY.password)

    def call(self, username: str, method: str, path: str, body: Any = None) -> Any:
        password = ADMIN_PASSWORD if username == "admin" else COMPANY.password
        login = base64.b64encode(f"{username}:{password}".encode()).decode()
        headers = {"Content-Type": "application/json", "Authorization": f"Basic {login}"}
        request = urllib.request.Request(f"{self.address}{path}", json.dumps(body).encode(), headers, method=method)
        with urllib.request.urlopen(request) as reply:
            text = reply.read()
        return json.loads(text) if text else None

    def start(self, username: str, process: str, **values: Any) -> None:
        self.call(username, "POST", "/v2/process-instances", {"processDefinitionId": process, "variables": values})

    def expense(self, title: str, amount: int) -> None:
        self.start("wu.di", "expense-approval", title=title, amount=amount, **EXPENSE)

    def due(self, hours: float) -> None:
        """Sets when the newest task is due."""
        newest = {"sort": [{"field": "creationDate", "order": "DESC"}], "page": {"limit": 1}}
        (task,) = self.call("admin", "POST", "/v2/user-tasks/search", newest)["items"]
        at = SystemClock().now().astimezone(UTC) + timedelta(hours=hours)
        body = {"changeset": {"dueDate": at.isoformat()}}
        self.call("admin", "PATCH", f"/v2/user-tasks/{task['userTaskKey']}", body)


@pytest.fixture(scope="module")
def inbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inbox]:
    folder = tmp_path_factory.mktemp("server")
    p = Process("plain")
    p.path(p.start(), p.user("do"), p.end())
    with filling(folder) as prepared:
        deployments.deploy(prepared, SYSTEM, {"plain.bpmn": p.xml()})
    with browser() as chromium, running(folder) as server:
        yield Inbox(chromium, server.port)


def test_due_dates_filters_and_many_approvals(inbox: Inbox) -> None:
    for title, amount, hours in (("甲", 800, 30), ("乙", 20_000, -74), ("丙", 900, 2.5)):
        inbox.expense(title, amount)
        inbox.due(hours)
    li = inbox.person("li.ming")
    page = li.page
    expect(page.locator(".row-item")).to_have_count(3)
    page.locator("#sort").select_option("due")
    expect(page.locator(".row-item .due").first).to_have_text("已超期 3 天")
    assert [text.strip() for text in page.locator(".row-item .due").all_inner_texts()] == [
        "已超期 3 天", "剩 2 小时", "剩 1 天",
    ]  # fmt: skip
    assert li.violations() == []

    page.evaluate(
        "document.querySelectorAll('time[data-due]')[1].dateTime = new Date(Date.now() - 7.3e6).toISOString()"
    )
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator(".row-item .due").nth(1)).to_have_text("已超期 2 小时")
    expect(page.locator(".row-item .due").nth(1)).to_have_class("due badge bg-red-lt")

    page.locator("#due").select_option("overdue")
    expect(page.locator(".row-item")).to_have_count(1)
    page.get_by_role("link", name="保存此筛选").click()
    li.ready()
    assert li.violations() == []
    page.get_by_label("名称").first.fill("超期的")
    page.get_by_role("button", name="保存").first.click()
    chip = page.locator("a.chip", has_text="超期的")
    expect(chip).to_have_attribute("aria-current", "true")
    expect(chip.locator(".count")).to_have_text("1")
    inbox.expense("丁", 50)
    inbox.due(-1)
    expect(chip.locator(".count")).to_have_text("2", timeout=20_000)

    li.goto("/")
    for box in page.locator(".row-check input").all():
        box.check()
    page.locator("#bulk button[type=submit]").click()
    expect(page.locator(".bulk-result h2")).to_have_text("所选 4 项中将同意 3 项")
    expect(page.locator(".bulk-result li.bad")).to_contain_text("乙")
    assert li.violations() == []
    page.locator("#bulk-confirm button[type=submit]").click()
    expect(page.locator(".bulk-result h2")).to_contain_text("3")
    expect(page.locator(".row-item")).to_have_count(1)
    assert li.problems == []


def test_a_vote_is_taken_back_while_the_next_task_is_open(inbox: Inbox) -> None:
    boundary = "x1"
    parts = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="resources"; filename="sign.bpmn"\r\n\r\n'.encode()
        + one_node("all", "wang.fang, zhang.wei")
        + f"\r\n--{boundary}--\r\n".encode()
    )
    login = base64.b64encode(f"admin:{ADMIN_PASSWORD}".encode()).decode()
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}", "Authorization": f"Basic {login}"}
    with urllib.request.urlopen(urllib.request.Request(f"{inbox.address}/v2/deployments", parts, headers)) as reply:
        assert reply.status == 200
    for _ in range(2):
        inbox.start("wu.di", "p")
    wang = inbox.person("wang.fang", viewport={"width": 390, "height": 800}, color_scheme="dark")
    page = wang.page
    page.locator(".row-link").first.click()
    first = page.locator("article[data-task]").get_attribute("data-task")
    page.get_by_role("button", name="同意", exact=True).click()
    expect(page.locator(f"article[data-task='{first}']")).to_have_count(0)
    undo = page.get_by_role("button", name="撤销")
    expect(undo).to_be_visible()
    assert wang.violations() == []
    undo.click()
    expect(page.locator(f"article[data-task='{first}']")).to_be_visible()
    expect(page.locator(".toast-line", has_text="已拿回您的意见").first).to_be_visible()
    expect(page.get_by_role("button", name="同意", exact=True)).to_be_visible()
    assert wang.problems == []


def test_the_search_of_a_saved_filter_is_changed_by_the_keyboard(inbox: Inbox) -> None:
    chen, again = inbox.person("chen.jing"), inbox.person("chen.jing")
    page = chen.page
    chen.goto("/inbox/filters?due=overdue")
    page.get_by_label("名称").first.fill("我的")
    page.keyboard.press("Enter")
    chip = page.locator("a.chip", has_text="我的")
    expect(chip).to_have_attribute("aria-current", "true")
    again.goto("/")
    again.page.locator("a.chip", has_text="我的").click()
    again.ready()

    def alter(person: Person, text: str) -> Any:
        """Alters the search and goes to the button that is offered then."""
        person.page.keyboard.press("/")
        person.page.keyboard.type(text)
        button = person.page.get_by_role("button", name="更新“我的”")
        expect(button).to_be_visible()
        expect(person.page.get_by_role("link", name="另存为新筛选")).to_be_visible()
        return button

    page.locator("body").click(position={"x": 700, "y": 500})
    button = alter(chen, "华泰")
    look(chen, "filter-altered")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".toast-line", has_text="筛选已修改").first).to_be_visible()
    expect(button).to_have_count(0)
    expect(chip).to_have_attribute("aria-current", "true")
    expect(page.locator("#q")).to_have_value("华泰")
    page.locator("#q").focus()
    page.keyboard.type("精密")
    button.press("Enter")
    expect(button).to_have_count(0)

    button = alter(again, "其他")
    button.press("Enter")
    expect(again.page.locator("#filters [role=alert]")).to_contain_text("待办 · “华泰精密” · 已超期")
    look(again, "filter-changed-by-another", complaints=1)  # the browser reports the reply 409
    button.press("Enter")
    expect(button).to_have_count(0)
    expect(again.page.locator("#filters [role=alert]")).to_have_count(0)
    chen.goto("/")
    page.locator("a.chip", has_text="我的").click()
    expect(page.locator("#q")).to_have_value("其他")
    assert chen.problems == []


HEARD = """const add = EventSource.prototype.addEventListener; window.heard = [];
EventSource.prototype.addEventListener = function (type, act) {
  add.call(this, type, (event) => { window.heard.push(type); act(event); });
};"""


def test_a_page_that_has_just_been_loaded_asks_for_nothing_twice(inbox: Inbox) -> None:
    zhou = inbox.person("zhou.wei")
    page, paths = zhou.page, []
    page.add_init_script(HEARD)
    page.on("request", lambda request: paths.append(urlsplit(request.url).path))
    for number in (1, 2):
        paths.clear()
        with page.expect_request("**/events*"), page.expect_response("**/inbox/filters"):
            zhou.goto("/")
        for _ in range(3):  # streams that know nothing are answered at once: so would have been the page's
            page.evaluate("fetch('/events').then((reply) => reply.text())")
        assert page.evaluate("heard") == []
        assign(inbox, "zhou.wei")
        expect(page.locator(".row-item")).to_have_count(number)
        assert page.evaluate("heard.filter((one) => one === 'news').length") == 1
        asked = [paths.count(path) for path in ("/inbox/news", "/inbox/filters")]
        assert asked == [1, 2], paths
    assert zhou.problems == []


def test_what_changes_between_rendering_and_connecting_is_noticed(inbox: Inbox) -> None:
    wu = inbox.person("wu.di")
    wu.goto("/")
    shown = wu.page.locator(".row-item").count()

    def late(route: Any) -> None:
        assign(inbox, "wu.di")
        route.continue_()

    wu.page.route("**/events*", late, times=1)
    wu.goto("/")
    expect(wu.page.locator(".row-item")).to_have_count(shown + 1)


def assign(inbox: Inbox, username: str) -> None:
    """Gives somebody a new plain task."""
    inbox.start("wu.di", "plain")
    newest = {"filter": {"elementId": "do", "state": "CREATED"}, "sort": [{"field": "creationDate", "order": "DESC"}]}
    task = inbox.call("admin", "POST", "/v2/user-tasks/search", newest)["items"][0]
    inbox.call("admin", "POST", f"/v2/user-tasks/{task['userTaskKey']}/assignment", {"assignee": username})

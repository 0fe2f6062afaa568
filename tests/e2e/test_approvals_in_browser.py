"""The acts of approvals as people do them: in Chromium, on a real server, one expense after the other."""

from __future__ import annotations

import base64
import json
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from bpm_server.domain.demo import COMPANY
from tests.support.browser import Person, browser, sync_api
from tests.support.demo_server import filling
from tests.support.running import running

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.browser
expect = sync_api.expect


class Office:
    """Everybody's page, signed in at first use."""

    def __init__(self, chromium: Any, port: int) -> None:
        self.chromium, self.address = chromium, f"http://127.0.0.1:{port}"
        self._people: dict[str, Person] = {}
        self._looked_at: set[str] = set()

    def person(self, username: str) -> Person:
        if username not in self._people:
            found = Person.of(self.chromium, self.address)
            self._people[username] = found.sign_in(username, COMPANY.password)
        return self._people[username]

    def look(self, person: Person, name: str) -> None:
        if name not in self._looked_at:
            self._looked_at.add(name)
            assert person.violations() == [], name

    def begin(self, title: str, amount: int, username: str = "wu.di") -> None:
        """Somebody asks for an expense to be paid."""
        values: dict[str, Any] = {"title": title, "expenseType": "travel", "currency": "CNY", "spentOn": "2026-11-02"}
        values |= {"amount": amount, "lines": [{"item": "高铁", "amount": amount}]}
        body = json.dumps({"processDefinitionId": "expense-approval", "variables": values}).encode()
        login = base64.b64encode(f"{username}:{COMPANY.password}".encode()).decode()
        headers = {"Content-Type": "application/json", "Authorization": f"Basic {login}"}
        request = urllib.request.Request(f"{self.address}/v2/process-instances", body, headers)
        with urllib.request.urlopen(request) as reply:
            assert reply.status == 200

    def open(self, username: str, title: str, tab: str = "") -> Person:
        """Opens what somebody finds in a list."""
        person = self.person(username)
        person.goto(f"/?q={title}{tab and f'&tab={tab}'}")
        person.page.locator(".row-link").click()
        person.page.locator("#detail article").wait_for()
        person.ready()
        return person

    def approve(self, username: str, title: str) -> None:
        person = self.open(username, title)
        person.page.get_by_role("button", name="同意", exact=True).click()
        self.told(person, title)

    def dialog(self, person: Person, act: str) -> Any:
        """Opens the dialog of an act from the menu."""
        person.page.locator(".acts .dropup > button").click()
        person.page.locator(f"[data-open-dialog=act-{act}]").click()
        dialog = person.page.locator(f"#act-{act}")
        dialog.wait_for()
        self.look(person, act)
        return dialog

    def choose(self, dialog: Any, name: str) -> None:
        """Chooses somebody by the keyboard."""
        field = dialog.get_by_role("combobox", name="给谁").or_(dialog.get_by_role("combobox", name="选择人员"))
        field.fill(name)
        expect(dialog.locator(".people-found li")).to_have_count(1)
        expect(dialog.locator(".people-found li")).to_contain_text(name)
        field.press("Enter")
        expect(dialog.locator(".people-chosen li")).to_have_count(1)

    def submit(self, dialog: Any, comment: str = "") -> None:
        if comment:
            dialog.locator("textarea").fill(comment)
        dialog.locator("button[type=submit]").click()

    def told(self, person: Person, text: str) -> None:
        person.page.locator(".toast-line.good", has_text=text).first.wait_for()

    def has_no_task(self, username: str, title: str) -> None:
        person = self.person(username)
        person.goto(f"/?q={title}")
        expect(person.page.locator(".row-item")).to_have_count(0)


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder = tmp_path_factory.mktemp("server")
    with filling(folder):
        pass
    with browser() as chromium, running(folder) as server:
        yield Office(chromium, server.port)


def test_delegated_returned_corrected_and_approved(office: Office) -> None:
    title = "拜访华泰差旅"
    office.begin(title, 3_000)
    wu = office.open("wu.di", title, "started")
    office.look(wu, "started")
    wu.page.get_by_role("button", name="催办").click()
    office.told(wu, "已催办：李明")

    li = office.open("li.ming", title)
    office.look(li, "task")
    dialog = office.dialog(li, "comment")
    office.submit(dialog, "票据请补齐")
    office.told(li, "评论已发表")
    dialog = office.dialog(li, "delegate")
    office.choose(dialog, "王芳")
    office.submit(dialog, "行程合理吗？")
    office.told(li, title)
    office.has_no_task("li.ming", title)

    office.approve("wang.fang", title)

    li = office.open("li.ming", title)
    expect(li.page.locator(".signers")).to_contain_text("王芳")
    dialog = office.dialog(li, "return")
    dialog.locator("textarea").fill("金额与票据不符")
    li.page.keyboard.press("Control+Enter")  # what is in front is sent, not the approval behind it
    office.told(li, title)

    wu = office.open("wu.di", title)
    expect(wu.page.locator("#pane-form .alert")).to_contain_text("金额与票据不符")
    office.look(wu, "correcting")
    wu.page.get_by_label("金额").fill("2800")
    wu.page.keyboard.press("Tab")
    wu.page.get_by_role("button", name="重新提交").click()
    office.told(wu, title)

    li = office.open("li.ming", title)
    expect(li.page.get_by_label("金额")).to_have_value("2800")
    li.page.get_by_role("button", name="同意", exact=True).click()
    office.told(li, title)
    office.approve("chen.jing", title)
    wu = office.open("wu.di", title, "started")
    expect(wu.page.locator(".task-facts .badge")).to_have_text("报销通过")
    course = wu.page.locator(".timeline-list").inner_text()
    for part in ("催办", "委派", "退回", "重新提交", "票据请补齐"):
        assert part in course, course


def test_added_transferred_and_copied(office: Office) -> None:
    title = "展会搭建费用"
    office.begin(title, 26_800)
    office.approve("li.ming", title)
    zhou = office.open("zhou.wei", title)
    dialog = office.dialog(zhou, "add-signers")
    office.choose(dialog, "赵强")
    office.submit(dialog)
    office.told(zhou, title)
    office.approve("zhao.qiang", title)
    zhou = office.open("zhou.wei", title)
    dialog = office.dialog(zhou, "transfer")
    office.choose(dialog, "张伟")
    office.submit(dialog, "出差")
    office.told(zhou, title)
    office.approve("zhang.wei", title)
    chen = office.open("chen.jing", title)
    dialog = office.dialog(chen, "copy")
    office.choose(dialog, "孙丽")
    office.submit(dialog)
    office.told(chen, "已抄送")
    chen.page.get_by_role("button", name="同意", exact=True).click()
    office.told(chen, title)
    sun = office.person("sun.li")
    sun.goto("/?tab=copies")
    expect(sun.page.locator("#count-copies")).to_have_text("1")
    office.look(sun, "copies")
    office.open("sun.li", title, "copies")
    expect(sun.page.locator("#count-copies")).to_have_text("0")


def test_rejected_taken_back_and_recalled(office: Office) -> None:
    office.begin("培训报名费", 20_000)
    office.approve("li.ming", "培训报名费")
    zhou = office.open("zhou.wei", "培训报名费")
    zhou.page.get_by_role("button", name="拒绝", exact=True).click()
    expect(zhou.page.locator("#problems")).to_contain_text("意见")
    zhou.page.fill("#comment", "今年预算已满")
    zhou.page.get_by_role("button", name="拒绝", exact=True).click()
    office.told(zhou, "培训报名费")
    done = office.open("zhou.wei", "培训报名费", "done")
    expect(done.page.locator(".row-item .badge")).to_contain_text("拒绝")
    office.look(done, "done")

    office.begin("误填的申请", 100)
    wu = office.open("wu.di", "误填的申请", "started")
    wu.page.on("dialog", lambda dialog: dialog.accept())
    wu.page.get_by_role("button", name="撤回").click()
    office.told(wu, "申请已撤回")
    office.has_no_task("li.ming", "误填的申请")
    wu.goto("/?tab=started&q=误填的申请")
    expect(wu.page.locator(".row-item .badge")).to_have_text("已撤回")

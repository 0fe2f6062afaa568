"""A manager's day without a mouse: every act by keys alone, the focus always to be seen and never lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from bpm_server import bootstrap
from bpm_server.cli.content import deploy_content
from bpm_server.domain.demo import COMPANY
from bpm_server.services import identities, installation, process_instances
from bpm_server.settings import Settings
from bpm_server.store.tables.approvals import approval_act as act
from bpm_server.store.tables.instances import variable as v
from bpm_server.store.tables.notifications import notification as n
from bpm_server.store.tables.tasks import task_comment as c
from tests.support.browser import Person, browser, sync_api
from tests.support.running import ADMIN_PASSWORD, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.browser
expect = sync_api.expect
MANAGER = "zhang.wei"
SINGLE = ("同意单", "拒绝单", "转办单", "退回单", "加签单", "评论单")
TOGETHER = ("批量一", "批量二", "批量三", "批量四", "批量五", "批量六")
FOCUS = """() => {
  const at = document.activeElement, frame = at.closest(".fjs-input-group") ?? at, box = frame.getBoundingClientRect();
  const text = (at.getAttribute("aria-label") || at.innerText || at.id).trim().split("\\n")[0];
  const seen = box.width && box.height && box.bottom > 0 && box.top < innerHeight;
  const marked = [at, frame].map((one) => getComputedStyle(one)).some(
    (style) => style.outlineStyle !== "none" || style.boxShadow !== "none");
  return { tag: at.tagName, id: at.id, text, seen: Boolean(seen), marked };
}"""
MOST_TABS = 60


class Keys:
    """Somebody who has nothing but a keyboard."""

    def __init__(self, person: Person) -> None:
        self.person, self.page = person, person.page

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def type(self, text: str) -> None:
        self.page.keyboard.type(text)

    def focus(self) -> dict[str, Any]:
        found: dict[str, Any] = self.page.evaluate(FOCUS)
        return found

    def check(self) -> dict[str, Any]:
        """The focus is on something that can be seen; headings are read out where a task opens, and carry no mark."""
        found = self.focus()
        assert found["tag"] not in ("BODY", "HTML"), "the focus is lost"
        assert found["seen"], found
        assert found["marked"] or found["tag"] in ("H2", "MAIN"), found
        return found

    def go_to(self, selector: str, key: str = "Tab") -> None:
        """Tabs to an element; whatever is passed can be seen."""
        for _ in range(MOST_TABS):
            if self.page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
                return
            self.press(key)
            self.check()
        message = f"Expected to reach {selector} by {key}, but it does not come"
        raise AssertionError(message)

    def told(self, text: str) -> None:
        self.page.locator(".toast-line", has_text=text).last.wait_for()
        self.person.ready()
        self.check()

    def open(self, title: str) -> None:
        """From wherever somebody is: searches, then opens the only row."""
        self.press("Control+k")
        assert self.check()["id"] == "q"
        self.type(title)
        expect(self.page.locator(".row-item")).to_have_count(1)
        expect(self.page.locator(".row-item")).to_contain_text(title)
        self.press("Escape", "Enter")
        expect(self.page.locator("#detail .task-what h2")).to_contain_text(title)
        self.person.ready()
        assert self.check()["tag"] == "H2"

    def dialog(self, name: str) -> None:
        """An act of the menu, by its arrows."""
        self.go_to(".acts .dropup > button")
        self.press("Enter")
        self.go_to(f"[data-open-dialog=act-{name}]", "ArrowDown")
        self.press("Enter")
        self.page.locator("dialog[open]").wait_for()
        self.check()

    def choose(self, who: str) -> None:
        self.go_to("dialog[open] [role=combobox]")
        self.type(who)
        expect(self.page.locator("dialog[open] .people-found li")).to_have_count(1)
        self.press("Enter")
        expect(self.page.locator("dialog[open] .people-chosen li")).to_have_count(1)
        self.check()

    def submit(self, why: str = "") -> None:
        if why:
            self.go_to("dialog[open] textarea")
            self.type(why)
        self.go_to("dialog[open] button[type=submit]")
        self.press("Enter")
        expect(self.page.locator("dialog[open]")).to_have_count(0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A company in which twelve expenses wait for the manager."""
    found = tmp_path_factory.mktemp("server")
    settings = Settings(data_dir=found / "data")
    settings.data_dir.mkdir()
    bootstrap.prepare(settings)
    with bootstrap.running(settings) as server:
        installation.prepare_installation(server, ADMIN_PASSWORD)
        installation.install_demo_company(server, COMPANY)
        deploy_content(server)
        starter = identities.actor_by_name(server, "lin.xue")
        for title in SINGLE + TOGETHER:
            values = {"title": title, "expenseType": "travel", "amount": 900, "currency": "CNY"}
            values["spentOn"] = "2026-11-02"
            process_instances.start_process(server, starter, process_id="expense-approval", variables=values)
    return found


@pytest.fixture(scope="module")
def keys(folder: Path) -> Iterator[Keys]:
    with browser() as chromium, running(folder) as server:
        yield Keys(Person.of(chromium, f"http://127.0.0.1:{server.port}"))


@pytest.fixture(scope="module")
def database(folder: Path) -> sa.Engine:
    return sa.create_engine(f"sqlite:///{folder}/data/bpm.db")


def acts(database: sa.Engine, title: str) -> list[tuple[str, str | None, str]]:
    """What was done at an expense: act, comment, people."""
    query = sa.select(act.c.act, act.c.comment, act.c.people).join_from(act, v, v.c.scope_key == act.c.instance_key)
    with database.connect() as connection:
        found = connection.execute(query.where(v.c.value == f'"{title}"', act.c.actor == MANAGER).order_by(act.c.key))
        return [(row.act, row.comment, row.people) for row in found]


def test_a_day_without_a_mouse(keys: Keys, database: sa.Engine) -> None:
    page = keys.page
    sign_in(keys)

    keys.open("同意单")
    keys.press("c")
    keys.type("没有问题")
    keys.press("Control+Enter")
    keys.told("同意单")
    assert acts(database, "同意单") == [("approve", "没有问题", "[]")]

    keys.open("拒绝单")
    keys.go_to("#acts button[value=rejected]")
    keys.press("Enter")
    expect(page.locator("#problems")).to_contain_text("意见")
    assert keys.check()["id"] == "comment", "the field that is wrong has the focus"
    keys.type("预算已满")
    keys.go_to("#acts button[value=rejected]")
    keys.press("Enter")
    keys.told("拒绝单")
    assert acts(database, "拒绝单") == [("reject", "预算已满", "[]")]

    keys.open("转办单")
    keys.dialog("transfer")
    keys.choose("周伟")
    keys.submit("出差")
    keys.told("转办单")
    assert acts(database, "转办单") == [("transfer", "出差", '["zhou.wei"]')]

    keys.open("退回单")
    keys.dialog("return")
    keys.submit("发票抬头不对")
    keys.told("退回单")
    assert acts(database, "退回单") == [("return", "发票抬头不对", "[]")]

    keys.open("加签单")
    keys.dialog("add-signers")
    keys.choose("赵强")
    keys.submit()
    keys.told("加签单")
    assert acts(database, "加签单") == [("add", None, '["zhao.qiang"]')]

    keys.open("评论单")
    keys.dialog("comment")
    keys.submit("@lin.xue 请看一下")
    keys.told("评论已发表")
    with database.connect() as connection:
        assert connection.execute(sa.select(c.c.text)).scalars().all() == ["@lin.xue 请看一下"]
        mentioned = sa.select(n.c.username).where(n.c.kind == "mentioned")
        assert connection.execute(mentioned).scalars().all() == ["lin.xue"]
    keys.press("Control+Enter")
    keys.told("评论单")

    approve_together(keys)
    assert [acts(database, title)[0][0] for title in TOGETHER] == ["approve"] * len(TOGETHER)

    look_around(keys)
    assert keys.person.problems == []


def sign_in(keys: Keys) -> None:
    keys.person.goto("/sign-in")
    keys.go_to("#username")
    keys.type(MANAGER)
    keys.press("Tab")
    keys.type(COMPANY.password)
    keys.press("Enter")
    keys.page.locator(".top").wait_for()
    keys.person.ready()
    expect(keys.page.locator("#count-todo")).to_have_text(str(len(SINGLE + TOGETHER)))


def approve_together(keys: Keys) -> None:
    """Selects with j and x, and approves what is selected."""
    keys.press("Control+k")
    keys.type("批量")
    expect(keys.page.locator(".row-item")).to_have_count(len(TOGETHER))
    keys.press("Escape")
    for number in range(1, len(TOGETHER) + 1):
        assert TOGETHER[number - 1] in keys.page.evaluate("document.activeElement.innerText")
        keys.press("x")
        expect(keys.page.locator("[data-selected]")).to_have_text(f"已选 {number} 项")
        keys.check()
        keys.press("j")
    keys.press("k")
    assert TOGETHER[-2] in keys.page.evaluate("document.activeElement.innerText")
    keys.press("Control+Enter")
    expect(keys.page.locator("#bulk-confirm li")).to_have_count(len(TOGETHER))
    assert keys.check()["tag"] == "H2"
    keys.press("Control+Enter")
    expect(keys.page.locator("#bulk-confirm")).to_have_count(0)
    expect(keys.page.locator(".bulk-result h2")).to_contain_text(str(len(TOGETHER)))
    assert keys.check()["tag"] == "H2"


def look_around(keys: Keys) -> None:
    """The bell, the settings, the way out."""
    page = keys.page
    keys.go_to("#bell", "Shift+Tab")
    keys.press("Enter")
    page.locator("#notifications .told, #notifications .told-none").wait_for()
    keys.go_to(".told li:first-child button")
    keys.press("Escape")
    assert keys.check()["id"] == "bell", "the menu gives the focus back"
    keys.go_to(".top-user")
    keys.press("Enter")
    keys.go_to(".dropdown-menu a[href='/settings']")
    keys.press("Enter")
    page.wait_for_url("**/settings")
    keys.person.ready()
    keys.go_to("#theme")
    keys.press("End")
    keys.go_to(".settings .settings-acts .btn-primary")
    keys.press("Enter")
    page.locator("html[data-bs-theme=dark]").wait_for()
    keys.person.ready()
    keys.go_to(".top-user")
    keys.press("Enter")
    keys.go_to("[data-act=sign-out] button")
    keys.press("Enter")
    page.wait_for_url("**/sign-in")
    keys.person.goto("/")
    assert "/sign-in" in page.url, "the session has ended"

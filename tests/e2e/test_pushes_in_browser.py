"""Notifications on a device in Chromium: turned on by a button, sent to a push service, shown by the service worker.

Chromium without a screen has no push service, so the browser subscribes to one of the test's own, and what is pushed is
handed to the real service worker as a push service would. ``BPM_SHOTS=folder`` keeps screenshots.
"""

from __future__ import annotations

import base64
import contextlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from bpm_server.domain.demo import COMPANY
from bpm_server.domain.identity import SYSTEM
from bpm_server.services import deployments, process_instances
from tests.support.browser import Person, browser, look, sync_api
from tests.support.demo_server import filling
from tests.support.push_service import PushService, push_service
from tests.support.running import RunningServer, running
from tests.support.services import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.browser
expect = sync_api.expect
FOLDERS = ("processes", "rules", "forms")
ORDER = {"orderNumber": "SO-1", "customer": "上海华泰精密机械有限公司", "amount": 1_000, "currency": "CNY", "lines": []}
SUBSCRIBING = """(() => {
  const at = "fake-subscription";
  const made = (found) => found && ({
    endpoint: found.endpoint,
    options: { userVisibleOnly: true, applicationServerKey: Uint8Array.from(found.key).buffer },
    toJSON: () => ({ endpoint: found.endpoint, keys: { p256dh: found.p256dh, auth: found.auth } }),
    unsubscribe: async () => { localStorage.removeItem(at); return true; },
  });
  PushManager.prototype.getSubscription = async () => made(JSON.parse(localStorage.getItem(at)));
  PushManager.prototype.subscribe = async (options) => {
    const key = [...new Uint8Array(options.applicationServerKey)];
    const found = { key, ...await window.subscribeAt(key) };
    localStorage.setItem(at, JSON.stringify(found));
    return made(found);
  };
})();"""
COUNTING = """() => {
  const was = show;
  self.handled = 0;
  self.show = async (message) => { await was(message); self.handled += 1; };
}"""
TAPPING = """() => {
  self.went = [];
  const note = (act, url) => self.went.push(`${act} ${new URL(url).pathname}`);
  WindowClient.prototype.focus = async function () { note("focus", this.url); return this; };
  self.clients.openWindow = async (url) => { note("open", url); };
  self.tap = async (path) => { self.went = []; await go(ours(path)); return self.went; };
}"""
"""Browsers let nobody but people bring windows forward."""
FIRST = {"title": "轮到您审批", "body": "SO-1", "url": "/notifications/1", "tag": "n1", "lang": "zh-CN"}
UNREACHABLE = "async () => { throw new DOMException('Registration failed', 'AbortError'); }"
SHOWN = """async () => (await self.registration.getNotifications()).map(
  (one) => ({ title: one.title, body: one.body, tag: one.tag, url: one.data.url, lang: one.lang }))"""


@pytest.fixture(scope="module")
def service() -> Iterator[PushService]:
    with push_service() as found:
        yield found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """The demo company's server, which sends to devices, with orders that wait for departments."""
    folder = tmp_path_factory.mktemp("server")
    content = {path.name: path.read_bytes() for name in FOLDERS for path in sorted((ROOT / name).glob("*.*"))}
    with filling(folder) as prepared:
        deployments.deploy(prepared, SYSTEM, content)
        for _ in range(4):
            process_instances.start_process(prepared, SYSTEM, process_id="order-approval", variables=ORDER)
    with running(folder, BPM_PUSH_CONTACT="mailto:it@example.com") as started:
        yield started


def opened(chromium: Any, server: RunningServer, service: PushService, name: str, **options: Any) -> Person:
    """Somebody who has signed in with a browser that subscribes at the service."""
    found = Person.of(chromium, f"http://127.0.0.1:{server.port}", **options)

    def subscribe_at(key: list[int]) -> dict[str, str]:
        made = service.subscribe(name, base64.urlsafe_b64encode(bytes(key)).decode().rstrip("="))
        form = made.as_form()
        return {part: form[part] for part in ("endpoint", "p256dh", "auth")}

    found.page.context.expose_function("subscribeAt", subscribe_at)
    found.page.context.add_init_script(SUBSCRIBING)
    return found.sign_in(name, COMPANY.password)


def allow(person: Person) -> None:
    person.page.context.grant_permissions(["notifications"], origin=person.address)


def turn_on(person: Person) -> None:
    """As people do, in their settings."""
    allow(person)
    person.goto("/settings")
    person.page.get_by_role("button", name="在此设备上开启").click()
    expect(person.page.get_by_role("button", name="在此设备上关闭")).to_be_visible()


def until(page: Any, where: Any, expression: str) -> None:
    """Waits until something is true; the pages' policy lets Playwright's own waiting evaluate nothing."""
    for _ in range(200):
        if where.evaluate(expression):
            return
        page.wait_for_timeout(50)
    raise AssertionError(expression)


def working(page: Any) -> Any:
    """The service worker, which stands for the page."""
    page.evaluate("navigator.serviceWorker.register('/sw.js').then(() => navigator.serviceWorker.ready)")
    until(page, page, "navigator.serviceWorker.controller !== null")
    return page.context.service_workers[0]


def assign(server: RunningServer, username: str) -> str:
    """An administrator gives an open task to somebody; returns its key."""
    with contextlib.closing(server.api()) as admin:
        query = {"filter": {"elementId": "review-technology", "state": "CREATED"}}
        found = admin("POST", "/v2/user-tasks/search", query)["items"]
        key: str = next(one["userTaskKey"] for one in found if not one["assignee"])
        admin("POST", f"/v2/user-tasks/{key}/assignment", {"assignee": username})
        return key


def test_turned_on_by_a_button_it_comes_and_ends_with_signing_out(server: RunningServer, service: PushService) -> None:
    with browser() as chromium:
        wang = opened(chromium, server, service, "wang.fang")
        page = wang.page
        turn_on(wang)
        expect(page.locator(".settings-devices li")).to_contain_text("此设备")
        wang.ready()
        look(wang, "push-on")
        key = assign(server, "wang.fang")
        [received] = service.wait_for(1)
        assert received.payload["title"] == "您有一项新任务"
        page.goto(f"{wang.address}{received.payload['url']}")
        page.wait_for_url(f"**/tasks/{key}")
        wang.ready()
        wang.goto("/settings")
        page.get_by_role("button", name="发送测试通知").click()
        assert service.wait_for(2)[1].payload["body"] == "此设备可以收到通知。"
        wang.ready()
        page.locator(".top-user").click()
        page.get_by_role("button", name="退出登录").click()
        page.wait_for_url("**/sign-in")
        until(page, page, "navigator.serviceWorker.getRegistrations().then((all) => all.length === 0)")
        assign(server, "wang.fang")
        wang.sign_in("wang.fang", COMPANY.password)  # who had it on has it on again
        wang.goto("/settings")
        expect(page.get_by_role("button", name="在此设备上关闭")).to_be_visible()
        assign(server, "wang.fang")
        assert len(service.wait_for(3)) == 3, "nothing of what was told while nobody was signed in"
        assert wang.problems == []


def test_the_service_worker_says_where_the_browser_is_from_now_on(server: RunningServer, service: PushService) -> None:
    with browser() as chromium:
        chen = opened(chromium, server, service, "chen.jing")
        page = chen.page
        turn_on(chen)
        until(page, page, "navigator.serviceWorker.controller !== null")
        key = page.evaluate("fetch('/push/device').then((found) => found.json()).then((found) => found.key)")
        keys = service.subscribe("moved", key).as_json()
        said = {name: keys[name] for name in ("endpoint", "keys")}
        page.context.service_workers[0].evaluate("(said) => renew({ toJSON: () => said })", said)
        before = len(service.received)
        assign(server, "chen.jing")
        assert service.wait_for(before + 1)[-1].browser == "moved"


def test_who_comes_after_somebody_on_a_shared_computer(server: RunningServer, service: PushService) -> None:
    with browser() as chromium:
        zhao = opened(chromium, server, service, "zhao.qiang")
        page = zhao.page
        turn_on(zhao)
        page.context.clear_cookies(name="bpm_session")  # the session has expired
        zhao.sign_in("li.ming", COMPANY.password)
        until(page, page, "localStorage.getItem('fake-subscription') === null")
        zhao.goto("/settings")
        expect(page.get_by_role("button", name="在此设备上开启")).to_be_visible()
        expect(page.locator(".settings-devices")).to_have_count(0)
        assert zhao.problems == []


def test_refused_it_says_what_to_do(server: RunningServer, service: PushService) -> None:
    with browser() as chromium:
        for locale, scheme, name, button in (
            ("en-GB", "light", "push-off-en", "Turn on here"),
            ("zh-CN", "dark", "push-off-zh", "在此设备上开启"),
        ):
            li = opened(chromium, server, service, "li.ming", locale=locale, color_scheme=scheme)
            li.goto("/settings")
            li.page.evaluate("() => { Notification.requestPermission = async () => 'denied'; }")
            expect(li.page.get_by_role("button", name=button)).to_be_visible()
            look(li, name)
            li.page.get_by_role("button", name=button).click()
            expect(li.page.locator("[data-push=denied]")).to_be_visible()
            expect(li.page.get_by_role("button", name=button)).to_be_hidden()
            look(li, f"{name}-denied")


def test_a_push_service_that_cannot_be_reached_is_said(server: RunningServer, service: PushService) -> None:
    with browser() as chromium:
        li = opened(chromium, server, service, "li.ming", locale="en-GB")
        allow(li)
        li.goto("/settings")
        li.page.evaluate(f"() => {{ PushManager.prototype.subscribe = {UNREACHABLE}; }}")
        li.page.get_by_role("button", name="Turn on here").click()
        expect(li.page.get_by_role("alert").filter(has_text="cannot reach its push service")).to_be_visible()
        expect(li.page.get_by_role("button", name="Turn on here")).to_be_enabled()


def test_the_service_worker_shows_one_for_each_tag_and_leads_to_it(server: RunningServer, service: PushService) -> None:
    with browser() as chromium:
        wang = opened(chromium, server, service, "wang.fang")
        allow(wang)
        page, context = wang.page, wang.page.context
        worker = working(page)
        devtools = context.new_cdp_session(page)
        registrations: dict[str, str] = {}

        def note(event: dict[str, Any]) -> None:
            registrations.update({one["scopeURL"]: one["registrationId"] for one in event["registrations"]})

        devtools.on("ServiceWorker.workerRegistrationUpdated", note)
        devtools.send("ServiceWorker.enable")
        scope = f"{wang.address}/"
        for _ in range(200):
            if scope in registrations:
                break
            page.wait_for_timeout(50)  # DevTools tells in its own time

        def deliver(message: dict[str, str]) -> list[dict[str, Any]]:
            """What is shown after a message, by tag."""
            before = worker.evaluate("self.handled")
            values = {"origin": wang.address, "registrationId": registrations[scope], "data": json.dumps(message)}
            devtools.send("ServiceWorker.deliverPushMessage", values)
            until(page, worker, f"self.handled === {before + 1}")
            # Chromium forgets what it is asked about while it puts it on the screen.
            page.wait_for_timeout(500)
            found: list[dict[str, Any]] = worker.evaluate(SHOWN)
            return sorted(found, key=lambda one: one["tag"])

        worker.evaluate(COUNTING)
        assert deliver(FIRST) == [], "somebody looks at a page of ours, whose bell has rung"
        page.goto("about:blank")  # nobody looks at a page of ours
        assert deliver(FIRST) == [FIRST]
        assert deliver({**FIRST, "body": "SO-2"}) == [{**FIRST, "body": "SO-2"}], "it takes the place of the one before"
        assert [one["tag"] for one in deliver({**FIRST, "tag": "n2"})] == ["n1", "n2"]
        assert [one["title"] for one in deliver({"url": "https://evil.example.com/x", "tag": "n3"})][2] == "bpm-server"
        assert worker.evaluate("ours('https://evil.example.com/x').href") == scope
        assert worker.evaluate("ours('//evil.example.com/x').href") == scope
        assert worker.evaluate("ours('/notifications/1').href") == f"{wang.address}/notifications/1"


def test_a_tap_leaves_alone_what_somebody_may_be_writing(server: RunningServer, service: PushService) -> None:
    with browser() as chromium:
        wang = opened(chromium, server, service, "wang.fang")
        worker = working(wang.page)
        worker.evaluate(TAPPING)
        assert worker.evaluate("tap('/notifications')") == ["focus /notifications"]
        wang.page.wait_for_url("**/notifications")
        assert worker.evaluate("tap('/settings')") == ["focus /settings"], "a list makes room"
        wang.page.wait_for_url("**/settings")
        assert worker.evaluate("tap('/notifications/1')") == ["open /notifications/1"]
        assert worker.evaluate("tap('/settings')") == ["focus /settings"], "what is open comes forward"
        assert worker.evaluate("tap('https://evil.example.com/x')") == ["open /"]
        assert wang.page.url.endswith("/settings")

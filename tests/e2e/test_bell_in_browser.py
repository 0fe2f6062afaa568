"""Two people in Chromium: what one does the other hears at the bell, without reloading, and finds in the list.

``BPM_SHOTS=folder`` keeps a screenshot of each page that axe-core looks at.
"""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bpm_server.domain.demo import COMPANY
from bpm_server.domain.identity import SYSTEM
from bpm_server.services import deployments, process_instances
from tests.support.browser import Person, browser, look, sync_api
from tests.support.demo_server import filling
from tests.support.running import RunningServer, running
from tests.support.services import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.browser
expect = sync_api.expect
FOLDERS = ("processes", "rules", "forms")
ORDER = {"orderNumber": "SO-1", "customer": "上海华泰精密机械有限公司", "amount": 1_000, "currency": "CNY", "lines": []}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """The demo company's server with one order that waits for the technology department."""
    folder = tmp_path_factory.mktemp("server")
    content = {path.name: path.read_bytes() for name in FOLDERS for path in sorted((ROOT / name).glob("*.*"))}
    with filling(folder) as prepared:
        deployments.deploy(prepared, SYSTEM, content)
        process_instances.start_process(prepared, SYSTEM, process_id="order-approval", variables=ORDER)
    with running(folder) as started:
        yield started


def shot(person: Person, name: str) -> None:
    if folder := os.environ.get("BPM_SHOTS"):
        person.page.screenshot(path=str(Path(folder) / f"{name}.png"), caret="initial")


def test_the_bell_rings_and_leads_to_the_task(server: RunningServer) -> None:
    address = f"http://127.0.0.1:{server.port}"
    with browser() as chromium, contextlib.closing(server.api()) as admin:
        wang = Person.of(chromium, address).sign_in("wang.fang", COMPANY.password)
        page = wang.page
        expect(page.locator("body[data-live]")).to_have_count(1)
        expect(page.locator("#unread")).to_be_hidden()
        page.locator("#bell").click()
        expect(page.locator(".told-none")).to_be_visible()
        look(wang, "bell-empty")
        page.locator("#bell").click()
        found = admin("POST", "/v2/user-tasks/search", {"filter": {"elementId": "review-technology"}})
        key = found["items"][0]["userTaskKey"]
        admin("POST", f"/v2/user-tasks/{key}/assignment", {"assignee": "wang.fang"})
        expect(page.locator("#unread [data-number]")).to_have_text("1")
        page.locator("#bell").click()
        expect(page.locator(".told .is-new .told-what")).to_contain_text("您有一项新任务")
        look(wang, "bell")
        dark = Person.of(chromium, address, color_scheme="dark", locale="en-US", viewport={"width": 390, "height": 844})
        dark.sign_in("wang.fang", COMPANY.password)
        dark.goto("/notifications")
        shot(dark, "notifications-dark-390")
        page.locator(".told button").first.click()
        page.wait_for_url(f"**/tasks/{key}")
        wang.ready()
        expect(page.locator("#unread")).to_be_hidden()
        expect(dark.page.locator("#unread")).to_be_hidden()  # read in the other browser
        dark.goto("/notifications")
        look(dark, "notifications")
        page.locator(".top-user").click()
        page.get_by_role("link", name="设置").click()
        page.get_by_role("button", name="生成地址").click()
        expect(page.get_by_label("日历地址")).to_have_value(re.compile(r"/calendar/.+\.ics$"))
        wang.ready()
        look(wang, "settings")
        assert wang.problems == []

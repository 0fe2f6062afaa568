"""An administrator in Chromium hands over the work of somebody who leaves, and looks how it went.

``BPM_SHOTS=folder`` keeps a screenshot of each page that axe-core looks at.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from bpm_server.domain.identity import SYSTEM
from bpm_server.services import deployments, identities, process_instances, tasks
from bpm_server.store.tasks import open_keys
from tests.support.browser import Person, browser, look, sync_api
from tests.support.demo_server import filling
from tests.support.running import ADMIN_PASSWORD, running
from tests.support.services import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.browser
expect = sync_api.expect
FOLDERS = ("processes", "rules", "forms")
ORDER = {"orderNumber": "SO-1", "customer": "ACME", "amount": 1_000, "currency": "CNY", "lines": []}


@pytest.fixture(scope="module")
def admin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    """The administrator of the demo company; wang.fang has claimed two orders."""
    folder = tmp_path_factory.mktemp("server")
    content = {path.name: path.read_bytes() for name in FOLDERS for path in sorted((ROOT / name).glob("*.*"))}
    with filling(folder) as server:
        deployments.deploy(server, SYSTEM, content)
        wang = identities.actor_by_name(server, "wang.fang")
        for _ in range(2):
            case = process_instances.start_process(server, SYSTEM, process_id="order-approval", variables=ORDER).key
            with server.database.read() as connection:
                first = open_keys(connection, case)[0]
            tasks.claim_task(server, wang, first)
    with browser() as chromium, running(folder) as server:
        person = Person.of(chromium, f"http://127.0.0.1:{server.port}")
        yield person.sign_in("admin", ADMIN_PASSWORD)


def test_from_the_list_of_people_to_the_end_of_a_handover(admin: Person) -> None:
    page = admin.page
    admin.goto("/people")
    page.get_by_role("searchbox").fill("wang.fang")
    expect(page.locator("tbody tr")).to_have_count(1)
    look(admin, "people")
    page.get_by_role("link", name="王芳的工作交接").click()
    admin.ready()
    page.get_by_role("combobox", name="接收人", exact=True).press_sequentially("liu.yang")
    page.get_by_role("option", name="刘洋").click()
    page.get_by_label("交接原因").fill("王芳离职")
    page.get_by_label("已离职").check()
    look(admin, "handover")
    page.get_by_role("button", name="交接 2 项任务").click()
    expect(page.locator("#progress .badge")).to_have_text("已完成", timeout=30_000)
    expect(page.locator("#progress")).to_contain_text("2 / 2")
    look(admin, "handed-over")
    page.get_by_role("link", name="王芳的工作交接").click()
    expect(page.locator("section td a")).to_have_attribute("href", re.compile(r"^/people/wang\.fang/handover/\d+$"))
    expect(page.get_by_text("没有指定到本人的待办任务。")).to_be_visible()
    look(admin, "handover-again")

"""An operator in Chromium lets a case go on by another version and moves its tokens, through pages only.

``BPM_SHOTS=folder`` keeps a screenshot of each page that axe-core looks at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bpm_server import bootstrap
from bpm_server.domain.demo import COMPANY
from bpm_server.domain.identity import SYSTEM
from bpm_server.services import deployments, installation, process_instances
from bpm_server.settings import Settings
from tests.support.browser import Person, browser, look, sync_api
from tests.support.running import ADMIN_PASSWORD, running
from tests.support.services import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.browser
expect = sync_api.expect
FOLDERS = ("processes", "rules", "forms")
ORDER = {"orderNumber": "SO-1", "customer": "ACME", "amount": 1_000, "currency": "CNY", "lines": []}


@pytest.fixture(scope="module")
def chen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Person, str]]:
    """An operator, and the path of a case of version 1 of a process that has two."""
    folder = tmp_path_factory.mktemp("server")
    settings = Settings(data_dir=folder / "data")
    settings.data_dir.mkdir()
    bootstrap.prepare(settings)
    first = (ROOT / "processes/order-approval.bpmn").read_bytes().replace(b'"order-approval"', b'"ordering"')
    second = first.replace(b'"review-technology"', b'"review-engineering"')
    content = {path.name: path.read_bytes() for name in FOLDERS for path in sorted((ROOT / name).glob("*.*"))}
    with bootstrap.running(settings) as server:
        installation.prepare_installation(server, ADMIN_PASSWORD)
        installation.install_demo_company(server, COMPANY)
        deployments.deploy(server, SYSTEM, {**content, "ordering.bpmn": first})
        case = process_instances.start_process(server, SYSTEM, process_id="ordering", variables=ORDER).key
        deployments.deploy(server, SYSTEM, {"ordering.bpmn": second})
    with browser() as chromium, running(folder) as server:
        person = Person.of(chromium, f"http://127.0.0.1:{server.port}")
        yield person.sign_in("chen.jing", COMPANY.password), f"/instances/{case}"


def test_an_operator_migrates_a_case_and_moves_its_tokens(chen: tuple[Person, str]) -> None:
    person, case = chen
    page = person.page
    person.goto(case)
    page.get_by_role("button", name="操作").click()
    look(person, "case-operations")
    page.get_by_role("link", name="迁移到其他版本").click()
    expect(page.locator("tr.stopped b")).to_have_text("技术部审核")
    person.ready()
    expect(page.locator(".change-removed[data-element-id=review-technology]")).to_have_count(1)
    expect(page.locator(".change-added[data-element-id=review-engineering]")).to_have_count(1)
    look(person, "migrate")
    page.get_by_label("技术部审核").select_option("review-engineering")
    page.get_by_role("button", name="试运行").click()
    expect(page.locator(".matched-rule")).to_have_text("该流程可以迁移到版本 2。")
    page.get_by_role("button", name="迁移到版本 2").click()
    page.locator(".toast-line.good", has_text="版本 2").wait_for()
    person.ready()
    expect(page.locator(".trace-active[data-element-id=review-engineering]")).to_have_count(1)

    page.get_by_role("button", name="操作").click()
    page.get_by_role("link", name="移动令牌").click()
    person.ready()
    page.get_by_label("技术部审核").select_option("to:review-finance")
    page.get_by_role("button", name="试运行").click()
    expect(page.locator(".concern")).to_contain_text("技术部同意")
    look(person, "modify-with-concern")
    page.get_by_label("采购部审核").select_option("end")
    page.get_by_role("button", name="试运行").click()
    expect(page.locator(".concern")).to_have_count(0)
    expect(page.locator(".outcome dd").last).to_have_text("财务审核")
    look(person, "modify")
    page.get_by_role("button", name="执行", exact=True).click()
    page.locator(".toast-line.good", has_text="令牌已移动").wait_for()
    person.ready()
    expect(page.locator(".trace-active")).to_have_count(1)
    expect(page.locator(".timeline-list")).to_contain_text("手工移动了令牌")
    assert person.problems == []


def test_versions_and_all_their_cases_and_a_suspended_one(chen: tuple[Person, str]) -> None:
    person, case = chen
    page = person.page
    for path, name in (("/processes/ordering", "versions"), ("/processes/ordering/versions/2/migrate", "migrate-all")):
        person.goto(path)
        look(person, name)
    person.goto(case)
    page.get_by_role("button", name="操作").click()
    page.get_by_role("button", name="挂起").click()
    expect(page.locator(".case-head .badge")).to_contain_text("已挂起")
    person.ready()
    look(person, "suspended")
    page.get_by_role("button", name="操作").click()
    page.get_by_role("button", name="恢复").click()
    expect(page.locator(".case-head .badge")).to_have_text("处理中")
    assert person.problems == []

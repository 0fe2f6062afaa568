"""Two people in Chromium: one hands a task over and takes it back with a key; the other is told, whatever they press.

``BPM_SHOTS=folder`` keeps a screenshot of each page that axe-core looks at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bpm_server.domain.demo import COMPANY
from bpm_server.domain.identity import SYSTEM
from bpm_server.services import deployments, process_instances
from tests.support.approvals import one_node
from tests.support.bpmn_builder import Process
from tests.support.browser import Person, browser, look, sync_api
from tests.support.demo_server import filling
from tests.support.running import running

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.browser
expect = sync_api.expect


def plain() -> bytes:
    p = Process("plain")
    assignment = '<zeebe:assignmentDefinition candidateUsers="wang.fang"/>'
    p.path(p.start(), p.user("do", extra=assignment), p.end())
    return p.xml()


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Person, Person]]:
    """Wang Fang, who has an approval and a plain task, and Liu Yang, who has nothing to do."""
    folder = tmp_path_factory.mktemp("server")
    with filling(folder) as prepared:
        deployments.deploy(prepared, SYSTEM, {"p.bpmn": one_node("all", "wang.fang, zhang.wei"), "q.bpmn": plain()})
        for process in ("p", "plain"):
            process_instances.start_process(prepared, SYSTEM, process_id=process, variables={})
    with browser() as chromium, running(folder) as server:
        address = f"http://127.0.0.1:{server.port}"
        wang, liu = (Person.of(chromium, address).sign_in(name, COMPANY.password) for name in ("wang.fang", "liu.yang"))
        yield wang, liu


def hand_over(wang: Person, dialog: Any) -> None:
    """By the keyboard."""
    field = dialog.get_by_role("combobox")
    field.fill("刘洋")
    expect(dialog.locator(".people-found li")).to_have_count(1)
    field.press("Enter")
    dialog.locator("textarea").fill("出差")
    wang.page.keyboard.press("Control+Enter")
    expect(wang.page.locator("dialog[open]")).to_have_count(0)


@pytest.mark.parametrize("kind", ["sign", "do"])
def test_handed_over_and_taken_back_by_a_key(people: tuple[Person, Person], kind: str) -> None:
    wang, liu = people
    wang.goto("/")
    liu.goto("/")
    wang.page.locator(".row-item", has_text=kind).locator(".row-link").click()
    key = wang.page.locator("article[data-task]").get_attribute("data-task")
    if kind == "sign":
        wang.page.locator(".acts .dropup > button").click()
    wang.page.locator("[data-open-dialog=act-transfer]").click()
    look(wang, f"transfer-{kind}")
    hand_over(wang, wang.page.locator("#act-transfer"))
    expect(wang.page.locator(".toast-line", has_text="已转办")).to_be_visible()
    liu.page.locator(f"#row-{key} .row-link").click()
    liu.page.locator(f"article[data-task='{key}'] .acts").wait_for()

    wang.page.locator("body").press("z")
    expect(wang.page.locator(f"article[data-task='{key}'] .acts-buttons .btn-primary")).to_be_visible()
    expect(wang.page.locator(".toast-line", has_text="已撤销")).to_be_visible()
    expect(liu.page.locator(f"#row-{key}")).to_have_count(0)
    liu.page.locator("#acts .btn-primary").click()
    expect(liu.page.locator("#detail [role=alert].task-ended")).to_contain_text("王芳已收回此任务，您无需再处理。")
    look(liu, f"taken-back-{kind}", complaints=1)  # the browser reports the reply 409
    liu.problems.clear()
    look(wang, f"undone-{kind}")
    wang.page.locator("#tab-timeline").click()
    expect(wang.page.locator("#pane-timeline")).to_contain_text("从刘洋处收回了")
    assert wang.problems == []

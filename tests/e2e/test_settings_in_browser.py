"""Absences and calendars in the browser: by keyboard, in both themes, on a desk and on a phone.

``BPM_SHOTS=folder`` keeps a screenshot of each page that axe-core looks at.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bpm_server.domain.demo import COMPANY
from bpm_server.domain.identity import SYSTEM
from bpm_server.services import calendars
from tests.support.browser import Person, browser, look, sync_api
from tests.support.demo_server import filling
from tests.support.running import running
from tests.support.service_levels import china

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.browser
expect = sync_api.expect


@pytest.fixture(scope="module")
def signed_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Person]]:
    folder = tmp_path_factory.mktemp("server")
    with filling(folder) as server:
        calendars.save_calendar(server, SYSTEM, china())
    with browser() as chromium, running(folder) as server:
        address = f"http://127.0.0.1:{server.port}"
        yield lambda name, **options: Person.of(chromium, address, **options).sign_in(name, COMPANY.password)


def test_away_by_keyboard_and_back_again(signed_in: Callable[..., Person]) -> None:
    li = signed_in("li.ming")
    page = li.page
    page.locator(".top-user").click()
    page.get_by_role("link", name="外出与代理").click()
    li.ready()
    who = page.get_by_role("combobox", name="代理人")
    who.fill("王")
    expect(page.get_by_role("option", name="王芳")).to_be_visible()
    who.press("Enter")
    page.get_by_label("结束时间").fill("2099-12-01T18:00")
    look(li, "substitutes-form")
    page.get_by_role("button", name="保存").press("Enter")
    expect(page.locator(".away")).to_contain_text("您的工作由王芳代办")
    expect(page.locator(".substitution b")).to_have_text("王芳")
    li.ready()
    look(li, "substitutes")
    li.goto("/")
    look(li, "away-inbox")
    page.get_by_role("button", name="我已返岗").click()
    expect(page.locator(".away")).to_have_count(0)


def test_a_refused_substitute_is_still_chosen(signed_in: Callable[..., Person]) -> None:
    li = signed_in("li.ming", locale="en-GB")
    page = li.page
    li.goto("/settings/substitutes")
    page.get_by_role("combobox", name="Who acts").fill("李明")
    page.get_by_role("option", name="李明").click()
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#substitute-problem")).to_have_text("Choose somebody; not the person themselves.")
    li.ready()
    expect(page.locator(".people-chosen li span")).to_have_text("李明")
    li.problems.clear()  # the browser tells of the reply 400
    look(li, "substitutes-refused")


def test_a_year_by_arrow_keys_a_holiday_and_a_due_time(signed_in: Callable[..., Person], tmp_path: Path) -> None:
    chen = signed_in("chen.jing")
    page = chen.page
    chen.goto("/calendars")
    look(chen, "calendars")
    chen.goto("/calendars/default?year=2026&day=2026-10-01")
    expect(page.locator("[data-day][tabindex='0']")).to_have_count(1)
    page.locator("[data-day='2026-10-01']").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    expect(page.locator("[data-day='2026-10-09']")).to_be_focused()
    look(chen, "calendar")
    page.keyboard.press("Enter")
    expect(page.get_by_label("开始日期")).to_have_value("2026-10-09")
    chen.ready()
    page.locator("#day_name").fill("司庆日")
    page.locator("#days-form button[type=submit]").click()
    expect(page.locator("td.day-holiday [data-day='2026-10-09']")).to_have_count(1)
    chen.ready()
    page.locator("#start").fill("2026-10-08T17:00")
    page.locator("#hours").fill("2")
    page.get_by_role("button", name="计算").click()
    expect(page.locator("#due dd b")).to_have_text("2026-10-10 周六 10:00")
    page.locator("#due summary").click()
    page.get_by_text("修改名称、时区和办公时间").click()
    look(chen, "calendar-forms")
    file = tmp_path / "days.csv"
    file.write_text("day,kind,name\n2027-01-01,holiday,元旦\n", encoding="utf-8")
    page.locator("#file").set_input_files(file)
    page.get_by_role("button", name="预览变更").click()
    expect(page.locator(".changed ins")).to_have_text("节假日、元旦")
    chen.ready()
    look(chen, "calendar-preview")
    page.get_by_role("button", name="应用").click()
    page.locator(".toast-line.good", has_text="已保存").wait_for()


def test_who_may_only_read_reads(signed_in: Callable[..., Person]) -> None:
    li = signed_in("li.ming", locale="en-GB")
    li.goto("/calendars/default?year=2026")
    expect(li.page.locator("table.month")).to_have_count(12)
    expect(li.page.locator("[data-day], #days-form")).to_have_count(0)
    look(li, "calendar-read")
